import type { IncomingMessage, ServerResponse } from 'node:http';
import { type BodyLimits, readBody } from '../body.ts';
import type { Inbound, Outbound } from './inbound.ts';

/** A request that a `node:http` server has read. */
export function inboundOf(req: IncomingMessage): Inbound {
  return {
    method: req.method ?? '',
    url: req.url ?? '/',
    rawHeaders: req.rawHeaders,
    headers: req.headers,
    body(limits: BodyLimits) {
      const announced = Number(req.headers['content-length'] ?? Number.NaN);
      return readBody(req, { ...limits, expected: announced || undefined });
    },
    discard() {
      // A body that was refused half-way must not block the connection.
      if (!req.complete) req.resume();
    },
  };
}

/** The answer to a request that a `node:http` server has read. */
export class HttpReply implements Outbound {
  readonly #res: ServerResponse;
  onGone: (() => void) | undefined;

  constructor(res: ServerResponse) {
    this.#res = res;
    res.on('error', () => {});
    res.once('close', () => {
      if (!res.writableFinished) this.onGone?.();
    });
  }

  get finished(): boolean {
    return this.#res.writableFinished;
  }

  head(status: number, headers: readonly string[]): void {
    // Node takes the flat list that keeps case and order; its types ask for a mutable array.
    this.#res.writeHead(status, headers as string[]);
  }

  write(pieces: readonly Buffer[]): boolean {
    return this.#res.write(Buffer.concat(pieces));
  }

  onDrain(then: () => void): void {
    this.#res.once('drain', then);
  }

  end(pieces: readonly Buffer[] = []): void {
    this.#res.end(Buffer.concat(pieces));
  }

  destroy(): void {
    this.#res.destroy();
  }
}
