import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { chatChunks, wholeCompletion } from './chat-wire.ts';
import { frameOf, messageEvents, tokensOf, type Wire, wholeMessage } from './messages-wire.ts';
import { defaultReply, isRecord, type Reply, replyOf, type Step, scriptedReply, type WireBody } from './reply.ts';

export type { Wire } from './messages-wire.ts';
export type { Reply, Step, WireBody } from './reply.ts';

/** One request as it came in. Times are milliseconds of `performance.now()`. */
export interface UpstreamRequest {
  readonly method: string;
  readonly url: string;
  readonly path: string;
  /** Name and value alternating, as received. */
  readonly rawHeaders: readonly string[];
  readonly raw: Buffer;
  /** Parsed body, if it was JSON. */
  readonly body: WireBody | undefined;
  readonly atMs: number;
  /** Set when the client closed before the answer was complete. */
  closedAtMs: number | undefined;
  /** Set when the answer is over, however. */
  endedAtMs: number | undefined;
  /** Bytes of a streamed answer that were handed to the connection. */
  sentBytes: number;
  header(name: string): string | undefined;
}

/** When a fault applies; all given conditions hold. Without `path`: the two generating calls. */
export interface FaultMatch {
  readonly path?: string;
  readonly model?: string;
  readonly stream?: boolean;
  readonly when?: (request: UpstreamRequest) => boolean;
}

/** What goes wrong. `afterEvents` counts stream events that are sent before. */
export type FaultKind =
  /** An answer with this status; an Anthropic error envelope unless `body` is given. */
  | { readonly status: number; readonly type?: string; readonly message?: string; readonly body?: string }
  /** The socket is destroyed before any answer. */
  | { readonly mode: 'reset' }
  /** No answer at all. */
  | { readonly mode: 'hang' }
  /** The socket is destroyed in the middle of the stream. */
  | { readonly mode: 'cut'; readonly afterEvents: number }
  /** The stream ends in good order, but too early. */
  | { readonly mode: 'end'; readonly afterEvents: number }
  | { readonly mode: 'sse-error'; readonly afterEvents: number; readonly type?: string; readonly message?: string }
  /** Silence in the middle, for `forMs` and then the rest, or for ever. */
  | { readonly mode: 'stall'; readonly afterEvents: number; readonly forMs?: number; readonly pingEveryMs?: number }
  /** 200 with exactly these bytes. */
  | { readonly mode: 'raw'; readonly bytes: string | Buffer };

export type Fault = FaultKind & {
  /** How often; once when missing. */
  readonly times?: number;
  readonly match?: FaultMatch;
  readonly headers?: Readonly<Record<string, string>>;
  /** Before anything else. */
  readonly delayMs?: number;
};

export type Handler = (
  body: WireBody,
  request: UpstreamRequest,
) => Reply | Step | undefined | Promise<Reply | Step | undefined>;

export interface UpstreamOptions {
  /** Said in the default answer: `reply from NAME`. */
  readonly name?: string;
  readonly handler?: Handler;
  readonly scripts?: Readonly<Record<string, readonly Step[]>>;
  readonly wire?: Wire;
  /** Model ids of `GET /v1/models`; 404 when missing. */
  readonly models?: readonly string[];
  /** `count_tokens` answers 404. */
  readonly noCountTokens?: boolean;
}

export interface ScriptedUpstream {
  readonly name: string;
  readonly url: string;
  readonly port: number;
  /** Every request, in the order of arrival. */
  readonly requests: UpstreamRequest[];
  wire: Wire;
  /** The generating requests only: `/v1/messages` and `/chat/completions`. */
  turns(): UpstreamRequest[];
  play(name: string, steps: readonly Step[]): void;
  fail(...faults: Fault[]): void;
  clearFaults(): void;
  /** Resolves with the first request, also an earlier one, that fits. */
  waitFor(fits: (request: UpstreamRequest) => boolean, timeoutMs?: number): Promise<UpstreamRequest>;
  close(): Promise<void>;
}

const TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  529: 'overloaded_error',
};

/** A model provider on a free port of 127.0.0.1 that answers in both protocols as it is told. */
export async function startUpstream(options: UpstreamOptions = {}): Promise<ScriptedUpstream> {
  const upstream = new Upstream(options);
  await upstream.listen();
  return upstream;
}

