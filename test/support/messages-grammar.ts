/**
 * An independent reading of a Messages event stream: knows the grammar from the API's documentation and what the official
 * client does with it, and shares no code with what writes such streams.
 */

export interface CheckedBlock {
  readonly type: string;
  /** Text, thinking, or the argument text of a call. */
  text: string;
  signature: string;
  readonly id: string | undefined;
  readonly name: string | undefined;
  deltas: number;
}

export interface CheckedMessage {
  /** What is wrong with the stream; empty when it follows the grammar. */
  readonly problems: readonly string[];
  readonly blocks: readonly CheckedBlock[];
  readonly model: string | undefined;
  readonly id: string | undefined;
  readonly stopReason: string | undefined;
  readonly usage: Readonly<Record<string, unknown>>;
  /** `message_stop` was sent. */
  readonly complete: boolean;
  readonly events: readonly string[];
}

type Data = Record<string, unknown>;

const DELTA_OF: Readonly<Record<string, readonly string[]>> = {
  text: ['text_delta', 'citations_delta'],
  thinking: ['thinking_delta', 'signature_delta'],
  tool_use: ['input_json_delta'],
  server_tool_use: ['input_json_delta'],
};
const STOP_REASONS = [
  'end_turn',
  'max_tokens',
  'stop_sequence',
  'tool_use',
  'pause_turn',
  'refusal',
  'model_context_window_exceeded',
];

/** Reads the bytes that a client would get. `complete: false` allows the stream to break off anywhere. */
export function checkMessages(bytes: Buffer): CheckedMessage {
  return new Checker(bytes).result();
}

class Checker {
  readonly problems: string[] = [];
  readonly blocks: CheckedBlock[] = [];
  readonly events: string[] = [];
  #open: CheckedBlock | undefined;
  #message: Data | undefined;
  #stopReason: string | undefined;
  #usage: Data = {};
  #ended: 'message_delta' | 'message_stop' | 'error' | undefined;
  readonly #ids = new Set<string>();

  constructor(bytes: Buffer) {
    const text = bytes.toString('utf8');
    if (!Buffer.from(text, 'utf8').equals(bytes)) this.problems.push('bytes are not valid UTF-8');
    if (text.includes('\r')) this.problems.push('a carriage return');
    const frames = text.split('\n\n');
    if (frames.pop() !== '') this.problems.push('the last frame is not whole');
    for (const frame of frames) this.#frame(frame);
  }

  result(): CheckedMessage {
    return {
      problems: this.problems,
      blocks: this.blocks,
      model: this.#message?.model as string | undefined,
      id: this.#message?.id as string | undefined,
      stopReason: this.#stopReason,
      usage: this.#usage,
      complete: this.#ended === 'message_stop',
      events: this.events,
    };
  }

