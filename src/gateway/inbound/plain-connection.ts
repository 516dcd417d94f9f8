import type { Socket } from 'node:net';
import { MidswapError } from '../../core/errors.ts';
import { type BodyLimits, cutBody, slowBody, tooLargeBody } from '../body.ts';
import { NOT_IN_VALUE } from '../header-grammar.ts';
import { lateHttp } from '../late-builtins.ts';
import type { Inbound, Outbound } from './inbound.ts';
import { type PlainHead, readPlainHead } from './plain-head.ts';

/** Up to here a chunk is framed in one buffer: a copy of that size costs less than a gathered write. */
const COPY_LIMIT = 64 << 10;
/** How long what a client still sends is read after it was refused: closing at once could take the answer from it. */
const LINGER_MS = 2_000;

export interface PlainServer {
  /** Whether a request with this target is answered here. */
  serves(url: string): boolean;
  handle(request: Inbound, reply: Outbound): void;
  /** Takes the connection over, with what was read of it as the first thing to read. */
  handOver(socket: Socket): void;
  /** Seconds that an idle connection is kept, as told to the client. */
  readonly keepAliveS: number;
}

/**
 * One client's connection, for as long as its requests are plain (`readPlainHead`); the first that is not goes to a
 * server that knows all of HTTP, with the connection. A streamed answer's head and first events leave in one write, and
 * every further write is one chunk (RFC 9112, section 7.1): of passing an event on, the writes are what costs.
 */
export class PlainConnection {
  readonly #socket: Socket;
  readonly #server: PlainServer;
  #request: PlainRequest | undefined;
  #reply: PlainReply | undefined;
  /** Came before the answer to the request before it was over. */
  #ahead: Buffer[] = [];
  #idleSinceMs = performance.now();
  #over = false;
  readonly #onData = (chunk: Buffer) => this.#receive(chunk);

