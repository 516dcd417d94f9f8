import type { TextToolCallFormat } from '../core/target.ts';
import { Quotes } from './quotes.ts';
import { NOTATIONS, type Notation, type SchemaOf, type TextToolCall } from './text-tool-formats.ts';

export type TextItem =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'call'; readonly call: TextToolCall };

/** Characters behind the start by which it is decided what a notation is. */
const HEAD = 64;
const LONGEST_END = Math.max(...NOTATIONS.map((notation) => notation.end?.length ?? 0));
const LONGEST_START = Math.max(...NOTATIONS.map((notation) => notation.start.length));

/**
 * Recovers tool calls that a model wrote into its text, in pieces cut anywhere. Only what is a whole call of a declared
 * tool in an enabled notation becomes one. Everything else, in backticks, in code fences, half or malformed, comes out
 * as the text it is.
 */
export class TextToolCalls {
  readonly #notations: readonly Notation[];
  readonly #schemaOf: SchemaOf;
  #buffer = '';
  /** Notations that the buffer may be the beginning of, and how far each was searched for its end. */
  #open: { readonly notation: Notation; searched: number }[] = [];
  /** Pieces of a long call that hold no end of it; joined when one comes, so that the time stays linear. */
  #pieces: string[] = [];
  #tail = '';
  #afterCall = false;
  /** Something came out already. */
  #hasSpoken = false;
  readonly #quotes = new Quotes();

  constructor(formats: readonly TextToolCallFormat[], schemaOf: SchemaOf) {
    this.#notations = NOTATIONS.filter((notation) => formats.includes(notation.format));
    this.#schemaOf = schemaOf;
  }

