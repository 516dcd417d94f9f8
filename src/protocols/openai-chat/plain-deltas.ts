import { isUtf8 } from 'node:buffer';
import type { StringRun } from '../anthropic/message-output.ts';
import type { ChatAnswer } from './answer.ts';
import { firstChoice } from './delta.ts';
import { isRecord } from './types.ts';

/** The inside of a JSON string that means the same wherever it is copied to: no quote, no control character, and of the
 * escapes only the short ones. */
const PLAIN = /^(?:[^"\\\p{Cc}]|\\["\\/bfnrt])*$/u;
const SHORT_ESCAPES = Buffer.from('"\\/bfnrt');
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Where tokens of chat templates begin: text that holds one of these has to be read. */
const TOKEN_STARTS = [0x3c, 0x5b] as const;
const LEARNING_TRIES = 16;
const MARK = 'midswap\u2060mark';

/**
 * The short way for the chunks that streams mostly consist of: everything equal but for one text. Once such a chunk has
 * been parsed, what stands before and behind its text is known; a chunk with the same bytes around another string is the
 * same document with another text, so the string is copied and nothing is parsed.
 */
export class PlainDeltas {
  #prefix: string | undefined;
  #suffix = '';
  #field = 'content';
  #index: number | undefined;
  #misses = 0;
  /** What stands before and behind the text in a whole event of the kind that is known, and between two of them. */
  #event: { readonly before: Buffer; readonly behind: Buffer; readonly between: Buffer } | undefined;

  /**
   * Adds as many events as follow each other from `at` on and are of the kind that is known. Where the first other event
   * begins.
   */
  copyRun(bytes: Buffer, at: number, answer: ChatAnswer): number {
    const event = this.#event;
    if (event === undefined || !standsAt(bytes, at, event.before)) return at;
    const { before, behind, between } = event;
    const isText = this.#field === 'content';
    const spans: number[] = [];
    let next = at;
    for (;;) {
      const start = next + before.length;
      const end = plainEnd(bytes, start, isText);
      if (end === start) break;
      // One comparison for the end of this event and the beginning of the next.
      const goesOn = standsAt(bytes, end, between);
      if (!goesOn && !standsAt(bytes, end, behind)) break;
      spans.push(start, end);
      next = end + behind.length;
      if (!goesOn) break;
    }
    if (spans.length === 0 || !isUtf8(bytes.subarray(at, next))) return at;
    const copied = this.#copyAll({ bytes, spans }, answer);
    if (copied === 0) return at;
    this.#misses = 0;
    return (spans[2 * copied - 1] as number) + behind.length;
  }

  /** Whether `copyRun` can do anything. */
  get knowsEvents(): boolean {
    return this.#event !== undefined;
  }

