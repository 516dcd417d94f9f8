import net, { type Socket } from 'node:net';
import tls from 'node:tls';
import { type ConnectionError, connectTimeout, hangUp, isReset } from './connection-error.ts';
import { type AnswerHead, AnswerReader } from './http-reader.ts';
import { Answer, type AnswerSource } from './upstream-answer.ts';

const MAX_IDLE = 256;
/** Servers close idle connections after a minute or more; one that is older than this may be half dead. */
const MAX_IDLE_MS = 55_000;
const SWEEP_MS = 5_000;
const KEEP_ALIVE_PROBE_MS = 30_000;
/** Up to here head and body leave in one write: a copy of that size costs less than a second piece. */
const JOIN_BYTES = 16 << 10;

/** Where connections go. */
export interface Origin {
  /** Scheme, host and port. */
  readonly key: string;
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
}

export interface Outgoing {
  readonly origin: Origin;
  /** Request line and headers with the empty line behind them. */
  readonly head: string;
  readonly body: readonly Buffer[];
  readonly bodyLength: number;
  /** Longest time until the connection stands; 0 is none. */
  readonly connectMs: number;
  readonly onAnswer: (answer: Answer) => void;
  /** No answer will come. `repeatable` when the connection was an old one that the upstream had given up: it cannot
   * have begun to work on the request. */
  readonly onError: (error: ConnectionError, repeatable: boolean) => void;
}

/** The connections to upstreams: kept alive, taken again from the newest, one request on each at a time. */
export class ConnectionPool {
  readonly #idle = new Map<string, Connection[]>();
  readonly #open = new Set<Connection>();
  /** TLS sessions by origin, so that a new connection need not negotiate all of it again. */
  readonly sessions = new Map<string, Buffer>();
  #sweep: NodeJS.Timeout | undefined;

  /** Sends one request on a kept connection, or on a new one. What is returned ends it at once. */
  send(outgoing: Outgoing, fresh: boolean): { destroy(): void } {
    const kept = fresh ? undefined : this.#take(outgoing.origin.key);
    const connection = kept ?? new Connection(this, outgoing.origin, outgoing.connectMs);
    this.#open.add(connection);
    connection.send(outgoing);
    return { destroy: () => connection.abandon(outgoing) };
  }

