import type { UpstreamFault } from '../../core/failure.ts';
import { emptyUsage } from '../../core/usage.ts';
import { type ErrorWords, readErrorValue, tellsFault } from '../upstream-error.ts';
import type { Answer } from './answer.ts';
import { errorInside } from './error.ts';
import { type MessageWriter, WriterMisuse } from './message-writer.ts';
import { isBrokenOff } from './stop-reason.ts';
import { tapUsage, usageExtra } from './usage.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A block of the upstream that was opened and not closed. */
interface OpenBlock {
  readonly kind: 'text' | 'thinking' | 'tool' | 'raw';
  /** The writer's name for a call: some upstreams give every block the same index. */
  readonly key: unknown;
  /** Input that came whole with the start of a call; written at its end if no deltas came. */
  input: string | undefined;
}

/**
 * Parsed events of a Messages stream that needs repair, into the writer: which puts right what can be put right (no
 * `event:` lines, blocks without a start, blocks that overlap, calls without an id) and refuses what cannot.
 */
export class EventTranslator {
  readonly #answer: Answer;
  readonly #writer: MessageWriter;
  readonly #open = new Map<unknown, OpenBlock>();
  /** Index of the block that was opened last: what comes without one belongs to it. */
  #last: unknown = 0;
  #stopReason: string | undefined;
  #stopSequence: string | null = null;
  #delta: Fields = {};
  #usageExtra: Fields = {};
  #extra: Fields = {};
  #sawDelta = false;
  /** The upstream's own end was written. */
  done = false;
  fault: UpstreamFault | undefined;

  /** `open`: a block that is open already, opened by somebody else. */
  constructor(
    answer: Answer,
    writer: MessageWriter,
    open?: { readonly index: unknown; readonly kind: OpenBlock['kind'] },
  ) {
    this.#answer = answer;
    this.#writer = writer;
    if (open) this.#begin(open.index, open.kind, open.index);
  }

  /** One event. `name` is that of the `event:` line, which counts only where the data has no type. */
  event(name: string, data: Buffer): void {
    if (this.done || this.fault) return;
    const value = parsed(data);
    if (value === undefined) {
      if (data.toString('latin1', 0, 16).trim() === '[DONE]') return;
      this.fault = this.#answer.broken('malformed', `sent an event that is not JSON: ${data.toString('utf8', 0, 200)}`);
      return;
    }
    try {
      this.#take(typeof value.type === 'string' ? value.type : name, value);
    } catch (error) {
      if (!(error instanceof WriterMisuse)) throw error;
      this.fault = this.#answer.broken('malformed', `sent events that do not fit together: ${error.message}`);
    }
  }

