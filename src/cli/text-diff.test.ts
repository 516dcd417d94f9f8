import fc from 'fast-check';
import { expect, it } from 'vitest';
import { diffLines } from './text-diff.ts';

const show = (before: string, after: string) =>
  diffLines(before, after).map(({ kind, text }) => `${{ added: '+', removed: '-', kept: ' ' }[kind]}${text}`);

it('shows what changes, and a little of what is around it', () => {
  const before = 'a\nb\nc\nd\ne\nf\ng\n';
  expect(show(before, before.replace('d', 'D'))).toEqual([' b', ' c', '-d', '+D', ' e', ' f']);
});

it('what lies between two changes is left out', () => {
  const before = 'x\n1\n2\n3\n4\n5\n6\n7\ny\n';
  expect(show(before, before.replace('x', 'X').replace('y', 'Y'))).toEqual([
    '-x',
    '+X',
    ' 1',
    ' 2',
    ' ...',
    ' 6',
    ' 7',
    '-y',
    '+Y',
  ]);
});

it('a new file is added whole; no change is nothing', () => {
  expect(show('', 'a\nb\n')).toEqual(['+a', '+b']);
  expect(show('a\nb\n', 'a\nb\n')).toEqual([]);
});

it('the lines that go and come are those of the two texts, in order', () => {
  const lines = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 12 });
  fc.assert(
    fc.property(lines, lines, (old, now) => {
      const diff = diffLines(old.join('\n'), now.join('\n'));
      const pick = (...kinds: string[]) => diff.filter(({ kind }) => kinds.includes(kind)).map(({ text }) => text);
      const isWithin = (part: readonly string[], whole: readonly string[]) => {
        let at = 0;
        for (const line of whole) if (line === part[at]) at++;
        return at === part.length;
      };
      expect(isWithin(pick('removed'), old)).toBe(true);
      expect(isWithin(pick('added'), now)).toBe(true);
      expect(pick('added').length - pick('removed').length).toBe(now.length - old.length);
    }),
  );
});
