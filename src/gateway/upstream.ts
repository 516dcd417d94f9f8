import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, constants as zlib } from 'node:zlib';
import type { FailureClass, UpstreamFault } from '../core/failure.ts';
import type { Target } from '../core/target.ts';
import { connectionFault } from './faults.ts';
import { ProxyAgents } from './proxy.ts';

/** Keep-alive pools, one pair per gateway. */
export interface Pools {
  readonly http: http.Agent;
  readonly https: https.Agent;
  readonly proxies: ProxyAgents;
}

export function createPools(): Pools {
  const options = { keepAlive: true, maxFreeSockets: 256, scheduling: 'lifo' as const, timeout: 0 };
  return { http: new http.Agent(options), https: new https.Agent(options), proxies: new ProxyAgents() };
}

export function closePools(pools: Pools): void {
  pools.http.destroy();
  pools.https.destroy();
  void pools.proxies.destroy();
}

export interface UpstreamRequest {
  readonly target: Target;
  /** Origin and base path of the endpoint; differs from the target's for the built-in provider. */
  readonly baseUrl: string;
  readonly path: string;
  readonly headers: readonly string[];
  readonly body: readonly Buffer[];
}

export interface UpstreamCall {
  /** The answer's head, or the fault that happened instead. Never rejects. */
  readonly answer: Promise<IncomingMessage | UpstreamFault>;
  /** Ends the call at once, whatever its state. */
  abort(): void;
}

export function isFault(value: IncomingMessage | UpstreamFault): value is UpstreamFault {
  return 'class' in value;
}

/**
 * Sends one request. A pooled connection that the upstream closed while it was idle fails before any answer: that
 * request is sent once more on a fresh connection, since the upstream cannot have begun to answer it.
 */
export function callUpstream(pools: Pools, request: UpstreamRequest): UpstreamCall {
  let current: ClientRequest | undefined;
  let abort = () => {};
  const answer = new Promise<IncomingMessage | UpstreamFault>((resolve) => {
    let aborted = false;
    const start = (proxy: http.Agent | undefined, fresh: boolean) => {
      // A repeat goes through the proxy too: nothing may ever pass it by.
      const agent = proxy ?? (fresh ? false : poolOf(pools, request.baseUrl));
      current = send(request, agent, resolve, (error, reused) => {
        if (reused && !fresh && !aborted) start(proxy, true);
        else resolve(faultOf(error, request));
      });
    };
    const begin = async () => {
      const { proxy } = request.target;
      const agent = proxy && (await pools.proxies.agent(proxy));
      if (!aborted) start(agent, false);
    };
    abort = () => {
      aborted = true;
      // A request without a socket says nothing when it is destroyed.
      resolve(connectionFault('aborted', 'the client closed the connection'));
      current?.destroy();
    };
    begin().catch((error) => resolve(faultOf(error as NodeJS.ErrnoException, request)));
  });
  return { answer, abort: () => abort() };
}

function poolOf(pools: Pools, baseUrl: string): http.Agent {
  return baseUrl.startsWith('https:') ? pools.https : pools.http;
}

function send(
  request: UpstreamRequest,
  agent: http.Agent | false,
  onAnswer: (answer: IncomingMessage) => void,
  onError: (error: NodeJS.ErrnoException, reused: boolean) => void,
): ClientRequest {
  const url = new URL(request.baseUrl);
  const secure = url.protocol === 'https:';
  let length = 0;
  for (const part of request.body) length += part.length;
  const headers = ['host', url.host, ...request.headers, 'content-length', String(length)];
  const outgoing = (secure ? https : http).request({
    protocol: url.protocol,
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port || (secure ? 443 : 80),
    method: 'POST',
    path: `${url.pathname.replace(/\/+$/, '')}${request.path}`,
    agent,
    headers,
  });
  let settled = false;
  const fail = (error: NodeJS.ErrnoException) => {
    clearTimeout(connectTimer);
    if (settled) return;
    settled = true;
    onError(error, outgoing.reusedSocket === true && isReset(error));
    outgoing.destroy();
  };
  const { connectMs } = request.target.timeouts;
  // Runs from here and not from the socket: behind a proxy there is none before the tunnel stands.
  const connectTimer =
    connectMs > 0 ? setTimeout(() => fail(timeoutError('timeout_connect', connectMs)), connectMs) : undefined;
  outgoing.once('proxyConnect', ({ statusCode }: { statusCode: number }) => {
    if (statusCode !== 200) fail(new Error(`its proxy refused the connection with status ${statusCode}`));
  });
  outgoing.once('socket', (socket) => {
    socket.setNoDelay(true);
    if (socket.connecting) socket.once(secure ? 'secureConnect' : 'connect', () => clearTimeout(connectTimer));
    else clearTimeout(connectTimer);
  });
  outgoing.once('response', (answer) => {
    clearTimeout(connectTimer);
    if (settled) return answer.destroy();
    settled = true;
    onAnswer(answer);
  });
  // Without a listener the connection would be closed and nothing said.
  outgoing.once('upgrade', (_, socket) => {
    socket.destroy();
    fail(brokenProtocol('it changed the protocol'));
  });
  outgoing.on('error', fail);
  outgoing.once('close', () => fail(Object.assign(new Error('closed'), { code: 'ECONNRESET' })));
  const last = request.body.length - 1;
  for (let i = 0; i < last; i++) outgoing.write(request.body[i] as Buffer);
  outgoing.end(request.body[last]);
  return outgoing;
}

