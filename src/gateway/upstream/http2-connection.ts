import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';
import type { Socket } from 'node:net';
import { Answer, type AnswerSource } from './answer.ts';
import type { Outgoing } from './connection.ts';
import { brokenProtocol, type ConnectionError, hangUp, isReset } from './connection-error.ts';

export type Http2Module = typeof import('node:http2');

/** What a connection tells those who keep it. */
export interface Http2Events {
  /** The upstream has said how many requests it takes at once. */
  onSettled(): void;
  /** No further request can go on it; those under way may still end well. */
  onRetired(): void;
  /** The upstream wants HTTP/1.1, or speaks no HTTP/2 after all. */
  onUnwanted(): void;
}

/** Error codes (RFC 9113, section 7). */
const NO_ERROR = 0;
const REFUSED_STREAM = 7;
const CANCEL = 8;
const HTTP_1_1_REQUIRED = 13;

/** What one answer may have in flight: a reader who pauses stops the upstream there, and no other stream with it. */
const STREAM_WINDOW = 1 << 20;
const CONNECTION_WINDOW = 16 << 20;
/** Bun 1.4.5 forgets the streams' own windows once that of the connection was changed, and they stall. */
const CAN_WIDEN = process.versions.bun === undefined;
/** More at once than this go on a second connection, whatever the upstream allows: one lost packet stops all of one. */
const MAX_STREAMS = 100;
/** In megabytes. The runtimes count the bodies that are still to be sent, and reset streams above their limit. */
const SESSION_MEMORY = 100_000;
const MAX_HEADER_BYTES = 64 << 10;

const IDLE_MS = 55_000;
const GOODBYE_MS = 1_000;
/** After so long without a sign the other side is asked for one: while an answer is awaited, and beside a new request. */
const PING_AFTER_MS = 30_000;
const PING_BESIDE_REQUEST_MS = 10_000;
const PING_TIMEOUT_MS = 15_000;

/** Kept out of the compression's tables, on both sides (RFC 7541, section 7.1.3). */
const SENSITIVE = ['authorization', 'x-api-key', 'api-key', 'cookie'];
/** Of one connection; HTTP/2 has no place for them (RFC 9113, section 8.2.2). */
const HOP_BY_HOP = new Set(['keep-alive', 'proxy-connection', 'http2-settings']);

/** One HTTP/2 connection: all requests to an origin at once, each a stream of its own. */
export class Http2Connection {
  readonly #http2: Http2Module;
  readonly #session: ClientHttp2Session;
  readonly #socket: Socket;
  readonly #events: Http2Events;
  readonly #calls = new Set<Http2Call>();
  #isSettled = false;
  #isRetired = false;
  #isDead = false;
  /** It has carried an answer before. */
  #used = false;
  /** Signs of life from the other side. */
  #heard = 0;
  #heardAtMs = performance.now();
  #pingSinceMs: number | undefined;
  #idleSinceMs = performance.now();
  /** The last stream that the upstream says it has looked at. */
  #lastStreamId = Number.POSITIVE_INFINITY;
  #error: ConnectionError | undefined;

