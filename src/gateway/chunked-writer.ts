import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Above this a copy costs more than a gathered write. */
const COPY_LIMIT = 16 << 10;
const CRLF_LENGTH = 2;

/**
 * Writes the chunks of a streamed answer. `ServerResponse.write` hands each chunk to the kernel in three pieces (length,
 * data, line end), and that gathered write is the most expensive part of passing an event on; here the chunk is framed
 * in one buffer and goes to the socket directly (RFC 9112, section 7.1). Head and end stay with the response, which owns
 * the connection. Where there is no socket of its own or no chunked coding, the response writes.
 */
export class ChunkedWriter {
  readonly #res: ServerResponse;
  #socket: Socket | undefined;
  #waitsFor: Socket | ServerResponse;

  constructor(res: ServerResponse) {
    this.#res = res;
    this.#waitsFor = res;
  }

  /** False when the receiver reads slower than this is called: wait for `onDrain`. */
  write(bytes: Buffer): boolean {
    if (bytes.length === 0) return true;
    const socket = bytes.length <= COPY_LIMIT ? this.#directSocket() : undefined;
    this.#waitsFor = socket ?? this.#res;
    return socket ? socket.write(framed(bytes)) : this.#res.write(bytes);
  }

  onDrain(then: () => void): void {
    this.#waitsFor.once('drain', then);
  }

  /** The last bytes and the end of the answer leave together. */
  end(bytes: Buffer | undefined): void {
    const { socket } = this.#res;
    socket?.cork();
    if (bytes) this.write(bytes);
    this.#res.end();
    socket?.uncork();
  }

  #directSocket(): Socket | undefined {
    if (this.#socket) return this.#socket.writable ? this.#socket : undefined;
    const res = this.#res;
    if (!res.headersSent) return undefined;
    // Of several requests sent ahead on one connection, only the first has the socket.
    if (!res.socket || res.getHeader('content-length') !== undefined || !res.chunkedEncoding) return undefined;
    res.flushHeaders();
    this.#socket = res.socket;
    return this.#socket;
  }
}

function framed(bytes: Buffer): Buffer {
  const length = bytes.length.toString(16);
  const out = Buffer.allocUnsafe(length.length + bytes.length + 2 * CRLF_LENGTH);
  let at = out.write(`${length}\r\n`, 0, 'latin1');
  at += bytes.copy(out, at);
  out[at] = 0x0d;
  out[at + 1] = 0x0a;
  return out;
}
