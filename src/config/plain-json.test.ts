import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPlainJson } from './plain-json.ts';
import { positionOf, type SourceNode } from './source.ts';
import { compareWithLibrary } from './yaml.fixture.ts';

const compare = (text: string) => compareWithLibrary(text, readPlainJson);

const CONFIG = {
  default_profile: 'deepseek',
  always_dynamic: true,
  profiles: { deepseek: { models: { opus: 'a "b"', haiku: 'c\\d\n' }, fallback: ['max', 'glm:glm-5'] }, empty: {} },
  limits: { deepseek: { rps: 0.5, burst: -10, concurrency: 1e21 } },
  routing: { background: null, subagents: {} },
  domains: [],
};

describe('a configuration written as JSON', () => {
  it.each([undefined, 1, 2, 4])('means what the library means, to the position, indented by %s', (indent) => {
    const text = JSON.stringify(CONFIG, null, indent);
    expect(compare(text)).toBe('same');
    expect(compare(`\n${text}\n\n`)).toBe('same');
    expect(compare(text.replaceAll('\n', '\r\n'))).toBe('same');
  });

  it('has its faults placed by line and column', () => {
    const text = JSON.stringify(CONFIG, null, 2);
    const source = { file: 'f', text, root: readPlainJson(text) as SourceNode };
    expect(positionOf(source, ['profiles', 'deepseek', 'models', 'opus'])).toEqual({ line: 7, column: 17 });
    expect(positionOf(source, ['profiles', 'empty'], 'key')).toEqual({ line: 15, column: 5 });
  });

  it.each([
    ['a doubled key', '{"a": 1, "a": 2}'],
    ['the name of the prototype', '{"__proto__": 1}'],
    ['a comma too many', '{"a": 1,}'],
    ['a comment', '{"a": 1} # why'],
    ['something behind it', '{"a": 1} {}'],
    ['a key without quotes', '{a: 1}'],
    ['an escape of a character by its number', '{"a": "\\u0041"}'],
    ['a string over two lines', '{"a": "b\nc"}'],
    ['a tab', '{\t"a": 1}'],
    ['a leading zero', '{"a": 01}'],
    ['an end that is missing', '{"a": 1'],
    ['a list', '[1]'],
    ['a word', 'true'],
    ['deep nesting', `{"a": ${'['.repeat(2000)}`],
  ])('leaves %s to the library', (_, text) => {
    expect(readPlainJson(text)).toBeUndefined();
  });

  it('means what the library means, or leaves it, for any JSON', () => {
    const anyMap = (unit: 'binary' | 'grapheme-ascii') =>
      fc.dictionary(fc.string({ unit }), fc.jsonValue({ stringUnit: unit }));
    let same = 0;
    fc.assert(
      fc.property(fc.oneof(anyMap('binary'), anyMap('grapheme-ascii')), fc.nat(4), (value, indent) => {
        if (compare(JSON.stringify(value, null, indent)) === 'same') same++;
      }),
      { numRuns: 2000 },
    );
    expect(same).toBeGreaterThan(500);
  });

  it('means what the library means, or leaves it, for any mutation of a configuration', () => {
    const text = JSON.stringify(CONFIG, null, 1);
    const pieces = fc.constantFrom(
      ...['\n', ' ', ':', ': ', '#', ' #', '- ', '-', '{', '}', '[', ']', ',', '"', "'", '\\', '\\n', '&a', '*a', '!'],
      ...[
        '|',
        '>',
        '?',
        '~',
        'null',
        'true',
        '0x1',
        '1e3',
        '.5',
        '01',
        '-1',
        '1.',
        '---',
        '...',
        '\t',
        '\r',
        'é',
        '😀',
      ],
    );
    const edit = fc.record({ at: fc.nat(text.length), cut: fc.nat(3), put: fc.array(pieces, { maxLength: 2 }) });
    let same = 0;
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
        let mutated = text;
        for (const { at, cut, put } of edits) mutated = mutated.slice(0, at) + put.join('') + mutated.slice(at + cut);
        if (compare(mutated) === 'same') same++;
      }),
      { numRuns: 3000 },
    );
    expect(same).toBeGreaterThan(100);
  });
});
