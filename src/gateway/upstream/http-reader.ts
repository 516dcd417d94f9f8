import { HEADER_NAME, headerValue, NOT_IN_VALUE } from '../header-grammar.ts';

/** What the head of an answer says. */
export interface AnswerHead {
  readonly status: number;
  /** Name and value alternating, as received. */
  readonly rawHeaders: string[];
  /** The connection may carry another request after this answer. */
  readonly persistent: boolean;
}

/** Called synchronously from `push` and `close`; not called any more once one of them has thrown. */
export interface AnswerHandler {
  head(head: AnswerHead): void;
  /** Bytes of the body, free of framing; the memory is that of the pushed chunk. */
  body(bytes: Buffer): void;
  /** The answer is whole. `extra` bytes came behind it; they are dropped. */
  end(extra: number): void;
}

/** What came is not an HTTP/1.1 answer, or one that can be read in two ways. */
export class FramingError extends Error {}

const MAX_HEAD_BYTES = 64 << 10;
/** Of a chunk's extensions, and of all trailers together. */
const MAX_EXTRA_BYTES = 8 << 10;
const MAX_INFORMATIONAL = 16;
const HEAD_END = Buffer.from('\r\n\r\n');
const VERSION = Buffer.from('HTTP/1.');
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const CR = 0x0d;
const LF = 0x0a;
const SEMICOLON = 0x3b;
const TAB = 0x09;

/** Where the reader is. Up to `TRAILER_LF` the states of the chunked coding, one for each kind of byte. */
const SIZE = 0;
const EXTENSION = 1;
const SIZE_LF = 2;
const DATA = 3;
const DATA_CR = 4;
const DATA_LF = 5;
const TRAILER = 6;
const TRAILER_LF = 7;
const HEAD = 8;
const LENGTH = 9;
const UNTIL_CLOSE = 10;
const BROKEN = 11;

/**
 * The answers of one connection to `POST` requests, one after the other, without I/O. The pieces of a chunked body that
 * arrive together come out together, moved up inside the pushed chunk, which is why the chunk must be the reader's.
 * Throws `FramingError` for what could be read in two ways (RFC 9112, section 6.3): a length beside a transfer coding,
 * two lengths, codings other than `chunked`, folded headers, bare line ends.
 */
export class AnswerReader {
  readonly #handler: AnswerHandler;
  #state = HEAD;
  /** The beginning of a head whose end has not come; grows by doubling. */
  #pending = Buffer.alloc(0);
  #pendingLength = 0;
  #informational = 0;
  /** Bytes that are missing of the body or of this chunk. */
  #left = 0;
  #digits = 0;
  #extraBytes = 0;
  #trailerLineBytes = 0;

  constructor(handler: AnswerHandler) {
    this.#handler = handler;
  }

