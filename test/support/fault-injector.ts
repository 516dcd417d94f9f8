import { request as httpRequest } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';
import type { SelfSigned } from './self-signed.ts';

/**
 * What is done to one request. `atByte` counts bytes of the whole answer, head included; at or behind its end the
 * answer is whole.
 */
export type Injection =
  /** The upstream's own answer, untouched. */
  | { readonly kind: 'pass' }
  /** An answer of the injector's own. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** The connection is reset (RST) before the answer, or within it. */
  | { readonly kind: 'reset'; readonly atByte: number }
  /** The connection is closed in good order (FIN) too early. */
  | { readonly kind: 'close'; readonly atByte: number }
  /** The sending half is closed; the connection stays until the other side ends it. */
  | { readonly kind: 'half-open'; readonly atByte: number }
  /** Silence; the connection stays. */
  | { readonly kind: 'stall'; readonly atByte: number }
  /** So many bytes at a time with a pause between: slow loris, of the head as of the body. */
  | { readonly kind: 'drip'; readonly bytes: number; readonly everyMs: number }
  /** These bytes instead of an answer, and then the end. */
  | { readonly kind: 'raw'; readonly bytes: string | Buffer }
  /** The upstream's answer with a chunk whose length is no number. */
  | { readonly kind: 'bad-chunk' }
  /** The upstream's answer, and a reset as soon as the connection is used again. */
  | { readonly kind: 'dies-idle' };

/** One request as it went through. */
export interface Injected {
  readonly id: string;
  readonly injection: Injection;
  /** Name and value of the headers, lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

export interface FaultInjector {
  readonly url: string;
  readonly port: number;
  readonly seen: readonly Injected[];
  /** Connections that are open now. */
  readonly open: number;
  /** Length of the last answer that the upstream gave, in bytes, head included. */
  readonly lastBytes: number;
  /** What happens to the tries of a request that carries this id, in order; what is left over passes. */
  plan(id: string, injections: readonly Injection[]): void;
  /** What happens to every request without a plan of its own. */
  otherwise(injection: Injection): void;
  close(): Promise<void>;
}

export interface InjectorOptions {
  /** Origin of the upstream whose answers are passed on. */
  readonly upstream: string;
  /** Speaks TLS with this certificate, which nobody trusts. */
  readonly certificate?: SelfSigned;
}

/** A request names its plan by `fault-ID.` anywhere in its body. */
const MARK = /\bfault-([A-Za-z0-9_-]+)\./;

export const PASS: Injection = { kind: 'pass' };

