import type { UpstreamFault } from '../../core/failure.ts';
import { skimObject } from '../../core/json-skim.ts';
import { readErrorValue } from '../upstream-error.ts';
import type { Answer } from './answer.ts';
import { errorInside } from './error.ts';
import { canBeUnique, isLegalCallId, type Resume } from './message-writer.ts';
import { isBrokenOff } from './stop-reason.ts';
import { countsOf, isCounted } from './usage.ts';

/** What becomes of a frame: on as it is, something else in its place, nothing, this and the rest through the writer, or
 * the end of it all. */
export type Verdict = 'pass' | 'replace' | 'drop' | 'repair' | 'fault';

type Kind = 'text' | 'thinking' | 'tool' | 'raw';
type Fields = Readonly<Record<string, unknown>>;

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;
const QUOTE = 0x22;
const CLOSE_BRACE = 0x7d;
const BACKSLASH = 0x5c;
const LOWER_U = 0x75;
const ESCAPABLE = Buffer.from('"\\\\/bfnrt');
const EVENT = Buffer.from('event: ');
const DATA = Buffer.from('data: ');
const DELTA = Buffer.from('content_block_delta\n');
/** Frames that say nothing but their name, as Anthropic writes them. */
const PLAIN_STOP = Buffer.from('message_stop\ndata: {"type":"message_stop"}\n\n');
const PLAIN_PINGS = ['{"type": "ping"}', '{"type":"ping"}'].map((data) => Buffer.from(`ping\ndata: ${data}\n\n`));
const NOTHING = Buffer.alloc(0);

/** How the delta begins that a kind of block is made of. */
const DELTA_HEAD: Readonly<Record<Kind, string>> = {
  text: '{"type":"text_delta","text":"',
  thinking: '{"type":"thinking_delta","thinking":"',
  tool: '{"type":"input_json_delta","partial_json":"',
  raw: '{"type":"input_json_delta","partial_json":"',
};

/**
 * Reads frames one after the other out of bytes that begin at a frame, and says what becomes of each. A frame is what it
 * must be when it is `event: NAME`, one `data: ` line of JSON of that type and a blank line, at its place in the grammar.
 * Deltas are compared with the bytes that a delta of the open block begins with, and not parsed.
 *
 * What the client has been sent so far is kept for whoever takes over.
 */
export class FrameReader {
  readonly #answer: Answer;
  /** What a plain delta of the open block begins with, up to its text. */
  #deltaHead: Buffer = NOTHING;
  /** How the plain end of the open block is written. */
  #plainEnd: Buffer = NOTHING;
  #started = false;
  #blocks = 0;
  #open: { readonly index: number; readonly kind: Kind } | undefined;
  #signed = false;
  readonly #toolIds: string[] = [];
  #stopReason: string | undefined;
  /** A `message_delta` without a stop reason was completed, because there are calls. */
  #completed = false;
  verdict: Verdict = 'pass';
  replacement: Buffer = NOTHING;
  fault: UpstreamFault | undefined;
  /** An event has been read, whatever became of it. */
  sawEvent = false;
  /** Something to show has been seen. */
  hasContent = false;
  /** `message_stop` has been seen. */
  stopped = false;

  constructor(answer: Answer) {
    this.#answer = answer;
  }

  /** The stop reason was sent and no block is open: only `message_stop` is missing. */
  get finished(): boolean {
    return this.#stopReason !== undefined && this.#open === undefined;
  }

  get open(): { readonly index: number; readonly kind: Kind } | undefined {
    return this.#open;
  }

