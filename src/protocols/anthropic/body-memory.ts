import { isUtf8 } from 'node:buffer';
import { commonLength } from '../../core/common-length.ts';
import { resumeSkim, type Skim, skimWithList } from '../../core/json-skim.ts';

/** A body that was received, with what was found in it. */
interface KnownBody {
  readonly raw: Buffer;
  readonly skim: Skim;
}

/** The list that grows from request to request. */
const LIST = 'messages';
/** Below this a body is read in less time than the right one is found. */
const SMALLEST_BYTES = 32 << 10;
const DEFAULT_MAX_BYTES = 24 << 20;
const MAX_BODIES = 64;

/**
 * The last bodies, so that the next one of a conversation is skimmed from where it differs. What is taken over is decided
 * by the bytes alone: whose they are does not matter, and the result is that of a skim from the beginning. One for a
 * whole gateway; the oldest bodies go when the bytes are too many.
 */
export class BodyMemory {
  readonly #maxBytes: number;
  /** The last used one at the end. */
  #bodies: KnownBody[] = [];
  #bytes = 0;

  constructor(maxBytes = DEFAULT_MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The skim of a body in valid UTF-8; `undefined` for every other one. */
  skim(raw: Buffer): Skim | undefined {
    if (raw.length < SMALLEST_BYTES) return freshSkim(raw);
    const { known, common } = this.#nearest(raw);
    const skim = (known && resume(raw, known, common)) ?? freshSkim(raw);
    if (skim !== undefined) this.#remember({ raw, skim }, known && goesOn(known, common) ? known : undefined);
    return skim;
  }

  /** The body with the longest beginning in common. */
  #nearest(raw: Buffer): { known: KnownBody | undefined; common: number } {
    let known: KnownBody | undefined;
    let common = 0;
    for (let at = this.#bodies.length - 1; at >= 0; at -= 1) {
      const body = this.#bodies[at] as KnownBody;
      // Another conversation of the same project begins alike: only what goes on longer is nearer.
      if (body.raw.length <= common || body.raw[common] !== raw[common]) continue;
      const length = commonLength(body.raw, raw);
      if (length > common) [known, common] = [body, length];
      if (common === raw.length) break;
    }
    return { known, common };
  }

  #remember(body: KnownBody, replaced: KnownBody | undefined): void {
    if (sizeOf(body) > this.#maxBytes) return;
    this.#bodies = this.#bodies.filter((each) => each !== replaced);
    this.#bodies.push(body);
    this.#bytes += sizeOf(body) - (replaced === undefined ? 0 : sizeOf(replaced));
    while (this.#bytes > this.#maxBytes || this.#bodies.length > MAX_BODIES) {
      const oldest = this.#bodies.shift();
      if (oldest !== undefined) this.#bytes -= sizeOf(oldest);
    }
  }
}

function freshSkim(raw: Buffer): Skim | undefined {
  return isUtf8(raw) ? skimWithList(raw, LIST) : undefined;
}

function resume(raw: Buffer, known: KnownBody, common: number): Skim | undefined {
  // The difference may be in the middle of a character: that one is looked at from its first byte on.
  let from = common;
  while (from > 0 && common - from < 3 && isContinuation(raw[from - 1])) from -= 1;
  if (from > 0 && (raw[from - 1] ?? 0) >= 0xc0) from -= 1;
  return isUtf8(raw.subarray(from)) ? resumeSkim(raw, known, LIST, common) : undefined;
}

/** The same conversation goes on, and not another one that began alike. */
function goesOn({ skim }: KnownBody, common: number): boolean {
  const [start, end] = skim.spans.get(LIST) ?? [0, 0];
  return common - start >= (end - start) / 2;
}

function isContinuation(byte = 0): boolean {
  return (byte & 0xc0) === 0x80;
}

/** A body may be part of a larger piece of memory, which it keeps. */
function sizeOf({ raw }: KnownBody): number {
  return raw.buffer.byteLength;
}