interface ConnectionError extends NodeJS.ErrnoException {
  failure?: FailureClass;
}

function timeoutError(failure: FailureClass, ms: number): ConnectionError {
  return Object.assign(new Error(`no connection within ${ms} ms`), { failure });
}

function brokenProtocol(what: string): ConnectionError {
  return Object.assign(new Error(what), { failure: 'malformed' as const });
}

/** The parser's codes: what came is not HTTP. */
function isParseError({ code = '' }: NodeJS.ErrnoException): boolean {
  return code.startsWith('HPE_');
}

function isReset(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ECONNRESET' || error.code === 'EPIPE' || error.message === 'socket hang up';
}

const NETWORK_HINTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there; is the server running?',
  ENOTFOUND: 'the name does not resolve',
  EAI_AGAIN: 'the name service did not answer; is this machine online?',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was reset',
  ETIMEDOUT: 'the connection timed out',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate chain is self-signed',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate cannot be verified',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
};

function faultOf(error: ConnectionError, request: UpstreamRequest): UpstreamFault {
  const host = hostOf(request.baseUrl);
  const hint = NETWORK_HINTS[error.code ?? ''];
  const what = hint ? `${error.code}: ${hint}` : error.message;
  const failure = isParseError(error) ? 'malformed' : (error.failure ?? 'network');
  const problem = failure === 'malformed' ? 'did not answer in HTTP' : 'could not be reached';
  return connectionFault(failure, `${request.target.provider} (${host}) ${problem}: ${what}`);
}

/** Base URLs are few, and the same in every request. */
const hosts = new Map<string, string>();
const MAX_HOSTS = 1000;

/** Host and port of a base URL, for messages and records. */
export function hostOf(baseUrl: string): string {
  let host = hosts.get(baseUrl);
  if (host === undefined) {
    host = URL.canParse(baseUrl) ? new URL(baseUrl).host : baseUrl;
    if (hosts.size >= MAX_HOSTS) hosts.clear();
    hosts.set(baseUrl, host);
  }
  return host;
}

/** The answer's body as sent before compression; chunks come out as soon as they can be decoded. */
export function decodedBody(answer: IncomingMessage): Readable {
  const flush = { flush: zlib.Z_SYNC_FLUSH, finishFlush: zlib.Z_SYNC_FLUSH };
  const encoding = String(answer.headers['content-encoding'] ?? '')
    .trim()
    .toLowerCase();
  if (encoding === 'gzip' || encoding === 'x-gzip') return piped(answer, createGunzip(flush));
  if (encoding === 'deflate') return piped(answer, createInflate(flush));
  if (encoding === 'br') {
    return piped(
      answer,
      createBrotliDecompress({ flush: zlib.BROTLI_OPERATION_FLUSH, finishFlush: zlib.BROTLI_OPERATION_FLUSH }),
    );
  }
  return answer;
}

function piped<T extends NodeJS.ReadWriteStream & Readable>(answer: IncomingMessage, decoder: T): Readable {
  answer.on('error', (error) => decoder.destroy(error));
  answer.on('close', () => {
    if (!answer.complete) decoder.destroy(new Error('the connection was cut'));
  });
  return answer.pipe(decoder);
}
