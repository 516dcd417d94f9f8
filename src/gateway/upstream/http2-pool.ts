import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Outgoing } from './connection.ts';
import { type ConnectionError, hangUp } from './connection-error.ts';
import { type DialOptions, dial } from './dial.ts';
import { Http2Connection, type Http2Module } from './http2-connection.ts';

export interface Http2PoolOptions extends Pick<DialOptions, 'sessions' | 'ca'> {
  /** The origin speaks HTTP/1.1. */
  readonly onPlain: (key: string) => void;
  /** Sends one request in HTTP/1.1, on this connection or one of its own. */
  readonly sendPlain: (outgoing: Outgoing, socket: Socket | undefined) => { destroy(): void };
}

/** A request on its way to a connection. */
interface Pending {
  readonly outgoing: Outgoing;
  isGone: boolean;
  current: { destroy(): void } | undefined;
}

interface Place {
  readonly connections: Http2Connection[];
  /** Those for whom a connection is being made. */
  waiting: Pending[];
  dial: { destroy(): void } | undefined;
}

/**
 * The HTTP/2 connections: one for each origin and proxy, a second one only where the upstream takes no more requests on
 * the first. While one is being made, whoever wants to go there waits for it.
 */
export class Http2Pool {
  readonly #options: Http2PoolOptions;
  readonly #places = new Map<string, Place>();
  #http2: Promise<Http2Module> | undefined;

  constructor(options: Http2PoolOptions) {
    this.#options = options;
  }

  /** Connections that stand or are being made. */
  get size(): number {
    return this.#places.size;
  }

  send(outgoing: Outgoing): { destroy(): void } {
    const { key } = outgoing.origin;
    const place = this.#places.get(key) ?? { connections: [], waiting: [], dial: undefined };
    this.#places.set(key, place);
    const pending: Pending = { outgoing, isGone: false, current: undefined };
    this.#assign(place, pending);
    return { destroy: () => this.#leave(place, pending) };
  }

  /** To be called every few seconds. `nowMs` is monotonic. */
  check(nowMs: number): void {
    for (const place of [...this.#places.values()])
      for (const connection of [...place.connections]) connection.check(nowMs);
  }

  close(): void {
    for (const [key, place] of [...this.#places]) {
      place.dial?.destroy();
      this.#fail(key, place, hangUp());
      for (const connection of [...place.connections]) connection.destroy();
    }
    this.#places.clear();
  }

  #assign(place: Place, pending: Pending): void {
    const connection = place.connections.find(({ hasRoom }) => hasRoom);
    if (connection) {
      pending.current = connection.send(pending.outgoing);
      return;
    }
    place.waiting.push(pending);
    const isComing = place.connections.some(({ isSettled, isRetired }) => !isSettled && !isRetired);
    if (!place.dial && !isComing) this.#dial(place, pending.outgoing);
  }

  #leave(place: Place, pending: Pending): void {
    pending.isGone = true;
    pending.current?.destroy();
    place.waiting = place.waiting.filter((one) => one !== pending);
    if (place.waiting.length > 0 || !place.dial) return;
    place.dial.destroy();
    place.dial = undefined;
    this.#forget(pending.outgoing.origin.key, place);
  }

  #dial(place: Place, { origin, connectMs }: Outgoing): void {
    this.#http2 ??= import('node:http2');
    const loading = this.#http2;
    const { sessions, ca } = this.#options;
    place.dial = dial(origin, {
      connectMs,
      alpn: ['h2', 'http/1.1'],
      sessions,
      ca,
      onSocket: (socket) => {
        if ((socket as TLSSocket).alpnProtocol !== 'h2') {
          place.dial = undefined;
          return this.#release(origin.key, place, socket);
        }
        const ignore = () => {};
        socket.on('error', ignore);
        const making = {
          destroy: () => {
            socket.destroy();
          },
        };
        place.dial = making;
        void loading.then((http2) => {
          socket.off('error', ignore);
          if (place.dial !== making) return void socket.destroy();
          place.dial = undefined;
          if (socket.destroyed) return this.#fail(origin.key, place, hangUp());
          this.#adopt(place, http2, socket, origin.key, origin.host);
        });
      },
      onError: (error) => {
        place.dial = undefined;
        this.#fail(origin.key, place, error);
      },
    });
  }

  #adopt(place: Place, http2: Http2Module, socket: Socket, key: string, host: string): void {
    const connection = new Http2Connection(http2, socket, host, {
      onSettled: () => this.#distribute(place),
      onRetired: () => {
        place.connections.splice(place.connections.indexOf(connection), 1);
        this.#distribute(place);
        this.#forget(key, place);
      },
      onUnwanted: () => this.#release(key, place, undefined),
    });
    place.connections.push(connection);
    this.#distribute(place);
  }

  #distribute(place: Place): void {
    for (const pending of place.waiting.splice(0)) this.#assign(place, pending);
  }

  /** Everybody who waits goes on without HTTP/2, the first on the connection on which that was found out. */
  #release(key: string, place: Place, socket: Socket | undefined): void {
    this.#options.onPlain(key);
    let connected = socket;
    const waiting = place.waiting.splice(0);
    this.#forget(key, place);
    for (const pending of waiting) {
      pending.current = this.#options.sendPlain(pending.outgoing, connected);
      connected = undefined;
    }
    connected?.destroy();
  }

  #fail(key: string, place: Place, error: ConnectionError): void {
    const waiting = place.waiting.splice(0);
    this.#forget(key, place);
    for (const { outgoing, isGone } of waiting) if (!isGone) outgoing.onError(error, false);
  }

  #forget(key: string, place: Place): void {
    const isEmpty = place.connections.length === 0 && place.waiting.length === 0 && !place.dial;
    if (isEmpty && this.#places.get(key) === place) this.#places.delete(key);
  }
}
