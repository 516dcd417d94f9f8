import { Readable } from 'node:stream';
import type { Gunzip } from 'node:zlib';
import { lateZlib } from '../late-builtins.ts';

/** An upstream's answer as the rest of the gateway sees it; an `IncomingMessage` is one too. */
export interface UpstreamAnswer extends Readable {
  readonly statusCode?: number | undefined;
  /** Name and value alternating, as received. */
  readonly rawHeaders: string[];
  /** By lower-case name; repeated ones joined as `node:http` joins them. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The whole body was received. */
  readonly complete: boolean;
}

/** The connection that an answer comes from. */
export interface AnswerSource {
  pause(): void;
  resume(): void;
  /** Ends the connection, which makes no sense any more without its answer. */
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

/** The body of one answer; what the source receives is pushed in, and reading slowly slows the source down. */
export class Answer extends Readable implements UpstreamAnswer {
  readonly statusCode: number;
  readonly rawHeaders: string[];
  readonly #source: AnswerSource;
  #headers: Record<string, string | string[]> | undefined;
  #complete = false;
  #begun = false;
  #gunzip: Gunzip | undefined;

  constructor(source: AnswerSource, statusCode: number, rawHeaders: string[]) {
    super();
    this.#source = source;
    this.statusCode = statusCode;
    this.rawHeaders = rawHeaders;
  }

  get complete(): boolean {
    return this.#complete;
  }

  get headers(): Readonly<Record<string, string | string[]>> {
    this.#headers ??= joined(this.rawHeaders);
    return this.#headers;
  }

  /** Bytes of the body arrived. */
  receive(bytes: Buffer): void {
    if (this.destroyed) return;
    if (!this.#begun) this.#begin(bytes);
    if (this.#gunzip) this.#gunzip.write(bytes);
    else if (!this.push(bytes)) this.#source.pause();
  }

  /** Some relays compress what nobody asked them to, and do not say so; no text begins with this byte. */
  #begin(bytes: Buffer): void {
    this.#begun = true;
    if (bytes[0] !== GZIP || this.headers['content-encoding'] !== undefined) return;
    const { createGunzip, constants } = lateZlib();
    this.#gunzip = createGunzip({ flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH });
    this.#gunzip
      .on('data', (plain: Buffer) => {
        if (!this.destroyed && !this.push(plain)) this.#source.pause();
      })
      .on('end', () => this.push(null))
      .on('error', (error) => this.destroy(error));
  }

  /** The body is whole. */
  finish(): void {
    this.#complete = true;
    if (this.destroyed) return;
    if (this.#gunzip) this.#gunzip.end();
    else this.push(null);
  }

  /** The connection broke. Who was just given the answer has a turn to begin listening. */
  cut(error: Error): void {
    if (this.readableFlowing === null) setImmediate(() => this.destroy(error));
    else this.destroy(error);
  }

  override _read(): void {
    if (!this.#complete) this.#source.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.#complete) this.#source.destroy();
    this.#gunzip?.destroy();
    // Without a listener an error would end the process, and who does not listen does not need it.
    done(error && this.listenerCount('error') > 0 ? error : null);
  }
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
