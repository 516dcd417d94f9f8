/**
 * Looking at JSON without parsing it. A request body is mostly long strings that nobody here reads; what is needed of
 * it are the places of the top-level values, so that `model` can be replaced and the rest sent on as it came.
 */

/** Bytes of a value, `[start, end)`. */
export type Span = readonly [start: number, end: number];

/** Deeper documents are refused: no request is, and a recursive reader must not meet one. */
export const MAX_DEPTH = 512;

export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const COLON = 0x3a;
export const COMMA = 0x2c;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;
export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACKET = 0x5d;

const ZERO = 0x30;
const ONE = 0x31;
const NINE = 0x39;
const SCALAR = /^(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)$/;
const LONGEST_SCALAR = 400;

/**
 * What is in one of the lists of a document: where its elements are, and where its long strings. Offsets in pairs, start
 * and end, in the order of the document.
 */
export interface ListPlaces {
  readonly elements: readonly number[];
  /** Strings of at least `LONG_STRING_BYTES` that are values, wherever in the elements, quotes included. */
  readonly strings: readonly number[];
  /** What somebody has found out about the beginning of the list, by who did. */
  readonly notes: Map<object, Note>;
}

/** Something that holds for the bytes of a list before `end`, which is where an element begins. */
export interface Note {
  readonly end: number;
  readonly value: unknown;
}

/** What a skim found. */
export interface Skim {
  readonly spans: ReadonlyMap<string, Span>;
  /** `undefined` where no list was asked for, or where there is none. */
  readonly places: ListPlaces | undefined;
}

export const LONG_STRING_BYTES = 512;

/**
 * Spans of the values of a JSON object's top-level keys. `undefined` when the bytes are not one object, or one that
 * needs a real parser to be understood: a key twice, a key with escapes, a NUL byte, nesting over `MAX_DEPTH`.
 * The one thing it does not look at is the content of strings inside of arrays and objects: a control character or a
 * false escape there passes. A property test compares it with `JSON.parse`. About 0.5 ms for 1 MB of source code.
 */
export function skimObject(raw: Buffer): ReadonlyMap<string, Span> | undefined {
  return skimWithList(raw, undefined)?.spans;
}

/** The same, with the places in the list under one of the keys. */
export function skimWithList(raw: Buffer, list: string | undefined): Skim | undefined {
  if (raw.indexOf(0) !== -1) return undefined;
  const at = pastSpace(raw, 0);
  if (raw[at] !== OPEN_BRACE) return undefined;
  const inside = pastSpace(raw, at + 1);
  const found: Found = { spans: new Map(), list, places: undefined };
  return isEnd(raw, inside) || skimPairs(raw, inside, found) ? found : undefined;
}

/**
 * The skim of a document whose beginning is that of another one: `common` bytes are the same. It goes on from the last
 * element of the list that begins in there, so the result is that of a skim from the beginning; notes of what is the same
 * go with it. `undefined` where there is no such place, or where the document is none that can be skimmed.
 */
export function resumeSkim(
  raw: Buffer,
  before: { readonly raw: Buffer; readonly skim: Skim },
  list: string,
  common: number,
): Skim | undefined {
  const { spans, places } = before.skim;
  const span = spans.get(list);
  if (span === undefined || places === undefined) return undefined;
  const { elements, strings } = places;
  let count = elements.length;
  while (count > 0 && (elements[count - 2] ?? 0) > common) count -= 2;
  const from = elements[count - 2];
  // The first element may also be none: the place behind a comma is one that certainly goes on with a value.
  if (from === undefined || count < 4 || raw.indexOf(0, from) !== -1) return undefined;
  let known = strings.length;
  while (known > 0 && (strings[known - 2] ?? 0) >= from) known -= 2;
  const notes = new Map([...places.notes].filter(([, { end }]) => end <= from));
  const own = { elements: elements.slice(0, count - 2), strings: strings.slice(0, known), notes };
  const end = containerEnd(raw, from, true, own);
  if (end === -1) return undefined;
  const found: Found = { spans: new Map(), list, places: own };
  const rest = raw.subarray(end);
  // What follows the list is mostly the same, at another place.
  const isShifted = rest.equals(before.raw.subarray(span[1]));
  for (const [key, [start, stop]] of spans) {
    if (key === list) {
      found.spans.set(key, [start, end]);
      if (!isShifted) break;
    } else if (start < span[0]) found.spans.set(key, [start, stop]);
    else found.spans.set(key, [start - span[1] + end, stop - span[1] + end]);
  }
  if (isShifted) return found;
  const next = pastSpace(raw, end);
  const ends = raw[next] === COMMA ? skimPairs(raw, pastSpace(raw, next + 1), found) : isEnd(raw, next);
  return ends ? found : undefined;
}