class Upstream implements ScriptedUpstream {
  readonly name: string;
  readonly requests: UpstreamRequest[] = [];
  wire: Wire;
  readonly #options: UpstreamOptions;
  readonly #scripts: Map<string, readonly Step[]>;
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((req, res) => void this.#serve(req, res));
  #faults: { fault: Fault; left: number }[] = [];
  #minted = 0;

  constructor(options: UpstreamOptions) {
    this.name = options.name ?? 'upstream';
    this.wire = options.wire ?? {};
    this.#options = options;
    this.#scripts = new Map(Object.entries(options.scripts ?? {}));
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', () => resolve());
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  turns(): UpstreamRequest[] {
    return this.requests.filter((request) => isTurn(request.path));
  }

  play(name: string, steps: readonly Step[]): void {
    this.#scripts.set(name, steps);
  }

  fail(...faults: Fault[]): void {
    for (const fault of faults) this.#faults.push({ fault, left: fault.times ?? 1 });
  }

  clearFaults(): void {
    this.#faults = [];
  }

  async waitFor(fits: (request: UpstreamRequest) => boolean, timeoutMs = 10_000): Promise<UpstreamRequest> {
    const until = performance.now() + timeoutMs;
    for (;;) {
      const found = this.requests.find(fits);
      if (found) return found;
      if (performance.now() > until) {
        const seen = this.requests.map((request) => `${request.method} ${request.url}`).join(', ');
        throw new Error(`${this.name}: no such request within ${timeoutMs} ms; seen: ${seen || 'none'}`);
      }
      await sleep(2);
    }
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
      this.#server.closeAllConnections();
    });
  }

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const request = await receive(req);
    if (!request) return;
    res.on('error', () => {});
    res.on('close', () => {
      request.endedAtMs ??= performance.now();
      if (!res.writableFinished) request.closedAtMs ??= performance.now();
    });
    this.requests.push(request);
    const fault = this.#takeFault(request);
    if (fault?.delayMs) await sleep(fault.delayMs);
    if (fault && 'status' in fault) return sendFault(res, fault);
    if (fault && fault.mode === 'hang') return;
    if (fault && fault.mode === 'reset') {
      req.socket.destroy();
      return;
    }
    if (isTurn(request.path)) await this.#answer(request, res, fault);
    else this.#answerOther(request, res);
  }

  #answerOther(request: UpstreamRequest, res: ServerResponse): void {
    const { models, noCountTokens } = this.#options;
    if (request.method === 'HEAD') res.writeHead(200).end();
    else if (request.path.endsWith('/v1/messages/count_tokens') && !noCountTokens)
      sendJson(res, 200, { input_tokens: tokensOf(request.body ?? {}) });
    else if (request.path.endsWith('/models') && models)
      sendJson(res, 200, {
        data: models.map((id) => ({ type: 'model', id, display_name: id, created_at: '2026-01-01T00:00:00Z' })),
        has_more: false,
        first_id: models[0] ?? null,
        last_id: models.at(-1) ?? null,
      });
    else sendJson(res, 404, errorBody('not_found_error', `no such path: ${request.path}`));
  }

  async #answer(request: UpstreamRequest, res: ServerResponse, fault: Fault | undefined): Promise<void> {
    const body = request.body;
    if (!body) return sendJson(res, 400, errorBody('invalid_request_error', 'the body is not JSON'));
    const reply = await this.#replyTo(body, request);
    const chat = request.path.endsWith('/chat/completions');
    const mint = (prefix: string): string => `${prefix}_${this.name}${String(++this.#minted).padStart(6, '0')}`;
    const wire = this.wire;
    if (fault && 'mode' in fault && fault.mode === 'raw') {
      res.writeHead(200, { 'content-type': 'text/event-stream', ...fault.headers });
      res.end(fault.bytes);
      return;
    }
    if (body.stream !== true) {
      const whole = chat ? wholeCompletion(reply, body, wire, mint) : wholeMessage(reply, body, wire, mint);
      return sendJson(res, 200, whole, fault?.headers, wire.gzip);
    }
    const end = wire.crlf ? '\r\n' : '\n';
    const frames = chat
      ? [...chatChunks(reply, body, wire, mint).map((chunk) => JSON.stringify(chunk)), '[DONE]'].map(
          (data) => `data: ${data}${end}${end}`,
        )
      : messageEvents(reply, body, wire, mint).map((event) => frameOf(event, wire));
    await sendStream(request, res, frames, wire, fault, chat);
  }

  async #replyTo(body: WireBody, request: UpstreamRequest): Promise<Reply> {
    const handled = await this.#options.handler?.(body, request);
    if (handled !== undefined) return isReply(handled) ? handled : replyOf(handled);
    return scriptedReply(body, this.#scripts) ?? defaultReply(body, `reply from ${this.name}`);
  }

  #takeFault(request: UpstreamRequest): Fault | undefined {
    const found = this.#faults.find(({ fault, left }) => left > 0 && fits(fault.match ?? {}, request));
    if (found) found.left -= 1;
    return found?.fault;
  }
}

async function receive(req: IncomingMessage): Promise<UpstreamRequest | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of req) chunks.push(chunk as Buffer);
  } catch {
    return undefined;
  }
  const raw = Buffer.concat(chunks);
  const url = req.url ?? '/';
  return {
    method: req.method ?? 'GET',
    url,
    path: url.split('?')[0] ?? url,
    rawHeaders: req.rawHeaders,
    raw,
    body: parse(raw),
    atMs: performance.now(),
    closedAtMs: undefined,
    endedAtMs: undefined,
    sentBytes: 0,
    header(name) {
      const value = req.headers[name.toLowerCase()];
      return Array.isArray(value) ? value.join(', ') : value;
    },
  };
}

