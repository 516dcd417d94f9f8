import type { Span } from '../../core/json-skim.ts';

const THINKING = Buffer.from('"thinking"');
const SIGNATURE = Buffer.from('"signature"');
const REDACTED = Buffer.from('"redacted_thinking"');
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Whether thinking in a stretch of JSON may need repair, by its bytes: a signature that is not accepted, or thinking
 * without one. Says yes when in doubt, for whoever parses then; a quotation mark inside a string is always escaped, so
 * what people write about signatures is not taken for one.
 */
export function mayNeedRepair(raw: Buffer, span: Span, accepts: (signature: string) => boolean): boolean {
  const [start, end] = span;
  if (find(raw, REDACTED, start, end) !== -1) return true;
  let signatures = 0;
  for (let at = find(raw, SIGNATURE, start, end); at !== -1; at = find(raw, SIGNATURE, at, end)) {
    at += SIGNATURE.length;
    const signature = stringAfterColon(raw, at, end);
    if (signature === undefined || !accepts(signature)) return true;
    signatures += 1;
  }
  // A block of thinking has its type and its text under that name, and one signature.
  let mentions = 0;
  for (let at = find(raw, THINKING, start, end); at !== -1; at = find(raw, THINKING, at + 1, end)) mentions += 1;
  return mentions !== 2 * signatures;
}

/** Whether there is any thinking at all. */
export function hasThinking(raw: Buffer, [start, end]: Span): boolean {
  return find(raw, THINKING, start, end) !== -1 || find(raw, REDACTED, start, end) !== -1;
}

function find(raw: Buffer, what: Buffer, from: number, end: number): number {
  const at = raw.indexOf(what, from);
  return at === -1 || at >= end ? -1 : at;
}

/** The plain string behind `"key"`; `undefined` when there is another value or one with escapes. */
function stringAfterColon(raw: Buffer, from: number, end: number): string | undefined {
  let at = pastSpace(raw, from);
  if (raw[at] !== 0x3a) return undefined;
  at = pastSpace(raw, at + 1);
  if (raw[at] !== QUOTE) return undefined;
  const close = raw.indexOf(QUOTE, at + 1);
  if (close === -1 || close > end || raw[close - 1] === BACKSLASH) return undefined;
  return raw.toString('latin1', at + 1, close);
}

function pastSpace(raw: Buffer, from: number): number {
  let at = from;
  while (raw[at] === 0x20 || raw[at] === 0x0a || raw[at] === 0x0d || raw[at] === 0x09) at += 1;
  return at;
}
