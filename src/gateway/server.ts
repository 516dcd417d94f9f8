import type { Socket } from 'node:net';
import { MidswapError } from '../core/errors.ts';
import { Exchange } from './exchange.ts';
import type { GatewayCore } from './gateway-core.ts';
import { HttpReply, inboundOf } from './inbound/http-exchange.ts';
import { headerOf, type Inbound, type Outbound } from './inbound/inbound.ts';
import { Listener } from './inbound/listener.ts';
import { modelById, modelList } from './local.ts';
import { Reply } from './reply.ts';
import type { Session } from './session.ts';

const CACHE_PATH = '/v1/admin/cache';
const SESSION_PATH = /^\/s\/([A-Za-z0-9_-]{20,128})(\/.*)?$/;

export interface GatewayServer {
  readonly active: number;
  listen(host: string, port: number): Promise<{ host: string; port: number }>;
  drain(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

/** The gateway's listening side: who may speak, and to what. */
export function createServer(gateway: GatewayCore): GatewayServer {
  let active = 0;
  let draining = false;
  let onIdle: (() => void) | undefined;
  let allowedHosts: ReadonlySet<string> | undefined;

  const mountAt = (url: string) => gateway.mounts.find(({ prefix }) => url.startsWith(prefix));
  const listener = new Listener({
    handle: (req, out) => guarded(req, out, () => handle(req, out)),
    isMounted: (url) => mountAt(url) !== undefined,
    handleHttp: (req, res) => {
      const request = inboundOf(req);
      guarded(
        request,
        () => new HttpReply(res),
        () => {
          checkOrigin(request, allowedHosts);
          mountAt(request.url)?.handle(req, res);
        },
      );
    },
    onBroken: (error, socket) => answerBroken(gateway, error, socket),
  });

  function guarded(req: Inbound, out: Outbound | (() => Outbound), answer: () => void): void {
    try {
      answer();
    } catch (thrown) {
      const known = thrown instanceof MidswapError;
      if (!known) gateway.onInternalError(thrown);
      refuse(
        req,
        typeof out === 'function' ? out() : out,
        known ? thrown : new MidswapError('internal', 'the request could not be handled'),
      );
    }
  }

  function handle(req: Inbound, out: Outbound): void {
    checkOrigin(req, allowedHosts);
    const { url } = req;
    const path = url.split('?', 1)[0] as string;
    if (path === '/health') return health(req, out);
    if (req.method === 'HEAD' && (path === '/' || path === '/api/hello')) return nothing(out);
    const inSession = SESSION_PATH.exec(path);
    if (!inSession) {
      const { session, selector } = sessionByToken(gateway, req);
      return dataPlane(session, selector, url, req, out);
    }
    const session = gateway.sessions.bySecret(inSession[1] as string);
    if (!session)
      throw new MidswapError('unauthorized', 'the session in the path is not known to this gateway', {
        hint: 'it may have ended; start a new one with "midswap"',
      });
    dataPlane(session, undefined, url.slice(3 + (inSession[1] as string).length) || '/', req, out);
  }

  function health(req: Inbound, out: Outbound): void {
    if (req.method !== 'GET' && req.method !== 'HEAD') throw notAllowed(req, 'GET, HEAD');
    const body = JSON.stringify({
      status: draining ? 'draining' : 'ok',
      gateway: gateway.id,
      version: gateway.version,
    });
    out.head(200, ['content-type', 'application/json', 'content-length', String(body.length)]);
    out.end(req.method === 'HEAD' ? [] : [Buffer.from(body)]);
  }

  function dataPlane(session: Session, selector: string | undefined, url: string, req: Inbound, out: Outbound): void {
    const path = url.split('?', 1)[0] as string;
    if (path === '/v1/messages' || path === '/v1/messages/count_tokens') {
      if (req.method !== 'POST') throw notAllowed(req, 'POST');
      if (draining) throw new MidswapError('shutting_down', 'the gateway is ending');
      return void exchange(session, selector, url, req, out);
    }
    if (req.method === 'HEAD' && (path === '/' || path === '/api/hello')) return nothing(out);
    if (path === '/v1/models' || path.startsWith('/v1/models/')) {
      if (req.method !== 'GET') throw notAllowed(req, 'GET');
      return models(path, out);
    }
    if (gateway.served && path === CACHE_PATH) return cache(req, out);
    throw new MidswapError('not_found', `there is nothing at ${req.method} ${path}`, {
      hint: 'see docs/architecture.md for the paths that are served',
    });
  }

  function models(path: string, out: Outbound): void {
    const reply = new Reply(out, gateway.mintId('req'));
    if (path === '/v1/models' || path === '/v1/models/') return reply.sendJson(200, modelList(gateway.snapshot));
    const id = decodePath(path.slice('/v1/models/'.length));
    const model = modelById(gateway.snapshot, id);
    if (!model) throw new MidswapError('unknown_model', `model: ${id} is not known`);
    reply.sendJson(200, model);
  }

  /** As the control API tells it, for who has only a token of the data plane. */
  function cache(req: Inbound, out: Outbound): void {
    if (req.method !== 'GET' && req.method !== 'DELETE') throw notAllowed(req, 'GET, DELETE');
    const answer = req.method === 'GET' ? gateway.cacheStats : { cleared: gateway.clearCache() };
    new Reply(out, gateway.mintId('req')).sendJson(200, answer, ['cache-control', 'no-store']);
  }

  async function exchange(
    session: Session,
    selector: string | undefined,
    path: string,
    req: Inbound,
    out: Outbound,
  ): Promise<void> {
    active++;
    try {
      await new Exchange(gateway, session, req, out, { path, selector }).run();
    } finally {
      active--;
      if (active === 0) onIdle?.();
      req.discard();
    }
  }

  function nothing(out: Outbound): void {
    out.head(200, []);
    out.end();
  }

  function refuse(req: Inbound, out: Outbound, error: MidswapError): void {
    const headers = error.code === 'method_not_allowed' ? ['allow', error.hint ?? ''] : [];
    new Reply(out, gateway.mintId('req')).refuse(error, [...headers, 'connection', 'close']);
    req.discard();
  }

  return {
    get active() {
      return active;
    },
    async listen(host, port) {
      const bound = await listener.listen(host, port);
      allowedHosts = loopbackNames(host, bound.port);
      return bound;
    },
    async drain(timeoutMs) {
      draining = true;
      if (active === 0) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        onIdle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    },
    close: () => listener.close(),
  };
}

function decodePath(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new MidswapError('invalid_request', `the path has a broken escape: ${text.slice(0, 100)}`);
  }
}

function notAllowed(req: Inbound, allow: string): MidswapError {
  return new MidswapError('method_not_allowed', `${req.method} is not possible here`, { hint: allow });
}

/** A gateway on loopback answers only to loopback names: a web page that has its own name point here is refused. */
function loopbackNames(host: string, port: number): ReadonlySet<string> | undefined {
  if (host !== '127.0.0.1' && host !== 'localhost' && host !== '::1') return undefined;
  return new Set(['127.0.0.1', 'localhost', '[::1]'].map((name) => `${name}:${port}`));
}

function checkOrigin(req: Inbound, allowedHosts: ReadonlySet<string> | undefined): void {
  const host = headerOf(req, 'host');
  const origin = headerOf(req, 'origin');
  if (allowedHosts && !allowedHosts.has((host ?? '').toLowerCase())) {
    throw new MidswapError('forbidden_host', `the Host header "${(host ?? '').slice(0, 100)}" is not this gateway`, {
      hint: 'use 127.0.0.1 or localhost with its port',
    });
  }
  const sameOrigin = origin !== undefined && origin === `http://${host}`;
  const site = headerOf(req, 'sec-fetch-site');
  if ((origin !== undefined && !sameOrigin) || (site !== undefined && site !== 'same-origin' && site !== 'none')) {
    throw new MidswapError('forbidden_origin', 'requests from web pages are refused');
  }
}

/** Served gateways: the session is named by a token in a header, with an optional `:provider/model` behind it. */
function sessionByToken(gateway: GatewayCore, req: Inbound): { session: Session; selector: string | undefined } {
  const candidates = [
    headerOf(req, 'x-api-key'),
    headerOf(req, 'authorization')?.replace(/^Bearer\s+/i, ''),
    headerOf(req, 'anthropic-auth-token'),
  ];
  for (const candidate of candidates) {
    if (candidate === undefined) continue;
    const [token, ...selector] = candidate.trim().split(':');
    const session = gateway.sessions.bySecret(token as string);
    if (session) return { session, selector: selector.length > 0 ? selector.join(':') : undefined };
  }
  throw new MidswapError('unauthorized', 'no session or token of this gateway in the request');
}

/** What is not HTTP, or too large a head, still gets the error envelope. */
function answerBroken(gateway: GatewayCore, error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
  const status =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : '400 Bad Request';
  const requestId = gateway.mintId('req');
  const body = JSON.stringify({
    type: 'error',
    error: { type: 'invalid_request_error', message: 'the request is not valid HTTP' },
    request_id: requestId,
  });
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\nrequest-id: ${requestId}\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
  );
}