/** A server on TCP, between the gateway and a scripted upstream, that can do to an answer what a network does. */
export async function startInjector(options: InjectorOptions): Promise<FaultInjector> {
  const plans = new Map<string, Injection[]>();
  const seen: Injected[] = [];
  const sockets = new Set<Socket>();
  let rest: Injection = PASS;
  let lastBytes = 0;
  const answers = new Map<string, Promise<Answered>>();
  const ask: Ask = async (request) => {
    // Requests that differ in nothing but their plan get the same bytes; thousands of them need no upstream.
    const key = `${request.path}\n${request.body.replace(MARK, '')}`;
    const pending = answers.get(key) ?? fetchAnswer(options.upstream, request);
    if (answers.size < 64) answers.set(key, pending);
    const answer = await pending;
    lastBytes = answer.bytes.length;
    return answer;
  };

  const take = (id: string): Injection => plans.get(id)?.shift() ?? rest;
  const onSocket = (socket: Socket): void => {
    socket.on('error', () => {});
    void serveSocket(socket, ask, (request) => {
      const id = MARK.exec(request.body)?.[1] ?? '';
      const injection = take(id);
      seen.push({ id, injection, headers: request.headers, body: request.body });
      return injection;
    }).catch(() => socket.destroy());
  };
  const server: Server = options.certificate
    ? createTlsServer({ key: options.certificate.key, cert: options.certificate.cert, allowHalfOpen: true }, onSocket)
    : createServer({ allowHalfOpen: true, noDelay: true }, onSocket);
  server.on('tlsClientError', () => {});
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${options.certificate ? 'https' : 'http'}://127.0.0.1:${port}`,
    port,
    seen,
    get open() {
      return sockets.size;
    },
    get lastBytes() {
      return lastBytes;
    },
    plan: (id, injections) => void plans.set(id, [...injections]),
    otherwise: (injection) => {
      rest = injection;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

interface Answered {
  readonly bytes: Buffer;
  /** Where the head ends. */
  readonly bodyAt: number;
}

type Ask = (request: RawRequest) => Promise<Answered>;

/** The requests of one connection, one after the other. */
async function serveSocket(socket: Socket, ask: Ask, decide: (request: RawRequest) => Injection): Promise<void> {
  const reader = new RequestReader(socket);
  for (;;) {
    const request = await reader.next();
    if (!request) return void socket.destroy();
    const injection = decide(request);
    if (!(await inject(socket, ask, request, injection))) return;
    if (injection.kind === 'dies-idle') {
      await reader.anything();
      return void socket.resetAndDestroy();
    }
  }
}

/** True when the connection goes on. */
async function inject(socket: Socket, ask: Ask, request: RawRequest, injection: Injection): Promise<boolean> {
  switch (injection.kind) {
    case 'status': {
      const { status, headers = {}, body = `{"error":{"type":"injected","message":"injected ${status}"}}` } = injection;
      socket.write(rendered(status, { 'content-type': 'application/json', ...headers }, body));
      return true;
    }
    case 'raw':
      socket.end(injection.bytes);
      return false;
    case 'pass':
    case 'dies-idle':
      socket.write((await ask(request)).bytes);
      return true;
    case 'bad-chunk': {
      const { bytes, bodyAt } = await ask(request);
      const firstChunkEnd = bytes.indexOf('\n\n\r\n', bodyAt) + 2;
      socket.end(Buffer.concat([bytes.subarray(0, firstChunkEnd + 2), Buffer.from('xyz\r\nbroken\r\n')]));
      return false;
    }
    case 'drip': {
      const { bytes } = await ask(request);
      for (let at = 0; at < bytes.length && !socket.destroyed; at += injection.bytes) {
        socket.write(bytes.subarray(at, at + injection.bytes));
        await sleep(injection.everyMs);
      }
      return !socket.destroyed;
    }
    case 'reset':
    case 'close':
    case 'half-open':
    case 'stall': {
      // Nothing of an answer is wanted, so none is asked for.
      const { bytes } = injection.atByte > 0 ? await ask(request) : { bytes: Buffer.alloc(0) };
      const part = bytes.subarray(0, injection.atByte);
      if (part.length > 0) await new Promise<void>((resolve) => socket.write(part, () => resolve()));
      if (injection.kind === 'stall') {
        socket.once('end', () => socket.destroy());
        return false;
      }
      if (injection.kind === 'half-open') {
        socket.end();
        return false;
      }
      // What was written is on its way before the connection goes: a reset may overtake it.
      if (part.length > 0) await sleep(2);
      if (injection.kind === 'reset') socket.resetAndDestroy();
      else socket.end(() => socket.destroy());
      return false;
    }
  }
}

/** The upstream's answer as bytes: one chunk for each event of a stream. */
function fetchAnswer(upstream: string, request: RawRequest): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const headers = Object.fromEntries([...request.headers].filter(([name]) => name !== 'connection'));
    const outgoing = httpRequest(`${upstream}${request.path}`, { method: request.method, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const { 'content-type': type = '' } = answer.headers;
        const body = Buffer.concat(chunks);
        const isStream = type.startsWith('text/event-stream');
        const framing: Record<string, string> = isStream
          ? { 'transfer-encoding': 'chunked' }
          : { 'content-length': String(body.length) };
        const head = headOf(answer.statusCode ?? 200, { 'content-type': type, ...framing });
        const bytes = Buffer.concat([head, isStream ? chunked(body) : body]);
        resolve({ bytes, bodyAt: head.length });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(request.body);
  });
}

function chunked(body: Buffer): Buffer {
  const events = body.toString('utf8').split(/(?<=\n\n)/);
  const chunks = events.map((event) => `${Buffer.byteLength(event).toString(16)}\r\n${event}\r\n`);
  return Buffer.from(`${chunks.join('')}0\r\n\r\n`);
}

function rendered(status: number, headers: Readonly<Record<string, string>>, body: string): Buffer {
  const length = { 'content-length': String(Buffer.byteLength(body)) };
  return Buffer.concat([headOf(status, { ...headers, ...length }), Buffer.from(body)]);
}

function headOf(status: number, headers: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`HTTP/1.1 ${status} Injected\r\n${lines.join('')}\r\n`);
}

/** Reads requests with a body of known length from a connection. */
class RequestReader {
  #buffer: Buffer = Buffer.alloc(0);
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
      this.#wake?.();
    });
    const end = (): void => {
      this.#ended = true;
      this.#wake?.();
    };
    socket.on('end', end).on('close', end);
  }

  /** Resolves with the first byte of a next request, or the end. */
  async anything(): Promise<void> {
    while (this.#buffer.length === 0 && !this.#ended) await this.#more();
  }

  async next(): Promise<RawRequest | undefined> {
    for (;;) {
      const request = this.#parsed();
      if (request) return request;
      if (this.#ended) return undefined;
      await this.#more();
    }
  }

  #parsed(): RawRequest | undefined {
    const headEnd = this.#buffer.indexOf('\r\n\r\n');
    if (headEnd < 0) return undefined;
    const [first = '', ...lines] = this.#buffer.toString('latin1', 0, headEnd).split('\r\n');
    const headers = new Map<string, string>();
    for (const line of lines) {
      const colon = line.indexOf(':');
      headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    const end = headEnd + 4 + Number(headers.get('content-length') ?? 0);
    if (this.#buffer.length < end) return undefined;
    const body = this.#buffer.toString('utf8', headEnd + 4, end);
    this.#buffer = this.#buffer.subarray(end);
    const [method = 'GET', path = '/'] = first.split(' ');
    return { method, path, headers, body };
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
