import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPlainYaml } from './plain-yaml.ts';
import { positionOf, type SourceNode } from './source.ts';
import { compareWithLibrary } from './yaml.fixture.ts';

const compare = (text: string) => compareWithLibrary(text, readPlainYaml);

const USUAL = `# yaml-language-server: $schema=https://example.com/schema.json
default_profile: deepseek   # the cheap one
always_dynamic: true
profiles:
  deepseek:
    provider: deepseek
    models: { opus: deepseek-reasoner, sonnet: "deepseek-chat", haiku: 'it''s' }
    fallback: [openrouter-glm, max]
  mix:
    models:
      opus: "anthropic:claude-opus-5"
      sonnet: groq:llama-3.3-70b
  empty:

aliases: {mm25: "minimax:MiniMax-M2.5", g5: glm:glm-5}
limits:
  deepseek: { rps: 0.5, burst: 10, concurrency: 1e2 }
providers:
  corp:
    base_url: https://llm.corp/v1
    auth:
      keys:
      - env:CORP_KEY
      - "keychain:corp"
`;

describe('the plain part of YAML', () => {
  it('covers the usual configuration and means what the library means, to the position', () => {
    expect(compare(USUAL)).toBe('same');
    expect(compare(USUAL.replaceAll('\n', '\r\n'))).toBe('same');
    const root = readPlainYaml(USUAL) as SourceNode;
    const source = { file: 'f', text: USUAL, root };
    expect(positionOf(source, ['profiles', 'deepseek', 'models', 'sonnet'])).toEqual({ line: 7, column: 48 });
    expect(positionOf(source, ['profiles', 'mix'], 'key')).toEqual({ line: 9, column: 3 });
  });

  it.each([
    ['an anchor', 'a: &x 1\nb: *x\n'],
    ['a tag', 'a: !!str 1\n'],
    ['a block scalar', 'a: |\n  text\n'],
    ['a tab', 'a:\tb\n'],
    ['two documents', 'a: 1\n---\nb: 2\n'],
    ['a doubled key', 'a: 1\na: 2\n'],
    ['a value over two lines', 'a: one\n  two\n'],
    ['a flow map over two lines', 'a: { b: 1,\n  c: 2 }\n'],
    ['a merge key', '<<: { a: 1 }\n'],
    ['a hexadecimal number', 'a: 0x10\n'],
    ['a key that is a boolean', 'true: 1\n'],
    ['a map inside a value', 'a: b: c\n'],
    ['uneven indentation', 'a:\n    b: 1\n  c: 2\n'],
    ['a list of maps', 'a:\n  - b: 1\n    c: 2\n'],
    ['a byte order mark', '\ufeffa: 1\n'],
    ['an unclosed quote', 'a: "b\n'],
    ['the name of the prototype', '__proto__: 1\n'],
    ['deep nesting', `a: ${'['.repeat(2000)}`],
  ])('leaves %s to the library', (_, text) => {
    expect(readPlainYaml(text)).toBeUndefined();
  });

  it('means what the library means, or leaves it, for any mutation of a configuration', () => {
    const pieces = fc.constantFrom(
      ...['\n', '  ', ' ', ':', ': ', '#', ' #', '- ', '-', '{', '}', '[', ']', ',', ', ', '"', "'", '\\', '&a', '*a'],
      ...[
        '!',
        '|',
        '>',
        '?',
        '%',
        '@',
        '`',
        '~',
        'null',
        'true',
        'No',
        '0x1',
        '1_0',
        '1e3',
        '.5',
        '+.inf',
        '0o7',
        '...',
      ],
      ...[
        '---',
        '\t',
        '\r\n',
        'é',
        '😀',
        '\u0000',
        '<<',
        'a',
        'a b',
        '01',
        '-1',
        '1.',
        "''",
        '\\"',
        '=',
        '\u00a0',
        '$',
      ],
    );
    const edit = fc.record({ at: fc.nat(USUAL.length), cut: fc.nat(6), put: fc.array(pieces, { maxLength: 3 }) });
    let same = 0;
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        let text = USUAL;
        for (const { at, cut, put } of edits) text = text.slice(0, at) + put.join('') + text.slice(at + cut);
        if (compare(text) === 'same') same++;
      }),
      { numRuns: 1500 },
    );
    expect(same).toBeGreaterThan(100);
  });

  it('means what the library means, or leaves it, for any line of indicators', () => {
    const words = fc.constantFrom(
      'a',
      'b1',
      ' ',
      ': ',
      ':',
      ',',
      '{',
      '}',
      '[',
      ']',
      '"',
      "'",
      '#',
      '-',
      '1',
      '.',
      '?',
      '\n',
      '  ',
      '!',
      '@',
      '\\',
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 14 }), (parts) => {
        compare(parts.join(''));
        compare(`a: ${parts.join('')}`);
        compare(`a: [${parts.join('')}]`);
        compare(`a: { b: ${parts.join('')} }`);
      }),
      { numRuns: 4000 },
    );
  });
});
