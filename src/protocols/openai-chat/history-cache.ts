import { commonLength } from '../../core/common-length.ts';
import { ownBytes } from '../../core/own-bytes.ts';
import type { Position } from './conversation.ts';

/** A place in a conversation up to which a translation holds, whatever follows. */
export interface Boundary {
  /** Position of the assistant turn that follows, and where its first message starts in the list's bytes. */
  readonly at: number;
  readonly offset: number;
  /** End of that turn: its bytes must be the same too, because what is written before it depends on there being one. */
  readonly turnEnd: number;
  readonly position: Position;
  /** Bytes of the translation that belong to the messages before. */
  readonly written: number;
}

/** One translated conversation. Names and ids have the position of the message that mentions them first. */
export interface TranslatedHistory {
  /** Everything else that the translation depends on: target, quirks, system prompt, tools. */
  readonly key: string;
  readonly toolBytes: Buffer | undefined;
  /** Stands for this translation in what is noted of a request. */
  readonly mark: object;
  /** The list of messages as it was received. */
  readonly source: Buffer;
  /** The messages as they were written, commas between them, in pieces. */
  readonly pieces: readonly Buffer[];
  readonly boundaries: readonly Boundary[];
  readonly loaded: ReadonlyMap<string, number>;
  readonly callIds: ReadonlyMap<string, number>;
}

/** What is known of a request before its bytes are looked at: it has these first bytes in common with a translation. */
export interface KnownBeginning {
  readonly mark: unknown;
  readonly length: number;
}

export interface Resumption {
  readonly history: TranslatedHistory;
  readonly boundary: Boundary;
}

/** Below this a translation costs less than remembering it. */
const SMALLEST_BYTES = 8 << 10;
const DEFAULT_MAX_BYTES = 24 << 20;

/**
 * Translations of conversations, so that the next request of a session translates only what is new. What may be used
 * again is decided by the bytes alone: the beginning of the received list must be the same, byte for byte, and so must
 * everything else that the translation depends on. Entries are shared by all sessions of a gateway; the oldest go when
 * the bytes are too many.
 */
export class ChatHistoryCache {
  readonly #maxBytes: number;
  /** The last used one at the end. */
  #entries: TranslatedHistory[] = [];
  #bytes = 0;

  constructor(maxBytes = DEFAULT_MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The longest translation that can be gone on with. */
  find(
    key: string,
    toolBytes: Buffer | undefined,
    source: Buffer,
    known?: KnownBeginning | undefined,
  ): Resumption | undefined {
    let best: Resumption | undefined;
    for (const history of this.#entries) {
      if (history.key !== key || !sameBytes(history.toolBytes, toolBytes)) continue;
      const same = known?.mark === history.mark ? known.length : 0;
      const boundary = lastBoundary(history, source, best?.boundary.turnEnd ?? 0, same);
      if (boundary !== undefined) best = { history, boundary };
    }
    return best;
  }

  /** Remembers a translation in place of the one that it went on with, unless that is mostly of another conversation. */
  remember(history: TranslatedHistory, from: Resumption | undefined): void {
    const replaced = from && from.boundary.turnEnd * 2 >= from.history.source.length ? from.history : undefined;
    const size = sizeOf(history);
    if (!isWorthKeeping(history.source) || size > this.#maxBytes) return;
    this.#entries = this.#entries.filter((entry) => entry !== replaced);
    this.#entries.push(history);
    this.#bytes = this.#entries.reduce((sum, entry) => sum + sizeOf(entry), 0);
    while (this.#bytes > this.#maxBytes) {
      const oldest = this.#entries.shift();
      if (oldest !== undefined) this.#bytes -= sizeOf(oldest);
    }
  }
}

/** The furthest boundary whose turn ends within the common beginning and behind `least`. `same`: bytes of the beginning
 * that need not be compared. */
function lastBoundary(history: TranslatedHistory, source: Buffer, least: number, same: number): Boundary | undefined {
  const last = history.boundaries.at(-1);
  if (last === undefined || last.turnEnd <= least) return undefined;
  const common = last.turnEnd <= same ? same : commonLength(history.source, source, last.turnEnd);
  for (let at = history.boundaries.length - 1; at >= 0; at -= 1) {
    const boundary = history.boundaries[at];
    if (boundary === undefined || boundary.turnEnd <= least) return undefined;
    if (boundary.turnEnd <= common) return boundary;
  }
  return undefined;
}

function sameBytes(a: Buffer | undefined, b: Buffer | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.equals(b);
}

/** The tools are in the same memory as the source: that of the whole request. */
function sizeOf({ source, pieces }: TranslatedHistory): number {
  return pieces.reduce((sum, piece) => sum + piece.buffer.byteLength, source.buffer.byteLength);
}

/** Whether a list of messages is long enough to remember its translation. */
export function isWorthKeeping(source: Buffer): boolean {
  return source.length >= SMALLEST_BYTES;
}

/** The first bytes of what is in pieces. */
export function firstBytes(pieces: readonly Buffer[], length: number): Buffer[] {
  const out: Buffer[] = [];
  let left = length;
  for (const piece of pieces) {
    if (left <= 0) break;
    out.push(piece.length <= left ? piece : piece.subarray(0, left));
    left -= piece.length;
  }
  return out;
}

/**
 * The same bytes in few pieces, the last ones joined as long as they are not much smaller than the one before: so a long
 * beginning stays where it is while a conversation grows, and every byte is copied a few times at most. They may be kept.
 */
export function withFewPieces(pieces: readonly Buffer[]): Buffer[] {
  const out: Buffer[] = [];
  for (const piece of pieces) {
    out.push(piece);
    for (;;) {
      const [before, last] = [out.at(-2), out.at(-1)];
      if (before === undefined || last === undefined || last.length * 2 < before.length) break;
      out.splice(-2, 2, Buffer.concat([before, last]));
    }
  }
  return out.map(ownBytes);
}
