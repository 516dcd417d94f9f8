import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MessagesRequest } from '../src/core/messages.ts';
import { makeBody, makeTurns, SMALLEST_BODY_BYTES } from './bodies.ts';

const shape = { model: 'bench-large', bytes: 100_000, stream: true, seed: 3 };

function blocksOf(request: MessagesRequest) {
  return request.messages.flatMap(({ content }) => (Array.isArray(content) ? content : []));
}

describe('a body', () => {
  it('has exactly the size that was asked for, and is the same for the same seed', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.integer({ min: 63_990, max: 66_000 }), fc.integer({ min: SMALLEST_BODY_BYTES, max: 300_000 })),
        fc.nat(50),
        (bytes, seed) => {
          const body = makeBody({ ...shape, bytes, seed });
          expect(body.length).toBe(bytes);
          expect(body.equals(makeBody({ ...shape, bytes, seed }))).toBe(true);
          expect(JSON.parse(body.toString()).model).toBe('bench-large');
        },
      ),
      { numRuns: 30 },
    );
  });

  it('differs by seed', () => {
    expect(makeBody(shape).equals(makeBody({ ...shape, seed: 4 }))).toBe(false);
  });

  it('is a conversation: roles alternate and every tool call is answered in the next message', () => {
    const request: MessagesRequest = JSON.parse(makeBody(shape).toString());
    request.messages.forEach((message, at) => {
      expect(message.role).toBe(at % 2 === 0 ? 'user' : 'assistant');
    });
    const calls = blocksOf(request).filter((block) => block.type === 'tool_use');
    const results = blocksOf(request).filter((block) => block.type === 'tool_result');
    expect(calls.length).toBeGreaterThan(3);
    expect(results.map((block) => block.tool_use_id)).toEqual(calls.map((block) => block.id));
  });
});

it('a turn repeats the conversation before it but for the cache mark, which only the newest block has', () => {
  const [first, second] = makeTurns(shape, 2, 2_000).map((body): MessagesRequest => JSON.parse(body.toString()));
  if (!first || !second) throw new Error('two turns');
  expect(second.messages.length).toBe(first.messages.length + 2);
  const unmarked = (request: MessagesRequest) =>
    JSON.parse(JSON.stringify(request.messages, (key, value) => (key === 'cache_control' ? undefined : value)));
  expect(unmarked(second).slice(0, first.messages.length)).toEqual(unmarked(first));
  for (const request of [first, second]) {
    const marked = blocksOf(request).flatMap((block, at) => (block.cache_control ? [at] : []));
    expect(marked).toEqual([blocksOf(request).length - 1]);
  }
});