  /** Adds the chunk to the answer, if it is one of those. */
  tryCopy(text: string, answer: ChatAnswer): boolean {
    if (this.#prefix === undefined || text.length < this.#prefix.length + this.#suffix.length) return false;
    if (!text.startsWith(this.#prefix) || !text.endsWith(this.#suffix)) return false;
    const json = text.slice(this.#prefix.length, text.length - this.#suffix.length);
    if (json === '' || !PLAIN.test(json)) return false;
    const isCopied = this.#copy(json, answer);
    if (isCopied) this.#misses = 0;
    return isCopied;
  }

  #copy(json: string, answer: ChatAnswer): boolean {
    if (this.#field === 'content') return answer.plainText(json);
    if (this.#field === 'arguments') return answer.plainArguments(this.#index, json);
    return answer.plainReasoning(json);
  }

  /** How many of them could be. */
  #copyAll(run: StringRun, answer: ChatAnswer): number {
    if (this.#field === 'content') return answer.plainTexts(run) ? run.spans.length / 2 : 0;
    if (this.#field !== 'arguments') return answer.plainReasonings(run) ? run.spans.length / 2 : 0;
    const { bytes, spans } = run;
    let at = 0;
    while (at < spans.length && answer.plainArguments(this.#index, bytes.toString('utf8', spans[at], spans[at + 1])))
      at += 2;
    return at / 2;
  }

  /** Learns from a parsed chunk. Gives up where no two chunks are alike. */
  learn(text: string, chunk: Record<string, unknown>): void {
    if (this.#misses >= LEARNING_TRIES) return;
    const field = plainField(chunk);
    if (field === undefined) return;
    const span = stringSpan(text, field);
    if (span === undefined) return;
    const prefix = text.slice(0, span[0]);
    const suffix = text.slice(span[1]);
    if (prefix === this.#prefix && suffix === this.#suffix) return;
    this.#misses += 1;
    if (!isTemplate(prefix, suffix, field, chunk)) return;
    this.#prefix = prefix;
    this.#suffix = suffix;
    this.#field = field;
    this.#index = field === 'arguments' ? indexOf(chunk) : undefined;
    const before = Buffer.from(`data: ${prefix}`, 'utf8');
    const behind = Buffer.from(`${suffix}\n\n`, 'utf8');
    this.#event = { before, behind, between: Buffer.concat([behind, before]) };
  }
}

const REASONING = ['reasoning_content', 'reasoning'];
/** Where the string of a field begins. */
const STRING_START: Readonly<Record<string, RegExp>> = Object.fromEntries(
  ['content', 'arguments', ...REASONING].map((field) => [field, new RegExp(`"${field}"\\s*:\\s*"`)]),
);

function standsAt(bytes: Buffer, at: number, expected: Buffer): boolean {
  const end = at + expected.length;
  return end <= bytes.length && bytes.compare(expected, 0, expected.length, at, end) === 0;
}

/** Where the inside of a string ends that means the same wherever it is copied to: at its quote, or at the first byte
 * that has to be looked at. */
function plainEnd(bytes: Buffer, start: number, isText: boolean): number {
  let at = start;
  while (at < bytes.length) {
    const byte = bytes[at] as number;
    if (byte === BACKSLASH && SHORT_ESCAPES.includes(bytes[at + 1] ?? 0)) {
      at += 2;
      continue;
    }
    if (byte < 0x20 || byte === 0x7f || byte === QUOTE || byte === BACKSLASH) return at;
    if (isText && (byte === TOKEN_STARTS[0] || byte === TOKEN_STARTS[1])) return at;
    at += 1;
  }
  return at;
}

/** Name of the one field that says something in a chunk which says nothing else. */
function plainField(chunk: Record<string, unknown>): string | undefined {
  if (!hasNothing(chunk.usage) || chunk.error !== undefined || chunk.x_groq !== undefined) return undefined;
  const choice = firstChoice(chunk);
  if (choice === undefined || (chunk.choices as unknown[]).length !== 1 || !isRecord(choice.delta)) return undefined;
  if (!hasNothing(choice.finish_reason) || !hasNothing(choice.usage) || choice.message !== undefined) return undefined;
  if (!hasNothing(choice.stop_reason) || !hasNothing(choice.matched_stop)) return undefined;
  let found: string | undefined;
  for (const [key, value] of Object.entries(choice.delta)) {
    if (key === 'role' || hasNothing(value)) continue;
    if (found === undefined && key === 'tool_calls' && isMoreArguments(value)) {
      found = 'arguments';
      continue;
    }
    if (found !== undefined || typeof value !== 'string') return undefined;
    if (key !== 'content' && !REASONING.includes(key)) return undefined;
    found = key;
  }
  return found;
}

function hasNothing(value: unknown): boolean {
  return value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0);
}

/** Where the inside of the field's string stands. */
function stringSpan(text: string, field: string): readonly [number, number] | undefined {
  const match = STRING_START[field]?.exec(text);
  if (!match) return undefined;
  const start = match.index + match[0].length;
  let end = start;
  while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  return end < text.length ? [start, end] : undefined;
}

/** One entry that goes on with a call and says nothing else about it. */
function isMoreArguments(calls: unknown): boolean {
  const [entry, ...others] = Array.isArray(calls) ? calls : [];
  if (!isRecord(entry) || others.length > 0 || !isRecord(entry.function)) return false;
  const { name, arguments: text } = entry.function;
  return typeof text === 'string' && hasNothing(name) && hasNothing(entry.id) && entry.extra_content === undefined;
}

function indexOf(chunk: Record<string, unknown>): number | undefined {
  const index = holderOf(chunk, 'arguments')?.entry.index;
  return typeof index === 'number' ? index : undefined;
}

/** The object that holds the field, and the entry it belongs to. */
function holderOf(
  chunk: Record<string, unknown>,
  field: string,
): { readonly holder: Record<string, unknown>; readonly entry: Record<string, unknown> } | undefined {
  const delta = firstChoice(chunk)?.delta;
  if (!isRecord(delta)) return undefined;
  if (field !== 'arguments') return { holder: delta, entry: delta };
  const [entry]: unknown[] = Array.isArray(delta.tool_calls) ? delta.tool_calls : [];
  return isRecord(entry) && isRecord(entry.function) ? { holder: entry.function, entry } : undefined;
}

/** The same JSON value, keys in any order. */
function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, at) => isSame(item, b[at]));
  }
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => isSame((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]));
}

/** Proof by trial: with another text between the two ends, that text and nothing else is what changes. */
function isTemplate(prefix: string, suffix: string, field: string, chunk: Record<string, unknown>): boolean {
  try {
    const probe: unknown = JSON.parse(`${prefix}${MARK}${suffix}`);
    const changed = isRecord(probe) ? holderOf(probe, field)?.holder : undefined;
    const original = holderOf(chunk, field)?.holder;
    if (changed === undefined || original === undefined || changed[field] !== MARK) return false;
    changed[field] = original[field];
    return isSame(probe, chunk);
  } catch {
    return false;
  }
}
