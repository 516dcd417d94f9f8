import { errorEnvelope, type MidswapError } from '../core/errors.ts';
import type { UpstreamFault } from '../core/failure.ts';
import type { Outbound } from './inbound/inbound.ts';

/**
 * How far an answer has gone. `pristine`: nothing was sent, everything is possible. `opened`: a slow upstream, status
 * 200 and pings only. `streaming`: content was sent and nothing can be taken back. `ended`: over.
 */
export type CommitState = 'pristine' | 'opened' | 'streaming' | 'ended';

const PING = Buffer.from('event: ping\ndata: {"type": "ping"}\n\n');
const JSON_TYPE = 'application/json';

/** The client's side of one exchange. */
export class Reply {
  readonly requestId: string;
  readonly #out: Outbound;
  #state: CommitState = 'pristine';
  #lastWriteMs = 0;
  #status = 0;
  /** Sees what is sent, pings left out. */
  tap: ((bytes: Buffer) => void) | undefined;

  constructor(out: Outbound, requestId: string) {
    this.#out = out;
    this.requestId = requestId;
  }

  get state(): CommitState {
    return this.#state;
  }

  /** Status sent, 0 before. */
  get status(): number {
    return this.#status;
  }

  /** Monotonic time of the last write, milliseconds. */
  get lastWriteMs(): number {
    return this.#lastWriteMs;
  }

  /** 200 and a first ping, while the upstream has not said anything usable. */
  open(headers: readonly string[]): void {
    if (this.#state !== 'pristine') return;
    this.#head(200, headers);
    this.#state = 'opened';
    this.ping();
  }

  /** Content follows. */
  begin(headers: readonly string[]): void {
    if (this.#state === 'pristine') this.#head(200, headers);
    this.#state = 'streaming';
  }

  /** False when the client reads slower than the upstream sends: wait for `onDrain`. */
  write(pieces: readonly Buffer[], nowMs: number): boolean {
    this.#lastWriteMs = nowMs;
    this.#show(pieces);
    return this.#out.write(pieces);
  }

  onDrain(then: () => void): void {
    this.#out.onDrain(then);
  }

  ping(): void {
    if (this.#state !== 'opened' && this.#state !== 'streaming') return;
    this.#lastWriteMs = performance.now();
    this.#out.write([PING]);
  }

  end(pieces: readonly Buffer[] = []): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#show(pieces);
    this.#out.end(pieces);
  }

  /** A complete answer. */
  send(status: number, headers: readonly string[], body: string | Buffer): void {
    if (this.#state !== 'pristine') return this.end();
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    this.#head(status, [...headers, 'content-length', String(bytes.length)]);
    this.end([bytes]);
  }

  sendJson(status: number, body: unknown, headers: readonly string[] = []): void {
    this.send(status, ['content-type', JSON_TYPE, 'request-id', this.requestId, ...headers], JSON.stringify(body));
  }

  /** An error of the gateway itself. A repeat does not help against those below 500. */
  refuse(error: MidswapError, headers: readonly string[] = []): void {
    const message = error.hint ? `${error.message}. ${error.hint}` : error.message;
    const retry = error.status < 500 ? ['x-should-retry', 'false'] : [];
    this.#fail(error.status, [...retry, ...headers], errorEnvelope(error.type, message, this.requestId));
  }

  /** A failed upstream, told with a real status while that is possible and as an `error` event afterwards. */
  fail(fault: UpstreamFault, headers: readonly string[]): void {
    if (this.#state === 'pristine' && fault.wire)
      return this.send(fault.wire.status, [...fault.wire.headers.flat(), ...headers], fault.wire.body);
    const own: string[] = [];
    if (fault.retryAfterS !== undefined) own.push('retry-after', String(Math.ceil(fault.retryAfterS)));
    if (fault.shouldRetry !== undefined) own.push('x-should-retry', String(fault.shouldRetry));
    this.#fail(fault.status, [...own, ...headers], errorEnvelope(fault.type, fault.message, this.requestId));
  }

  #fail(status: number, headers: readonly string[], envelope: string): void {
    if (this.#state === 'ended') return;
    if (this.#state === 'pristine') {
      return this.send(status, ['content-type', JSON_TYPE, 'request-id', this.requestId, ...headers], envelope);
    }
    this.end([Buffer.from(`event: error\ndata: ${envelope}\n\n`)]);
  }

  #show(pieces: readonly Buffer[]): void {
    if (this.tap) for (const piece of pieces) this.tap(piece);
  }

  #head(status: number, headers: readonly string[]): void {
    this.#status = status;
    this.#out.head(status, headers);
  }
}
