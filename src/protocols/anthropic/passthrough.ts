import type { UpstreamFault } from '../../core/failure.ts';
import { excerpt } from '../../core/redact.ts';
import { SseOverflow, SseReader } from '../../core/sse.ts';
import type { Usage } from '../../core/usage.ts';
import type { StreamState, StreamTranslator } from '../protocol.ts';
import type { Answer } from './answer.ts';
import { EventTranslator } from './event-translator.ts';
import { FrameReader } from './frame-reader.ts';
import type { MessageWriter } from './message-writer.ts';

const LF = 0x0a;
const CR = 0x0d;
const GZIP = 0x1f;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const LESS_THAN = 0x3c;
const MAX_FRAME_BYTES = 64 << 20;
const FRAME_END = Buffer.from('\n\n');
const NOTHING: readonly Buffer[] = [];
const MESSAGE_STOP = Buffer.from('event: message_stop\ndata: {"type":"message_stop"}\n\n');

/** The rest of a stream that is not what it must be, event by event through the writer. */
interface Repair {
  readonly reader: SseReader;
  readonly events: EventTranslator;
  readonly writer: MessageWriter;
}

/**
 * The stream of an endpoint that speaks the Messages API. Frames that are as they must be go on as the bytes they are,
 * whole stretches of a chunk at once; only the few that are not deltas are parsed. What is not quite right is replaced
 * frame by frame where that is enough (model name, message id, usage). From the first frame for which it is not, the
 * rest goes event by event through the writer, which is told what was sent so far.
 */
export class MessagesPassthrough implements StreamTranslator {
  readonly #answer: Answer;
  readonly #frames: FrameReader;
  /** Bytes that wait: the start of a frame whose end has not arrived, or a body that is no stream. */
  #carry: Buffer[] = [];
  #carryBytes = 0;
  #mode: 'start' | 'frames' | 'repair' | 'body' = 'start';
  #head: Buffer = Buffer.alloc(0);
  #sawEvent = false;
  #repair: Repair | undefined;
  #state: StreamState = 'empty';
  #fault: UpstreamFault | undefined;

  constructor(answer: Answer) {
    this.#answer = answer;
    this.#frames = new FrameReader(answer);
  }

  get usage(): Usage {
    return this.#answer.usage;
  }

  get state(): StreamState {
    return this.#state;
  }

  get fault(): UpstreamFault | undefined {
    return this.#fault;
  }

