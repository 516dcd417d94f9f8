import net, { type Socket } from 'node:net';
import tls, { type TLSSocket } from 'node:tls';
import type { Secret } from '../../core/secret.ts';
import { type ConnectionError, connectTimeout, hangUp } from './connection-error.ts';

const KEEP_ALIVE_PROBE_MS = 30_000;

/** Where connections go, and through whom. */
export interface Origin {
  /** Scheme, host, port and proxy. */
  readonly key: string;
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  /** Of its certificate, where `host` is an address that this name leads to. */
  readonly name?: string;
  readonly proxy?: Secret;
}

export interface DialOptions {
  /** Longest time until the connection stands, names and proxies included; 0 is none. */
  readonly connectMs: number;
  /** Protocols to offer, the best first. */
  readonly alpn: readonly string[];
  /** TLS sessions by origin, so that a new connection need not negotiate all of it again. */
  readonly sessions: Map<string, Buffer>;
  /** Certificates to trust instead of those of the runtime. */
  readonly ca?: string | undefined;
  /** The connection stands and its certificate was accepted. Listeners have to be there when this returns. */
  readonly onSocket: (socket: Socket) => void;
  readonly onError: (error: ConnectionError) => void;
}

/** A connection of one's own, for one exchange in HTTP/1.1. */
export function openSocket(origin: Omit<Origin, 'key'>, connectMs: number, signal?: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const leave = () => {
      dialing.destroy();
      reject(signal?.reason as Error);
    };
    const over = () => signal?.removeEventListener('abort', leave);
    if (signal?.aborted) return reject(signal.reason as Error);
    const dialing = dial(
      { ...origin, key: '' },
      {
        connectMs,
        alpn: ['http/1.1'],
        sessions: new Map(),
        onSocket: (socket) => {
          over();
          resolve(socket);
        },
        onError: (error) => {
          over();
          reject(error);
        },
      },
    );
    signal?.addEventListener('abort', leave, { once: true });
  });
}

/** Host and port of a URL as a connection needs them. */
export function originOf(url: URL, proxy?: Secret): Omit<Origin, 'key'> {
  const secure = url.protocol === 'https:';
  return {
    secure,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    ...(proxy && { proxy }),
  };
}

/** Opens a connection. What is returned gives it up; then neither callback is called. */
export function dial(origin: Origin, options: DialOptions): { destroy(): void } {
  const { connectMs, onSocket, onError } = options;
  const leaving = origin.proxy && new AbortController();
  let socket: Socket | undefined;
  let isOver = false;
  const end = () => {
    isOver = true;
    clearTimeout(timer);
    socket?.off('error', fail).off('close', closed);
  };
  const drop = () => {
    end();
    leaving?.abort();
    socket?.on('error', () => {});
    socket?.destroy();
  };
  const fail = (error: ConnectionError) => {
    if (isOver) return;
    drop();
    options.sessions.delete(origin.key);
    onError(error);
  };
  const closed = () => fail(hangUp());
  // Runs from here and not from the socket's own events: looking the name up is part of it.
  const timer = connectMs > 0 ? setTimeout(() => fail(connectTimeout(connectMs)), connectMs) : undefined;
  const watch = (opened: Socket, event: 'connect' | 'secureConnect') => {
    socket = opened;
    opened.once('error', fail).once('close', closed);
    opened.once(event, () => {
      if (isOver) return;
      end();
      opened.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_PROBE_MS);
      onSocket(opened);
    });
  };
  if (!leaving)
    watch(
      origin.secure ? secure(origin, options) : net.connect({ host: origin.host, port: origin.port }),
      eventOf(origin),
    );
  else
    tunnelTo(origin, leaving.signal).then((tunnel) => {
      if (isOver) return void tunnel.destroy();
      if (origin.secure) return watch(secure(origin, options, tunnel), 'secureConnect');
      end();
      onSocket(tunnel);
    }, fail);
  return {
    destroy() {
      if (!isOver) drop();
    },
  };
}

function eventOf({ secure }: Origin): 'connect' | 'secureConnect' {
  return secure ? 'secureConnect' : 'connect';
}

/** What tunnels need is loaded with the first proxy. */
async function tunnelTo(origin: Origin, signal: AbortSignal): Promise<Socket> {
  const { openTunnel } = await import('./proxy-tunnel.ts');
  return openTunnel(origin.proxy as Secret, origin, signal);
}

function secure(
  { key, host, port, name = host }: Origin,
  { alpn, sessions, ca }: DialOptions,
  tunnel?: Socket,
): TLSSocket {
  const known = sessions.get(key);
  const socket = tls.connect({
    ...(tunnel ? { socket: tunnel } : { port }),
    host,
    // An address is checked against the certificate too, but is no name to ask for (RFC 6066, section 3).
    ...(net.isIP(name) === 0 && { servername: name }),
    ALPNProtocols: [...alpn],
    ...(known && { session: known }),
    ...(ca !== undefined && { ca }),
  });
  if (tunnel) {
    socket.once('close', () => tunnel.destroy());
    if (tunnel instanceof tls.TLSSocket) holdTogether(socket, tunnel);
  }
  let last: Buffer | undefined;
  let isAccepted = false;
  // Kept only once the certificate was accepted; comes before that or after, by the version of TLS.
  const keep = () => {
    if (last && isAccepted && !socket.destroyed) sessions.set(key, last);
  };
  socket.on('session', (session: Buffer) => {
    last = session;
    keep();
  });
  socket.once('secureConnect', () => {
    isAccepted = true;
    keep();
  });
  return socket;
}

/** TLS within TLS leaves it to the outer connection, in one of the runtimes, whether the process is kept alive. */
function holdTogether(socket: TLSSocket, tunnel: Socket): void {
  const { ref, unref } = socket;
  socket.ref = () => {
    tunnel.ref();
    return ref.call(socket);
  };
  socket.unref = () => {
    tunnel.unref();
    return unref.call(socket);
  };
}