  /** Everything has arrived. An answer whose finish reason was seen is finished, whatever else is missing. */
  end(): void {
    if (this.done || this.fault) return;
    if (this.#stopReason !== undefined) this.#finish(this.#stopReason);
    else if (!this.#writer.started) this.fault = this.#answer.broken('empty', 'sent no message');
    else this.fault = this.#answer.broken('truncated', 'ended the stream in the middle of the answer');
  }

  /** A whole message where a stream was expected. */
  #message(message: Fields): void {
    this.#take('message_start', { message: { ...message, content: [] } });
    for (const [index, block] of contentOf(message).entries()) {
      this.#take('content_block_start', { index, content_block: block });
      this.#take('content_block_stop', { index });
    }
    const { id, type, role, model, content: _, stop_reason, stop_sequence, usage, ...rest } = message;
    this.#delta = rest;
    this.#take('message_delta', { delta: { stop_reason, stop_sequence }, usage });
    this.#take('message_stop', {});
  }

  #take(type: string, event: Fields): void {
    switch (type) {
      case 'message_start':
        return this.#start(fields(event.message));
      case 'content_block_start':
        return this.#blockStart(event.index ?? Symbol('block'), fields(event.content_block));
      case 'content_block_delta':
        return this.#blockDelta(event.index ?? this.#last, fields(event.delta));
      case 'content_block_stop':
        return this.#blockStop(event.index ?? this.#last);
      case 'message_delta':
        return this.#messageDelta(event);
      case 'message_stop':
        return this.#messageStop();
      case 'ping':
        if (this.#writer.started) this.#writer.ping();
        return;
      case 'message':
        return this.#message(event);
      case 'error':
        this.fault = errorInside(wordsOf(event), this.#answer.env, this.#answer.target);
        return;
      default:
        if (event.type === undefined ? tellsFault(event) : event.error !== undefined && event.error !== null) {
          this.fault = errorInside(wordsOf(event), this.#answer.env, this.#answer.target);
        } else if (event.choices !== undefined) {
          this.fault = this.#answer.broken('malformed', 'answered in another protocol (Chat Completions)');
        }
    }
  }

  #start(message: Fields): void {
    // A relay that started anew sends a second one; the client knows only one.
    if (this.#writer.started) return;
    const usage = this.#answer.tap(message.usage);
    const counts = emptyUsage();
    tapUsage(usage, counts);
    this.#writer.start({
      ...(typeof message.id === 'string' ? { id: message.id } : {}),
      usage: counts,
      usageExtra: usageExtra(usage),
    });
  }

  #blockStart(index: unknown, block: Fields): void {
    // A call whose input came whole has no deltas to come: its stop may be missing.
    for (const [key, open] of this.#open) if (key === index || open.input !== undefined) this.#blockStop(key);
    switch (block.type) {
      case 'text':
        this.#begin(index, 'text');
        if (Array.isArray(block.citations) && block.citations.length > 0) this.#writer.openText(block);
        else this.#writer.text(text(block.text));
        return;
      case 'thinking':
        this.#begin(index, 'thinking');
        if (text(block.thinking) === '') this.#writer.openThinking();
        else this.#writer.thinking(text(block.thinking));
        if (text(block.signature) !== '') this.#signature(text(block.signature));
        return;
      case 'redacted_thinking':
        this.#answer.remember(block.data);
        this.#writer.block(block);
        return;
      case 'tool_use': {
        const { type, id, name, input, ...rest } = block;
        const whole = typeof input === 'object' && input !== null && Object.keys(input).length > 0;
        const open = this.#begin(index, 'tool');
        open.input = whole ? JSON.stringify(input) : typeof input === 'string' && input !== '' ? input : undefined;
        this.#writer.tool(open.key, { id: text(id), name: text(name), block: rest });
        return;
      }
      default:
        if (typeof block.type !== 'string') throw new WriterMisuse('a block without a type');
        this.#begin(index, 'raw');
        this.#writer.openRaw(block);
    }
  }

  #begin(index: unknown, kind: OpenBlock['kind'], key: unknown = Symbol(kind)): OpenBlock {
    const open: OpenBlock = { kind, key, input: undefined };
    this.#open.set(index, open);
    this.#last = index;
    return open;
  }