interface Found {
  readonly spans: Map<string, Span>;
  readonly list: string | undefined;
  places: ListPlaces | undefined;
}

/** Reads keys and values up to the end of the object; whether they are what they must be. */
function skimPairs(raw: Buffer, from: number, found: Found): boolean {
  let at = from;
  for (;;) {
    const keyEnd = plainStringEnd(raw, at);
    if (keyEnd === -1) return false;
    const key = raw.toString('utf8', at + 1, keyEnd - 1);
    if (key.includes('\\') || found.spans.has(key)) return false;
    at = pastSpace(raw, keyEnd);
    if (raw[at] !== COLON) return false;
    const start = pastSpace(raw, at + 1);
    let end: number;
    if (key === found.list && raw[start] === OPEN_BRACKET) {
      const places = { elements: [], strings: [], notes: new Map() };
      found.places = places;
      end = containerEnd(raw, start, false, places);
    } else end = valueEnd(raw, start);
    if (end === -1) return false;
    found.spans.set(key, [start, end]);
    at = pastSpace(raw, end);
    if (raw[at] !== COMMA) return isEnd(raw, at);
    at = pastSpace(raw, at + 1);
  }
}

/** The object ends here, and the document with it. */
function isEnd(raw: Buffer, at: number): boolean {
  return raw[at] === CLOSE_BRACE && pastSpace(raw, at + 1) === raw.length;
}

export type JsonKind = 'string' | 'number' | 'boolean' | 'null' | 'array' | 'object';

/** Type of the value at a span, by its first byte. */
export function kindAt(raw: Buffer, [start]: Span): JsonKind {
  switch (raw[start]) {
    case QUOTE:
      return 'string';
    case OPEN_BRACE:
      return 'object';
    case OPEN_BRACKET:
      return 'array';
    case 0x74: // t
    case 0x66: // f
      return 'boolean';
    case 0x6e: // n
      return 'null';
    default:
      return 'number';
  }
}

/** End of the value that starts at `start`; -1 when it has none. */
export function valueEnd(raw: Buffer, start: number): number {
  const first = raw[start];
  if (first === QUOTE) return plainStringEnd(raw, start);
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return containerEnd(raw, start, false, undefined);
  return scalarEnd(raw, start);
}

/** End of a string that holds nothing a string must not hold. The escapes are the parser's business. */
export function plainStringEnd(raw: Buffer, start: number): number {
  if (raw[start] !== QUOTE) return -1;
  let at = start + 1;
  while (at < raw.length) {
    const byte = raw[at] ?? 0;
    if (byte === QUOTE) return at + 1;
    if (byte < 0x20) return -1;
    if (byte === BACKSLASH) {
      const length = escapeLength(raw, at);
      if (length === 0) return -1;
      at += length;
    } else at += 1;
  }
  return -1;
}

/** So many bytes of a string are read one by one before the search for its end is left to native code: shorter strings
 * are cheaper this way, and so are texts full of escapes. Measured on both runtimes. */
const STRIDE = 16;

/** What may stand at the next place inside a container. */
const VALUE = 0;
const VALUE_OR_END = 1;
const KEY = 2;
const KEY_OR_END = 3;
const AFTER_KEY = 4;
const AFTER_VALUE = 5;

/** Which of the containers that are open are arrays. One for all: a container is read to its end before the next. */
const isArray = new Uint8Array(MAX_DEPTH + 1);

interface FoundPlaces {
  readonly elements: number[];
  readonly strings: number[];
}

/**
 * End of an array or object whose structure and scalars are right; -1 otherwise. Inside of its strings only the end is
 * looked for. `inList`: `start` is that of an element of a list, and the end of the list is wanted. `places` of a list
 * are noted on the way.
 */
