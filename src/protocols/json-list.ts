import { valueEnd } from '../core/json-skim.ts';
import type { Envelope } from '../core/messages.ts';

/** Start and end in the body of every message, one after the other; `undefined` when the messages are no list. */
export function messagePlaces({ raw, spans, places }: Envelope): readonly number[] | undefined {
  if (places !== undefined) return places.elements;
  const span = spans.get('messages');
  return span === undefined || raw[span[0]] !== 0x5b ? undefined : elementPlaces(raw, span[0] + 1);
}

/** The messages as they were received, by position. Their places are looked for when the first one is asked for. */
export function messageTexts(env: Envelope): (index: number) => string | undefined {
  let elements: readonly number[] | undefined;
  return (index) => {
    elements ??= messagePlaces(env) ?? [];
    const [start, end] = [elements[2 * index], elements[2 * index + 1]];
    return start === undefined || end === undefined ? undefined : env.raw.toString('utf8', start, end);
  };
}

function elementPlaces(bytes: Buffer, from: number): number[] | undefined {
  const out: number[] = [];
  let at = pastSpace(bytes, from);
  if (bytes[at] === 0x5d) return out;
  for (;;) {
    const end = valueEnd(bytes, at);
    if (end === -1) return undefined;
    out.push(at, end);
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
