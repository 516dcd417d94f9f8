import type { ChatAnswer } from './answer.ts';
import { firstChoice } from './delta.ts';
import { isRecord } from './types.ts';

/** The inside of a JSON string that means the same wherever it is copied to: no quote, no control character, and of the
 * escapes only the short ones. */
const PLAIN = /^(?:[^"\\\p{Cc}]|\\["\\/bfnrt])*$/u;
/** The same in ASCII, where a byte is a character: what any decoder would read as itself. */
const PLAIN_ASCII = /(?:[ !#-[\]-~]|\\["\\/bfnrt])+/y;
const ASCII = /^[ -~]*$/;
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
  /** What stands before and behind the text in a whole event of the kind that is known. */
  #event: readonly [before: string, behind: string] | undefined;

  /**
   * Adds as many events as follow each other from `at` on and are of the kind that is known. `bytes` is what was
   * received, a character for each byte. Where the first other event begins.
   */
  copyRun(bytes: string, at: number, answer: ChatAnswer): number {
    if (this.#event === undefined) return at;
    const [before, behind] = this.#event;
    let next = at;
    while (bytes.startsWith(before, next)) {
      const start = next + before.length;
      PLAIN_ASCII.lastIndex = start;
      if (!PLAIN_ASCII.test(bytes)) break;
      const end = PLAIN_ASCII.lastIndex;
      if (!bytes.startsWith(behind, end) || !this.#copy(bytes.slice(start, end), answer)) break;
      next = end + behind.length;
    }
    if (next > at) this.#misses = 0;
    return next;
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
    const isAscii = ASCII.test(prefix) && ASCII.test(suffix);
    this.#event = isAscii ? [`data: ${prefix}`, `${suffix}\n\n`] : undefined;
  }
}

const REASONING = ['reasoning_content', 'reasoning'];

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
  const match = new RegExp(`"${field}"\\s*:\\s*"`).exec(text);
  if (match === null) return undefined;
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

/** Proof by trial: with another text between the two ends, that text and nothing else is what changes. */
function isTemplate(prefix: string, suffix: string, field: string, chunk: Record<string, unknown>): boolean {
  try {
    const probe: unknown = JSON.parse(`${prefix}${MARK}${suffix}`);
    const changed = isRecord(probe) ? holderOf(probe, field)?.holder : undefined;
    const original = holderOf(chunk, field)?.holder;
    if (changed === undefined || original === undefined || changed[field] !== MARK) return false;
    changed[field] = original[field];
    return JSON.stringify(probe) === JSON.stringify(chunk);
  } catch {
    return false;
  }
}
