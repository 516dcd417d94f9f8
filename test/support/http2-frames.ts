import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { onTestFinished } from 'vitest';
import type { SelfSigned } from './self-signed.ts';

export const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 8 } as const;
export const CODE = { none: 0, internal: 2, refused: 7, cancel: 8, http11: 13 } as const;
const END_STREAM = 1;
const END_HEADERS = 4;
const ACK = 1;
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** One connection as the server sees it, frame by frame (RFC 9113, section 4.1). */
export class FrameSocket {
  readonly socket: Socket;
  readonly number: number;
  readonly frames: Frame[] = [];
  #bytes = Buffer.alloc(0);
  #hasPreface = false;

  constructor(socket: Socket, number: number, onFrame: (frame: Frame, connection: FrameSocket) => void) {
    this.socket = socket;
    this.number = number;
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      if (!this.#hasPreface) {
        if (this.#bytes.length < PREFACE.length) return;
        this.#hasPreface = true;
        this.#bytes = this.#bytes.subarray(PREFACE.length);
      }
      for (;;) {
        const length = this.#bytes.length < 9 ? Number.POSITIVE_INFINITY : 9 + this.#bytes.readUIntBE(0, 3);
        if (this.#bytes.length < length) return;
        const frame: Frame = {
          type: this.#bytes[3] as number,
          flags: this.#bytes[4] as number,
          stream: this.#bytes.readUInt32BE(5),
          payload: this.#bytes.subarray(9, length),
        };
        this.#bytes = this.#bytes.subarray(length);
        this.frames.push(frame);
        onFrame(frame, this);
      }
    });
  }

  send(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): void {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(stream, 5);
    this.socket.write(Buffer.concat([head, payload]));
  }

  settings(values: readonly (readonly [id: number, value: number])[] = []): void {
    const pairs = values.map(([id, value]) => Buffer.concat([numbers(2, id), numbers(4, value)]));
    this.send(FRAME.settings, 0, 0, Buffer.concat(pairs));
  }

  settingsAck(): void {
    this.send(FRAME.settings, ACK, 0);
  }

  pong({ payload }: Frame): void {
    this.send(FRAME.ping, ACK, 0, payload);
  }

  /** Status 200, and other fields as literals (RFC 7541, section 6.2.2). */
  answer(stream: number, fields: Readonly<Record<string, string>> = {}, end = false): void {
    const literals = Object.entries(fields).flatMap(([name, value]) => [
      Buffer.from([0, name.length]),
      Buffer.from(name),
      Buffer.from([Buffer.byteLength(value, 'latin1')]),
      Buffer.from(value, 'latin1'),
    ]);
    const block = Buffer.concat([Buffer.from([0x88]), ...literals]);
    this.send(FRAME.headers, END_HEADERS | (end ? END_STREAM : 0), stream, block);
  }

  data(stream: number, text: string | Buffer, end = false): void {
    this.send(FRAME.data, end ? END_STREAM : 0, stream, Buffer.from(text));
  }

  /** A whole answer. */
  say(stream: number, text: string): void {
    this.answer(stream);
    this.data(stream, text, true);
  }

  reset(stream: number, code: number): void {
    this.send(FRAME.reset, 0, stream, numbers(4, code));
  }

  goAway(lastStream: number, code: number = CODE.none): void {
    this.send(FRAME.goaway, 0, 0, Buffer.concat([numbers(4, lastStream), numbers(4, code)]));
  }

  window(stream: number, bytes: number): void {
    this.send(FRAME.windowUpdate, 0, stream, numbers(4, bytes));
  }
}

function numbers(bytes: 2 | 4, value: number): Buffer {
  const out = Buffer.alloc(bytes);
  if (bytes === 2) out.writeUInt16BE(value);
  else out.writeUInt32BE(value);
  return out;
}

export interface FrameServer {
  readonly port: number;
  /** Resets a connection. */
  break(connection: FrameSocket): void;
  readonly connections: FrameSocket[];
}

export interface FrameServerOptions {
  /** Absent: no TLS. */
  readonly certificate?: SelfSigned;
  readonly onFrame: (frame: Frame, connection: FrameSocket) => void;
  /** What is done with a connection that did not negotiate HTTP/2. */
  readonly onPlain?: (socket: Socket) => void;
  readonly onConnection?: (connection: FrameSocket) => void;
}

/** A server of HTTP/2 that does nothing by itself. Closed when the running test is over. */
export async function startFrameServer(options: FrameServerOptions): Promise<FrameServer> {
  const connections: FrameSocket[] = [];
  const sockets = new Set<Socket>();
  const accept = (socket: Socket & { alpnProtocol?: string | false | null }) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    if (options.certificate && socket.alpnProtocol !== 'h2') {
      socket.on('error', () => {});
      return options.onPlain?.(socket);
    }
    const connection = new FrameSocket(socket, connections.length + 1, options.onFrame);
    connections.push(connection);
    options.onConnection?.(connection);
  };
  const raw = new Map<number | undefined, Socket>();
  const server: Server = options.certificate
    ? createTlsServer({ ...options.certificate, ALPNProtocols: ['h2', 'http/1.1'] }, accept)
    : createTcpServer(accept);
  // Below TLS: what is there can be reset.
  server.on('connection', (socket: Socket) => raw.set(socket.remotePort, socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    port: (server.address() as AddressInfo).port,
    connections,
    break: ({ socket }) => raw.get(socket.remotePort)?.resetAndDestroy(),
  };
}

/** Whether the frame ends a request. */
export function endsRequest({ type, flags }: Frame): boolean {
  return (type === FRAME.data || type === FRAME.headers) && (flags & END_STREAM) !== 0;
}

/** Answers everything that keeps a connection alive. */
export function keepUp(frame: Frame, connection: FrameSocket): void {
  if (frame.type === FRAME.settings && (frame.flags & ACK) === 0) connection.settingsAck();
  if (frame.type === FRAME.ping && (frame.flags & ACK) === 0) connection.pong(frame);
}
