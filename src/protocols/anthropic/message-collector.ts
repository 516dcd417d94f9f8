import type { MessageOutput, StringRun } from './message-output.ts';

interface Collected {
  readonly block: Record<string, unknown>;
  /** Pieces of the growing field as the insides of JSON strings. */
  text: string;
  signature: string;
  citations: unknown[];
}

/** Turns the argument text of a call into its input; must give an object. `complete` is false when the model was cut
 * off by its token limit. */
export type ParseInput = (text: string, complete: boolean) => unknown;

/**
 * The other output of a `MessageWriter`: the answer to a request without `stream`, built from the same calls as the
 * stream. Give it to the writer, and take `message()` when the writer has been finished.
 */
export class MessageCollector implements MessageOutput {
  readonly #parseInput: ParseInput;
  readonly #blocks: Collected[] = [];
  #head: { id: string; model: string; usage: Readonly<Record<string, unknown>> } | undefined;
  #tail: Record<string, unknown> | undefined;
  #current: Collected | undefined;

  constructor(parseInput: ParseInput = objectOrRaw) {
    this.#parseInput = parseInput;
  }

  /** The Messages JSON; `undefined` until the writer has been finished. */
  message(): Record<string, unknown> | undefined {
    if (this.#head === undefined || this.#tail === undefined) return undefined;
    const { id, model, usage } = this.#head;
    const { usage: final, ...tail } = this.#tail;
    const complete = tail.stop_reason !== 'max_tokens';
    const content = this.#blocks.map((collected) => this.#finished(collected, complete));
    const counts = { ...usage, ...(final as Record<string, unknown>) };
    return { id, type: 'message', role: 'assistant', model, content, ...tail, usage: counts };
  }

  /** The Messages JSON as bytes. */
  bytes(): Buffer | undefined {
    const message = this.message();
    return message === undefined ? undefined : Buffer.from(JSON.stringify(message), 'utf8');
  }

  start(id: string, model: string, usage: Readonly<Record<string, unknown>>): void {
    this.#head = { id, model, usage };
  }

  openBlock(_index: number, block: string): void {
    this.#current = { block: JSON.parse(block) as Record<string, unknown>, text: '', signature: '', citations: [] };
    this.#blocks.push(this.#current);
  }

  text(json: string): void {
    this.#open().text += json;
  }

  thinking(json: string): void {
    this.#open().text += json;
  }

  textRun({ bytes, spans }: StringRun): void {
    const collected = this.#open();
    for (let at = 0; at < spans.length; at += 2) collected.text += bytes.toString('utf8', spans[at], spans[at + 1]);
  }

  thinkingRun(run: StringRun): void {
    this.textRun(run);
  }

  /** The last one counts, as in the official client. */
  signature(json: string): void {
    this.#open().signature = json;
  }

  toolArguments(json: string): void {
    this.#open().text += json;
  }

  delta(delta: Readonly<Record<string, unknown>>): void {
    const open = this.#open();
    if (delta.type === 'citations_delta') open.citations.push(delta.citation);
    else if (typeof delta.partial_json === 'string') open.text += JSON.stringify(delta.partial_json).slice(1, -1);
    else if (typeof delta.content === 'string') {
      const before = typeof open.block.content === 'string' ? open.block.content : '';
      open.block.content = before + delta.content;
    }
  }

  closeBlock(): void {
    this.#current = undefined;
  }

  ping(): void {}

  finish(
    delta: Readonly<Record<string, unknown>>,
    usage: Readonly<Record<string, unknown>>,
    extra: Readonly<Record<string, unknown>>,
  ): void {
    this.#tail = { ...delta, ...extra, usage };
  }

  resume(): void {
    throw new Error('a collector cannot take over a stream');
  }

  take(): readonly Buffer[] {
    return [];
  }

  #open(): Collected {
    if (this.#current === undefined) throw new Error('a delta without an open block');
    return this.#current;
  }

  #finished({ block, text, signature, citations }: Collected, complete: boolean): Record<string, unknown> {
    switch (block.type) {
      case 'text': {
        const cited = citations.length === 0 ? {} : { citations };
        return { ...block, text: unescaped(text), ...cited };
      }
      case 'thinking':
        return { ...block, thinking: unescaped(text), signature: unescaped(signature) };
      default:
        if (text === '') return block;
        return { ...block, input: this.#parseInput(unescaped(text), complete) };
    }
  }
}

function unescaped(json: string): string {
  return JSON.parse(`"${json}"`) as string;
}

/** A call's input must be an object; what is not one stays readable for the client, which reports it to the model. */
function objectOrRaw(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Falls through: the model wrote something that is not JSON.
  }
  return { raw_arguments: text };
}
