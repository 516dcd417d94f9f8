import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  readonly text: string;
  /** The connection broke before the answer was complete. */
  readonly broken: boolean;
  json(): Record<string, unknown>;
  /** Names of the stream's events, in order. */
  events(): string[];
}

export interface SendOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>> | readonly string[];
  readonly body?: string | Buffer;
  readonly signal?: AbortSignal;
}

/** One request on a connection of its own. */
export function send(url: string, options: SendOptions = {}): Promise<Answer> {
  const { method = options.body === undefined ? 'GET' : 'POST', headers = {}, body, signal } = options;
  return new Promise((resolve, reject) => {
    const req = httpRequest(
      url,
      {
        method,
        headers: headers as Record<string, string>,
        agent: false,
        ...(signal ? { signal } : {}),
      },
      (res) => {
        const chunks: Buffer[] = [];
        let over = false;
        const finish = (broken: boolean): void => {
          if (over) return;
          over = true;
          resolve(answerOf(res, Buffer.concat(chunks), broken));
        };
        res.on('data', (chunk: Buffer) => chunks.push(chunk));
        res.on('end', () => finish(!res.complete));
        res.on('aborted', () => finish(true));
        res.on('error', () => finish(true));
      },
    );
    req.on('error', reject);
    req.end(body);
  });
}

/** Sends JSON as Claude Code does. */
export function post(url: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return send(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', ...headers },
    body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
  });
}

/** Writes bytes to a port, one piece after the other, and returns everything that came back until the end. */
export function sendRaw(
  port: number,
  pieces: readonly (string | Buffer)[],
  options: { readonly halfClose?: boolean; readonly timeoutMs?: number } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const chunks: Buffer[] = [];
    const finish = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(Buffer.concat(chunks).toString('latin1'));
    };
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`the connection stayed open; so far: ${Buffer.concat(chunks).toString('latin1')}`));
    }, options.timeoutMs ?? 5_000);
    socket.on('connect', () => {
      for (const piece of pieces) socket.write(piece);
      if (options.halfClose) socket.end();
    });
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('end', finish);
    socket.on('error', finish);
    socket.on('close', finish);
  });
}

function answerOf(res: IncomingMessage, body: Buffer, broken: boolean): Answer {
  const text = body.toString('utf8');
  return {
    status: res.statusCode ?? 0,
    headers: res.headers,
    body,
    text,
    broken,
    json: () => JSON.parse(text) as Record<string, unknown>,
    events: () => [...text.matchAll(/^event: (.+)$/gm)].map((found) => found[1] ?? ''),
  };
}
