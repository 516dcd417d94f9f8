import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Secret } from '../core/secret.ts';
import { openSocket, originOf } from '../gateway/upstream/dial.ts';

export interface GetTextOptions {
  readonly headers: OutgoingHttpHeaders;
  readonly proxy?: Secret | undefined;
  /** Milliseconds for all of it. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

export interface TextAnswer {
  readonly status: number;
  /** Where a redirect leads, as it is written. */
  readonly location: string | undefined;
  readonly text: string;
}

/**
 * One answer as text, without following redirects. Throws `Error` when none comes, or one that is cut or too large. The
 * connection is opened here, since one of the runtimes would send it through a proxy of the environment by itself.
 */
export async function getText(url: URL, options: GetTextOptions): Promise<TextAnswer> {
  const { headers, proxy, timeoutMs, maxBytes } = options;
  const endAtMs = performance.now() + timeoutMs;
  const socket = await openSocket(originOf(url, proxy), timeoutMs);
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const connection = { createConnection: () => socket.resume() };
    const outgoing = send(url, { headers: { ...headers, connection: 'close' }, ...connection }, (incoming) => {
      const { statusCode: status = 0, headers: answered } = incoming;
      collect(incoming, maxBytes).then((text) => resolve({ status, location: answered.location, text }), reject);
    });
    const late = () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`));
    const deadline = setTimeout(late, Math.max(0, endAtMs - performance.now()));
    outgoing.on('error', (error: NodeJS.ErrnoException) => reject(new Error(error.message || error.code)));
    outgoing.on('close', () => clearTimeout(deadline));
    outgoing.end();
  });
}

async function collect(incoming: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    size += (chunk as Buffer).length;
    if (size > maxBytes) throw new Error(`the answer is larger than ${maxBytes} bytes`);
    chunks.push(chunk as Buffer);
  }
  if (!incoming.complete) throw new Error('the answer was cut off');
  return Buffer.concat(chunks).toString('utf8');
}
