import type { Socket } from 'node:net';
import { Connection, type ConnectionKeeper, type Outgoing } from './connection.ts';
import { hangUp } from './connection-error.ts';
import { dial } from './dial.ts';
import { Http2Pool } from './http2-pool.ts';

const MAX_IDLE = 256;
/** So many rest until they are old; the others, which a crowd has left behind, only for a moment. */
const MAX_RESTING = 16;
const MOMENT_MS = 300;
const SWEEP_MS = 500;
/** How long an origin that took HTTP/1.1 is not asked again for something else. */
const PLAIN_MS = 600_000;
const MAX_PLAIN = 1_000;

/** The connections to upstreams. Of HTTP/1.1 they are kept alive and taken again from the newest. */
export class ConnectionPool implements ConnectionKeeper {
  readonly #idle = new Map<string, Connection[]>();
  readonly #open = new Set<Connection>();
  readonly #dials = new Set<{ destroy(): void }>();
  readonly #sessions = new Map<string, Buffer>();
  /** Until when an origin is known not to take HTTP/2; monotonic. */
  readonly #plain = new Map<string, number>();
  readonly #http2: Http2Pool;
  readonly #ca: string | undefined;
  #sweep: NodeJS.Timeout | undefined;

  /** `ca`: certificates to trust instead of those of the runtime. */
  constructor(ca?: string) {
    this.#ca = ca;
    this.#http2 = new Http2Pool({
      sessions: this.#sessions,
      ca,
      onPlain: (key) => this.#notePlain(key),
      sendPlain: (outgoing, socket) => (socket ? this.#begin(outgoing, socket) : this.#dial(outgoing)),
    });
  }

  /** Sends one request on a kept connection, or on a new one. What is returned ends it at once. */
  send(outgoing: Outgoing, fresh: boolean): { destroy(): void } {
    const { origin, http2 } = outgoing;
    const kept = fresh ? undefined : this.#take(origin.key);
    if (kept) return this.#on(kept, outgoing);
    if (!http2 || !origin.secure || this.#isPlain(origin.key)) return this.#dial(outgoing);
    this.#watch();
    return this.#http2.send(outgoing);
  }

  /** Ends every connection, those in use too. */
  close(): void {
    for (const pending of [...this.#dials]) pending.destroy();
    for (const connection of [...this.#open]) connection.destroy();
    this.#http2.close();
    this.#idle.clear();
    this.#stopSweep();
  }

  keep(connection: Connection): boolean {
    const list = this.#idle.get(connection.origin.key) ?? [];
    if (list.length >= MAX_IDLE) return false;
    list.push(connection);
    this.#idle.set(connection.origin.key, list);
    this.#watch();
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
    this.#rest();
  }

  #dial(outgoing: Outgoing): { destroy(): void } {
    const { origin, connectMs } = outgoing;
    const pending: { destroy(): void } = {
      destroy: () => {
        dialing.destroy();
        this.#dials.delete(pending);
        outgoing.onError(hangUp(), false);
      },
    };
    let current = pending;
    this.#dials.add(pending);
    const dialing = dial(origin, {
      connectMs,
      alpn: ['http/1.1'],
      sessions: this.#sessions,
      ca: this.#ca,
      onSocket: (socket) => {
        this.#dials.delete(pending);
        current = this.#begin(outgoing, socket);
      },
      onError: (error) => {
        this.#dials.delete(pending);
        outgoing.onError(error, false);
      },
    });
    return { destroy: () => current.destroy() };
  }

  #begin(outgoing: Outgoing, socket: Socket): { destroy(): void } {
    const connection = new Connection(this, outgoing.origin, socket);
    this.#open.add(connection);
    return this.#on(connection, outgoing);
  }

  #on(connection: Connection, outgoing: Outgoing): { destroy(): void } {
    connection.send(outgoing);
    return { destroy: () => connection.abandon(outgoing) };
  }

  #notePlain(key: string): void {
    if (this.#plain.size >= MAX_PLAIN) this.#plain.clear();
    this.#plain.set(key, performance.now() + PLAIN_MS);
  }

  #isPlain(key: string): boolean {
    return (this.#plain.get(key) ?? 0) > performance.now();
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
      // The newest is at the end.
      const surplus = list.length - MAX_RESTING;
      for (const [at, connection] of [...list].entries()) {
        const isSurplus = at < surplus && connection.idleMs(now) > MOMENT_MS;
        if (isSurplus || !connection.isUsable(now)) connection.destroy();
      }
      if (list.length === 0) this.#idle.delete(key);
    }
    this.#http2.check(performance.now());
    this.#rest();
  }

  #watch(): void {
    this.#sweep ??= setInterval(() => this.#closeOld(), SWEEP_MS).unref();
  }

  #rest(): void {
    if (this.#idle.size === 0 && this.#http2.size === 0) this.#stopSweep();
  }

  #stopSweep(): void {
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}