  constructor(http2: Http2Module, socket: Socket, host: string, events: Http2Events) {
    this.#http2 = http2;
    this.#socket = socket;
    this.#events = events;
    const session = http2.connect(`https://${host}`, {
      createConnection: () => socket,
      maxSessionMemory: SESSION_MEMORY,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW, maxHeaderListSize: MAX_HEADER_BYTES },
    });
    this.#session = session;
    if (CAN_WIDEN) session.once('connect', () => session.setLocalWindowSize(CONNECTION_WINDOW));
    session.on('remoteSettings', () => {
      this.noteSign();
      if (this.#isSettled) return;
      this.#isSettled = true;
      events.onSettled();
    });
    session.on('goaway', (_code, lastStreamId) => {
      this.#lastStreamId = Math.min(this.#lastStreamId, lastStreamId);
      this.#retire();
    });
    session.on('error', (error) => {
      this.#error ??= error;
    });
    session.on('close', () => {
      this.#isDead = true;
      this.#retire();
    });
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  get isRetired(): boolean {
    return this.#isRetired;
  }

  /** Whether one more request can go on it. Before its settings are known it is one only. */
  get hasRoom(): boolean {
    if (this.#isRetired || this.#session.closed || this.#session.destroyed) return false;
    const allowed = this.#isSettled ? (this.#session.remoteSettings.maxConcurrentStreams ?? MAX_STREAMS) : 1;
    return this.#calls.size < Math.max(1, Math.min(MAX_STREAMS, allowed));
  }

  send(outgoing: Outgoing): { destroy(): void } {
    const now = performance.now();
    let stream: ClientHttp2Stream;
    try {
      if (this.#calls.size === 0) this.#session.ref();
      stream = this.#session.request(fieldsOf(outgoing, this.#http2));
    } catch (error) {
      const isGone = this.#session.closed || this.#session.destroyed;
      if (isGone) this.#retire();
      outgoing.onError(error as Error, isGone);
      return { destroy() {} };
    }
    // A connection that was cut somewhere on the way while it was idle looks well from here.
    if (now - Math.max(this.#heardAtMs, this.#idleSinceMs) > PING_BESIDE_REQUEST_MS) this.#ping(now);
    const call = new Http2Call(this, stream, outgoing, this.#heard);
    this.#calls.add(call);
    return call;
  }

  /** To be called every few seconds: asks a silent upstream for a sign, ends what is dead or has had no use for long. */
  check(now: number): void {
    if (this.#pingSinceMs !== undefined && now - this.#pingSinceMs > PING_TIMEOUT_MS) {
      return this.#end(new Error('the connection is dead: no answer to a ping'));
    }
    if (this.#calls.size > 0) {
      if (now - this.#heardAtMs > PING_AFTER_MS) this.#ping(now);
    } else if (now - this.#idleSinceMs > IDLE_MS) this.#retire();
  }

  destroy(): void {
    this.#end(hangUp());
  }

  /** Something came from the other side. */
  noteSign(): void {
    this.#heard++;
    this.#heardAtMs = performance.now();
    this.#pingSinceMs = undefined;
  }

  /** What came of a call that is over. */
  noteEnd(call: Http2Call, hadAnswer: boolean): void {
    this.#calls.delete(call);
    if (hadAnswer) this.#used = true;
    if (this.#calls.size > 0) return;
    this.#idleSinceMs = performance.now();
    if (this.#isRetired) this.#leave();
    // What is idle does not keep the process alive.
    else if (!this.#session.destroyed) this.#session.unref();
  }

  /** Why a call got no answer, and whether the upstream cannot have begun to work on it. */
  reasonOf(call: Http2Call): { error: ConnectionError; repeatable: boolean } {
    const { code, id } = call;
    if (code === HTTP_1_1_REQUIRED) {
      this.#events.onUnwanted();
      return { error: new Error('it wants HTTP/1.1'), repeatable: true };
    }
    const error = this.#error ?? call.error ?? hangUp();
    if (code === REFUSED_STREAM || (id !== undefined && id > this.#lastStreamId)) return { error, repeatable: true };
    if (!this.#isDead && !this.#session.destroyed) return { error, repeatable: false };
    if (!this.#isSettled) {
      this.#events.onUnwanted();
      // What was no HTTP/2 was no server of it; what just broke may have begun to work.
      if (this.#error) return { error: brokenProtocol('it agreed to HTTP/2 and does not speak it'), repeatable: true };
      return { error, repeatable: false };
    }
    return { error, repeatable: isReset(error) && this.#used && this.#heard === call.heardBefore };
  }

  #ping(now: number): void {
    if (this.#pingSinceMs !== undefined) return;
    try {
      if (!this.#session.ping((error) => error ?? this.noteSign())) return;
      this.#pingSinceMs = now;
    } catch {
      // It is being closed; its streams tell.
    }
  }

  /** The runtimes end the streams of a connection that is ended here as if they were whole: they are cut before. */
  #end(error: ConnectionError): void {
    this.#retire();
    for (const call of [...this.#calls]) call.cut(error);
    this.#session.destroy();
  }

  #retire(): void {
    if (this.#isRetired) return;
    this.#isRetired = true;
    if (this.#calls.size === 0) this.#leave();
    this.#events.onRetired();
  }

  /** Says goodbye, and does not wait for ever that the other side closes its half too. */
  #leave(): void {
    if (!this.#session.closed) this.#session.close();
    if (this.#socket.destroyed) return;
    const timer = setTimeout(() => this.#socket.destroy(), GOODBYE_MS).unref();
    this.#socket.once('close', () => clearTimeout(timer));
  }
}

/** One request on the connection, and its answer. */
class Http2Call implements AnswerSource {
  readonly heardBefore: number;
  readonly #connection: Http2Connection;
  readonly #stream: ClientHttp2Stream;
  readonly #outgoing: Outgoing;
  #answer: Answer | undefined;
  #expected: number | undefined;
  #received = 0;
  #isOver = false;
  error: ConnectionError | undefined;

  constructor(connection: Http2Connection, stream: ClientHttp2Stream, outgoing: Outgoing, heardBefore: number) {
    this.#connection = connection;
    this.#stream = stream;
    this.#outgoing = outgoing;
    this.heardBefore = heardBefore;
    stream.on('response', (headers, _flags, raw?: unknown) => this.#begin(headers, raw));
    stream.on('data', (chunk: Buffer) => this.#receive(chunk));
    stream.on('end', () => this.#end());
    stream.on('error', (error) => {
      this.error = error;
    });
    stream.on('close', () => this.#closed());
    const { body } = outgoing;
    const last = body.length - 1;
    for (let i = 0; i < last; i++) stream.write(body[i] as Buffer);
    stream.end(body[last]);
  }

  get code(): number {
    return this.#stream.rstCode ?? NO_ERROR;
  }

  get id(): number | undefined {
    return this.#stream.id;
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /** Ends it at once; nobody waits for it any more. */
  destroy(error: ConnectionError = hangUp()): void {
    if (this.#isOver) return;
    this.#over(false);
    // Bytes that wait to be read would hold the stream open.
    this.#stream.resume();
    this.#stream.close(CANCEL);
    this.#answer?.cut(error);
  }

  /** Its connection is ended from here. */
  cut(error: ConnectionError): void {
    const isTold = this.#answer !== undefined || this.#isOver;
    this.destroy(error);
    if (!isTold) this.#outgoing.onError(error, false);
  }

  #begin(headers: IncomingHttpHeaders & { ':status'?: number | undefined }, raw: unknown): void {
    this.#connection.noteSign();
    if (this.#isOver || this.#answer) return;
    const fields = rawHeadersOf(headers, raw);
    if (fields === undefined) return this.#refuse('a header of its answer holds a character that no header may hold');
    const answer = new Answer(this, headers[':status'] ?? 0, fields);
    const length = answer.headers['content-length'];
    this.#expected = typeof length === 'string' && /^\d+$/.test(length) ? Number(length) : undefined;
    this.#answer = answer;
    this.#outgoing.onAnswer(answer);
  }

  #receive(chunk: Buffer): void {
    this.#connection.noteSign();
    if (this.#isOver) return;
    this.#received += chunk.length;
    this.#answer?.receive(chunk);
  }

  /** The runtimes end a stream that was cut too; its code tells them apart. */
  #end(): void {
    if (this.#isOver || !this.#answer || this.code !== NO_ERROR) return;
    if (this.#expected !== undefined && this.#expected !== this.#received) return;
    this.#over(true);
    this.#answer.finish();
  }

  #closed(): void {
    if (this.#isOver) return;
    // What the connection itself has to say comes at the same time.
    setImmediate(() => {
      if (this.#isOver) return;
      const answer = this.#answer;
      const { error, repeatable } = this.#connection.reasonOf(this);
      this.#over(answer !== undefined);
      if (answer) answer.cut(error);
      else this.#outgoing.onError(error, repeatable);
    });
  }

  #refuse(what: string): void {
    this.#over(false);
    this.#stream.close(CANCEL);
    this.#outgoing.onError(brokenProtocol(what), false);
  }

  #over(hadAnswer: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#connection.noteEnd(this, hadAnswer);
  }
}

function fieldsOf({ path, host, headers, bodyLength }: Outgoing, http2: Http2Module): OutgoingHttpHeaders {
  const fields: OutgoingHttpHeaders & { [http2.sensitiveHeaders]?: string[] } = Object.create(null);
  fields[':method'] = 'POST';
  fields[':scheme'] = 'https';
  fields[':authority'] = host;
  fields[':path'] = path;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase();
    const value = headers[i + 1] as string;
    if (HOP_BY_HOP.has(name)) continue;
    const known = fields[name];
    fields[name] = known === undefined ? value : `${known}${name === 'cookie' ? '; ' : ', '}${value}`;
  }
  fields['content-length'] = String(bodyLength);
  fields[http2.sensitiveHeaders] = SENSITIVE;
  return fields;
}

const NOT_IN_HEADER = /[^\t\x20-\x7e\x80-\xff]/;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;

/** Name and value alternating, without what begins with a colon; `undefined` where one could not be passed on. */
function rawHeadersOf(headers: IncomingHttpHeaders, raw: unknown): string[] | undefined {
  const pairs = Array.isArray(raw)
    ? (raw as string[])
    : Object.entries(headers).flatMap(([name, value]) => [value ?? []].flat().flatMap((one) => [name, String(one)]));
  const out: string[] = [];
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const name = pairs[i] as string;
    const value = pairs[i + 1] as string;
    if (name.startsWith(':')) continue;
    if (!HEADER_NAME.test(name) || NOT_IN_HEADER.test(value)) return undefined;
    out.push(name, value);
  }
  return out;
}
