import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MessagesRequest } from '../core/messages.ts';
import {
  type CachedAnswer,
  type CacheQuestion,
  cacheKey,
  canonical,
  createResponseCache,
  isDeterministic,
} from './response-cache.ts';

const body = (fields: Record<string, unknown> = {}): MessagesRequest => ({
  model: 'm',
  max_tokens: 10,
  temperature: 0,
  messages: [{ role: 'user', content: 'hi' }],
  ...fields,
});

const question = (fields: Partial<CacheQuestion> & { readonly text?: string } = {}): CacheQuestion => {
  const text = fields.text ?? JSON.stringify(body());
  return {
    raw: Buffer.from(text),
    body: JSON.parse(text) as MessagesRequest,
    variant: ['/v1/messages'],
    target: ['a', 'https://a.example', 'model'],
    credential: 'c',
    ...fields,
  };
};
const keyOf = (text: string) => cacheKey(question({ text }));

/** The same document with the keys of every object in another order, and other white space. */
function shuffled(value: unknown, turn: number): unknown {
  if (Array.isArray(value)) return value.map((item) => shuffled(item, turn));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, shuffled(inner, turn)] as const);
  const at = entries.length === 0 ? 0 : turn % entries.length;
  return Object.fromEntries([...entries.slice(at), ...entries.slice(0, at)].reverse());
}

describe('the key of a request', () => {
  it('does not depend on the order of keys or on white space', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.nat(20), fc.nat(4), (document, turn, indent) => {
        const again = JSON.stringify(shuffled(document, turn), null, indent);
        fc.pre(!/[0-9]{16}|e[+]/.test(again));
        expect(canonical(JSON.parse(again))).toBe(canonical(JSON.parse(JSON.stringify(document))));
        expect(keyOf(again)).toBe(keyOf(JSON.stringify(document)));
      }),
    );
  });

  it('differs whenever the documents do', () => {
    const json = fc.jsonValue({ maxDepth: 3 });
    fc.assert(
      fc.property(json, json, (one, other) => {
        const [a, b] = [JSON.stringify(one), JSON.stringify(other)];
        const same = canonical(JSON.parse(a)) === canonical(JSON.parse(b));
        expect(JSON.parse(canonical(JSON.parse(a)))).toEqual(JSON.parse(a));
        if (same) expect(JSON.parse(b)).toEqual(JSON.parse(a));
      }),
    );
  });

  it.each([
    ['the order of a list', '{"a":[1,2]}', '{"a":[2,1]}'],
    ['a word', '{"a":"x"}', '{"a":"y"}'],
    ['a number and its text', '{"a":1}', '{"a":"1"}'],
    ['a missing key and null', '{}', '{"a":null}'],
    ['where a key stands', '{"a":{"b":1},"c":{}}', '{"a":{},"c":{"b":1}}'],
    ['integers that read alike', '{"a":9007199254740993}', '{"a":9007199254740992}'],
  ])('tells apart: %s', (_, one, other) => expect(keyOf(one)).not.toBe(keyOf(other)));

  it.each([
    ['target', { target: ['b', 'https://a.example', 'model'] }],
    ['target, by where its parts end', { target: ['a', 'https://a.examplemodel', ''] }],
    ['credential', { credential: 'd' }],
    ['path', { variant: ['/v1/messages?beta=true'] }],
    ['headers', { variant: ['/v1/messages', 'beta-1'] }],
  ])('differs by %s', (_, fields) => expect(cacheKey(question(fields))).not.toBe(cacheKey(question())));
});