function containerEnd(raw: Buffer, start: number, inList: boolean, places: FoundPlaces | undefined): number {
  let depth = 0;
  if (inList) {
    depth = 1;
    isArray[1] = 1;
  }
  let expected = VALUE;
  let at = start;
  for (;;) {
    const byte = raw[at];
    if (byte === QUOTE) {
      const end = expected <= KEY_OR_END ? nestedStringEnd(raw, at + 1) : -1;
      if (end === -1) return -1;
      if (expected <= VALUE_OR_END) {
        expected = AFTER_VALUE;
        if (places !== undefined) {
          if (depth === 1) places.elements.push(at, end);
          if (end - at >= LONG_STRING_BYTES) places.strings.push(at, end);
        }
      } else expected = AFTER_KEY;
      at = end;
    } else if (byte === COLON) {
      if (expected !== AFTER_KEY) return -1;
      expected = VALUE;
      at += 1;
    } else if (byte === COMMA) {
      if (expected !== AFTER_VALUE) return -1;
      expected = isArray[depth] === 1 ? VALUE : KEY;
      at += 1;
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (expected > VALUE_OR_END || depth === MAX_DEPTH) return -1;
      if (depth === 1) places?.elements.push(at);
      depth += 1;
      isArray[depth] = byte === OPEN_BRACKET ? 1 : 0;
      expected = byte === OPEN_BRACKET ? VALUE_OR_END : KEY_OR_END;
      at += 1;
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      const array = byte === CLOSE_BRACKET;
      if (array !== (isArray[depth] === 1)) return -1;
      if (expected !== AFTER_VALUE && expected !== (array ? VALUE_OR_END : KEY_OR_END)) return -1;
      depth -= 1;
      at += 1;
      if (depth === 0) return at;
      if (depth === 1) places?.elements.push(at);
      expected = AFTER_VALUE;
    } else if (isSpace(byte)) {
      at += 1;
    } else {
      if (byte === undefined || expected > VALUE_OR_END) return -1;
      const end = scalarEnd(raw, at);
      if (end === -1) return -1;
      if (depth === 1) places?.elements.push(at, end);
      expected = AFTER_VALUE;
      at = end;
    }
  }
}

/** Position behind the closing quote of a string whose content starts at `from`. */
function nestedStringEnd(raw: Buffer, from: number): number {
  const end = raw.length;
  let at = from;
  let stop = at + STRIDE;
  while (at < end) {
    const byte = raw[at];
    if (byte === QUOTE) return at + 1;
    if (byte === BACKSLASH) {
      at += 2;
      stop = at + STRIDE;
      continue;
    }
    at += 1;
    if (at < stop) continue;
    at = raw.indexOf(QUOTE, at);
    if (at === -1) return -1;
    if (!isEscaped(raw, at)) return at + 1;
    at += 1;
    stop = at + STRIDE;
  }
  return -1;
}

function scalarEnd(raw: Buffer, start: number): number {
  let end = start;
  // A whole number, as nearly all are, needs no expression.
  if ((raw[start] ?? 0) >= ONE && (raw[start] ?? 0) <= NINE) {
    do end += 1;
    while ((raw[end] ?? 0) >= ZERO && (raw[end] ?? 0) <= NINE);
    if (end < raw.length && endsScalar(raw[end] ?? 0) && end - start <= LONGEST_SCALAR) return end;
  }
  while (end < raw.length && !endsScalar(raw[end] ?? 0)) end += 1;
  if (end - start > LONGEST_SCALAR) return -1;
  return SCALAR.test(raw.toString('latin1', start, end)) ? end : -1;
}

function isEscaped(raw: Buffer, at: number): boolean {
  let before = at - 1;
  while (raw[before] === BACKSLASH) before -= 1;
  return ((at - before) & 1) === 0;
}

export function pastSpace(raw: Buffer, from: number): number {
  let at = from;
  while (isSpace(raw[at])) at += 1;
  return at;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function endsScalar(byte: number): boolean {
  return byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET || isSpace(byte);
}

/** Bytes of the escape at `at`; 0 when it is none. */
export function escapeLength(raw: Buffer, at: number): number {
  const kind = raw[at + 1] ?? 0;
  if (kind === 0x75) return /^[0-9a-fA-F]{4}$/.test(raw.toString('latin1', at + 2, at + 6)) ? 6 : 0;
  return '"\\/bfnrt'.includes(String.fromCharCode(kind)) ? 2 : 0;
}
