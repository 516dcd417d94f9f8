import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { MidswapError } from '../core/errors.ts';
import { Exchange } from './exchange.ts';
import type { GatewayCore } from './gateway-core.ts';
import { modelById, modelList } from './local.ts';
import { Reply } from './reply.ts';
import type { Session } from './session.ts';

const SESSION_PATH = /^\/s\/([A-Za-z0-9_-]{20,128})(\/.*)?$/;
const HEADERS_TIMEOUT_MS = 20_000;

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

  const server = http.createServer(
    {
      noDelay: true,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: 0,
      keepAliveTimeout: 65_000,
      maxHeaderSize: 64 << 10,
    },
    (req, res) => {
      try {
        handle(req, res);
      } catch (thrown) {
        const known = thrown instanceof MidswapError;
        if (!known) gateway.onInternalError(thrown);
        refuse(req, res, known ? thrown : new MidswapError('internal', 'the request could not be handled'));
      }
    },
  );
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => answerBroken(gateway, error, socket));

  function handle(req: IncomingMessage, res: ServerResponse): void {
    checkOrigin(req, allowedHosts);
    const url = req.url ?? '/';
    const mount = gateway.mounts.find(({ prefix }) => url.startsWith(prefix));
    if (mount) return mount.handle(req, res);
    const path = url.split('?', 1)[0] as string;
    if (path === '/health') return health(req, res);
    if (req.method === 'HEAD' && (path === '/' || path === '/api/hello')) return void res.writeHead(200).end();
    const inSession = SESSION_PATH.exec(path);
    if (!inSession) {
      const { session, selector } = sessionByToken(gateway, req);
      return dataPlane(session, selector, url, req, res);
    }
    const session = gateway.sessions.bySecret(inSession[1] as string);
    if (!session)
      throw new MidswapError('unauthorized', 'the session in the path is not known to this gateway', {
        hint: 'it may have ended; start a new one with "midswap"',
      });
    dataPlane(session, undefined, url.slice(3 + (inSession[1] as string).length) || '/', req, res);
  }

  function health(req: IncomingMessage, res: ServerResponse): void {
    if (req.method !== 'GET' && req.method !== 'HEAD') throw notAllowed(req, 'GET, HEAD');
    const body = JSON.stringify({
      status: draining ? 'draining' : 'ok',
      gateway: gateway.id,
      version: gateway.version,
    });
    res
      .writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
      .end(req.method === 'HEAD' ? undefined : body);
  }

  function dataPlane(
    session: Session,
    selector: string | undefined,
    url: string,
    req: IncomingMessage,
    res: ServerResponse,
  ): void {
    const path = url.split('?', 1)[0] as string;
    if (path === '/v1/messages' || path === '/v1/messages/count_tokens') {
      if (req.method !== 'POST') throw notAllowed(req, 'POST');
      if (draining) throw new MidswapError('shutting_down', 'the gateway is ending');
      return void exchange(session, selector, url, req, res);
    }
    if (req.method === 'HEAD' && (path === '/' || path === '/api/hello')) return void res.writeHead(200).end();
    if (path === '/v1/models' || path.startsWith('/v1/models/')) {
      if (req.method !== 'GET') throw notAllowed(req, 'GET');
      return models(path, res);
    }
    throw new MidswapError('not_found', `there is nothing at ${req.method} ${path}`, {
      hint: 'see docs/architecture.md for the paths that are served',
    });
  }

  function models(path: string, res: ServerResponse): void {
    const reply = new Reply(res, gateway.mintId('req'));
    if (path === '/v1/models' || path === '/v1/models/') return reply.sendJson(200, modelList(gateway.snapshot));
    const id = decodePath(path.slice('/v1/models/'.length));
    const model = modelById(gateway.snapshot, id);
    if (!model) throw new MidswapError('unknown_model', `model: ${id} is not known`);
    reply.sendJson(200, model);
  }

  async function exchange(
    session: Session,
    selector: string | undefined,
    path: string,
    req: IncomingMessage,
    res: ServerResponse,
  ): Promise<void> {
    active++;
    try {
      await new Exchange(gateway, session, req, res, { path, selector }).run();
    } finally {
      active--;
      if (active === 0) onIdle?.();
      // A body that was refused half-way must not block the connection.
      if (!req.complete) req.resume();
    }
  }

  function refuse(req: IncomingMessage, res: ServerResponse, error: MidswapError): void {
    const headers = error.code === 'method_not_allowed' ? ['allow', error.hint ?? ''] : [];
    new Reply(res, gateway.mintId('req')).refuse(error, [...headers, 'connection', 'close']);
    req.resume();
  }

  return {
    get active() {
      return active;
    },
    listen(host, port) {
      return new Promise((resolve, reject) => {
        server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
        server.listen(port, host, () => {
          const address = server.address();
          const bound = typeof address === 'object' && address ? address.port : port;
          allowedHosts = loopbackNames(host, bound);
          resolve({ host, port: bound });
        });
      });
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
    close() {
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

function decodePath(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new MidswapError('invalid_request', `the path has a broken escape: ${text.slice(0, 100)}`);
  }
}

function notAllowed(req: IncomingMessage, allow: string): MidswapError {
  return new MidswapError('method_not_allowed', `${req.method} is not possible here`, { hint: allow });
}

/** A gateway on loopback answers only to loopback names: a web page that has its own name point here is refused. */
function loopbackNames(host: string, port: number): ReadonlySet<string> | undefined {
  if (host !== '127.0.0.1' && host !== 'localhost' && host !== '::1') return undefined;
  return new Set(['127.0.0.1', 'localhost', '[::1]'].map((name) => `${name}:${port}`));
}

function checkOrigin(req: IncomingMessage, allowedHosts: ReadonlySet<string> | undefined): void {
  const { host, origin } = req.headers;
  if (allowedHosts && !allowedHosts.has((host ?? '').toLowerCase())) {
    throw new MidswapError('forbidden_host', `the Host header "${(host ?? '').slice(0, 100)}" is not this gateway`, {
      hint: 'use 127.0.0.1 or localhost with its port',
    });
  }
  const sameOrigin = origin !== undefined && origin === `http://${host}`;
  const site = req.headers['sec-fetch-site'];
  if ((origin !== undefined && !sameOrigin) || (site !== undefined && site !== 'same-origin' && site !== 'none')) {
    throw new MidswapError('forbidden_origin', 'requests from web pages are refused');
  }
}

/** Served gateways: the session is named by a token in a header, with an optional `:provider/model` behind it. */
function sessionByToken(
  gateway: GatewayCore,
  req: IncomingMessage,
): { session: Session; selector: string | undefined } {
  const { authorization } = req.headers;
  const candidates = [
    req.headers['x-api-key'],
    authorization?.replace(/^Bearer\s+/i, ''),
    req.headers['anthropic-auth-token'],
  ];
  for (const candidate of candidates) {
    if (typeof candidate !== 'string') continue;
    const [token, ...selector] = candidate.trim().split(':');
    const session = gateway.sessions.bySecret(token as string);
    if (session) return { session, selector: selector.length > 0 ? selector.join(':') : undefined };
  }
  throw new MidswapError('unauthorized', 'no session or token of this gateway in the request');
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): MidswapError {
  if (error.code === 'EADDRINUSE')
    return new MidswapError('port_taken', `port ${port} on ${host} is taken by another program`, {
      hint: 'choose another with --port, or leave it out for a free one',
      cause: error,
    });
  return new MidswapError('port_taken', `cannot listen on ${host}:${port}: ${error.message}`, { cause: error });
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