  /** Ends every connection, those in use too. */
  close(): void {
    for (const connection of [...this.#open]) connection.destroy();
    this.#idle.clear();
    this.#stopSweep();
  }

  /** Takes back a connection whose answer is over. False when there are enough. */
  keep(connection: Connection): boolean {
    const list = this.#idle.get(connection.origin.key) ?? [];
    if (list.length >= MAX_IDLE) return false;
    list.push(connection);
    this.#idle.set(connection.origin.key, list);
    this.#sweep ??= setInterval(() => this.#closeOld(), SWEEP_MS).unref();
    return true;
  }

  forget(connection: Connection): void {
    this.#open.delete(connection);
    const { key } = connection.origin;
    const list = this.#idle.get(key);
    const at = list?.indexOf(connection) ?? -1;
    if (!list || at < 0) return;
    list.splice(at, 1);
    if (list.length === 0) this.#idle.delete(key);
    if (this.#idle.size === 0) this.#stopSweep();
  }

  #take(key: string): Connection | undefined {
    const list = this.#idle.get(key);
    if (!list) return undefined;
    const now = Date.now();
    for (let connection = list.pop(); connection; connection = list.pop()) {
      if (connection.isUsable(now)) return connection;
      connection.destroy();
    }
    return undefined;
  }

  #closeOld(): void {
    const now = Date.now();
    for (const [key, list] of [...this.#idle]) {
      for (const connection of [...list]) if (!connection.isUsable(now)) connection.destroy();
      if (list.length === 0) this.#idle.delete(key);
    }
    if (this.#idle.size === 0) this.#stopSweep();
  }

  #stopSweep(): void {
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}

class Connection implements AnswerSource {
  readonly origin: Origin;
  readonly #pool: ConnectionPool;
  readonly #socket: Socket;
  readonly #reader: AnswerReader;
  readonly #connectTimer: NodeJS.Timeout | undefined;
  /** The request whose answer is not over. */
  #serving: Outgoing | undefined;
  /** The same, as long as the answer has not begun. */
  #waiting: Outgoing | undefined;
  #answer: Answer | undefined;
  #ready = false;
  #dead = false;
  #paused = false;
  /** It has carried an answer before. */
  #used = false;
  /** Something came since the request was sent. */
  #answered = false;
  #persistent = true;
  /** Writes that the system has not taken yet. */
  #writing = 0;
  #idleSinceMs = 0;
  #session: Buffer | undefined;
  readonly #written = () => {
    this.#writing--;
  };

  constructor(pool: ConnectionPool, origin: Origin, connectMs: number) {
    this.#pool = pool;
    this.origin = origin;
    this.#reader = new AnswerReader({
      head: (head) => this.#begin(head),
      body: (bytes) => this.#answer?.receive(bytes),
      end: (extra) => this.#end(extra),
    });
    this.#socket = connect(origin, pool.sessions.get(origin.key));
    const socket = this.#socket;
    socket.setNoDelay(true);
    socket.once(origin.secure ? 'secureConnect' : 'connect', () => this.#connected());
    if (origin.secure) socket.on('session', (session: Buffer) => this.#remember(session));
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('end', () => {
      if (!this.#reader.close()) this.#fail(hangUp());
    });
    socket.on('close', () => this.#fail(hangUp()));
    // Runs from here and not from the socket's own events: looking the name up is part of it.
    if (connectMs > 0) this.#connectTimer = setTimeout(() => this.#fail(connectTimeout(connectMs)), connectMs);
  }

  send(outgoing: Outgoing): void {
    this.#serving = outgoing;
    this.#waiting = outgoing;
    this.#answered = false;
    if (!this.#ready) return;
    this.#socket.ref();
    this.#write(outgoing);
  }

  /** Ends a request. When its answer is over, the connection may be another's already. */
  abandon(outgoing: Outgoing): void {
    if (this.#serving === outgoing) this.destroy();
  }

  isUsable(nowMs: number): boolean {
    const idleMs = nowMs - this.#idleSinceMs;
    return !this.#dead && this.#socket.writable && idleMs >= 0 && idleMs < MAX_IDLE_MS;
  }

  pause(): void {
    if (this.#paused || this.#dead) return;
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused || this.#dead) return;
    this.#paused = false;
    this.#socket.resume();
  }

  destroy(): void {
    this.#fail(hangUp());
  }

  #connected(): void {
    if (this.#dead) return;
    clearTimeout(this.#connectTimer);
    this.#ready = true;
    this.#socket.setKeepAlive(true, KEEP_ALIVE_PROBE_MS);
    if (this.#session) this.#pool.sessions.set(this.origin.key, this.#session);
    if (this.#waiting) this.#write(this.#waiting);
  }

  /** Kept only once the certificate was accepted; comes before that or after, by the version of TLS. */
  #remember(session: Buffer): void {
    this.#session = session;
    if (this.#ready && !this.#dead) this.#pool.sessions.set(this.origin.key, session);
  }

  #write({ head, body, bodyLength }: Outgoing): void {
    const socket = this.#socket;
    this.#writing++;
    if (bodyLength <= JOIN_BYTES) {
      const bytes = Buffer.allocUnsafe(head.length + bodyLength);
      let at = bytes.write(head, 0, 'latin1');
      for (const part of body) at += part.copy(bytes, at);
      socket.write(bytes, this.#written);
      return;
    }
    socket.cork();
    socket.write(head, 'latin1');
    const last = body.length - 1;
    for (let i = 0; i < last; i++) socket.write(body[i] as Buffer);
    socket.write(body[last] as Buffer, this.#written);
    socket.uncork();
  }

  #received(chunk: Buffer): void {
    if (this.#dead) return;
    // Bytes that nobody asked for: whatever comes next on this connection could be taken for somebody's answer.
    if (!this.#waiting && !this.#answer) return this.destroy();
    this.#answered = true;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #begin({ status, rawHeaders, persistent }: AnswerHead): void {
    const { onAnswer } = this.#waiting as Outgoing;
    this.#waiting = undefined;
    this.#persistent = persistent;
    this.#answer = new Answer(this, status, rawHeaders);
    onAnswer(this.#answer);
  }

  #end(extra: number): void {
    const answer = this.#answer;
    if (this.#dead || !answer) return;
    this.#answer = undefined;
    this.#serving = undefined;
    this.resume();
    if (!this.#persistent || extra > 0) this.destroy();
    // An answer that came before its request was sent; the rest of the request would meet the next one.
    else if (this.#writing > 0) setImmediate(() => this.#release());
    else this.#release();
    answer.finish();
  }

  #release(): void {
    if (this.#dead) return;
    this.#used = true;
    this.#idleSinceMs = Date.now();
    if (this.#writing > 0 || !this.#socket.writable || !this.#pool.keep(this)) return this.destroy();
    // What is idle does not keep the process alive.
    this.#socket.unref();
  }

  #fail(error: ConnectionError): void {
    if (this.#dead) return;
    this.#dead = true;
    clearTimeout(this.#connectTimer);
    if (!this.#ready) this.#pool.sessions.delete(this.origin.key);
    this.#pool.forget(this);
    const answer = this.#answer;
    const waiting = this.#waiting;
    this.#answer = undefined;
    this.#waiting = undefined;
    this.#socket.destroy();
    answer?.cut(error);
    waiting?.onError(error, this.#used && !this.#answered && isReset(error));
  }
}

function connect({ host, port, secure }: Origin, session: Buffer | undefined): Socket {
  if (!secure) return net.connect({ host, port });
  return tls.connect({
    host,
    port,
    // An address is checked against the certificate too, but is no name to ask for (RFC 6066, section 3).
    ...(net.isIP(host) === 0 && { servername: host }),
    ALPNProtocols: ['http/1.1'],
    ...(session && { session }),
  });
}
