/** Longest event that is taken, lines and pending bytes together. A whole answer in one event fits; an endless line
 * from something that is no event stream does not. */
const MAX_EVENT_BYTES = 64 << 20;

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;

/** An event grew over the limit. */
export class SseOverflow extends Error {
  override readonly name = 'SseOverflow';
}

export interface SseHandlers {
  /** One event with data. `event` is the empty string when no name was given; `data` may share memory with a chunk. */
  event(event: string, data: Buffer): void;
  /** A comment line: a sign of life. */
  comment?(): void;
}

/**
 * Reads server-sent events (html.spec.whatwg.org/multipage/server-sent-events.html) from chunks cut anywhere: CR, LF
 * and CRLF, comments, a byte order mark, `data:` with and without a space, several data lines. Handlers are called
 * while `push` runs. Unlike a browser it also delivers an event that is complete but for its blank line when the stream
 * ends: what an event means is not decided by a blank line, and a cut one is not valid JSON.
 */
export class SseReader {
  readonly #handlers: SseHandlers;
  readonly #maxBytes: number;
  /** Pieces of the line that has not ended. */
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** The last chunk ended in CR: a LF at the start of the next one belongs to it. */
  #afterCr = false;
  #first = true;
  #event = '';
  #data: Buffer[] = [];
  #dataBytes = 0;

  constructor(handlers: SseHandlers, maxBytes = MAX_EVENT_BYTES) {
    this.#handlers = handlers;
    this.#maxBytes = maxBytes;
  }

  /** Nothing of an event has come: what is pushed next begins one. */
  get isBetweenEvents(): boolean {
    return !this.#first && !this.#afterCr && this.#pendingBytes === 0 && this.#dataBytes === 0 && this.#event === '';
  }

  /** Throws `SseOverflow` when an event grows over the limit, and what a handler throws. */
  push(chunk: Buffer): void {
    let at = 0;
    if (this.#afterCr && chunk.length > 0) {
      this.#afterCr = false;
      if (chunk[0] === LF) at = 1;
    }
    let cr = chunk.indexOf(CR, at);
    while (at < chunk.length) {
      const lf = chunk.indexOf(LF, at);
      if (cr !== -1 && cr < at) cr = chunk.indexOf(CR, at);
      const end = cr !== -1 && (lf === -1 || cr < lf) ? cr : lf;
      if (end === -1) {
        this.#hold(chunk.subarray(at));
        return;
      }
      this.#endLine(chunk, at, end);
      at = end + 1;
      if (end !== cr) continue;
      if (at === chunk.length) this.#afterCr = true;
      else if (chunk[at] === LF) at += 1;
    }
  }

  /** The stream ended: delivers what is complete but for its line end or blank line. */
  end(): void {
    if (this.#pendingBytes > 0) this.#endLine(Buffer.alloc(0), 0, 0);
    this.#dispatch();
  }

  #hold(piece: Buffer): void {
    this.#pending.push(piece);
    this.#pendingBytes += piece.length;
    if (this.#pendingBytes + this.#dataBytes > this.#maxBytes) throw new SseOverflow('an event is too long');
  }

  #endLine(chunk: Buffer, start: number, end: number): void {
    if (this.#pendingBytes === 0) {
      this.#line(chunk, start, end);
      return;
    }
    const line = Buffer.concat([...this.#pending, chunk.subarray(start, end)]);
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#line(line, 0, line.length);
  }

  #line(bytes: Buffer, from: number, end: number): void {
    let start = from;
    if (this.#first) {
      this.#first = false;
      if (bytes[start] === 0xef && bytes[start + 1] === 0xbb && bytes[start + 2] === 0xbf) start += 3;
    }
    if (start >= end) {
      this.#dispatch();
      return;
    }
    // `id`, `retry` and unknown fields are ignored.
    const first = bytes[start];
    if (first === COLON) {
      this.#handlers.comment?.();
    } else if (first === 0x64 && isField(bytes, start, end, 'data')) {
      this.#addData(bytes.subarray(valueStart(bytes, start + 4, end), end));
    } else if (first === 0x65 && isField(bytes, start, end, 'event')) {
      this.#event = bytes.toString('utf8', valueStart(bytes, start + 5, end), end);
    } else if (first === 0x65 && isField(bytes, start, end, 'error')) {
      // Not in the standard, but how llama.cpp tells an error in some versions.
      this.#event = 'error';
      this.#addData(bytes.subarray(valueStart(bytes, start + 5, end), end));
    }
  }

  #addData(value: Buffer): void {
    this.#data.push(value);
    this.#dataBytes += value.length + 1;
    if (this.#dataBytes > this.#maxBytes) throw new SseOverflow('an event is too long');
  }

  #dispatch(): void {
    const data = this.#data;
    const event = this.#event;
    this.#event = '';
    const [only] = data;
    if (only === undefined) return;
    this.#data = [];
    this.#dataBytes = 0;
    this.#handlers.event(event, data.length === 1 ? only : joined(data));
  }
}

const LINE_FEED = Buffer.from('\n');

function joined(lines: readonly Buffer[]): Buffer {
  return Buffer.concat(lines.flatMap((line, at) => (at === 0 ? [line] : [LINE_FEED, line])));
}

function isField(bytes: Buffer, start: number, end: number, name: string): boolean {
  for (let at = 1; at < name.length; at += 1) if (bytes[start + at] !== name.charCodeAt(at)) return false;
  const after = start + name.length;
  return after === end || (after < end && bytes[after] === COLON);
}

/** Behind the field's colon and one space. A field without a colon has an empty value. */
function valueStart(bytes: Buffer, colon: number, end: number): number {
  if (colon >= end) return end;
  return bytes[colon + 1] === SPACE && colon + 1 < end ? colon + 2 : colon + 1;
}