  #blockDelta(index: unknown, delta: Fields): void {
    const open = this.#open.get(index);
    switch (delta.type) {
      case 'text_delta':
        if (open === undefined) this.#begin(index, 'text');
        return this.#writer.text(text(delta.text));
      case 'thinking_delta':
      case 'reasoning_delta':
        if (open?.kind === 'thinking') return this.#writer.moreThinking(thinkingOf(delta));
        if (open === undefined) this.#begin(index, 'thinking');
        return this.#writer.thinking(thinkingOf(delta));
      case 'signature_delta':
        // One that comes when something else was begun has no place any more: a block of thinking made for it would
        // stand last, where the client looks for the answer.
        if (this.#writer.openBlock !== 'thinking' && (open !== undefined || text(delta.signature) === '')) return;
        return this.#signature(text(delta.signature));
      case 'input_json_delta':
        if (typeof delta.partial_json !== 'string') return;
        if (open?.kind === 'raw') return this.#writer.rawDelta(delta);
        if (open?.kind !== 'tool') throw new WriterMisuse('arguments without a tool call');
        open.input = undefined;
        return this.#writer.toolArguments(open.key, text(delta.partial_json));
      default:
        // Sources may come before the text, and a block of text is opened by its first one otherwise.
        if (open?.kind === 'text' && delta.type === 'citations_delta' && this.#writer.openBlock !== 'text')
          this.#writer.openText({});
        if (open !== undefined && this.#isForClient(delta, open.kind)) this.#writer.rawDelta(delta);
    }
  }

  /** Whether a delta that is not of the common ones fits into the open block: what no client knows is left out. */
  #isForClient({ type }: Fields, kind: OpenBlock['kind']): boolean {
    if (typeof type !== 'string' || this.#writer.openBlock !== kind) return false;
    return this.#answer.genuine || kind === 'raw' || (kind === 'text' && type === 'citations_delta');
  }

  #signature(signature: string): void {
    this.#answer.remember(signature);
    this.#writer.signature(signature);
  }

  #blockStop(index: unknown): void {
    const open = this.#open.get(index);
    if (open === undefined) return;
    this.#open.delete(index);
    if (open.kind !== 'tool') {
      // What was opened meanwhile has closed it; then there is nothing of this block to close.
      if (this.#writer.openBlock === open.kind) this.#writer.closeBlock();
      return;
    }
    if (open.input !== undefined) this.#writer.toolArguments(open.key, open.input);
    this.#writer.toolDone(open.key);
  }

  #messageDelta(event: Fields): void {
    const { delta, usage, type, ...rest } = event;
    const { stop_reason: reason, stop_sequence: sequence, ...others } = fields(delta);
    this.#sawDelta = true;
    if (typeof reason === 'string' && reason !== '') this.#stopReason = reason;
    if (!this.#answer.genuine && this.#stopReason !== undefined && isBrokenOff(this.#stopReason)) {
      this.fault = this.#answer.broken('server_error', `broke the answer off (${this.#stopReason})`);
      return;
    }
    if (typeof sequence === 'string') this.#stopSequence = sequence;
    this.#delta = { ...this.#delta, ...others };
    const honest = this.#answer.tap(usage);
    this.#usageExtra = { ...this.#usageExtra, ...usageExtra(honest) };
    this.#extra = { ...this.#extra, ...rest };
  }

  #messageStop(): void {
    const reason = this.#stopReason ?? (this.#sawDelta && this.#writer.hasTools ? 'tool_use' : undefined);
    if (reason === undefined) this.fault = this.#answer.broken('truncated', 'ended the answer without a stop reason');
    else this.#finish(reason);
  }

  #finish(stopReason: string): void {
    for (const index of [...this.#open.keys()]) this.#blockStop(index);
    const { usage, genuine } = this.#answer;
    const sequence = this.#stopSequence;
    this.#writer.finish({
      stopReason: genuine ? stopReason : this.#answer.stopReason(stopReason, sequence, this.#writer.hasTools),
      stopSequence: sequence,
      usage,
      delta: this.#delta,
      usageExtra: this.#usageExtra,
      extra: this.#extra,
    });
    this.done = true;
  }
}

/** Blocks of a whole message. Some endpoints give a text in their place, or among them. */
export function contentOf({ content }: Fields): Fields[] {
  const list: readonly unknown[] = Array.isArray(content) ? content : [content];
  return list.flatMap((block) => {
    if (typeof block === 'string') return block === '' ? [] : [{ type: 'text', text: block }];
    return typeof block === 'object' && block !== null ? [block as Fields] : [];
  });
}

function wordsOf(event: Fields): ErrorWords {
  const words = readErrorValue(event);
  return words.message === '' ? { ...words, message: 'the upstream reported an error without a message' } : words;
}

function parsed(data: Buffer): Fields | undefined {
  try {
    const value: unknown = JSON.parse(data.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}

function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function thinkingOf(delta: Fields): string {
  return text(delta.thinking ?? delta.reasoning ?? delta.text);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
