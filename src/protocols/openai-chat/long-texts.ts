import type { Block, Message } from '../../core/messages.ts';
import { isRecord } from './types.ts';

/**
 * Most bytes of a conversation are long texts (files, output of commands) that are only passed on: in both protocols they
 * are the same JSON string. So they are left out of what is parsed, a short name stands for each, and where a name comes
 * out in what was written, the bytes are copied as they were received. For a megabyte that is a fourth of the time that
 * decoding, parsing, writing and encoding them takes.
 *
 * Whether a text was left out changes no byte of the translation: those that a rule looks into stay, and when the names
 * do not come out exactly once each, all is translated again with every text in its place.
 */

/** Around the number of a text that was left out. A writer of JSON does not escape it, and a conversation that holds it
 * is translated without names. */
const MARK = '\x7f';
const MARK_BYTE = 0x7f;
const ESCAPED_MARK = '\\u007';
/** Control characters, and escapes that a writer writes differently or no parser takes. In text with a byte per character. */
const NOT_AS_WRITTEN = /[^ -\xff]|\\[^"\\bfnrt]/;
/** There is something to see in it: no text that counts as empty. */
const HAS_WORDS = /^(?: |\\[nrt])*[!-[\]-~]/;
const BACKSLASH = 0x5c;

/** Texts of a document that were left out, by their numbers. */
export class LongTexts {
  /** The document from `from` on, without them. */
  readonly json: string;
  readonly #raw: Buffer;
  /** Start and end of each, without the quotation marks. */
  readonly #places: readonly number[];
  /** Texts that were put back by `settle`. */
  readonly #back = new Set<number>();

  constructor(raw: Buffer, json: string, places: readonly number[]) {
    this.#raw = raw;
    this.json = json;
    this.#places = places;
  }

  /**
   * Puts texts back that a rule may look into: where one stands elsewhere than in the text of a message or the content of
   * a tool result, its message is parsed whole. `elements`: start and end of every message in the document.
   */
  settle(messages: Message[], elements: readonly number[], first: number): void {
    const places = this.#places;
    let text = 0;
    for (let at = 0; 2 * text < places.length && at < messages.length; at += 1) {
      const end = elements[2 * (first + at) + 1] ?? 0;
      const from = text;
      while ((places[2 * text] ?? end) < end) text += 1;
      if (text === from || this.#plainTexts(messages[at]) === text - from) continue;
      const start = elements[2 * (first + at)];
      messages[at] = JSON.parse(this.#raw.toString('utf8', start, end)) as Message;
      for (let number = from; number < text; number += 1) this.#back.add(number);
    }
  }

  /**
   * What was written, as bytes with the texts in them, commas between. `length`: bytes that stand before it. `ends`: where
   * each of the written values ends. `undefined` when a text is there twice or not at all.
   */
  fill(written: readonly string[], length: number): { bytes: Buffer; ends: number[] } | undefined {
    const places = this.#places;
    const pieces: (string | number)[] = [];
    const seen = new Set<number>();
    const ends = [length];
    let at = length;
    for (const value of written) {
      if (at > 0) {
        pieces.push(',');
        at += 1;
      }
      if (!value.includes(MARK)) {
        pieces.push(value);
        at += Buffer.byteLength(value, 'utf8');
        ends.push(at);
        continue;
      }
      const parts = value.split(MARK);
      for (let part = 0; part < parts.length; part += 1) {
        const text = parts[part] as string;
        if (part % 2 === 0) {
          pieces.push(text);
          at += Buffer.byteLength(text, 'utf8');
          continue;
        }
        const number = Number(text);
        const start = places[2 * number];
        const end = places[2 * number + 1];
        if (start === undefined || end === undefined || String(number) !== text) return undefined;
        if (seen.has(number) || this.#back.has(number)) return undefined;
        seen.add(number);
        pieces.push(number);
        at += end - start;
      }
      ends.push(at);
    }
    if (2 * (seen.size + this.#back.size) !== places.length) return undefined;
    return { bytes: this.#joined(pieces, at - length), ends };
  }

  #joined(pieces: readonly (string | number)[], length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    const raw = this.#raw;
    const places = this.#places;
    let at = 0;
    for (const piece of pieces) {
      if (typeof piece === 'string') at += bytes.write(piece, at, 'utf8');
      else at += raw.copy(bytes, at, places[2 * piece], places[2 * piece + 1]);
    }
    return bytes;
  }

  /** How many texts that were left out stand where they are only passed on. */
  #plainTexts(message: unknown): number {
    if (!isRecord(message) || (message.role !== 'user' && message.role !== 'assistant')) return 0;
    const { role, content } = message;
    if (!Array.isArray(content)) return this.#isPlain(content, role) ? 1 : 0;
    let count = 0;
    for (const block of content as Block[]) {
      if (!isRecord(block)) continue;
      if (block.type === 'text' && this.#isPlain(block.text, role)) count += 1;
      if (block.type !== 'tool_result' || role !== 'user') continue;
      if (!Array.isArray(block.content)) count += this.#isPlain(block.content, role) ? 1 : 0;
      else for (const part of block.content) if (part?.type === 'text' && this.#isPlain(part.text, role)) count += 1;
    }
    return count;
  }

  /** The end of an answer that is to be continued is trimmed: the text must not end with something blank. */
  #isPlain(text: unknown, role: string): boolean {
    if (typeof text !== 'string' || !text.startsWith(MARK)) return false;
    if (role === 'user') return true;
    const end = this.#places[2 * Number(text.slice(1, -1)) + 1] ?? 0;
    const last = this.#raw[end - 1] ?? 0;
    return last > 0x20 && last < MARK_BYTE && last !== BACKSLASH && this.#raw[end - 2] !== BACKSLASH;
  }
}

/**
 * Leaves long texts out of the bytes `[from, end)` of a document. `strings`: start and end of its long strings.
 * `isFirst`: other parts of the document are written beside these. `vision`: pictures in texts are passed on as well.
 * `undefined` where there is nothing to leave out.
 */
export function leaveOut(
  raw: Buffer,
  [from, end]: readonly [number, number],
  strings: readonly number[],
  isFirst: boolean,
  vision: boolean,
): LongTexts | undefined {
  let first = strings.length;
  while (first > 0 && (strings[first - 2] ?? 0) >= from) first -= 2;
  if (first === strings.length) return undefined;
  const looked = isFirst ? 0 : from;
  if (raw.indexOf(MARK_BYTE, looked) !== -1 || raw.indexOf(ESCAPED_MARK, looked) !== -1) return undefined;
  const places: number[] = [];
  let json = '';
  let at = from;
  for (let index = first; index < strings.length; index += 2) {
    const start = strings[index] ?? 0;
    const stop = strings[index + 1] ?? 0;
    if (!isKeyOfText(raw.toString('latin1', start - 10, start))) continue;
    const text = raw.toString('latin1', start + 1, stop - 1);
    if (NOT_AS_WRITTEN.test(text) || !HAS_WORDS.test(text) || !(vision || !text.includes('image'))) continue;
    json += `${raw.toString('utf8', at, start)}"${MARK}${places.length / 2}${MARK}"`;
    places.push(start + 1, stop - 1);
    at = stop;
  }
  return places.length === 0 ? undefined : new LongTexts(raw, json + raw.toString('utf8', at, end), places);
}

function isKeyOfText(before: string): boolean {
  return before.endsWith('"text":') || before.endsWith('"content":');
}