async function sendStream(
  request: UpstreamRequest,
  res: ServerResponse,
  frames: readonly string[],
  wire: Wire,
  fault: Fault | undefined,
  chat: boolean,
): Promise<void> {
  const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' };
  if (wire.gzip) {
    res.writeHead(200, { ...headers, ...fault?.headers, 'content-encoding': 'gzip' });
    res.end(gzipSync(frames.join('')));
    return;
  }
  res.writeHead(200, { ...headers, 'request-id': 'req_scripted', ...fault?.headers });
  res.flushHeaders();
  const breaksAt = fault && 'afterEvents' in fault ? fault.afterEvents : Number.POSITIVE_INFINITY;
  for (const [at, frame] of frames.entries()) {
    if (res.destroyed) return;
    if (at === breaksAt && !(await breakStream(res, fault, chat))) return;
    for (const piece of split(frame, wire)) {
      request.sentBytes += Buffer.byteLength(piece);
      if (!res.write(piece)) await drained(res);
      if (wire.writeBytes) await sleep(wire.writeDelayMs ?? 1);
    }
    if (wire.eventDelayMs) await sleep(wire.eventDelayMs);
  }
  if (breaksAt >= frames.length && Number.isFinite(breaksAt) && !(await breakStream(res, fault, chat))) return;
  res.end();
}

/** A reader that does not keep up is waited for, as a server with bounded memory does. */
function drained(res: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      res.off('drain', done).off('close', done);
      resolve();
    };
    res.on('drain', done).on('close', done);
  });
}

/** True when the stream goes on. */
async function breakStream(res: ServerResponse, fault: Fault | undefined, chat: boolean): Promise<boolean> {
  if (!fault || !('mode' in fault)) return true;
  switch (fault.mode) {
    case 'cut':
      // What was written is on its way before the socket goes.
      await sleep(20);
      res.socket?.destroy();
      return false;
    case 'end':
      res.end();
      return false;
    case 'sse-error': {
      const { type = 'overloaded_error', message = 'Overloaded' } = fault;
      const data = chat ? { error: { type, message } } : errorBody(type, message);
      res.end(`${chat ? '' : 'event: error\n'}data: ${JSON.stringify(data)}\n\n`);
      return false;
    }
    case 'stall': {
      const until = performance.now() + (fault.forMs ?? Number.POSITIVE_INFINITY);
      let nextPing = performance.now() + (fault.pingEveryMs ?? Number.POSITIVE_INFINITY);
      while (performance.now() < until) {
        await sleep(20);
        if (res.destroyed) return false;
        if (performance.now() < nextPing) continue;
        nextPing += fault.pingEveryMs ?? 0;
        res.write(chat ? ': ping\n\n' : 'event: ping\ndata: {"type": "ping"}\n\n');
      }
      return true;
    }
    default:
      return true;
  }
}

function split(frame: string, wire: Wire): (string | Buffer)[] {
  if (!wire.writeBytes) return [frame];
  const bytes = Buffer.from(frame);
  const out: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += wire.writeBytes) out.push(bytes.subarray(at, at + wire.writeBytes));
  return out;
}

function sendFault(res: ServerResponse, fault: Extract<Fault, { status: number }>): void {
  const type = fault.type ?? TYPES[fault.status] ?? 'api_error';
  const body = fault.body ?? JSON.stringify(errorBody(type, fault.message ?? `scripted ${fault.status}`));
  res.writeHead(fault.status, { 'content-type': 'application/json', 'request-id': 'req_scripted', ...fault.headers });
  res.end(body);
}

function sendJson(
  res: ServerResponse,
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
  gzip = false,
): void {
  const text = JSON.stringify(value);
  const encoding = gzip ? { 'content-encoding': 'gzip' } : {};
  res.writeHead(status, {
    'content-type': 'application/json',
    'request-id': 'req_scripted',
    ...encoding,
    ...headers,
  });
  res.end(gzip ? gzipSync(text) : text);
}

function errorBody(type: string, message: string): Record<string, unknown> {
  return { type: 'error', error: { type, message }, request_id: 'req_scripted' };
}

function fits(match: FaultMatch, request: UpstreamRequest): boolean {
  if (match.path === undefined ? !isTurn(request.path) : !request.path.endsWith(match.path)) return false;
  if (match.model !== undefined && request.body?.model !== match.model) return false;
  if (match.stream !== undefined && (request.body?.stream === true) !== match.stream) return false;
  return match.when?.(request) ?? true;
}

function isTurn(path: string): boolean {
  return path.endsWith('/v1/messages') || path.endsWith('/chat/completions');
}

function isReply(given: Reply | Step): given is Reply {
  return isRecord(given) && 'content' in given;
}

function parse(raw: Buffer): WireBody | undefined {
  try {
    const value: unknown = JSON.parse(raw.toString('utf8'));
    return isRecord(value) ? (value as WireBody) : undefined;
  } catch {
    return undefined;
  }
}
