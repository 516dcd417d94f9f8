import type { Output } from './output.ts';

export interface DiffLine {
  readonly kind: 'added' | 'removed' | 'kept';
  readonly text: string;
}

/** What is around a change, in lines. */
const CONTEXT = 2;
/** Beyond this many pairs of lines the change is told as one block. */
const MAX_PAIRS = 4_000_000;

/** The lines in which two texts differ, with a little of what is around them; a line of `...` stands for the rest. */
export function diffLines(before: string, after: string): DiffLine[] {
  const [old, now] = [linesOf(before), linesOf(after)];
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start++;
  let end = 0;
  while (end < old.length - start && end < now.length - start && old.at(-1 - end) === now.at(-1 - end)) end++;
  const middle = compare(old.slice(start, old.length - end), now.slice(start, now.length - end));
  const kept = (lines: readonly string[]): DiffLine[] => lines.map((text) => ({ kind: 'kept', text }));
  return shorten([...kept(old.slice(0, start)), ...middle, ...kept(old.slice(old.length - end))]);
}

/** Prints a change as a person reads it: `+` and `-` before the lines. */
export function printDiff(out: Output, file: string, before: string | undefined, after: string): void {
  out.line(before === undefined ? `${file} (new)` : file);
  for (const { kind, text } of diffLines(before ?? '', after)) {
    if (kind === 'kept') out.line(out.paint('dim', `    ${text}`));
    else out.line(kind === 'added' ? out.paint('green', `  + ${text}`) : out.paint('red', `  - ${text}`));
  }
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

/** The longest common lines stay, the others go or come. */
function compare(old: readonly string[], now: readonly string[]): DiffLine[] {
  const removed = (text: string): DiffLine => ({ kind: 'removed', text });
  const added = (text: string): DiffLine => ({ kind: 'added', text });
  if (old.length * now.length > MAX_PAIRS) return [...old.map(removed), ...now.map(added)];
  const width = now.length + 1;
  const lengths = new Uint32Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = now.length - 1; j >= 0; j--) {
      const below = lengths[(i + 1) * width + j] ?? 0;
      const right = lengths[i * width + j + 1] ?? 0;
      const both = (lengths[(i + 1) * width + j + 1] ?? 0) + 1;
      lengths[i * width + j] = old[i] === now[j] ? both : Math.max(below, right);
    }
  }
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < now.length) {
    const [from, to] = [old[i], now[j]];
    if (from !== undefined && from === to) {
      lines.push({ kind: 'kept', text: from });
      i++;
      j++;
      continue;
    }
    const below = lengths[(i + 1) * width + j] ?? 0;
    const right = lengths[i * width + j + 1] ?? 0;
    if (from !== undefined && (to === undefined || below >= right)) {
      lines.push(removed(from));
      i++;
    } else {
      lines.push(added(to as string));
      j++;
    }
  }
  return lines;
}

function shorten(lines: readonly DiffLine[]): DiffLine[] {
  const near = (at: number) =>
    lines.slice(Math.max(0, at - CONTEXT), at + CONTEXT + 1).some(({ kind }) => kind !== 'kept');
  const shown: DiffLine[] = [];
  for (const [at, line] of lines.entries()) {
    if (near(at)) shown.push(line);
    else if (shown.length > 0 && shown.at(-1)?.text !== '...') shown.push({ kind: 'kept', text: '...' });
  }
  if (shown.at(-1)?.text === '...' && shown.at(-1)?.kind === 'kept') shown.pop();
  return shown;
}
