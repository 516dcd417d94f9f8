import { valueEnd } from '../core/json-skim.ts';

/** Where the elements of a JSON list start and end, from the element at `from` on; `undefined` when it is no list. */
export function elementSpans(bytes: Buffer, from: number): (readonly [number, number])[] | undefined {
  const out: (readonly [number, number])[] = [];
  let at = pastSpace(bytes, from);
  if (bytes[at] === 0x5d) return out;
  for (;;) {
    const end = valueEnd(bytes, at);
    if (end === -1) return undefined;
    out.push([at, end]);
    at = pastSpace(bytes, end);
    if (bytes[at] === 0x5d) return out;
    if (bytes[at] !== 0x2c) return undefined;
    at = pastSpace(bytes, at + 1);
  }
}

function pastSpace(bytes: Buffer, from: number): number {
  let at = from;
  while (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09) at += 1;
  return at;
}
