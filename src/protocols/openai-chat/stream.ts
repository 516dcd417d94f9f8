import type { UpstreamFault } from '../../core/failure.ts';
import type { Envelope } from '../../core/messages.ts';
import { SseOverflow, SseReader } from '../../core/sse.ts';
import type { Target } from '../../core/target.ts';
import type { Usage } from '../../core/usage.ts';
import type { ProtocolContext, StreamState, StreamTranslator } from '../protocol.ts';
import { ChatAnswer } from './answer.ts';
import { brokenFault, faultOfEvent } from './error.ts';
import { PlainDeltas } from './plain-deltas.ts';
import { isRecord } from './types.ts';

const MAX_BODY_BYTES = 64 << 20;
const HEAD_BYTES = 2_000;
const EVENT_END = Buffer.from('\n\n');
/** Of `data`, with which nearly every stream begins. */
const LETTER_D = 0x64;

/** A stream of chunks, or whatever came instead of one, as Messages events. */
export class ChatStream implements StreamTranslator {
  readonly #env: Envelope;
  readonly #target: Target;
  readonly #answer: ChatAnswer;
  readonly #reader: SseReader;
  readonly #plain = new PlainDeltas();
  /** `sse` once the first byte says so; `json` is an answer in one piece. */
  #form: 'unknown' | 'sse' | 'json' = 'unknown';
  /** Bytes until the first event, or the whole body when it is JSON. */
  #body: Buffer[] = [];
  #bodyBytes = 0;
  #sawEvent = false;

  constructor(env: Envelope, target: Target, context: ProtocolContext) {
    this.#env = env;
    this.#target = target;
    this.#answer = new ChatAnswer(env, target, context);
    this.#reader = new SseReader({ event: (event, data) => this.#event(event, data) });
  }

  get usage(): Usage {
    return this.#answer.usage;
  }

  get state(): StreamState {
    return this.#answer.state;
  }

  get fault(): UpstreamFault | undefined {
    return this.#answer.fault;
  }