  push(chunk: Buffer): void {
    if (this.#state === BROKEN || chunk.length === 0) return;
    if (this.#state === HEAD) this.#readHead(chunk);
    else this.#readBody(chunk, 0);
  }

  /** The other side sends no more. True when that is the end of an answer; else it is cut, if one was expected. */
  close(): boolean {
    if (this.#state !== UNTIL_CLOSE) return false;
    this.#state = HEAD;
    this.#handler.end(0);
    return true;
  }

  #fail(reason: string): never {
    this.#state = BROKEN;
    throw new FramingError(reason);
  }

  #readHead(chunk: Buffer): void {
    let bytes = this.#pendingLength > 0 ? this.#keep(chunk) : chunk;
    let searchFrom = Math.max(0, bytes.length - chunk.length - HEAD_END.length + 1);
    for (;;) {
      const known = Math.min(bytes.length, VERSION.length);
      if (bytes.compare(VERSION, 0, known, 0, known) !== 0) this.#fail('what it sent does not begin like HTTP/1.1');
      const end = bytes.indexOf(HEAD_END, searchFrom);
      if (end > MAX_HEAD_BYTES || (end < 0 && bytes.length >= MAX_HEAD_BYTES + HEAD_END.length))
        this.#fail('its head is too long');
      if (end < 0) {
        if (this.#pendingLength === 0) this.#keep(bytes);
        return;
      }
      this.#pendingLength = 0;
      const at = end + HEAD_END.length;
      const lines = bytes.toString('latin1', 0, end).split('\r\n');
      if (this.#takeHead(lines)) return this.#readBody(bytes, at);
      bytes = bytes.subarray(at);
      searchFrom = 0;
      if (bytes.length === 0) return;
    }
  }

  #keep(chunk: Buffer): Buffer {
    const length = this.#pendingLength + chunk.length;
    if (length > this.#pending.length) {
      const larger = Buffer.allocUnsafe(Math.max(1024, 2 * length));
      this.#pending.copy(larger, 0, 0, this.#pendingLength);
      this.#pending = larger;
    }
    chunk.copy(this.#pending, this.#pendingLength);
    this.#pendingLength = length;
    return this.#pending.subarray(0, length);
  }

  /** False for an informational answer, behind which the real one comes. */
  #takeHead(lines: readonly string[]): boolean {
    const match = STATUS_LINE.exec(lines[0] as string);
    if (!match) this.#fail('its status line is malformed');
    const status = Number(match[2]);
    const modern = match[1] === '1';
    const rawHeaders: string[] = [];
    let length: number | undefined;
    let chunked = false;
    let persistent = modern;
    for (let i = 1; i < lines.length; i++) {
      const line = lines[i] as string;
      const colon = line.indexOf(':');
      const name = line.slice(0, Math.max(0, colon));
      if (!HEADER_NAME.test(name)) this.#fail('the name of a header is malformed');
      const value = headerValue(line, colon + 1);
      if (NOT_IN_VALUE.test(value)) this.#fail(`its header ${name} holds a control character`);
      rawHeaders.push(name, value);
      switch (name.length) {
        case 10:
          if (name.toLowerCase() === 'connection' && hasToken(value, 'close')) persistent = false;
          break;
        case 14:
          if (name.toLowerCase() !== 'content-length') break;
          if (length !== undefined) this.#fail('it names two lengths');
          if (!/^[0-9]{1,15}$/.test(value)) this.#fail('the length that it names is malformed');
          length = Number(value);
          break;
        case 17:
          if (name.toLowerCase() !== 'transfer-encoding') break;
          if (chunked || !modern || value.toLowerCase() !== 'chunked')
            this.#fail('its transfer coding is not one that was asked for');
          chunked = true;
          break;
      }
    }
    if (chunked && length !== undefined) this.#fail('it names a length beside a transfer coding');
    if (status === 101) this.#fail('it changed the protocol');
    if (status < 200) {
      if (++this.#informational > MAX_INFORMATIONAL) this.#fail('it does not get beyond informational answers');
      return false;
    }
    this.#informational = 0;
    const bodiless = status === 204 || status === 304;
    this.#left = bodiless || chunked ? 0 : (length ?? 0);
    this.#digits = 0;
    this.#extraBytes = 0;
    this.#trailerLineBytes = 0;
    if (bodiless) this.#state = LENGTH;
    else if (chunked) this.#state = SIZE;
    else this.#state = length === undefined ? UNTIL_CLOSE : LENGTH;
    this.#handler.head({ status, rawHeaders, persistent: persistent && this.#state !== UNTIL_CLOSE });
    return true;
  }

  #readBody(bytes: Buffer, from: number): void {
    if (this.#state === UNTIL_CLOSE) {
      if (from < bytes.length) this.#handler.body(from === 0 ? bytes : bytes.subarray(from));
      return;
    }
    if (this.#state !== LENGTH) return this.#readChunks(bytes, from);
    const end = from + Math.min(this.#left, bytes.length - from);
    this.#left -= end - from;
    if (end > from) this.#handler.body(from === 0 && end === bytes.length ? bytes : bytes.subarray(from, end));
    if (this.#left === 0) this.#finish(bytes.length - end);
  }

  #finish(extra: number): void {
    this.#state = HEAD;
    this.#handler.end(extra);
  }

  /** Reads the end of a chunk and the beginning of the next in their usual form. 0, and nothing done, for every other. */
  #nextChunk(bytes: Buffer, from: number): number {
    if (bytes[from] !== CR || bytes[from + 1] !== LF) return 0;
    let at = from + 2;
    let size = 0;
    for (let digits = 0; digits < 7; digits++) {
      const digit = hexDigit(bytes[at] ?? 0);
      if (digit < 0) break;
      size = size * 16 + digit;
      at++;
    }
    if (size === 0 || bytes[at] !== CR || bytes[at + 1] !== LF) return 0;
    this.#left = size;
    return at + 2;
  }

  #readChunks(bytes: Buffer, from: number): void {
    const { length } = bytes;
    let state = this.#state;
    let at = from;
    // The data so far is [start, write) of the same memory.
    let start = from;
    let write = from;
    let fault: string | undefined;
    let ended = false;
    while (at < length && fault === undefined && !ended) {
      if (state === DATA) {
        const count = Math.min(this.#left, length - at);
        if (write === start) start = write = at;
        else bytes.copyWithin(write, at, at + count);
        write += count;
        at += count;
        this.#left -= count;
        if (this.#left > 0) continue;
        // Between two chunks mostly stands nothing but a size, and all of it is here.
        const next = this.#nextChunk(bytes, at);
        if (next > 0) at = next;
        else state = DATA_CR;
        continue;
      }
      const byte = bytes[at++] as number;
      switch (state) {
        case SIZE: {
          const digit = hexDigit(byte);
          if (digit >= 0) {
            if (++this.#digits > 8) fault = 'a chunk of it is too long';
            this.#left = this.#left * 16 + digit;
          } else if (this.#digits === 0 || (byte !== CR && byte !== SEMICOLON))
            fault = 'the size of a chunk is malformed';
          else state = byte === CR ? SIZE_LF : EXTENSION;
          break;
        }
        case EXTENSION:
          if (byte === CR) state = SIZE_LF;
          else if (!isText(byte)) fault = 'the extension of a chunk is malformed';
          else if (++this.#extraBytes > MAX_EXTRA_BYTES) fault = 'the extensions of its chunks are too long';
          break;
        case SIZE_LF:
          if (byte !== LF) fault = 'the size of a chunk is malformed';
          state = this.#left === 0 ? TRAILER : DATA;
          this.#digits = 0;
          break;
        case DATA_CR:
          if (byte !== CR) fault = 'a chunk is longer than its size';
          state = DATA_LF;
          break;
        case DATA_LF:
          if (byte !== LF) fault = 'a chunk is longer than its size';
          state = SIZE;
          break;
        case TRAILER:
          if (byte === CR) state = TRAILER_LF;
          else if (!isText(byte)) fault = 'a trailer is malformed';
          else if (++this.#extraBytes > MAX_EXTRA_BYTES) fault = 'its trailers are too long';
          else this.#trailerLineBytes++;
          break;
        default:
          if (byte !== LF) fault = 'a trailer is malformed';
          else if (this.#trailerLineBytes === 0) ended = true;
          this.#trailerLineBytes = 0;
          state = TRAILER;
      }
    }
    this.#state = state;
    if (write > start) this.#handler.body(bytes.subarray(start, write));
    if (fault !== undefined) this.#fail(fault);
    if (ended) this.#finish(length - at);
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function isText(byte: number): boolean {
  return (byte >= 0x20 && byte !== 0x7f) || byte === TAB;
}

function hasToken(list: string, token: string): boolean {
  return list.split(',').some((entry) => entry.trim().toLowerCase() === token);
}