  #wrong(what: string): void {
    this.problems.push(`${what} (event ${this.events.length})`);
  }

  #frame(frame: string): void {
    const lines = frame.split('\n').filter((line) => line !== '' && !line.startsWith(':'));
    if (lines.length === 0) return;
    const [event, line, ...more] = lines;
    if (more.length > 0 || !event?.startsWith('event: ') || !line?.startsWith('data: ')) {
      this.#wrong(`a frame that is not an event line and a data line: ${frame.slice(0, 80)}`);
      return;
    }
    let data: Data;
    try {
      data = JSON.parse(line.slice('data: '.length)) as Data;
    } catch {
      this.#wrong('data that is not JSON');
      return;
    }
    this.events.push(String(data.type));
    if (event !== `event: ${String(data.type)}`) this.#wrong(`${event} with data of type ${String(data.type)}`);
    if (this.#ended === 'message_stop' || this.#ended === 'error')
      this.#wrong(`${String(data.type)} after ${this.#ended}`);
    this.#event(data);
  }

  #event(data: Data): void {
    switch (data.type) {
      case 'ping':
        return;
      case 'error':
        this.#ended = 'error';
        return;
      case 'message_start':
        return this.#start(data.message as Data);
    }
    if (this.#message === undefined) this.#wrong(`${String(data.type)} before message_start`);
    switch (data.type) {
      case 'content_block_start':
        return this.#blockStart(data);
      case 'content_block_delta':
        return this.#delta(data);
      case 'content_block_stop':
        if (this.#open === undefined || data.index !== this.blocks.length - 1)
          this.#wrong('a stop of a block that is not open');
        this.#open = undefined;
        return;
      case 'message_delta':
        return this.#messageDelta(data);
      case 'message_stop':
        return this.#stop();
      default:
        this.#wrong(`unknown event ${String(data.type)}`);
    }
  }

  #start(message: Data): void {
    if (this.#message !== undefined) this.#wrong('a second message_start');
    this.#message = message;
    if (typeof message.id !== 'string' || !/^[A-Za-z0-9_-]{6,}$/.test(message.id))
      this.#wrong('a message id that is none');
    if (message.role !== 'assistant' || message.type !== 'message') this.#wrong('not a message of the assistant');
    if (!Array.isArray(message.content) || message.content.length > 0)
      this.#wrong('a message that starts with content');
    if (message.stop_reason !== null) this.#wrong('a message that starts with a stop reason');
    const usage = message.usage as Data | undefined;
    if (typeof usage?.input_tokens !== 'number' || typeof usage.output_tokens !== 'number')
      this.#wrong('message_start without usage');
    this.#usage = { ...usage };
  }

  #blockStart(data: Data): void {
    if (this.#ended !== undefined) this.#wrong('a block after message_delta');
    if (this.#open !== undefined) this.#wrong('a block starts while another is open');
    if (data.index !== this.blocks.length)
      this.#wrong(`block index ${String(data.index)}, expected ${this.blocks.length}`);
    const block = data.content_block as Data;
    const { type, id, name } = block;
    if (typeof type !== 'string') this.#wrong('a block without a type');
    if (type === 'text' && typeof block.text !== 'string') this.#wrong('a text block without text');
    if (type === 'thinking' && (typeof block.thinking !== 'string' || typeof block.signature !== 'string')) {
      this.#wrong('a thinking block without thinking or signature');
    }
    if (type === 'tool_use') {
      if (typeof id !== 'string' || !/^[A-Za-z0-9_-]+$/.test(id)) this.#wrong('a call with an id that is none');
      else if (this.#ids.has(id)) this.#wrong('a call id twice');
      this.#ids.add(String(id));
      if (typeof name !== 'string' || name === '') this.#wrong('a call without a name');
      if (JSON.stringify(block.input) !== '{}') this.#wrong('a call that starts with input');
    }
    this.#open = {
      type: String(type),
      text: String(block.text ?? block.thinking ?? ''),
      signature: String(block.signature ?? ''),
      id: id as string | undefined,
      name: name as string | undefined,
      deltas: 0,
    };
    this.blocks.push(this.#open);
  }

  #delta(data: Data): void {
    const delta = data.delta as Data;
    const open = this.#open;
    if (open === undefined || data.index !== this.blocks.length - 1) {
      this.#wrong('a delta of a block that is not open');
      return;
    }
    const allowed = DELTA_OF[open.type];
    if (allowed !== undefined && !allowed.includes(String(delta.type)))
      this.#wrong(`${String(delta.type)} in a ${open.type} block`);
    open.deltas += 1;
    const text = delta.text ?? delta.thinking ?? delta.partial_json;
    if (delta.type === 'signature_delta') open.signature = String(delta.signature);
    else if (typeof text === 'string') open.text += text;
    else if (delta.type !== 'citations_delta') this.#wrong(`a ${String(delta.type)} without content`);
  }

  #messageDelta(data: Data): void {
    if (this.#open !== undefined) this.#wrong('message_delta while a block is open');
    this.#ended = 'message_delta';
    const { stop_reason: reason } = data.delta as Data;
    if (typeof reason === 'string') this.#stopReason = reason;
    if (reason !== null && !STOP_REASONS.includes(String(reason))) this.#wrong(`unknown stop reason ${String(reason)}`);
    const usage = data.usage as Data | undefined;
    if (typeof usage?.output_tokens !== 'number') this.#wrong('message_delta without usage');
    this.#usage = { ...this.#usage, ...usage };
  }

  #stop(): void {
    if (this.#ended !== 'message_delta' || this.#stopReason === undefined)
      this.#wrong('message_stop without a stop reason');
    if (this.#open !== undefined) this.#wrong('message_stop while a block is open');
    const calls = this.blocks.some((block) => block.type === 'tool_use');
    if (calls !== (this.#stopReason === 'tool_use') && ['tool_use', 'end_turn'].includes(this.#stopReason ?? '')) {
      this.#wrong(`stop reason ${this.#stopReason} ${calls ? 'with' : 'without'} calls`);
    }
    this.#ended = 'message_stop';
  }
}
