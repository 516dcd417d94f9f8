import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commonLength } from './common-length.ts';
import { findFault } from './json-fault.ts';
import { LONG_STRING_BYTES, MAX_DEPTH, resumeSkim, skimObject, skimWithList } from './json-skim.ts';

function parsed(raw: Buffer): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(raw.toString('utf8')) };
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Long strings with quotes and runs of backslashes: what the jump to the end of a string can get wrong. */
const nasty = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc
    .array(fc.constantFrom('\\', '"', '\\"', 'a', 'abcdefghijklmnopqrstuvwxyz', '{', ']', 'é', '😀'), { maxLength: 30 })
    .map((parts) => parts.join('')),
);
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 5 },
    nasty,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(nasty, tie('any'), { maxKeys: 4 }),
  ),
})).any;
const document = fc
  .tuple(
    fc.dictionary(fc.oneof(nasty, fc.constantFrom('model', 'messages')), value, { maxKeys: 6 }),
    fc.constantFrom(undefined, 1, '\t'),
  )
  .map(([object, indent]) => Buffer.from(JSON.stringify(object, null, indent), 'utf8'));

const mutation = fc.record({
  at: fc.nat(),
  kind: fc.constantFrom('cut', 'drop', 'replace', 'insert', 'double'),
  byte: fc.constantFrom(...Buffer.from('{}[]",:\\0 1-e\n\u0001t')),
});

function mutate(raw: Buffer, { at, kind, byte }: { at: number; kind: string; byte: number }): Buffer {
  if (raw.length === 0) return raw;
  const index = at % raw.length;
  switch (kind) {
    case 'cut':
      return raw.subarray(0, index);
    case 'drop':
      return Buffer.concat([raw.subarray(0, index), raw.subarray(index + 1)]);
    case 'replace':
      return Buffer.concat([raw.subarray(0, index), Buffer.from([byte]), raw.subarray(index + 1)]);
    case 'insert':
      return Buffer.concat([raw.subarray(0, index), Buffer.from([byte]), raw.subarray(index)]);
    default:
      return Buffer.concat([raw, raw]);
  }
}

