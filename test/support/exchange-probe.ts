import { Agent, request as httpRequest } from 'node:http';

/** What a client saw of one exchange. */
export interface Seen {
  /** 0 when the connection ended before an answer. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The model's text, in order, as far as it came. */
  readonly text: string;
  /** The answer was finished: `message_stop`, or a whole message. */
  readonly finished: boolean;
  /** How often the answer was finished or began. */
  readonly starts: number;
  readonly stops: number;
  /** Type of the error that was told, in an `error` event or as an envelope. */
  readonly error: string | undefined;
  readonly broken: boolean;
}

export interface AskOptions {
  readonly prompt: string;
  readonly stream?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, unknown>>;
  /** The client leaves after so many milliseconds. */
  readonly leaveAfterMs?: number;
}

/** A client with a pool of its own that checks nothing and tells what it saw. */
export class Probe {
  readonly #agent: Agent;

  constructor(maxSockets = 64) {
    this.#agent = new Agent({ keepAlive: true, maxSockets });
  }

  close(): void {
    this.#agent.destroy();
  }

  ask(sessionUrl: string, options: AskOptions): Promise<Seen> {
    const { prompt, stream = true, leaveAfterMs } = options;
    const body = JSON.stringify({
      model: 'claude-sonnet-5',
      max_tokens: 64,
      stream,
      messages: [{ role: 'user', content: prompt }],
      ...options.body,
    });
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      let over = false;
      const finish = (seen: Seen): void => {
        if (over) return;
        over = true;
        clearTimeout(timer);
        resolve(seen);
      };
      const req = httpRequest(`${sessionUrl}/v1/messages?beta=true`, {
        method: 'POST',
        agent: this.#agent,
        headers: {
          'content-type': 'application/json',
          'anthropic-version': '2023-06-01',
          'content-length': Buffer.byteLength(body),
          ...options.headers,
        },
      });
      req.on('response', (res) => {
        const chunks: Buffer[] = [];
        const done = (broken: boolean): void =>
          finish(readAnswer(res.statusCode ?? 0, res.headers, Buffer.concat(chunks).toString('utf8'), broken));
        res.on('data', (chunk: Buffer) => chunks.push(chunk));
        res.on('end', () => done(!res.complete));
        res.on('error', () => done(true));
        res.on('close', () => done(!res.complete));
      });
      req.on('error', () => finish(readAnswer(0, {}, '', true)));
      req.on('close', () => finish(readAnswer(0, {}, '', true)));
      if (leaveAfterMs !== undefined) timer = setTimeout(() => req.destroy(), leaveAfterMs);
      req.end(body);
    });
  }
}

function readAnswer(status: number, headers: Seen['headers'], text: string, broken: boolean): Seen {
  const isStream = String(headers['content-type'] ?? '').startsWith('text/event-stream');
  const events = isStream
    ? text.split('\n').flatMap((line) => (line.startsWith('data:') ? [parse(line.slice(5))] : []))
    : [];
  if (isStream) {
    const ofType = (type: string): Json[] => events.filter((event) => event.type === type);
    const error = ofType('error')[0]?.error as Json | undefined;
    return {
      status,
      headers,
      text: ofType('content_block_delta')
        .map((event) => String((event.delta as Json).text ?? ''))
        .join(''),
      finished: ofType('message_stop').length > 0,
      starts: ofType('message_start').length,
      stops: ofType('message_stop').length,
      error: error && String(error.type),
      broken,
    };
  }
  const whole = parse(text);
  const isMessage = whole.type === 'message';
  const content = isMessage ? (whole.content as Json[]) : [];
  return {
    status,
    headers,
    text: content.map((block) => String(block.text ?? '')).join(''),
    finished: isMessage && !broken,
    starts: isMessage ? 1 : 0,
    stops: isMessage ? 1 : 0,
    error: whole.error === undefined ? undefined : String((whole.error as Json).type),
    broken,
  };
}

type Json = Record<string, unknown>;

function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return {};
  }
}
