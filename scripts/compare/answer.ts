import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';

/** A block as a client has it that applies deltas by index. */
export interface ReadBlock {
  readonly type: string;
  text: string;
  readonly name: string;
  readonly id: string;
}

/** What a client gets, read leniently: only what changes its meaning counts. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly blocks: readonly ReadBlock[];
  readonly model: string;
  readonly stopReason: string;
  readonly usage: Readonly<Record<string, unknown>>;
  /** The answer says of itself that it is whole: `message_stop`, or a JSON message. */
  readonly complete: boolean;
  /** Type and message of an error, as a status or as an event. */
  readonly error: string | undefined;
  /** What the official client could not follow. */
  readonly problems: readonly string[];
  /** `performance.now()` of every piece. */
  readonly pieceTimes: readonly number[];
  readonly broken: boolean;
}

type Data = Record<string, unknown>;

export interface SendOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** One HTTP exchange. Rejects when there is no answer within the time. */
export function exchange(url: string, options: SendOptions = {}): Promise<Answer> {
  const { method = 'POST', headers = {}, body, timeoutMs = 15_000, signal } = options;
  return new Promise((resolve, reject) => {
    const req = httpRequest(url, { method, headers, agent: false, ...(signal && { signal }) }, (res) => {
      const pieces: Buffer[] = [];
      const pieceTimes: number[] = [];
      let isOver = false;
      const finish = (broken: boolean): void => {
        if (isOver) return;
        isOver = true;
        clearTimeout(timer);
        const text = Buffer.concat(pieces).toString('utf8');
        resolve({ status: res.statusCode ?? 0, headers: res.headers, text, pieceTimes, broken, ...readAnswer(text) });
      };
      res.on('data', (piece: Buffer) => {
        pieces.push(piece);
        pieceTimes.push(performance.now());
      });
      res.on('end', () => finish(!res.complete));
      res.on('error', () => finish(true));
    });
    const timer = setTimeout(
      () => req.destroy(new Error(`no complete answer within ${timeoutMs / 1000} s`)),
      timeoutMs,
    );
    req.on('error', (fault) => {
      clearTimeout(timer);
      reject(fault);
    });
    req.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

type Reading = Omit<Answer, 'status' | 'headers' | 'text' | 'pieceTimes' | 'broken'>;

function readAnswer(text: string): Reading {
  const whole = parse(text);
  if (whole !== undefined) return readWhole(whole);
  const reading = { blocks: [] as ReadBlock[], model: '', stopReason: '', usage: {} as Data, complete: false };
  const problems: string[] = [];
  let error: string | undefined;
  const open = new Set<unknown>();
  for (const frame of text.split(/\r?\n\r?\n/)) {
    const lines = frame.split(/\r?\n/).filter((line) => line.startsWith('data:'));
    const data = parse(lines.map((line) => line.slice(5).trimStart()).join('\n'));
    if (data === undefined) continue;
    const block = reading.blocks[data.index as number];
    switch (data.type) {
      case 'message_start': {
        const message = data.message as Data;
        reading.model = String(message.model ?? '');
        Object.assign(reading.usage, message.usage);
        break;
      }
      case 'content_block_start':
        if (data.index !== reading.blocks.length)
          problems.push(`block ${data.index} starts in place ${reading.blocks.length}`);
        open.add(data.index);
        reading.blocks[data.index as number] = blockOf(data.content_block as Data);
        break;
      case 'content_block_delta': {
        const delta = data.delta as Data;
        const type = HOLDERS[String(delta.type)];
        if (type === undefined) break;
        if (block === undefined || !open.has(data.index)) problems.push('a delta outside of any block');
        else if (type !== block.type) problems.push(`${delta.type} in a ${block.type} block`);
        else block.text += String(delta.text ?? delta.thinking ?? delta.partial_json);
        break;
      }
      case 'content_block_stop':
        open.delete(data.index);
        break;
      case 'message_delta': {
        reading.stopReason = String((data.delta as Data | undefined)?.stop_reason ?? reading.stopReason);
        Object.assign(reading.usage, data.usage);
        break;
      }
      case 'message_stop':
        reading.complete = true;
        break;
      case 'error':
        error = errorOf(data);
        break;
      default:
        error ??= data.error === undefined ? undefined : errorOf(data);
    }
  }
  if (reading.complete && open.size > 0) problems.push('the message ends while a block is open');
  return { ...reading, blocks: reading.blocks.filter((each) => each !== undefined), error, problems };
}

/** The block that a delta belongs to; the client overlooks kinds that it does not know. */
const HOLDERS: Readonly<Record<string, string>> = {
  text_delta: 'text',
  thinking_delta: 'thinking',
  input_json_delta: 'tool_use',
};

function readWhole(message: Data): Reading {
  const isMessage = message.type === 'message' && Array.isArray(message.content);
  return {
    blocks: isMessage ? (message.content as Data[]).map(blockOf) : [],
    model: String(message.model ?? ''),
    stopReason: String(message.stop_reason ?? ''),
    usage: (message.usage ?? {}) as Data,
    complete: isMessage,
    error: message.error === undefined ? undefined : errorOf(message),
    problems: [],
  };
}

function blockOf(block: Data): ReadBlock {
  const input = block.input !== undefined && JSON.stringify(block.input) !== '{}' ? JSON.stringify(block.input) : '';
  return {
    type: String(block.type),
    text: String(block.text ?? block.thinking ?? input),
    name: String(block.name ?? ''),
    id: String(block.id ?? ''),
  };
}

function errorOf(data: Data): string {
  const error = data.error as Data | string | undefined;
  return typeof error === 'object' ? `${error.type ?? '(no type)'}: ${error.message ?? ''}` : String(error);
}

function parse(text: string): Data | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Data) : undefined;
  } catch {
    return undefined;
  }
}
