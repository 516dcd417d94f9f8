import type { BodyLimits } from '../body.ts';

/** A request of a client, whoever has read it from the connection. */
export interface Inbound {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** Name and value alternating, as received. */
  readonly rawHeaders: readonly string[];
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The whole body. Rejects with `body_too_large`, `body_timeout` or `invalid_request` (cut in the middle). */
  body(limits: BodyLimits): Promise<Buffer>;
  /** What has not come of the body is not wanted. */
  discard(): void;
}

/** Where the answer goes. */
export interface Outbound {
  /** Status and headers, name and value alternating. Without a `content-length` the body is chunked. */
  head(status: number, headers: readonly string[]): void;
  /** Pieces that leave together. False when the client reads slower than this is called: wait for `onDrain`. */
  write(pieces: readonly Buffer[]): boolean;
  onDrain(then: () => void): void;
  end(pieces?: readonly Buffer[]): void;
  /** Ends the connection at once. */
  destroy(): void;
  /** The answer was given whole to the system. */
  readonly finished: boolean;
  /** Called once when the connection closes before that. */
  onGone: (() => void) | undefined;
}

/** The one value of a header; of several the first. */
export function headerOf({ headers }: Pick<Inbound, 'headers'>, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : value?.[0];
}