  /** For the writer that goes on from here; `undefined` when nothing was sent. */
  resume(): Resume | undefined {
    if (!this.#started) return undefined;
    const open = this.#open;
    return {
      blocks: this.#blocks,
      toolIds: this.#toolIds,
      signed: this.#signed,
      ...(open && { open: open.kind === 'tool' ? { kind: open.kind, key: open.index } : { kind: open.kind } }),
    };
  }

  /** End of the frame that starts at `at`, with `verdict` set; -1 when it is not whole. */
  read(bytes: Buffer, at: number): number {
    this.verdict = 'pass';
    const event = compare(bytes, at, EVENT);
    if (event !== 1) return event === -1 ? -1 : this.#unusual(bytes, at);
    const name = at + EVENT.length;
    const isDelta = compare(bytes, name, DELTA) === 1;
    const nameEnd = isDelta ? name + DELTA.length - 1 : bytes.indexOf(LF, name);
    if (nameEnd === -1) return bytes.indexOf(CR, name) === -1 ? -1 : this.#repair(bytes);
    const line = compare(bytes, nameEnd + 1, DATA);
    if (line !== 1) return line === -1 ? -1 : this.#repair(bytes);
    const json = nameEnd + 1 + DATA.length;
    const jsonEnd = bytes.indexOf(LF, json);
    if (jsonEnd === -1 || jsonEnd + 1 === bytes.length) return -1;
    if (bytes[jsonEnd + 1] !== LF) return this.#repair(bytes);
    this.sawEvent = true;
    if (isDelta ? this.#isPlainDelta(bytes, json, jsonEnd) : this.#isPlainFrame(bytes, name)) return jsonEnd + 2;
    this.#look(bytes.toString('latin1', name, nameEnd), bytes.subarray(json, jsonEnd));
    return jsonEnd + 2;
  }

  /** A line that begins no event: a comment or a blank line goes, anything else is for the reader of every framing. */
  #unusual(bytes: Buffer, at: number): number {
    if (bytes[at] === LF) {
      this.verdict = this.#answer.genuine ? 'pass' : 'drop';
      return at + 1;
    }
    if (bytes[at] !== COLON) return this.#repair(bytes);
    const end = bytes.indexOf(LF, at);
    if (end === -1) return bytes.indexOf(CR, at) === -1 ? -1 : this.#repair(bytes);
    if (bytes[end - 1] === CR) return this.#repair(bytes);
    if (!this.#answer.genuine) {
      this.verdict = this.#started ? 'replace' : 'drop';
      this.replacement = PING;
    }
    return end + 1;
  }

  #repair(bytes: Buffer): number {
    this.verdict = 'repair';
    return bytes.length;
  }

  #isPlainDelta(bytes: Buffer, json: number, jsonEnd: number): boolean {
    if (this.#open === undefined || compare(bytes, json, this.#deltaHead) !== 1) return false;
    let last = jsonEnd - 1;
    while (bytes[last] === SPACE) last -= 1;
    if (bytes[last] !== CLOSE_BRACE || bytes[last - 1] !== CLOSE_BRACE || bytes[last - 2] !== QUOTE) return false;
    if (!this.#answer.genuine && !isInsideOfString(bytes, json + this.#deltaHead.length, last - 2)) return false;
    this.hasContent = true;
    return true;
  }

  /** Frames that are always written the same way need not be parsed. */
  #isPlainFrame(bytes: Buffer, name: number): boolean {
    if (this.#open !== undefined && compare(bytes, name, this.#plainEnd) === 1) {
      this.#open = undefined;
      return true;
    }
    if (this.#open === undefined && this.#stopReason !== undefined && compare(bytes, name, PLAIN_STOP) === 1) {
      this.stopped = true;
      return true;
    }
    return PLAIN_PINGS.some((ping) => compare(bytes, name, ping) === 1);
  }

