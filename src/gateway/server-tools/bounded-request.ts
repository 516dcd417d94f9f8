import http, { type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { isIP, type LookupFunction } from 'node:net';
import type { Readable } from 'node:stream';
import type { Secret } from '../../core/secret.ts';
import type { ConnectionError } from '../upstream/connection-error.ts';
import { decoderOf } from '../upstream/decoder.ts';
import { openSocket, originOf } from '../upstream/dial.ts';
import { type ToolFault, toolFault } from './tool-fault.ts';

export interface BoundedRequest {
  readonly url: URL;
  readonly method?: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Bytes of the body that are read; compressed ones that come to nothing are bounded too. */
  readonly maxBytes: number;
  /** Ends the request at once: the caller's abort or the time that it has. */
  readonly signal: AbortSignal;
  /** Addresses that were looked up and checked; the connection goes to one of them or nowhere. */
  readonly pinned?: readonly string[];
  readonly proxy?: Secret;
}

export interface BoundedAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  /** There was more; reading stopped at the limit. */
  readonly truncated: boolean;
}

/** A compressed body can be long without giving anything. */
const EMPTY_ALLOWANCE = 4;

/** One request without redirects, on a connection of its own. Never rejects. */
export async function boundedRequest(request: BoundedRequest): Promise<BoundedAnswer | ToolFault> {
  if (request.signal.aborted) return gone(request.signal);
  try {
    const answer = await send(request);
    if (isRedirect(answer)) {
      answer.destroy();
      return { status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.alloc(0), truncated: false };
    }
    return await readAnswer(answer, request);
  } catch (error) {
    if (request.signal.aborted) return gone(request.signal);
    return toolFault('url_not_accessible', `the connection failed: ${reasonOf(error)}`);
  }
}

export function isRedirect({ statusCode }: { statusCode?: number | undefined }): boolean {
  return statusCode !== undefined && [301, 302, 303, 307, 308].includes(statusCode);
}

function gone(signal: AbortSignal): ToolFault {
  const late = (signal.reason as { name?: unknown } | undefined)?.name === 'TimeoutError';
  return toolFault('url_not_accessible', late ? 'it took too long' : 'the request was given up');
}

/** Codes of the system are safe to tell; messages of it may hold the address behind a name, or where the proxy is. */
function reasonOf(error: unknown): string {
  const { code, at } = error as ConnectionError;
  if (at !== undefined) return 'the proxy did not reach it';
  return typeof code === 'string' ? code : 'it was cut off';
}

async function send(bounded: BoundedRequest): Promise<IncomingMessage> {
  const { url, method = 'GET', headers, body, signal, pinned } = bounded;
  const tunnel = await tunnelFor(bounded);
  return new Promise((resolve, reject) => {
    const options: RequestOptions & { autoSelectFamily?: boolean } = {
      method,
      signal,
      headers: { ...headers, 'accept-encoding': 'gzip, deflate, br', connection: 'close' },
      ...(tunnel ? { createConnection: () => tunnel.resume() } : { agent: false }),
      ...(pinned ? { lookup: pinnedLookup(pinned) } : {}),
    };
    const request = (url.protocol === 'https:' ? https : http).request(url, options, resolve);
    request.on('error', reject);
    // A runtime that did not ask the lookup has connected somewhere that nobody checked.
    if (pinned && !tunnel) {
      request.once('socket', (socket) => {
        const check = () => {
          const remote = socket.remoteAddress?.replace(/^::ffff:(?=\d+\.)/, '');
          if (remote !== undefined && !pinned.includes(remote)) request.destroy(new Error('an unchecked address'));
        };
        if (socket.connecting) socket.once('connect', check);
        else check();
      });
    }
    request.end(body);
  });
}

/** Addresses of one host that are tried through a proxy, one after the other. */
const MAX_ADDRESSES = 3;

/** A connection through the proxy, to an address that was checked where there is one: then it is not the proxy that
 * resolves the name, and what it reaches is what was checked. */
async function tunnelFor({ url, proxy, pinned, signal }: BoundedRequest): Promise<Socket | undefined> {
  if (!proxy) return undefined;
  const origin = originOf(url, proxy);
  // A proxy may well have no IPv6, and says so late.
  const hosts = pinned?.toSorted((a, b) => isIP(a) - isIP(b)).slice(0, MAX_ADDRESSES) ?? [origin.host];
  let failure: unknown;
  for (const host of hosts) {
    try {
      return await openSocket({ ...origin, host, name: origin.host }, 0, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      failure = error;
    }
  }
  throw failure;
}

function pinnedLookup(pinned: readonly string[]): LookupFunction {
  const entries = pinned.map((address) => ({ address, family: isIP(address) }));
  const [first] = entries;
  return (_hostname, options, callback) => {
    if (options.all) callback(null, entries);
    else if (first) callback(null, first.address, first.family);
    else callback(new Error('no address'), '', 0);
  };
}

/** As sent before compression. */
function decodedBody(answer: IncomingMessage): Readable {
  const decoder = decoderOf(answer.headers['content-encoding'] ?? '');
  if (!decoder) return answer;
  answer.on('error', (error) => decoder.destroy(error));
  answer.on('close', () => {
    if (!answer.complete) decoder.destroy(new Error('the connection was cut'));
  });
  return answer.pipe(decoder);
}

function readAnswer(answer: IncomingMessage, { maxBytes, signal }: BoundedRequest): Promise<BoundedAnswer> {
  return new Promise((resolve, reject) => {
    let wireBytes = 0;
    let bytes = 0;
    const parts: Buffer[] = [];
    const decoded = decodedBody(answer);
    const stop = () => finish(undefined, new Error('aborted'));
    let over = false;
    const finish = (truncated: boolean | undefined, error?: Error) => {
      if (over) return;
      over = true;
      signal.removeEventListener('abort', stop);
      decoded.on('error', () => {});
      answer.on('error', () => {});
      if (truncated !== false) {
        decoded.destroy();
        answer.destroy();
      }
      if (truncated === undefined) return reject(error);
      const body = Buffer.concat(parts).subarray(0, maxBytes);
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body, truncated });
    };
    signal.addEventListener('abort', stop, { once: true });
    if (decoded !== answer) {
      answer.on('data', (chunk: Buffer) => {
        wireBytes += chunk.length;
        if (wireBytes > maxBytes * EMPTY_ALLOWANCE) finish(true);
      });
    }
    decoded.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      parts.push(chunk);
      if (bytes > maxBytes) finish(true);
    });
    decoded.on('end', () => (answer.complete ? finish(false) : finish(undefined, new Error('cut'))));
    decoded.on('error', (error) => finish(undefined, error));
    answer.on('aborted', () => finish(undefined, new Error('cut')));
    answer.on('close', () => setImmediate(finishCut));
    function finishCut() {
      if (!answer.complete) finish(undefined, new Error('cut'));
    }
  });
}