  constructor(socket: Socket, server: PlainServer) {
    this.#socket = socket;
    this.#server = server;
    socket.on('data', this.#onData);
    socket.on('drain', () => this.#reply?.drained());
    socket.on('error', ignore);
    socket.on('close', () => this.#closed());
  }

  /** Since when it waits for a request, monotonic milliseconds; `undefined` while it has one. */
  get idleSinceMs(): number | undefined {
    return this.#reply ? undefined : this.#idleSinceMs;
  }

  #receive(chunk: Buffer): void {
    if (this.#over) return;
    if (!this.#reply) return this.#begin(chunk);
    const behind = this.#request?.receive(chunk);
    if (!behind) return;
    this.#ahead.push(behind);
    this.#socket.pause();
  }

  #begin(chunk: Buffer): void {
    const head = readPlainHead(chunk);
    if (!head || !this.#server.serves(head.url)) return this.#handOver(chunk);
    const request = new PlainRequest(head);
    const reply = new PlainReply(this.#socket, this, request, this.#server.keepAliveS);
    this.#request = request;
    this.#reply = reply;
    if (chunk.length > head.length) this.#receive(chunk.subarray(head.length));
    this.#server.handle(request, reply);
  }

  #handOver(chunk: Buffer): void {
    const socket = this.#socket;
    this.#over = true;
    socket.removeAllListeners();
    socket.pause();
    socket.unshift(chunk);
    this.#server.handOver(socket);
    socket.resume();
  }

  /** The answer was written. */
  answered(keep: boolean): void {
    const whole = this.#request?.complete === true;
    this.#request = undefined;
    this.#reply = undefined;
    this.#idleSinceMs = performance.now();
    if (!keep || !whole) return this.#linger();
    if (this.#ahead.length === 0) return;
    const next = this.#ahead.length === 1 ? (this.#ahead[0] as Buffer) : Buffer.concat(this.#ahead);
    this.#ahead = [];
    // Not at once: answers that need no time would nest as deep as requests were sent ahead.
    queueMicrotask(() => {
      if (this.#over) return;
      this.#socket.resume();
      this.#begin(next);
    });
  }

  #linger(): void {
    const socket = this.#socket;
    this.#over = true;
    const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
    socket.once('close', () => clearTimeout(timer));
    socket.end();
    socket.resume();
  }

  #closed(): void {
    this.#over = true;
    this.#request?.cut();
    this.#reply?.gone();
  }
}

class PlainRequest implements Inbound {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly persistent: boolean;
  readonly #length: number;
  #received = 0;
  /** The body where it came in one piece, or its pieces until somebody wants it. */
  #parts: Buffer[] = [];
  /** Where the pieces go once somebody does. */
  #whole: Buffer | undefined;
  #wanted = true;
  #cut = false;
  #settle: ((fault?: Error) => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(head: PlainHead) {
    this.method = head.method;
    this.url = head.url;
    this.rawHeaders = head.rawHeaders;
    this.headers = head.headers;
    this.persistent = head.persistent;
    this.#length = head.bodyLength;
  }

  get complete(): boolean {
    return this.#received === this.#length;
  }

  /** What of the chunk lies behind this request. */
  receive(chunk: Buffer): Buffer | undefined {
    const missing = this.#length - this.#received;
    const own = chunk.length <= missing ? chunk : chunk.subarray(0, missing);
    if (own.length > 0) {
      if (this.#whole) own.copy(this.#whole, this.#received);
      else if (this.#wanted) this.#parts.push(own);
      this.#received += own.length;
      this.#timer?.refresh();
      if (this.complete) this.#settle?.();
    }
    return own.length < chunk.length ? chunk.subarray(own.length) : undefined;
  }

  body({ maxBytes, idleMs }: BodyLimits): Promise<Buffer> {
    if (this.#length > maxBytes) return Promise.reject(tooLargeBody(maxBytes, this.#length));
    if (this.complete) return Promise.resolve(this.#parts.length === 1 ? (this.#parts[0] as Buffer) : this.#gathered());
    if (this.#cut) return Promise.reject(cutBody('connection closed'));
    return new Promise((resolve, reject) => {
      this.#settle = (fault) => {
        clearTimeout(this.#timer);
        this.#settle = undefined;
        if (fault) reject(fault);
        else resolve(this.#gathered());
      };
      if (idleMs > 0) this.#timer = setTimeout(() => this.#settle?.(slowBody(idleMs)), idleMs);
      this.#gathered();
    });
  }

  discard(): void {
    this.#wanted = false;
    this.#parts = [];
    this.#whole = undefined;
  }

  /** The connection has closed. */
  cut(): void {
    this.#cut = true;
    if (!this.complete) this.#settle?.(cutBody('connection closed'));
  }

  #gathered(): Buffer {
    if (this.#whole) return this.#whole;
    const whole = Buffer.allocUnsafe(this.#length);
    let at = 0;
    for (const part of this.#parts) at += part.copy(whole, at);
    this.#parts = [];
    this.#whole = whole;
    return whole;
  }
}

class PlainReply implements Outbound {
  readonly #socket: Socket;
  readonly #connection: PlainConnection;
  readonly #request: PlainRequest;
  readonly #keepAliveS: number;
  /** Status line and headers that have not left yet. */
  #head = '';
  #chunked = false;
  #keep: boolean;
  #ended = false;
  #gone = false;
  #onDrain: (() => void) | undefined;
  onGone: (() => void) | undefined;

  constructor(socket: Socket, connection: PlainConnection, request: PlainRequest, keepAliveS: number) {
    this.#socket = socket;
    this.#connection = connection;
    this.#request = request;
    this.#keepAliveS = keepAliveS;
    this.#keep = request.persistent;
  }

  get finished(): boolean {
    return this.#ended;
  }

  head(status: number, headers: readonly string[]): void {
    let sized = false;
    let lines = '';
    for (let i = 0; i + 1 < headers.length; i += 2) {
      const name = headers[i] as string;
      const value = headers[i + 1] as string;
      if (NOT_IN_VALUE.test(value) || NOT_IN_VALUE.test(name)) {
        throw new MidswapError('internal', `the header ${JSON.stringify(name)} of the answer cannot be sent`);
      }
      if (name === 'content-length') sized = true;
      // The connection is the gateway's own affair, whoever gave the answer.
      if (name.length === 10 && name.toLowerCase() === 'connection') this.#keep &&= value.toLowerCase() !== 'close';
      else lines += `${name}: ${value}\r\n`;
    }
    this.#keep &&= this.#request.complete;
    this.#chunked = !sized && this.#request.method !== 'HEAD';
    const framing = this.#chunked ? 'transfer-encoding: chunked\r\n' : '';
    const connection = this.#keep
      ? `connection: keep-alive\r\nkeep-alive: timeout=${this.#keepAliveS}\r\n`
      : 'connection: close\r\n';
    this.#head = `HTTP/1.1 ${status} ${statusText(status)}\r\n${lines}${framing}date: ${httpDate()}\r\n${connection}\r\n`;
    queueMicrotask(() => {
      if (this.#head !== '') this.#send([], false);
    });
  }

  write(pieces: readonly Buffer[]): boolean {
    return this.#send(pieces, false);
  }

  onDrain(then: () => void): void {
    this.#onDrain = then;
  }

  /** The system took what it had not taken before. */
  drained(): void {
    const then = this.#onDrain;
    this.#onDrain = undefined;
    then?.();
  }

  end(pieces: readonly Buffer[] = []): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#send(pieces, true);
    if (!this.#gone) this.#connection.answered(this.#keep);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** The connection has closed. */
  gone(): void {
    if (this.#gone) return;
    this.#gone = true;
    if (!this.#ended) this.onGone?.();
  }

  #send(pieces: readonly Buffer[], last: boolean): boolean {
    if (this.#gone) return true;
    let length = 0;
    for (const piece of pieces) length += piece.length;
    let before = this.#head;
    this.#head = '';
    let after = '';
    if (this.#chunked) {
      if (length > 0) {
        before += `${length.toString(16)}\r\n`;
        after = '\r\n';
      }
      if (last) after += '0\r\n\r\n';
    }
    const socket = this.#socket;
    if (length === 0) {
      const text = before + after;
      return text === '' || socket.write(text, 'latin1');
    }
    const size = before.length + length + after.length;
    if (size <= COPY_LIMIT) return sendFramed(socket, size, before, pieces, after);
    socket.cork();
    if (before !== '') socket.write(before, 'latin1');
    for (const piece of pieces) socket.write(piece);
    if (after !== '') socket.write(after, 'latin1');
    socket.uncork();
    return !socket.writableNeedDrain;
  }
}

/** The words behind a status. */
function statusText(status: number): string {
  return status === 200 ? 'OK' : (lateHttp().STATUS_CODES[status] ?? 'Status');
}

/** Where writes are put together. It is free again when the system took all of the last one, which it mostly does. */
let scratch = Buffer.alloc(0);

function sendFramed(socket: Socket, size: number, before: string, pieces: readonly Buffer[], after: string): boolean {
  if (scratch.length < size) scratch = Buffer.allocUnsafeSlow(COPY_LIMIT);
  const framed = scratch.subarray(0, size);
  let at = framed.write(before, 0, 'latin1');
  for (const piece of pieces) at += piece.copy(framed, at);
  framed.write(after, at, 'latin1');
  const taken = socket.write(framed);
  // What waits in the socket is still read from there.
  if (socket.writableLength > 0) scratch = Buffer.alloc(0);
  return taken;
}

let dateText = '';
let dateSecond = 0;

/** The date as headers give it, made once a second. */
function httpDate(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1000).toUTCString();
  }
  return dateText;
}

function ignore(): void {}