describe('a request is deterministic', () => {
  it('with temperature 0, or when it says so', () => {
    expect(isDeterministic(body(), false)).toBe(true);
    expect(isDeterministic(body({ temperature: undefined }), true)).toBe(true);
    expect(isDeterministic(body({ temperature: 1 }), true)).toBe(true);
    expect(isDeterministic(body({ tools: [] }), false)).toBe(true);
  });

  it.each([
    ['another temperature', { temperature: 0.1 }],
    ['no temperature', { temperature: undefined }],
    ['tools', { tools: [{ name: 'Bash', input_schema: {} }] }],
    ['server tools', { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }],
    ['MCP servers', { mcp_servers: [{ url: 'https://x' }] }],
    [
      'a call in the history',
      { messages: [{ role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'b', input: {} }] }] },
    ],
    ['a result in the history', { messages: [{ role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a' }] }] }],
    [
      'a server tool in the history',
      { messages: [{ role: 'assistant', content: [{ type: 'server_tool_use', id: 'a' }] }] },
    ],
    ['a block without a type', { messages: [{ role: 'user', content: [null] }] }],
  ])('but not with %s', (_, fields) => expect(isDeterministic(body(fields), false)).toBe(false));
});

const answerOf = (bytes: number): CachedAnswer => ({
  stream: true,
  before: Buffer.alloc(bytes),
  after: Buffer.alloc(0),
  contentType: 'text/event-stream',
});

describe('the cache', () => {
  it('gives an answer until its time is over', async () => {
    let now = 1_000;
    const cache = await createResponseCache({ maxEntries: 9, maxBytes: 9_000, ttlMs: 100, nowMs: () => now });
    const answer = answerOf(10);
    expect(cache.find('a')).toBeUndefined();
    expect(cache.store('a', answer)).toBe(true);
    now += 99;
    expect(cache.find('a')).toBe(answer);
    now += 2;
    expect(cache.find('a')).toBeUndefined();
    expect(cache.stats).toEqual({ enabled: true, entries: 0, bytes: 0, hits: 1, misses: 2, stored: 1 });
  });

  it('lets the least recently used answer go', async () => {
    const cache = await createResponseCache({ maxEntries: 2, maxBytes: 9_000, ttlMs: 100, nowMs: () => 1 });
    cache.store('a', answerOf(1));
    cache.store('b', answerOf(1));
    cache.find('a');
    cache.store('c', answerOf(1));
    expect(['a', 'b', 'c'].map((key) => cache.find(key) !== undefined)).toEqual([true, false, true]);
  });

  it('does not keep what is larger than all that may be kept', async () => {
    const cache = await createResponseCache({ maxEntries: 9, maxBytes: 2_000, ttlMs: 100, nowMs: () => 1 });
    cache.store('a', answerOf(100));
    expect(cache.store('b', answerOf(3_000))).toBe(false);
    expect(cache.find('a')).toBeDefined();
    expect(cache.find('b')).toBeUndefined();
  });

  it('stays within its bounds whatever is stored, and counts right', async () => {
    const step = fc.oneof(
      fc.record({ does: fc.constant('store' as const), key: fc.nat(12), bytes: fc.nat(2_500) }),
      fc.record({ does: fc.constant('find' as const), key: fc.nat(12) }),
      fc.record({ does: fc.constant('wait' as const), ms: fc.nat(60) }),
      fc.record({ does: fc.constant('clear' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        let now = 1;
        const cache = await createResponseCache({ maxEntries: 5, maxBytes: 6_000, ttlMs: 50, nowMs: () => now });
        const last = new Map<number, { answer: CachedAnswer; atMs: number }>();
        let finds = 0;
        for (const step of steps) {
          if (step.does === 'wait') now += step.ms;
          else if (step.does === 'clear') {
            cache.clear();
            last.clear();
          } else if (step.does === 'store') {
            const answer = answerOf(step.bytes);
            cache.store(String(step.key), answer);
            last.set(step.key, { answer, atMs: now });
          } else {
            finds += 1;
            const found = cache.find(String(step.key));
            const known = last.get(step.key);
            // It may have gone, but it is never another one and never too old.
            if (found !== undefined) {
              expect(found).toBe(known?.answer);
              expect(now - (known?.atMs ?? 0)).toBeLessThanOrEqual(50);
            }
          }
          const { entries, bytes, hits, misses } = cache.stats;
          expect(entries).toBeLessThanOrEqual(5);
          expect(bytes).toBeLessThanOrEqual(6_000);
          expect(hits + misses).toBe(finds);
        }
      }),
    );
  });

  it('is empty after it was cleared, and says how much there was', async () => {
    const cache = await createResponseCache({ maxEntries: 9, maxBytes: 9_000, ttlMs: 100, nowMs: () => 1 });
    cache.store('a', answerOf(1));
    cache.store('b', answerOf(1));
    expect(cache.clear()).toBe(2);
    expect(cache.find('a')).toBeUndefined();
    expect(cache.stats.bytes).toBe(0);
  });
});
