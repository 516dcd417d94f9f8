import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import https from 'node:https';
import { brokenProtocol, type ConnectionError, connectTimeout, hangUp, isReset } from './connection-error.ts';

export interface ProxiedRequest {
  readonly url: URL;
  /** Path and query of the request, without the base path. */
  readonly path: string;
  /** Name and value alternating; host and length are added. */
  readonly headers: readonly string[];
  readonly body: readonly Buffer[];
  readonly bodyLength: number;
  /** Longest time until the tunnel and the connection through it stand; 0 is none. */
  readonly connectMs: number;
  readonly agent: http.Agent;
  readonly onAnswer: (answer: IncomingMessage) => void;
  readonly onError: (error: ConnectionError, repeatable: boolean) => void;
}

/** One request through a proxy: by `node:http`, for which the tunnels of every kind exist. */
export function sendProxied(request: ProxiedRequest): ClientRequest {
  const { url, connectMs, body } = request;
  const secure = url.protocol === 'https:';
  const outgoing = (secure ? https : http).request({
    protocol: url.protocol,
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port || (secure ? 443 : 80),
    method: 'POST',
    path: `${url.pathname.replace(/\/+$/, '')}${request.path}`,
    agent: request.agent,
    headers: ['host', url.host, ...request.headers, 'content-length', String(request.bodyLength)],
  });
  let settled = false;
  const fail = (error: ConnectionError) => {
    clearTimeout(connectTimer);
    if (settled) return;
    settled = true;
    request.onError(error, outgoing.reusedSocket === true && isReset(error));
    outgoing.destroy();
  };
  // Runs from here and not from the socket: there is none before the tunnel stands.
  const connectTimer = connectMs > 0 ? setTimeout(() => fail(connectTimeout(connectMs)), connectMs) : undefined;
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
    request.onAnswer(answer);
  });
  // Without a listener the connection would be closed and nothing said.
  outgoing.once('upgrade', (_, socket) => {
    socket.destroy();
    fail(brokenProtocol('it changed the protocol'));
  });
  outgoing.on('error', fail);
  outgoing.once('close', () => fail(hangUp()));
  const last = body.length - 1;
  for (let i = 0; i < last; i++) outgoing.write(body[i] as Buffer);
  outgoing.end(body[last]);
  return outgoing;
}
