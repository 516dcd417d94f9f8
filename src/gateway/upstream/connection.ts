import type { Socket } from 'node:net';
import { Answer, type AnswerSource } from './answer.ts';
import { type ConnectionError, hangUp, isReset } from './connection-error.ts';
import type { Origin } from './dial.ts';
import { type AnswerHead, AnswerReader } from './http-reader.ts';

/** Servers close idle connections after a minute or more; one that is older than this may be half dead. */
const MAX_IDLE_MS = 55_000;
/** Pieces up to here leave together: a copy of that size costs less than a second write. */
const JOIN_BYTES = 64 << 10;

export interface Outgoing {
  readonly origin: Origin;
  /** Request line and headers with the empty line behind them, for HTTP/1.1. */
  readonly head: string;
  /** Host and port, path and headers by themselves, for HTTP/2. Names and values are known to be good. */
  readonly host: string;
  readonly path: string;
  readonly headers: readonly string[];
  readonly body: readonly Buffer[];
  readonly bodyLength: number;
  /** Longest time until the connection stands; 0 is none. */
  readonly connectMs: number;
  /** HTTP/2 may be offered. */
  readonly http2: boolean;
  readonly onAnswer: (answer: Answer) => void;
  /** No answer will come. `repeatable` when the upstream cannot have begun to work on the request: the connection was an
   * old one that it had given up, or it said so. */
  readonly onError: (error: ConnectionError, repeatable: boolean) => void;
}

/** Who keeps connections for further requests. */
export interface ConnectionKeeper {
  /** Takes back a connection whose answer is over. False when there are enough. */
  keep(connection: Connection): boolean;
  forget(connection: Connection): void;
}

/** An HTTP/1.1 connection: one request on it at a time. */
export class Connection implements AnswerSource {
  readonly origin: Origin;
  readonly #keeper: ConnectionKeeper;
  readonly #socket: Socket;
  readonly #reader: AnswerReader;
  /** The request whose answer is not over. */
  #serving: Outgoing | undefined;
  /** The same, as long as the answer has not begun. */
  #waiting: Outgoing | undefined;
  #answer: Answer | undefined;
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
  readonly #written = () => {
    this.#writing--;
  };

  /** `socket` is connected, and its certificate was accepted. */
  constructor(keeper: ConnectionKeeper, origin: Origin, socket: Socket) {
    this.#keeper = keeper;
    this.origin = origin;
    this.#reader = new AnswerReader({
      head: (head) => this.#begin(head),
      body: (bytes) => this.#answer?.receive(bytes),
      end: (extra) => this.#end(extra),
    });
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('end', () => {
      if (!this.#reader.close()) this.#fail(hangUp());
    });
    socket.on('close', () => this.#fail(hangUp()));
    // A tunnel comes paused.
    socket.resume();
  }

  send(outgoing: Outgoing): void {
    this.#serving = outgoing;
    this.#waiting = outgoing;
    this.#answered = false;
    if (this.#used) this.#socket.ref();
    this.#write(outgoing);
  }

  /** Ends a request. When its answer is over, the connection may be another's already. */
  abandon(outgoing: Outgoing): void {
    if (this.#serving === outgoing) this.destroy();
  }

  /** How long it has had no request. */
  idleMs(nowMs: number): number {
    return nowMs - this.#idleSinceMs;
  }

  isUsable(nowMs: number): boolean {
    const idleMs = this.idleMs(nowMs);
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
    const writes = gathered([Buffer.from(head, 'latin1'), ...body]);
    const last = writes.pop() as Buffer;
    // One after the other, not corked: for a gathered write Bun would copy all of a large body once more.
    for (const bytes of writes) socket.write(bytes);
    socket.write(last, this.#written);
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
    if (this.#writing > 0 || !this.#socket.writable || !this.#keeper.keep(this)) return this.destroy();
    // What is idle does not keep the process alive.
    this.#socket.unref();
  }

  #fail(error: ConnectionError): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#keeper.forget(this);
    const answer = this.#answer;
    const waiting = this.#waiting;
    this.#answer = undefined;
    this.#waiting = undefined;
    this.#socket.destroy();
    answer?.cut(error);
    waiting?.onError(error, this.#used && !this.#answered && isReset(error));
  }
}

/** The same bytes in few pieces: small ones that follow each other are one. */
function gathered(pieces: readonly Buffer[]): Buffer[] {
  const out: Buffer[] = [];
  let from = 0;
  while (from < pieces.length) {
    let length = 0;
    let to = from;
    for (; to < pieces.length; to++) {
      const more = (pieces[to] as Buffer).length;
      if (to > from && length + more > JOIN_BYTES) break;
      length += more;
    }
    const group = pieces.slice(from, to);
    out.push(group.length === 1 ? (group[0] as Buffer) : Buffer.concat(group, length));
    from = to;
  }
  return out;
}