  #look(name: string, data: Buffer): void {
    const event = parsed(data);
    if (event === undefined) {
      if (data.toString('latin1', 0, 16).trim() === '[DONE]') this.verdict = 'drop';
      else
        this.#fail(
          this.#answer.broken('malformed', `sent an event that is not JSON: ${data.toString('utf8', 0, 200)}`),
        );
      return;
    }
    if (event.type !== name) {
      this.verdict = this.#answer.genuine && event.error === undefined ? 'pass' : 'repair';
      return;
    }
    switch (name) {
      case 'message_start':
        return this.#messageStart(event, data);
      case 'content_block_start':
        return this.#blockStart(event);
      case 'content_block_delta':
        return this.#blockDelta(event);
      case 'content_block_stop':
        return this.#blockStop(event);
      case 'message_delta':
        return this.#messageDelta(event);
      case 'message_stop':
        return this.#messageStop();
      case 'ping':
        return;
      case 'error':
        return this.#fail(errorInside(readErrorValue(event), this.#answer.env, this.#answer.target));
      case 'message':
        this.verdict = 'repair';
        return;
      default:
        if (this.#answer.genuine) return;
        this.verdict = event.error === undefined ? 'drop' : 'repair';
    }
  }

  #messageStart(event: Fields, data: Buffer): void {
    if (this.#started) {
      this.verdict = this.#answer.genuine ? 'pass' : 'drop';
      return;
    }
    this.#started = true;
    const message = fields(event.message);
    const usage = this.#answer.tap(message.usage);
    const { model } = this.#answer.env;
    if (this.#answer.genuine) {
      if (message.model !== model) this.#replaceBytes('message_start', withModel(data, message.model, model));
      return;
    }
    const id =
      typeof message.id === 'string' && canBeUnique(message.id) ? message.id : this.#answer.context.mintId('msg');
    const counts = { input_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 0 };
    this.#replace('message_start', {
      ...event,
      message: {
        ...message,
        id,
        type: 'message',
        role: 'assistant',
        model,
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { ...counts, ...countsOf(usage) },
      },
    });
  }

  #blockStart(event: Fields): void {
    const block = fields(event.content_block);
    const { type } = block;
    const inPlace = this.#started && this.#open === undefined && event.index === this.#blocks;
    if (
      !this.#answer.genuine &&
      (!inPlace || typeof type !== 'string' || (type === 'tool_use' && !isUsableCall(block)))
    ) {
      this.verdict = 'repair';
      return;
    }
    const kind: Kind = type === 'text' || type === 'thinking' ? type : type === 'tool_use' ? 'tool' : 'raw';
    const index = typeof event.index === 'number' ? event.index : this.#blocks;
    this.#open = { index, kind };
    this.#blocks = index + 1;
    this.#signed = false;
    this.#deltaHead = Buffer.from(`{"type":"content_block_delta","index":${index},"delta":${DELTA_HEAD[kind]}`);
    const end = `{"type":"content_block_stop","index":${index}}`;
    this.#plainEnd = Buffer.from(`content_block_stop\ndata: ${end}\n\n`);
    this.#answer.remember(
      kind === 'thinking' ? block.signature : type === 'redacted_thinking' ? block.data : undefined,
    );
    if ((kind !== 'text' && kind !== 'thinking') || block.text || block.thinking) this.hasContent = true;
    if (kind === 'tool') this.#nameCall(event, block);
    else if (!this.#answer.genuine) {
      const whole = withItsFields(block, kind);
      if (whole !== block) this.#replace('content_block_start', { ...event, content_block: whole });
    }
  }

  #nameCall(event: Fields, block: Fields): void {
    let id = typeof block.id === 'string' ? block.id : '';
    if (!this.#answer.genuine && (!isLegalCallId(id) || this.#toolIds.includes(id) || this.#answer.isUsed(id))) {
      id = this.#answer.context.mintId('toolu');
      this.#replace('content_block_start', { ...event, content_block: { ...block, id } });
    }
    this.#toolIds.push(id);
  }

  #blockDelta(event: Fields): void {
    const delta = fields(event.delta);
    const open = this.#open;
    if (delta.type === 'signature_delta') {
      this.#signed = true;
      this.#answer.remember(delta.signature);
    }
    this.hasContent = true;
    if (this.#answer.genuine) return;
    if (delta !== event.delta) this.verdict = 'drop';
    else if (open === undefined || event.index !== open.index) this.verdict = 'repair';
    else this.verdict = verdictOn(delta, open.kind);
  }

  #blockStop(event: Fields): void {
    const inPlace = this.#open !== undefined && event.index === this.#open.index;
    if (inPlace || this.#answer.genuine) this.#open = undefined;
    else this.verdict = this.#open === undefined ? 'drop' : 'repair';
  }

  #messageDelta(event: Fields): void {
    if (!this.#answer.genuine && (!this.#started || this.#open !== undefined)) {
      this.verdict = 'repair';
      return;
    }
    const delta = fields(event.delta);
    const said = typeof delta.stop_reason === 'string' && delta.stop_reason !== '' ? delta.stop_reason : undefined;
    const usage = this.#answer.tap(event.usage);
    if (this.#answer.genuine) {
      this.#stopReason = said ?? this.#stopReason;
      return;
    }
    const hasTools = this.#toolIds.length > 0;
    if (said !== undefined && isBrokenOff(said)) {
      this.#fail(this.#answer.broken('server_error', `broke the answer off (${said})`));
      return;
    }
    if (said !== undefined) this.#stopReason = this.#answer.stopReason(said, delta.stop_sequence, hasTools);
    const reason = this.#stopReason ?? (hasTools ? 'tool_use' : null);
    this.#completed ||= reason !== null;
    const counted = typeof fields(usage).output_tokens === 'number';
    const isUsable = delta === event.delta && counted && usage === event.usage && isCounted(usage);
    if (reason === delta.stop_reason && isUsable) return;
    this.#replace('message_delta', {
      ...event,
      delta: { ...delta, stop_reason: reason, stop_sequence: delta.stop_sequence ?? null },
      usage: { output_tokens: this.#answer.usage.outputTokens ?? 0, ...countsOf(usage) },
    });
  }

  #messageStop(): void {
    if (!this.#answer.genuine && this.#open !== undefined) this.verdict = 'repair';
    else if (this.#stopReason !== undefined || this.#completed) this.stopped = true;
    else this.#fail(this.#answer.broken('truncated', 'ended the answer without a stop reason'));
  }

  #fail(fault: UpstreamFault): void {
    this.verdict = 'fault';
    this.fault = fault;
  }

  #replace(name: string, event: Fields): void {
    this.#replaceBytes(name, Buffer.from(JSON.stringify(event), 'utf8'));
  }

  #replaceBytes(name: string, data: Buffer): void {
    this.verdict = 'replace';
    this.replacement = Buffer.concat([Buffer.from(`event: ${name}\ndata: `), data, Buffer.from('\n\n')]);
  }
}

