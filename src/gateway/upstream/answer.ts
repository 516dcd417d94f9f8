import type { Transform } from 'node:stream';
import { type ConnectionError, hangUp } from './connection-error.ts';
import { decoderOf } from './decoder.ts';

/** The connection that an answer comes from. */
export interface AnswerSource {
  pause(): void;
  resume(): void;
  /** Ends the connection, which makes no sense any more without its answer. */
  destroy(): void;
}

/** Who reads a body. Called while bytes arrive; nothing comes behind `end` and `cut`. */
export interface BodyReader {
  data(bytes: Buffer): void;
  /** The body is whole. */
  end(): void;
  /** It is not, and nothing more comes. */
  cut(error: ConnectionError): void;
}

/** A body that arrives. */
export interface IncomingBody {
  /** Everything was received, though it may not all have been read. */
  readonly complete: boolean;
  /** Begins to read, or goes on in the place of the reader before. */
  read(reader: BodyReader): void;
  pause(): void;
  resume(): void;
  /** Nobody wants the rest. */
  destroy(): void;
}

/** Of these the first counts when a header comes more than once. */
const SINGLE = new Set([
  'age',
  'content-length',
  'content-type',
  'etag',
  'expires',
  'last-modified',
  'location',
  'retry-after',
  'server',
]);

const GZIP = 0x1f;
/** What may wait for a reader that has not begun. */
const MAX_HELD_BYTES = 64 << 10;

/**
 * An upstream's answer. What the source receives goes to the reader at once, decompressed; a reader who pauses slows the
 * source down. No `Readable`: what that costs for each chunk and each answer is as much as passing them on.
 */
export class Answer implements IncomingBody {
  readonly statusCode: number;
  /** Name and value alternating, as received. */
  readonly rawHeaders: readonly string[];
  readonly #source: AnswerSource;
  #headers: Record<string, string | string[]> | undefined;
  #reader: BodyReader | undefined;
  #decoder: Transform | undefined;
  #begun = false;
  #complete = false;
  /** All of it has been decoded. */
  #ended = false;
  #error: ConnectionError | undefined;
  /** The reader knows how it ended. */
  #over = false;
  /** What came while nobody could take it. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  #paused = false;
  #decoderIsFull = false;
  #sourceIsPaused = false;

  constructor(source: AnswerSource, statusCode: number, rawHeaders: readonly string[]) {
    this.#source = source;
    this.statusCode = statusCode;
    this.rawHeaders = rawHeaders;
  }

  get complete(): boolean {
    return this.#complete;
  }

  /** By lower-case name; repeated ones joined as `node:http` joins them. */
  get headers(): Readonly<Record<string, string | string[]>> {
    this.#headers ??= joined(this.rawHeaders);
    return this.#headers;
  }

  read(reader: BodyReader): void {
    this.#reader = reader;
    this.#deliverHeld();
    if (this.#error) this.#tellCut(this.#error);
  }

  pause(): void {
    this.#paused = true;
    this.#decoder?.pause();
    this.#balance();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#decoder?.resume();
    this.#deliverHeld();
    this.#balance();
  }

  destroy(): void {
    if (!this.#complete) this.#source.destroy();
    this.#fail(hangUp());
  }

  /** Bytes of the body arrived. */
  receive(bytes: Buffer): void {
    if (this.#over || this.#error) return;
    if (!this.#begun) this.#begin(bytes);
    if (!this.#decoder) return this.#deliver(bytes);
    this.#decoderIsFull = !this.#decoder.write(bytes);
    this.#balance();
  }

  /** The body is whole. */
  finish(): void {
    this.#complete = true;
    if (this.#decoder) this.#decoder.end();
    else this.#end();
  }

  /** The connection broke. */
  cut(error: ConnectionError): void {
    this.#fail(error);
  }

  /** Some relays compress what nobody asked them to, and do not say so; no text begins with this byte. */
  #begin(bytes: Buffer): void {
    this.#begun = true;
    const encoding = this.headers['content-encoding'];
    const decoder = decoderOf(encoding === undefined && bytes[0] === GZIP ? 'gzip' : String(encoding ?? ''));
    if (!decoder) return;
    this.#decoder = decoder;
    decoder
      .on('data', (plain: Buffer) => this.#deliver(plain))
      .on('drain', () => {
        this.#decoderIsFull = false;
        this.#balance();
      })
      .on('end', () => this.#end())
      .on('error', (error) => {
        this.#fail(error);
        if (!this.#complete) this.#source.destroy();
      });
    if (this.#paused) decoder.pause();
  }

  #deliver(bytes: Buffer): void {
    if (this.#over) return;
    if (this.#reader && !this.#paused && this.#held.length === 0) return this.#reader.data(bytes);
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    this.#balance();
  }

  #deliverHeld(): void {
    while (this.#reader && this.#held.length > 0 && !this.#paused && !this.#over) {
      const bytes = this.#held.shift() as Buffer;
      this.#heldBytes -= bytes.length;
      this.#reader.data(bytes);
    }
    if (this.#ended) this.#end();
    else this.#balance();
  }

  #end(): void {
    this.#ended = true;
    if (this.#over || !this.#reader || this.#paused || this.#held.length > 0) return;
    this.#over = true;
    this.#reader.end();
  }

  #fail(error: ConnectionError): void {
    if (this.#over || this.#error) return;
    this.#error = error;
    this.#decoder?.destroy();
    // Who was just given the answer will ask for what came of it.
    if (this.#reader) this.#tellCut(error);
  }

  #tellCut(error: ConnectionError): void {
    if (this.#over) return;
    this.#over = true;
    this.#held = [];
    this.#reader?.cut(error);
  }

  /** The source rests while what it sends could not be taken. When the body is complete it serves somebody else. */
  #balance(): void {
    const isFull = this.#paused || this.#decoderIsFull || this.#heldBytes > MAX_HELD_BYTES;
    if (this.#complete || isFull === this.#sourceIsPaused) return;
    this.#sourceIsPaused = isFull;
    if (isFull) this.#source.pause();
    else this.#source.resume();
  }
}

/** The whole body. Rejects when it is cut or longer than this. */
export function wholeBody(body: IncomingBody, maxBytes: number, onData?: () => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let length = 0;
    body.read({
      data(bytes) {
        onData?.();
        length += bytes.length;
        parts.push(bytes);
        if (length <= maxBytes) return;
        reject(new Error(`it is longer than ${maxBytes} bytes`));
        body.destroy();
      },
      end: () => resolve(parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts, length)),
      cut: reject,
    });
  });
}

function joined(rawHeaders: readonly string[]): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = Object.create(null);
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    const value = rawHeaders[i + 1] as string;
    const known = headers[name];
    if (name === 'set-cookie') headers[name] = [...(known ?? []), value];
    else if (known === undefined) headers[name] = value;
    else if (!SINGLE.has(name)) headers[name] = `${known}, ${value}`;
  }
  return headers;
}