describe('the skim', () => {
  it('finds the same values as JSON.parse, or leaves the document to it', () => {
    fc.assert(
      fc.property(document, (raw) => {
        const spans = skimObject(raw);
        const keys = Object.keys(parsed(raw)?.value as object);
        const odd = raw.includes(0) || keys.some((key) => JSON.stringify(key) !== `"${key}"`);
        if (spans === undefined) {
          expect(odd).toBe(true);
          return;
        }
        const found = Object.fromEntries(
          [...spans].map(([key, [from, to]]) => [key, JSON.parse(raw.toString('utf8', from, to))]),
        );
        expect(found).toEqual(parsed(raw)?.value);
      }),
      { numRuns: 500 },
    );
  });

  it('never accepts a damaged document with another top level than JSON.parse sees', () => {
    fc.assert(
      fc.property(document, fc.array(mutation, { minLength: 1, maxLength: 3 }), (raw, mutations) => {
        const damaged = mutations.reduce<Buffer>((bytes, change) => mutate(bytes, change), raw);
        const spans = skimObject(damaged);
        const truth = parsed(damaged);
        if (spans === undefined) return;
        if (truth !== undefined) {
          expect(isObject(truth.value)).toBe(true);
          expect([...spans.keys()].sort()).toEqual(Object.keys(truth.value as object).sort());
          for (const [key, [from, to]] of spans) {
            expect(JSON.parse(damaged.toString('utf8', from, to))).toEqual(
              (truth.value as Record<string, unknown>)[key],
            );
          }
          return;
        }
        // Accepted though it is no JSON: then a string inside of a container is wrong, where the skim does not look.
        expect(findFault(damaged)?.reason).toMatch(/inside this string/);
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses every truncation of a document', () => {
    const raw = Buffer.from('{"model":"m","messages":[{"a":"x\\"]}"}],"n":-1.5e3,"t":true }');
    expect([...(skimObject(raw)?.keys() ?? [])]).toEqual(['model', 'messages', 'n', 't']);
    for (let end = 0; end < raw.length; end += 1) expect(skimObject(raw.subarray(0, end))).toBeUndefined();
  });

  it.each([
    ['a key twice', '{"model":"a","x":1,"model":"b"}'],
    ['a key with escapes', '{"mod\\u0065l":"a"}'],
    ['an array', '[1]'],
    ['text behind the object', '{"a":1}{'],
    ['a trailing comma', '{"a":1,}'],
    ['no comma', '{"a":1 "b":2}'],
    ['a key without quotes', '{a:1}'],
    ['single quotes', "{'a':1}"],
    ['a word that is none', '{"a":True}'],
    ['a number with a leading zero', '{"a":01}'],
    ['a raw line feed in a string', '{"a":"x\ny"}'],
    ['an escape that is none', '{"a":"\\x"}'],
    ['the wrong closing bracket', '{"a":[1}}'],
    ['a word that is none, deep inside', '{"a":[{"b":tru}]}'],
    ['a missing value, deep inside', '{"a":[{"b":}]}'],
    ['a missing comma, deep inside', '{"a":[1 2]}'],
    ['a trailing comma, deep inside', '{"a":[1,]}'],
    ['a missing colon, deep inside', '{"a":{"b" 1}}'],
    ['a value without a key', '{"a":{1:2}}'],
    ['a NUL', '{"a":"x\0"}'],
    ['a byte order mark', '\ufeff{"a":1}'],
    ['nothing', ''],
  ])('refuses %s', (_name, text) => {
    expect(skimObject(Buffer.from(text))).toBeUndefined();
  });

  it('refuses nesting that a recursive reader would die of', () => {
    const nested = (depth: number) => Buffer.from(`{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`);
    expect(skimObject(nested(MAX_DEPTH))).toBeDefined();
    expect(skimObject(nested(MAX_DEPTH + 1))).toBeUndefined();
    expect(skimObject(nested(2_000_000))).toBeUndefined();
  });
});

/** A document with a list that is worth going on in. */
const conversation = fc
  .record({
    before: fc.dictionary(fc.constantFrom('model', 'stream', 'é'), value, { maxKeys: 2 }),
    list: fc.array(
      fc.oneof(
        value,
        nasty,
        fc.integer({ min: 1, max: 90 }).map((n) => 'long "text" '.repeat(n)),
      ),
      {
        maxLength: 8,
      },
    ),
    after: fc.dictionary(fc.constantFrom('system', 'tools', 'stop'), value, { maxKeys: 3 }),
    indent: fc.constantFrom(undefined, undefined, 1),
  })
  .map((shape) => ({
    ...shape,
    raw: Buffer.from(JSON.stringify({ ...shape.before, messages: shape.list, ...shape.after }, null, shape.indent)),
  }));

describe('a skim with a list', () => {
  it('finds its elements and its long strings', () => {
    fc.assert(
      fc.property(conversation, ({ raw, list }) => {
        const { elements, strings } = skimWithList(raw, 'messages')?.places ?? { elements: [], strings: [] };
        const found = [];
        for (let at = 0; at < elements.length; at += 2)
          found.push(JSON.parse(raw.toString('utf8', elements[at], elements[at + 1])));
        expect(found).toEqual(JSON.parse(JSON.stringify(list)));
        for (let at = 0; at < strings.length; at += 2) {
          expect((strings[at + 1] ?? 0) - (strings[at] ?? 0)).toBeGreaterThanOrEqual(LONG_STRING_BYTES);
          expect(typeof JSON.parse(raw.toString('utf8', strings[at], strings[at + 1]))).toBe('string');
        }
      }),
      { numRuns: 500 },
    );
  });

  it('takes the same documents as one without', () => {
    fc.assert(
      fc.property(conversation, fc.array(mutation, { maxLength: 3 }), ({ raw }, mutations) => {
        const damaged = mutations.reduce<Buffer>((bytes, change) => mutate(bytes, change), raw);
        expect(skimWithList(damaged, 'messages')?.spans).toEqual(skimObject(damaged));
      }),
      { numRuns: 1000 },
    );
    const nested = (depth: number) => Buffer.from(`{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`);
    expect(skimWithList(nested(MAX_DEPTH), 'a')).toBeDefined();
    expect(skimWithList(nested(MAX_DEPTH + 1), 'a')).toBeUndefined();
  });

  it('gives the same result when it goes on from another document', () => {
    let resumed = 0;
    fc.assert(
      fc.property(
        conversation,
        conversation,
        fc.array(mutation, { maxLength: 2 }),
        fc.nat(),
        fc.nat(8),
        ({ raw: first, ...shape }, other, mutations, cut, kept) => {
          const skim = skimWithList(first, 'messages');
          if (skim === undefined) return;
          const grown = { ...shape.before, messages: [...shape.list.slice(0, kept), ...other.list], ...shape.after };
          const moved = { ...shape.after, messages: [...shape.list, ...other.list], ...shape.before };
          const changed = { ...shape.before, messages: [...shape.list, ...other.list], ...other.after };
          const documents: Buffer[] = [grown, moved, changed].map((each) =>
            Buffer.from(JSON.stringify(each, null, shape.indent)),
          );
          documents.push(first, first.subarray(0, cut % first.length));
          documents.push(mutations.reduce<Buffer>((bytes, change) => mutate(bytes, change), documents[0] as Buffer));
          for (const raw of documents) {
            const going = resumeSkim(raw, { raw: first, skim }, 'messages', commonLength(first, raw));
            if (going === undefined) continue;
            resumed += 1;
            const { spans, places } = skimWithList(raw, 'messages') ?? {};
            expect([...going.spans]).toEqual([...(spans ?? [])]);
            expect(going.places).toEqual(places);
          }
        },
      ),
      { numRuns: 1500 },
    );
    expect(resumed).toBeGreaterThan(1000);
  });
});

describe('the search for a fault', () => {
  it('agrees with JSON.parse on what is JSON', () => {
    fc.assert(
      fc.property(document, fc.array(mutation, { maxLength: 2 }), (raw, mutations) => {
        const damaged = mutations.reduce<Buffer>((bytes, change) => mutate(bytes, change), raw);
        const fault = findFault(damaged);
        expect(fault === undefined).toBe(parsed(damaged) !== undefined);
        if (fault !== undefined) expect(fault.offset).toBeLessThanOrEqual(damaged.length);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['{"messages":[{"role":"user"},{"role":nope}]}', 'messages[1].role', 'expected a value'],
    ['{"a":{"b":[1,2,', 'a.b[2]', 'the document ends here'],
    ['{"a":"x', 'a', 'this string does not end'],
    ['{"a":1,"b" 2}', 'b', 'expected ":" after the key'],
    ['{"a":[1 2]}', 'a[0]', 'expected "," or "]"'],
    ['{"a":1} x', '', 'expected the end of the document'],
    ['{"a":"\u0001"}', 'a', 'a control character inside this string is not escaped'],
    ['{"a":"\\q"}', 'a', 'an escape inside this string is not one of JSON'],
    ['', '', 'the document ends here'],
  ])('says where and what in %s', (text, path, reason) => {
    expect(findFault(Buffer.from(text))).toMatchObject({ path, reason });
  });

  it('counts lines and columns', () => {
    expect(findFault(Buffer.from('{\n  "a": 1,\n  "b": x\n}'))).toMatchObject({ line: 3, column: 8, path: 'b' });
  });

  it('reports nesting without dying of it', () => {
    expect(findFault(Buffer.from('['.repeat(3_000_000)))?.reason).toBe('nested deeper than 512 levels');
  });
});
