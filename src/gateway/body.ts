import type { Readable } from 'node:stream';
import { MidswapError } from '../core/errors.ts';

export interface BodyLimits {
  readonly maxBytes: number;
  /** Longest silence while the body arrives, milliseconds; 0 is none. */
  readonly idleMs: number;
  /** Length announced by the sender, if any. */
  readonly expected?: number | undefined;
}

/** Reads a whole body. Rejects with `body_too_large`, `body_timeout` or `invalid_request` (cut in the middle). */
export function readBody(stream: Readable, limits: BodyLimits): Promise<Buffer> {
  const { maxBytes, idleMs, expected } = limits;
  return new Promise((resolve, reject) => {
    if (expected !== undefined && expected > maxBytes) return reject(tooLargeBody(maxBytes, expected));
    const parts: Buffer[] = [];
    let length = 0;
    const timer = idleMs > 0 ? setTimeout(() => done(slowBody(idleMs)), idleMs) : undefined;
    const done = (fault?: Error) => {
      clearTimeout(timer);
      stream.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose);
      stream.on('error', ignore);
      if (fault) reject(fault);
      else resolve(parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts, length));
    };
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      if (length > maxBytes) return done(tooLargeBody(maxBytes, undefined));
      parts.push(chunk);
      timer?.refresh();
    };
    const onEnd = () => done();
    const onError = (error: Error) => done(cutBody(error.message));
    const onClose = () => done(cutBody('connection closed'));
    stream.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose);
  });
}

function ignore(): void {}

export function tooLargeBody(limit: number, size: number | undefined): MidswapError {
  const given = size === undefined ? 'more' : `${size} bytes`;
  return new MidswapError('body_too_large', `the request body is over the limit: ${given} > ${limit} bytes`, {
    hint: 'raise gateway.max_body_bytes in the configuration',
  });
}

export function slowBody(idleMs: number): MidswapError {
  return new MidswapError('body_timeout', `the request body did not arrive: no byte for ${idleMs} ms`);
}

export function cutBody(reason: string): MidswapError {
  return new MidswapError('invalid_request', `the request body was cut off: ${reason}`);
}