  push(text: string): TextItem[] {
    const out: TextItem[] = [];
    if (this.#isInsideStill(text)) return out;
    this.#buffer += this.#pieces.join('') + text;
    this.#pieces = [];
    while (this.#buffer !== '' && this.#step(out, false));
    return out;
  }

  /** The stream ended: a call that is not whole is text. */
  end(): TextItem[] {
    const out: TextItem[] = [];
    this.#buffer += this.#pieces.join('');
    this.#pieces = [];
    while (this.#buffer !== '') {
      if (this.#step(out, true) || this.#endWithAnswer(out)) continue;
      if (this.#open.length > 0) this.#giveUp(out);
      else this.#emit(this.#take(this.#buffer.length), out);
    }
    return out;
  }

  /** Takes a piece in the middle of a call, if that is what it is. */
  #isInsideStill(text: string): boolean {
    const isLong =
      this.#open.length > 0 && this.#open.every(({ searched, notation }) => searched > notation.start.length + HEAD);
    if (!isLong) return false;
    const seen = (this.#pieces.length === 0 ? this.#buffer.slice(-LONGEST_END) : this.#tail) + text;
    if (this.#open.some(({ notation }) => notation.end !== undefined && seen.includes(notation.end))) return false;
    this.#pieces.push(text);
    this.#tail = seen.slice(-LONGEST_END);
    return true;
  }

  #step(out: TextItem[], isFinal: boolean): boolean {
    return this.#open.length > 0 ? this.#inside(out) : this.#outside(out, isFinal);
  }

  #outside(out: TextItem[], isFinal: boolean): boolean {
    if (this.#afterCall) {
      this.#buffer = this.#buffer.trimStart();
      if (this.#buffer === '') return false;
      this.#afterCall = false;
    }
    const start = this.#nextStart();
    if (start !== undefined) {
      this.#emit(this.#take(start.at), out);
      if (!isFinal && this.#mayBeLonger()) return false;
      if (this.#quotes.isQuoted) this.#emit(this.#take(start.length), out);
      else this.#open = start.notations.map((notation) => ({ notation, searched: notation.start.length }));
      return true;
    }
    const keep = isFinal ? this.#buffer.length : this.#partialStart();
    this.#emit(this.#take(keep), out);
    return false;
  }

  #inside(out: TextItem[]): boolean {
    this.#open = this.#open.filter(({ notation, searched }) => {
      // The head is decided early; behind it only the end is looked for.
      return searched > notation.start.length + HEAD || notation.head.test(this.#buffer.slice(notation.start.length));
    });
    if (this.#open.length === 0) {
      this.#emit(this.#take(1), out);
      return true;
    }
    for (const candidate of this.#open) {
      const calls = this.#search(candidate);
      if (calls === undefined) continue;
      this.#found(calls, out);
      return true;
    }
    return false;
  }

  #found(calls: readonly TextToolCall[], out: TextItem[]): void {
    this.#open = [];
    this.#afterCall = true;
    this.#hasSpoken = true;
    for (const call of calls) out.push({ kind: 'call', call });
  }

  /** What is left may be calls that only the end of the answer ends. */
  #endWithAnswer(out: TextItem[]): boolean {
    for (const { notation } of this.#open) {
      if (notation.end !== undefined) continue;
      const calls = this.#declared(notation.parse(this.#buffer.slice(notation.start.length), this.#schemaOf));
      if (calls === undefined) continue;
      this.#buffer = '';
      this.#found(calls, out);
      return true;
    }
    return false;
  }

  #declared(calls: TextToolCall[] | undefined): TextToolCall[] | undefined {
    return calls?.every((call) => this.#schemaOf(call.name) !== undefined) === true ? calls : undefined;
  }

  /** The calls up to the first end that makes sense; an end may also stand inside of an argument. */
  #search(candidate: { readonly notation: Notation; searched: number }): TextToolCall[] | undefined {
    const { start, end: mark, parse } = candidate.notation;
    if (mark === undefined) {
      candidate.searched = this.#buffer.length;
      return undefined;
    }
    for (;;) {
      const end = this.#buffer.indexOf(mark, candidate.searched);
      if (end === -1) {
        candidate.searched = Math.max(candidate.searched, this.#buffer.length - mark.length + 1);
        return undefined;
      }
      const calls = this.#declared(parse(this.#buffer.slice(start.length, end), this.#schemaOf));
      candidate.searched = end + mark.length;
      if (calls !== undefined) {
        this.#buffer = this.#buffer.slice(candidate.searched);
        return calls;
      }
    }
  }

  #giveUp(out: TextItem[]): void {
    this.#open = [];
    this.#emit(this.#take(1), out);
  }

  #nextStart(): { at: number; length: number; notations: Notation[] } | undefined {
    let at = -1;
    for (const notation of this.#notations) {
      const found = this.#startOf(notation);
      if (found !== -1 && (at === -1 || found < at)) at = found;
    }
    if (at === -1) return undefined;
    const notations = this.#notations.filter(
      (notation) =>
        this.#buffer.startsWith(notation.start, at) && (!notation.atStart || this.#startOf(notation) === at),
    );
    return { at, length: notations[0]?.start.length ?? 1, notations };
  }

  #startOf({ start, atStart }: Notation): number {
    if (!atStart) return this.#buffer.indexOf(start);
    if (this.#hasSpoken) return -1;
    const at = this.#buffer.search(/\S/);
    return at !== -1 && this.#buffer.startsWith(start, at) ? at : -1;
  }

  /** The whole buffer is the beginning of a longer start than the one that was found. */
  #mayBeLonger(): boolean {
    return this.#notations.some(({ start }) => start.length > this.#buffer.length && start.startsWith(this.#buffer));
  }

  /** Length of the buffer without an end that may begin a notation. */
  #partialStart(): number {
    const from = Math.max(0, this.#buffer.length - LONGEST_START);
    for (let at = from; at < this.#buffer.length; at += 1) {
      if (this.#buffer[at] !== '<' && this.#buffer[at] !== '[') continue;
      const end = this.#buffer.slice(at);
      if (this.#notations.some(({ start }) => start.startsWith(end))) return at;
    }
    return this.#buffer.length;
  }

  #take(length: number): string {
    const taken = this.#buffer.slice(0, length);
    this.#buffer = this.#buffer.slice(length);
    return taken;
  }

  #emit(text: string, out: TextItem[]): void {
    if (text === '') return;
    this.#hasSpoken ||= text.trim() !== '';
    this.#quotes.push(text);
    const last = out.at(-1);
    if (last?.kind === 'text') out[out.length - 1] = { kind: 'text', text: last.text + text };
    else out.push({ kind: 'text', text });
  }
}
