import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BodyMemory } from './body-memory.ts';
import { readEnvelope } from './envelope.ts';
import { scanHistory } from './history-scan.ts';

const block = fc.constantFrom<Record<string, unknown>>(
  { type: 'text', text: 'hello' },
  { type: 'text', text: ' \n' },
  { type: 'text', text: 'he wrote "thinking" and "signature"' },
  { type: 'thinking', thinking: 'plan', signature: 'abc' },
  { type: 'thinking', thinking: 'plan' },
  { type: 'thinking', thinking: 'plan', signature: 'a"b' },
  { type: 'redacted_thinking', data: 'x' },
  { type: 'tool_use', id: 't1', name: 'Read', input: {} },
  { type: 'tool_use', id: 't2', name: 'Read', input: {} },
  { type: 'tool_use', id: 'a.b', name: 'Read', input: {} },
  { type: 'server_tool_use', id: 's', name: 'web_search', input: {} },
);
const message = fc.record({ role: fc.constantFrom('user', 'assistant'), content: fc.array(block, { maxLength: 3 }) });
const turns = fc.array(message, { maxLength: 4 });
/** Long enough to be remembered. */
const LONG = { role: 'user', content: 'x'.repeat(40_000) };

it('finds the same in a conversation whose beginning was looked at before', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(turns, turns), { minLength: 1, maxLength: 4 }), (pairs) => {
      const memory = new BodyMemory();
      for (const [start, added] of pairs) {
        for (const messages of [start, [...start, ...added], [...start, ...added.toReversed()]]) {
          const raw = Buffer.from(JSON.stringify({ model: 'm', messages: [LONG, ...messages], max_tokens: 5 }));
          const remembered = scanHistory(readEnvelope(raw, '/v1/messages', [], memory));
          expect(remembered).toEqual(scanHistory(readEnvelope(raw, '/v1/messages', [])));
        }
      }
    }),
    { numRuns: 500 },
  );
});