  push(chunk: Buffer): readonly Buffer[] {
    if (this.#isOver() || chunk.length === 0) return NOTHING;
    const bytes = this.#mode === 'start' ? this.#begin(chunk) : chunk;
    if (bytes === undefined) return NOTHING;
    if (this.#mode === 'repair') return this.#read(bytes);
    if (this.#mode === 'body') {
      this.#keep(bytes);
      return NOTHING;
    }
    const frames = this.#withCarry(bytes);
    return frames ? this.#pass(frames) : NOTHING;
  }

  end(): readonly Buffer[] {
    if (this.#isOver()) return NOTHING;
    const rest = this.#carryBytes === 0 ? undefined : Buffer.concat(this.#carry);
    if (this.#mode === 'body') return this.#wholeBody(rest as Buffer);
    if (this.#mode !== 'repair') {
      if (this.#frames.finished) return [this.#close()];
      this.#startRepair();
      // A last frame without its blank line is whole all the same, and this reader forgives that.
      if (rest) this.#guard(() => this.#repair?.reader.push(rest));
    }
    this.#guard(() => this.#repair?.reader.end());
    this.#repair?.events.end();
    return this.#settle();
  }

  #isOver(): boolean {
    return this.#state === 'done' || this.#state === 'failed';
  }

  /** Waits for the first byte that says what this is, without a byte order mark and blanks: some relays answer with a
   * message or a page. */
  #begin(chunk: Buffer): Buffer | undefined {
    const bytes = this.#carryBytes === 0 ? chunk : Buffer.concat([...this.#carry, chunk]);
    this.#carry = [];
    this.#carryBytes = 0;
    const start = firstByte(bytes);
    if (start === -1) {
      this.#keep(bytes);
      return undefined;
    }
    const rest = start === 0 ? bytes : bytes.subarray(start);
    const first = rest[0];
    this.#head = Buffer.from(rest.subarray(0, 300));
    if (first === GZIP) {
      this.#fail(this.#answer.broken('malformed', 'sent a compressed stream without saying so'));
      return undefined;
    }
    this.#mode = first === OPEN_BRACE || first === OPEN_BRACKET || first === LESS_THAN ? 'body' : 'frames';
    return rest;
  }

  /** The bytes with what was carried over, once they complete a frame; until then no byte is looked at twice. */
  #withCarry(bytes: Buffer): Buffer | undefined {
    if (this.#carryBytes === 0) return bytes;
    const last = this.#carry.at(-1);
    const completes = (bytes[0] === LF && last?.[last.length - 1] === LF) || bytes.indexOf(FRAME_END) !== -1;
    // Lines that end in a carriage return never make two line feeds in a row.
    if (!completes && bytes.indexOf(CR) === -1) {
      this.#keep(bytes);
      return undefined;
    }
    const joined = Buffer.concat([...this.#carry, bytes]);
    this.#carry = [];
    this.#carryBytes = 0;
    return joined;
  }

  #keep(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#carry.push(bytes);
    this.#carryBytes += bytes.length;
    if (this.#carryBytes > MAX_FRAME_BYTES) this.#fail(this.#answer.broken('malformed', 'sent an event without end'));
  }

  /** Untouched frames that follow each other are one stretch of the chunk. */
  #pass(bytes: Buffer): readonly Buffer[] {
    const frames = this.#frames;
    const out: Buffer[] = [];
    let from = 0;
    let at = 0;
    while (at < bytes.length) {
      const end = frames.read(bytes, at);
      if (end === -1) break;
      if (frames.verdict !== 'pass') {
        if (at > from) out.push(bytes.subarray(from, at));
        if (frames.verdict === 'repair') return this.#handOver(out, bytes.subarray(at));
        if (frames.verdict === 'fault') {
          this.#fail(frames.fault as UpstreamFault);
          return out;
        }
        if (frames.verdict === 'replace') out.push(frames.replacement);
        from = end;
      }
      at = end;
      if (frames.stopped) {
        this.#state = 'done';
        break;
      }
    }
    if (frames.hasContent && this.#state === 'empty') this.#state = 'content';
    if (at > from) out.push(from === 0 && at === bytes.length ? bytes : bytes.subarray(from, at));
    if (at < bytes.length && this.#state !== 'done') this.#keep(bytes.subarray(at));
    return out;
  }

  #handOver(out: Buffer[], rest: Buffer): readonly Buffer[] {
    // The stop reason has gone out: nothing can be added but the end.
    if (this.#frames.finished) out.push(this.#close());
    else {
      this.#startRepair();
      out.push(...this.#read(rest));
    }
    return out;
  }

  #close(): Buffer {
    this.#state = 'done';
    return MESSAGE_STOP;
  }

  #startRepair(): void {
    this.#mode = 'repair';
    const writer = this.#answer.writer(undefined, this.#frames.resume());
    const events = new EventTranslator(this.#answer, writer, this.#frames.open);
    const reader = new SseReader({
      event: (name, data) => {
        this.#sawEvent = true;
        events.event(name, data);
      },
      comment: () => {
        if (writer.started && !events.done && !events.fault) writer.ping();
      },
    });
    this.#repair = { reader, events, writer };
  }

  #read(bytes: Buffer): readonly Buffer[] {
    this.#guard(() => this.#repair?.reader.push(bytes));
    return this.#settle();
  }

  #guard(read: () => void): void {
    try {
      read();
    } catch (error) {
      if (!(error instanceof SseOverflow)) throw error;
      this.#fail(this.#answer.broken('malformed', 'sent an event without end'));
    }
  }

  /** Output and state after some events of the repair. */
  #settle(): readonly Buffer[] {
    if (this.#repair === undefined || this.#state === 'failed') return NOTHING;
    const { events, writer } = this.#repair;
    if (events.fault !== undefined) {
      const saidSomethingElse = !this.#sawEvent && !this.#frames.sawEvent && this.#head.length > 0;
      const what = `sent no events but: ${excerpt(this.#head.toString('utf8'))}`;
      this.#fail(saidSomethingElse ? this.#answer.broken('malformed', what) : events.fault);
    } else if (events.done) this.#state = 'done';
    else if (writer.hasContent) this.#state = 'content';
    return writer.take();
  }

  #wholeBody(body: Buffer): readonly Buffer[] {
    this.#startRepair();
    if (body[0] === LESS_THAN) {
      const what = `sent a page instead of a stream: ${excerpt(this.#head.toString('utf8'))}`;
      this.#fail(this.#answer.broken('malformed', what));
      return NOTHING;
    }
    this.#sawEvent = true;
    this.#repair?.events.event('', body);
    this.#repair?.events.end();
    return this.#settle();
  }

  #fail(fault: UpstreamFault): void {
    this.#state = 'failed';
    this.#fault = fault;
  }
}

/** Place of the first byte that is neither blank nor part of a byte order mark; -1 when there is none yet. */
function firstByte(bytes: Buffer): number {
  let at = 0;
  if (bytes[0] === 0xef) {
    if (bytes.length < 3) return -1;
    at = 3;
  }
  while (bytes[at] === 0x20 || bytes[at] === LF || bytes[at] === CR || bytes[at] === 0x09) at += 1;
  return at < bytes.length ? at : -1;
}
