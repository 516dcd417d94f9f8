import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  escapeLength,
  MAX_DEPTH,
  OPEN_BRACE,
  OPEN_BRACKET,
  pastSpace,
  plainStringEnd,
  QUOTE,
  valueEnd,
} from './json-skim.ts';

/** Where a document stops being JSON. */
export interface JsonFault {
  /** Byte offset. */
  readonly offset: number;
  /** Counted from 1; the column in bytes. */
  readonly line: number;
  readonly column: number;
  /** Where in the document: `messages[3].content`, empty at the top. */
  readonly path: string;
  /** What is wrong, for people: `expected a value`. */
  readonly reason: string;
}

interface Frame {
  readonly array: boolean;
  /** Position of the element, or the key. */
  index: number;
  key: string;
}

/**
 * The first fault of a document, or `undefined` when it is JSON no deeper than `MAX_DEPTH`. Reads without recursion.
 * For error messages: it is slow and says where.
 */
export function findFault(raw: Buffer): JsonFault | undefined {
  const frames: Frame[] = [];
  let at = pastSpace(raw, 0);
  const fault = (reason: string, offset = at): JsonFault => describe(raw, Math.min(offset, raw.length), frames, reason);
  for (;;) {
    // One turn of this loop reads one value, then closes what ends behind it.
    const byte = raw[at];
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (frames.length === MAX_DEPTH) return fault(`nested deeper than ${MAX_DEPTH} levels`);
      const array = byte === OPEN_BRACKET;
      const inside = pastSpace(raw, at + 1);
      const empty = raw[inside] === (array ? CLOSE_BRACKET : CLOSE_BRACE);
      frames.push({ array, index: 0, key: '' });
      at = inside;
      if (!empty) {
        if (!array) {
          const keyed = readKey(raw, at, frames);
          if (typeof keyed === 'string') return fault(keyed);
          at = keyed;
        }
        continue;
      }
    } else if (byte === undefined) {
      return fault('the document ends here');
    } else {
      const end = valueEnd(raw, at);
      if (end === -1) return fault(byte === QUOTE ? stringFault(raw, at) : 'expected a value');
      at = end;
    }
    for (;;) {
      at = pastSpace(raw, at);
      const frame = frames.at(-1);
      if (frame === undefined) return at === raw.length ? undefined : fault('expected the end of the document');
      const next = raw[at];
      if (next === (frame.array ? CLOSE_BRACKET : CLOSE_BRACE)) {
        frames.pop();
        at += 1;
        continue;
      }
      if (next === undefined) return fault('the document ends here');
      if (next !== COMMA) return fault(`expected "," or "${frame.array ? ']' : '}'}"`);
      at = pastSpace(raw, at + 1);
      frame.index += 1;
      if (!frame.array) {
        const keyed = readKey(raw, at, frames);
        if (typeof keyed === 'string') return fault(keyed);
        at = keyed;
      }
      break;
    }
  }
}

/** Reads `"key":` into the frame; where the value starts, or what is wrong. */
function readKey(raw: Buffer, start: number, frames: Frame[]): number | string {
  if (raw[start] === undefined) return 'the document ends here';
  if (raw[start] !== QUOTE) return 'expected a key in double quotes';
  const end = plainStringEnd(raw, start);
  if (end === -1) return stringFault(raw, start);
  const frame = frames.at(-1);
  if (frame !== undefined) frame.key = raw.toString('utf8', start + 1, end - 1);
  const colon = pastSpace(raw, end);
  if (raw[colon] === undefined) return 'the document ends here';
  return raw[colon] === COLON ? pastSpace(raw, colon + 1) : 'expected ":" after the key';
}

function stringFault(raw: Buffer, start: number): string {
  let at = start + 1;
  while (at < raw.length && raw[at] !== QUOTE) {
    if ((raw[at] ?? 0) < 0x20) return 'a control character inside this string is not escaped';
    if (raw[at] !== BACKSLASH) at += 1;
    else if (at + 1 >= raw.length || escapeLength(raw, at) > 0) at += 2;
    else return 'an escape inside this string is not one of JSON';
  }
  return 'this string does not end';
}

function describe(raw: Buffer, offset: number, frames: readonly Frame[], reason: string): JsonFault {
  let line = 1;
  let lineStart = 0;
  for (let at = raw.indexOf(0x0a); at !== -1 && at < offset; at = raw.indexOf(0x0a, at + 1)) {
    line += 1;
    lineStart = at + 1;
  }
  const path = frames
    .map((frame) => (frame.array ? `[${frame.index}]` : `.${frame.key}`))
    .join('')
    .replace(/^\./, '')
    .slice(0, 200);
  return { offset, line, column: offset - lineStart + 1, path, reason };
}
