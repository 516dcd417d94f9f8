import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import net, { type Socket } from 'node:net';
import { MidswapError } from '../../core/errors.ts';
import { lateHttp } from '../late-builtins.ts';
import { HttpReply, inboundOf } from './http-exchange.ts';
import type { Inbound, Outbound } from './inbound.ts';
import { PlainConnection } from './plain-connection.ts';

const MAX_HEAD_BYTES = 64 << 10;

/** How long connections wait, milliseconds. */
export interface ListenerTimes {
  /** A head whose first bytes are there has to be whole within this time. */
  readonly headMs: number;
  /** An idle connection is kept for so long. */
  readonly keepAliveMs: number;
  /** The two are looked at so often. */
  readonly sweepMs: number;
}

const TIMES: ListenerTimes = { headMs: 20_000, keepAliveMs: 65_000, sweepMs: 5_000 };

export interface ListenerOptions {
  /** Answers a request, whichever way it came. */
  readonly handle: (request: Inbound, reply: Outbound) => void;
  /** Whether `handleHttp` is for requests with this target. */
  readonly isMounted: (url: string) => boolean;
  /** Answers requests that need all that `node:http` offers. */
  readonly handleHttp: (req: IncomingMessage, res: ServerResponse) => void;
  /** What is not HTTP, or too large a head. */
  readonly onBroken: (error: NodeJS.ErrnoException, socket: Socket) => void;
}

/** Listens and reads requests: plain ones by itself (`PlainConnection`), everything else through `node:http`. */
export class Listener {
  readonly #server: net.Server;
  readonly #options: ListenerOptions;
  readonly #times: ListenerTimes;
  /** Connections that have not left the plain way. */
  readonly #plain = new Map<Socket, PlainConnection>();
  /** The others, with the time until when they wait for a request; `undefined` while they have one. */
  readonly #others = new Map<Socket, number | undefined>();
  #http: HttpServer | undefined;
  #sweep: NodeJS.Timeout | undefined;

  constructor(options: ListenerOptions, times: ListenerTimes = TIMES) {
    this.#options = options;
    this.#times = times;
    this.#server = net.createServer({ noDelay: true }, (socket) => this.#connected(socket));
  }

  /** Port 0 takes a free one. Rejects with `port_taken`. */
  listen(host: string, port: number): Promise<{ host: string; port: number }> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
      this.#server.listen(port, host, () => {
        this.#sweep = setInterval(() => this.#closeIdle(performance.now()), this.#times.sweepMs).unref();
        const address = this.#server.address();
        resolve({ host, port: typeof address === 'object' && address ? address.port : port });
      });
    });
  }

  /** Ends everything at once. */
  close(): Promise<void> {
    clearInterval(this.#sweep);
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of [...this.#plain.keys(), ...this.#others.keys()]) socket.destroy();
    });
  }

  #connected(socket: Socket): void {
    const { handle, isMounted } = this.#options;
    const connection = new PlainConnection(socket, {
      keepAliveS: Math.floor(this.#times.keepAliveMs / 1000),
      serves: (url) => !isMounted(url),
      handle,
      handOver: () => this.#toHttp(socket),
    });
    this.#plain.set(socket, connection);
    socket.once('close', () => this.#plain.delete(socket));
  }

  #toHttp(socket: Socket): void {
    this.#plain.delete(socket);
    this.#others.set(socket, performance.now() + this.#times.headMs);
    socket.once('close', () => this.#others.delete(socket));
    this.#http ??= this.#createHttp();
    this.#http.emit('connection', socket);
  }

  /** Never listens itself. */
  #createHttp(): HttpServer {
    const server = lateHttp().createServer(
      { noDelay: true, headersTimeout: this.#times.headMs, requestTimeout: 0, maxHeaderSize: MAX_HEAD_BYTES },
      (req, res) => this.#http1(req, res),
    );
    server.keepAliveTimeout = this.#times.keepAliveMs;
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => this.#options.onBroken(error, socket));
    return server;
  }

  #http1(req: IncomingMessage, res: ServerResponse): void {
    const { socket } = req;
    this.#others.set(socket, undefined);
    res.once('close', () => {
      if (this.#others.has(socket)) this.#others.set(socket, performance.now() + this.#times.keepAliveMs);
    });
    const { handle, handleHttp, isMounted } = this.#options;
    if (isMounted(req.url ?? '')) handleHttp(req, res);
    else handle(inboundOf(req), new HttpReply(res));
  }

  /** `node:http` watches connections of its own server only; these are this one's. */
  #closeIdle(nowMs: number): void {
    for (const [socket, { idleSinceMs }] of this.#plain) {
      if (idleSinceMs !== undefined && nowMs - idleSinceMs > this.#times.keepAliveMs) socket.destroy();
    }
    for (const [socket, untilMs] of this.#others) {
      if (untilMs !== undefined && nowMs > untilMs) socket.destroy();
    }
  }
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): MidswapError {
  if (error.code === 'EADDRINUSE')
    return new MidswapError('port_taken', `port ${port} on ${host} is taken by another program`, {
      hint: 'choose another with --port, or leave it out for a free one',
      cause: error,
    });
  return new MidswapError('port_taken', `cannot listen on ${host}:${port}: ${error.message}`, { cause: error });
}
