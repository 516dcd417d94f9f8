import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChatQuirks } from '../core/target.ts';
import { ThinkTags } from './think-tags.ts';

type Style = ChatQuirks['thinkTagStyle'];

function split(pieces: readonly string[], style: Style = 'start'): { thinking: string; text: string } {
  const tags = new ThinkTags(style);
  const segments = [...pieces.flatMap((piece) => tags.push(piece)), ...tags.end()];
  const of = (thinking: boolean): string =>
    segments.flatMap((segment) => (segment.thinking === thinking ? [segment.text] : [])).join('');
  return { thinking: of(true), text: of(false) };
}

describe('think tags', () => {
  it.each<[string, string, string, string, Style]>([
    ['a block at the start', '<think>plan</think>\n\nAnswer', 'plan', 'Answer', 'start'],
    ['a block after blank space', '\n <think>\nplan\n</think>Answer', 'plan', 'Answer', 'start'],
    ['the long form of the tag', '<thinking>plan</thinking>Answer', 'plan', 'Answer', 'start'],
    ['an empty block leaves no trace', '<think>\n\n</think>\n\nHi', '', 'Hi', 'start'],
    ['an unclosed block stays reasoning', '<think>abc', 'abc', '', 'start'],
    [
      'tags in prose stay',
      'Use the `<think>` tag, then `</think>`.',
      '',
      'Use the `<think>` tag, then `</think>`.',
      'start',
    ],
    ['an opening tag in the middle is text', 'First <think>x</think> y', '', 'First <think>x</think> y', 'start'],
    ['a second block is text', '<think>a</think>b <think>c</think>', 'a', 'b <think>c</think>', 'start'],
    ['an orphan closing tag is removed', 'reason</think>answer', '', 'reasonanswer', 'start'],
    ['text before a closing tag is reasoning', 'reason</think>\nanswer', 'reason', 'answer', 'implicit'],
    ['an opening tag that is there after all', '<think>reason</think>answer', 'reason', 'answer', 'implicit'],
    ['blocks anywhere', 'a<think>b</think>c<think>d</think>e', 'bd', 'ace', 'interleaved'],
    ['quoted tags between blocks', 'a `<think>` b<think>c</think>d', 'c', 'a `<think>` bd', 'interleaved'],
    [
      'tags in a code fence are its text',
      'see\n```xml\n<think>a</think>\n```\n<think>b</think>c',
      'b',
      'see\n```xml\n<think>a</think>\n```\nc',
      'interleaved',
    ],
    [
      'tags in a code span are its text',
      'a `x <think> y` b<think>c</think>d',
      'c',
      'a `x <think> y` bd',
      'interleaved',
    ],
    ['a comparison is no tag', '<thinker> a < b', '', '<thinker> a < b', 'start'],
  ])('%s', (_name, input, thinking, text, style) => {
    expect(split([input], style)).toEqual({ thinking, text });
    expect(split([...input], style)).toEqual({ thinking, text });
  });

  it('gives the same for every split', () => {
    const token = fc.constantFrom(
      '<think>',
      '</think>',
      '<thinking>',
      '</thinking>',
      '<',
      '`',
      'a',
      ' ',
      '\n',
      'think>',
      '</',
      'word ',
    );
    const style = fc.constantFrom<Style>('start', 'implicit', 'interleaved');
    fc.assert(
      fc.property(
        fc.array(token, { maxLength: 14 }),
        style,
        fc.array(fc.nat(40), { maxLength: 6 }),
        (tokens, kind, cuts) => {
          const whole = tokens.join('');
          const sorted = [...new Set(cuts.map((cut) => cut % (whole.length + 1)))].sort((a, b) => a - b);
          const pieces = [...sorted, whole.length].map((end, at) => whole.slice(sorted[at - 1] ?? 0, end));
          expect(split(pieces, kind)).toEqual(split([whole], kind));
        },
      ),
    );
  });

  it('loses nothing but tags and blank space', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('<think>', '</think>', 'a', 'b ', '\n', '`'), { maxLength: 14 }),
        (tokens) => {
          const { thinking, text } = split(tokens);
          const letters = (value: string): number => value.match(/[ab]/g)?.length ?? 0;
          const plain = tokens.join('').replace(/<\/?think>/g, '');
          expect(letters(`${thinking}${text}`.replace(/<\/?think>/g, ''))).toBe(letters(plain));
        },
      ),
    );
  });
});