const PING = Buffer.from('event: ping\ndata: {"type":"ping"}\n\n');

/** Whether a delta fits into the open block. What no client knows is left out; what belongs elsewhere is for the writer. */
function verdictOn(delta: Fields, kind: Kind): Verdict {
  switch (delta.type) {
    case 'text_delta':
      return typeof delta.text !== 'string' ? 'drop' : kind === 'text' ? 'pass' : 'repair';
    case 'thinking_delta':
      return typeof delta.thinking !== 'string' ? 'drop' : kind === 'thinking' ? 'pass' : 'repair';
    case 'signature_delta':
      return typeof delta.signature !== 'string' ? 'drop' : kind === 'thinking' ? 'pass' : 'repair';
    case 'input_json_delta':
      return typeof delta.partial_json !== 'string' ? 'drop' : kind === 'tool' || kind === 'raw' ? 'pass' : 'repair';
    case 'citations_delta':
      return kind === 'text' ? 'pass' : 'drop';
    case 'reasoning_delta':
      return 'repair';
    default:
      return kind === 'raw' ? 'pass' : 'drop';
  }
}

/** A call that can go on with its input in deltas: it has a name, and the start holds no input. */
function isUsableCall({ name, input }: Fields): boolean {
  const empty = typeof input === 'object' && input !== null && !Array.isArray(input) && Object.keys(input).length === 0;
  return typeof name === 'string' && name !== '' && empty;
}

/** The block with the fields that the client appends to. */
function withItsFields(block: Fields, kind: Kind): Fields {
  const names = kind === 'text' ? ['text'] : kind === 'thinking' ? ['thinking', 'signature'] : [];
  const missing = names.filter((name) => typeof block[name] !== 'string');
  return missing.length === 0 ? block : { ...block, ...Object.fromEntries(missing.map((name) => [name, ''])) };
}

/** The event with another name of the model and not another byte changed. */
function withModel(data: Buffer, name: unknown, model: string): Buffer {
  const said = Buffer.from(`"model":${JSON.stringify(name)}`);
  const at = data.indexOf(said);
  if (at !== -1 && data.indexOf(said, at + said.length) === -1) {
    const told = Buffer.from(`"model":${JSON.stringify(model)}`);
    return Buffer.concat([data.subarray(0, at), told, data.subarray(at + said.length)]);
  }
  const message = skimObject(data)?.get('message');
  const span = message && skimObject(data.subarray(message[0], message[1]))?.get('model');
  if (message === undefined || span === undefined) return data;
  const [from, to] = [message[0] + span[0], message[0] + span[1]];
  return Buffer.concat([data.subarray(0, from), Buffer.from(JSON.stringify(model), 'utf8'), data.subarray(to)]);
}

/** 1 when the bytes are there, 0 when they are others, -1 when more bytes are needed to know. */
function compare(bytes: Buffer, at: number, what: Buffer): 1 | 0 | -1 {
  const { length } = what;
  for (let index = 0; index < length; index += 1) {
    if (bytes[at + index] !== what[index]) return at + index >= bytes.length ? -1 : 0;
  }
  return 1;
}

/** The bytes are what may stand between the quotation marks of a JSON string. UTF-8 is not looked at: no byte of it
 * breaks a string, and who reads it replaces what is wrong. */
function isInsideOfString(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) {
    const byte = bytes[at] as number;
    if (byte < SPACE || byte === QUOTE) return false;
    if (byte !== BACKSLASH) continue;
    at += 1;
    if (at >= to) return false;
    if (bytes[at] === LOWER_U) {
      if (at + 4 >= to || !/^[0-9a-f]{4}$/i.test(bytes.toString('latin1', at + 1, at + 5))) return false;
      at += 4;
    } else if (!ESCAPABLE.includes(bytes[at] as number)) return false;
  }
  return true;
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
