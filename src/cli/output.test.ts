import { Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MidswapError } from '../core/errors.ts';
import { createOutput, describeDuration, errorLine, layOut, type Stream } from './output.ts';

function sink(isTTY: boolean): { stream: Stream; text(): string } {
  let text = '';
  const stream = new Writable({
    write(chunk, _, done) {
      text += chunk;
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY }), text: () => text };
}

describe('an error', () => {
  it('is one line: what, where, what to do', () => {
    const error = new MidswapError('config_invalid', 'config.yaml:3: no provider "depseek".', {
      hint: 'did you mean deepseek?',
    });
    expect(errorLine(error)).toBe('midswap: config.yaml:3: no provider "depseek". did you mean deepseek?');
  });

  it('whatever is thrown stays one line that cannot steer the terminal and shows no credential', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary' }), fc.constant('\u001b[2J\r\nBearer abcdefghijkl')),
        (message) => {
          const line = errorLine(new Error(message));
          expect(line).toMatch(/^midswap: /);
          // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
          expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
          expect(line).not.toContain('abcdefghijkl');
        },
      ),
    );
  });
});

describe('colour', () => {
  it.each([
    ['a terminal', true, {}, true],
    ['a pipe', false, {}, false],
    ['a terminal with NO_COLOR', true, { noColor: '1' }, false],
    ['a terminal with an empty NO_COLOR', true, { noColor: '' }, true],
    ['a pipe with FORCE_COLOR', false, { forceColor: '1' }, true],
    ['a pipe with FORCE_COLOR=0', false, { forceColor: '0' }, false],
    ['both', true, { noColor: '1', forceColor: '1' }, false],
  ])('%s', (_, isTTY, options, expected) => {
    const out = sink(isTTY);
    const output = createOutput({ out: out.stream, err: sink(false).stream }, options);
    expect(output.paint('red', 'x') !== 'x').toBe(expected);
  });
});

describe('a table', () => {
  it('lines up its columns, wide characters and styles included', () => {
    expect(
      layOut(
        ['A', 'NAME', 'Z'],
        [
          ['1', '模型', '\u001b[31mred\u001b[39m'],
          ['22', 'x', ''],
        ],
      ),
    ).toEqual(['A   NAME  Z', '1   模型  \u001b[31mred\u001b[39m', '22  x']);
  });

  it('is as many lines as it has rows, and its heading', () => {
    const out = sink(false);
    createOutput({ out: out.stream, err: sink(false).stream }).table(['ID'], [['k3f9'], ['m7m7']]);
    expect(out.text()).toBe('ID\nk3f9\nm7m7\n');
  });
});

it.each([
  [-5, '0s'],
  [59_999, '59s'],
  [60_000, '1m'],
  [3_600_000, '1h00m'],
  [3_660_000, '1h01m'],
  [90_000_000, '1d01h'],
])('%d ms is %s', (ms, text) => {
  expect(describeDuration(ms)).toBe(text);
});