  push(chunk: Buffer): readonly Buffer[] {
    if (this.#answer.isOver || chunk.length === 0) return [];
    if (!this.#sawEvent) this.#keep(chunk);
    if (this.#form === 'unknown') this.#form = this.#formOf();
    if (this.#form === 'sse') this.#read(() => this.#events(chunk));
    return this.#answer.take();
  }

  end(): readonly Buffer[] {
    if (this.#answer.isOver) return [];
    if (this.#form === 'json') this.#wholeBody();
    else {
      this.#read(() => this.#reader.end());
      if (!this.#sawEvent && this.#bodyBytes > 0) this.#answer.fail(notAnAnswer(this.#head(), this.#target));
      this.#answer.end();
    }
    return this.#answer.take();
  }

  /** Runs of plain events are copied; of the others one after the other is read. */
  #events(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.#answer.isOver) {
      if (this.#plain.knowsEvents && this.#reader.isBetweenEvents) {
        at = this.#plain.copyRun(chunk, at, this.#answer);
        if (at === chunk.length) return;
      }
      const end = chunk.indexOf(EVENT_END, at);
      if (end === -1) return this.#reader.push(at === 0 ? chunk : chunk.subarray(at));
      this.#reader.push(chunk.subarray(at, end + EVENT_END.length));
      at = end + EVENT_END.length;
    }
  }

  #read(step: () => void): void {
    try {
      step();
    } catch (thrown) {
      if (!(thrown instanceof SseOverflow)) throw thrown;
      this.#answer.fail(brokenFault('malformed', thrown.message, this.#target));
    }
  }

  #event(event: string, data: Buffer): void {
    if (this.#answer.isOver) return;
    const text = data.toString('utf8');
    if (event !== 'error' && this.#plain.tryCopy(text, this.#answer)) return;
    const chunk = readEvent(event, text, this.#answer, this.#env, this.#target);
    if (chunk === 'nothing') return;
    this.#sawEvent = true;
    this.#body = [];
    if (isRecord(chunk)) this.#plain.learn(text, chunk);
  }

  #keep(chunk: Buffer): void {
    this.#bodyBytes += chunk.length;
    if (this.#form === 'json' && this.#bodyBytes > MAX_BODY_BYTES) {
      this.#answer.fail(brokenFault('malformed', 'the answer is too long', this.#target));
    } else if (this.#form === 'json') this.#body.push(chunk);
    else {
      const room = HEAD_BYTES - (this.#bodyBytes - chunk.length);
      if (room > 0) this.#body.push(chunk);
    }
  }

  /** What the first visible byte tells. Events begin with a field or a colon, never with a brace. */
  #formOf(): 'unknown' | 'sse' | 'json' {
    if (this.#body[0]?.[0] === LETTER_D) return 'sse';
    const head = Buffer.concat(this.#body.map((piece) => piece.subarray(0, HEAD_BYTES)))
      .toString('utf8')
      .replace(/^\uFEFF/, '')
      .trimStart();
    if (head === '') return 'sse';
    if (head.startsWith('{') || head.startsWith('[')) return 'json';
    if (head.startsWith('<')) this.#answer.fail(notAnAnswer(this.#head(), this.#target));
    return 'sse';
  }

  #head(): string {
    return Buffer.concat(this.#body).toString('utf8');
  }

  #wholeBody(): void {
    const text = this.#head().replace(/^\uFEFF/, '');
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      this.#answer.fail(notAnAnswer(this.#head(), this.#target));
      return;
    }
    wholeAnswer(Array.isArray(value) ? value[0] : value, this.#answer, this.#target);
  }
}

/** Feeds one event to the machine. Gives the chunk it was, if it was one; `nothing` for what is no part of an answer. */
function readEvent(
  event: string,
  data: string,
  answer: ChatAnswer,
  env: Envelope,
  target: Target,
): Record<string, unknown> | 'nothing' | 'other' {
  const text = data.trim();
  if (text === '') return 'nothing';
  if (event === 'error') {
    answer.fail(faultOfEvent(Buffer.from(text), env, target));
    return 'other';
  }
  if (text[0] === '[' && /^\[DONE\]$/i.test(text)) {
    answer.done();
    return 'other';
  }
  // Some servers print what they think into the stream; what does not even begin as JSON is no part of the answer.
  if (text[0] !== '{' && text[0] !== '[') return 'nothing';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    if (text[0] === '[' && !/^\[\s*\{/.test(text)) return 'nothing';
    if (text.includes('\n')) return readLines(event, text, answer, env, target);
    answer.fail(brokenFault('malformed', `a chunk is not JSON: ${text.slice(0, 200)}`, target));
    return 'other';
  }
  for (const each of Array.isArray(value) ? value : [value]) if (isRecord(each)) answer.chunk(each);
  return isRecord(value) ? value : 'other';
}

/** Several events that no blank line divides: each line is one, and the first that is not ends it. */
function readLines(event: string, text: string, answer: ChatAnswer, env: Envelope, target: Target): 'other' {
  for (const line of text.split('\n')) if (!answer.isOver) readEvent(event, line, answer, env, target);
  return 'other';
}

/** Feeds a whole stream of events to the machine. */
export function readEvents(body: Buffer, answer: ChatAnswer, env: Envelope, target: Target): void {
  let sawEvent = false;
  const reader = new SseReader({
    event: (event, data) => {
      if (!answer.isOver && readEvent(event, data.toString('utf8'), answer, env, target) !== 'nothing') sawEvent = true;
    },
  });
  reader.push(body);
  reader.end();
  if (!sawEvent && body.length > 0) answer.fail(notAnAnswer(body.toString('utf8', 0, 2_000), target));
  answer.end();
}

function notAnAnswer(head: string, target: Target): UpstreamFault {
  const isPage = head.trimStart().startsWith('<');
  const what = isPage ? 'HTML instead of SSE' : 'no SSE';
  const visible = isPage ? head.replace(/<(script|style)[\s\S]*?<\/\1>/gi, ' ').replace(/<[^>]*>/g, ' ') : head;
  return brokenFault(
    'malformed',
    `${hostOf(target.endpoint.baseUrl)} answered with ${what}: ${visible.slice(0, 300)}`,
    target,
  );
}

/** Feeds a complete answer in one piece to the machine. */
export function wholeAnswer(value: unknown, answer: ChatAnswer, target: Target): void {
  if (!isRecord(value)) {
    answer.fail(brokenFault('malformed', 'the answer is not an object', target));
    return;
  }
  answer.chunk(value);
  if (!Array.isArray(value.choices) || value.choices.length === 0) {
    answer.fail(brokenFault('malformed', 'the upstream returned no choices', target));
  }
  answer.done();
}

function hostOf(baseUrl: string): string {
  return /^[a-z]+:\/\/([^/?#]+)/i.exec(baseUrl)?.[1] ?? baseUrl;
}
