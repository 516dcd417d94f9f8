import type { Span } from '../../core/json-skim.ts';
import type { Envelope, Message } from '../../core/messages.ts';
import { keepNumbers, parseExact } from '../exact-numbers.ts';
import { messageTexts } from '../json-list.ts';

const COMMA = Buffer.from(',');
/** Fields with numbers of somebody else's, which have to come out as they went in. */
const EXACT_FIELDS = new Set(['tools', 'output_config']);

/**
 * A request while it is made fit for a target. A field is parsed when somebody asks for it and written anew when it was
 * set; all others go out as the bytes that came, so that nothing changes that need not, and a long conversation is
 * neither parsed nor written when only a small field is in the way.
 */
export class RequestDraft {
  readonly env: Envelope;
  /** What was left out or replaced, one line each. */
  readonly notes: string[] = [];
  readonly #values = new Map<string, unknown>();
  readonly #changed = new Map<string, unknown>();

  constructor(env: Envelope) {
    this.env = env;
  }

  get changed(): boolean {
    return this.#changed.size > 0;
  }

  has(name: string): boolean {
    if (this.#changed.has(name)) return this.#changed.get(name) !== undefined;
    return this.env.spans.has(name);
  }

  /** Names of the fields as they came. */
  names(): Iterable<string> {
    return this.env.spans.keys();
  }

  /** Value of a field; `undefined` when there is none. Shared: replace it by `set`, never edit it in place. Throws
   * `invalid_json` for a fault that only a parser sees. */
  get(name: string): unknown {
    if (this.#changed.has(name)) return this.#changed.get(name);
    if (this.#values.has(name)) return this.#values.get(name);
    const span = this.env.spans.get(name);
    if (span === undefined) return undefined;
    const value = this.#parse(name, span);
    this.#values.set(name, value);
    return value;
  }

  set(name: string, value: unknown): void {
    this.#changed.set(name, value);
  }

  delete(name: string, note?: string): void {
    if (!this.has(name)) return;
    this.#changed.set(name, undefined);
    if (note !== undefined) this.notes.push(note);
  }

  /** Whether these bytes occur in a field as it came. */
  mentions(name: string, bytes: string | Buffer): boolean {
    const span = this.env.spans.get(name);
    if (span === undefined) return false;
    const at = this.env.raw.indexOf(bytes, span[0]);
    return at !== -1 && at < span[1];
  }

  /** Whether an expression finds something in the bytes of a field as it came. */
  matches(name: string, expression: RegExp): boolean {
    const span = this.env.spans.get(name);
    return span !== undefined && expression.test(this.env.raw.toString('latin1', span[0], span[1]));
  }

  /** The request as pieces to be sent one after the other: untouched stretches are parts of the received buffer. */
  bytes(): Buffer[] {
    const { raw, spans } = this.env;
    if (!this.changed) return [raw];
    for (const [name, value] of this.#changed) if ((value === undefined) === spans.has(name)) return this.#rebuilt();
    const pieces: Buffer[] = [];
    let from = 0;
    for (const [name, [start, end]] of spans) {
      if (!this.#changed.has(name)) continue;
      pieces.push(raw.subarray(from, start), json(this.#changed.get(name)));
      from = end;
    }
    pieces.push(raw.subarray(from));
    return pieces;
  }

  /** Fields were added or removed: the object is put together from the fields, their values still as they came. */
  #rebuilt(): Buffer[] {
    const { raw, spans } = this.env;
    const pieces: Buffer[] = [];
    const add = (name: string, value: Buffer): void => {
      pieces.push(
        pieces.length === 0 ? Buffer.from('{') : COMMA,
        Buffer.from(`${JSON.stringify(name)}:`, 'utf8'),
        value,
      );
    };
    for (const [name, [start, end]] of spans) {
      if (!this.#changed.has(name)) add(name, raw.subarray(start, end));
      else if (this.#changed.get(name) !== undefined) add(name, json(this.#changed.get(name)));
    }
    for (const [name, value] of this.#changed) if (value !== undefined && !spans.has(name)) add(name, json(value));
    return [...pieces, Buffer.from(pieces.length === 0 ? '{}' : '}')];
  }

  #parse(name: string, [start, end]: Span): unknown {
    try {
      const text = this.env.raw.toString('utf8', start, end);
      if (name !== 'messages') return EXACT_FIELDS.has(name) ? parseExact(text) : JSON.parse(text);
      const messages: unknown = JSON.parse(text);
      if (Array.isArray(messages)) keepNumbers(messages as Message[], text, messageTexts(this.env));
      return messages;
    } catch {
      // Reads the whole body for the place of the fault, and throws.
      return (this.env.body() as Record<string, unknown>)[name];
    }
  }
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value), 'utf8');
}
