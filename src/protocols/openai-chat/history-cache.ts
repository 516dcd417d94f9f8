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
  /** The list of messages as it was received. */
  readonly source: Buffer;
  /** The messages as they were written, commas between them. */
  readonly translation: Buffer;
  readonly boundaries: readonly Boundary[];
  readonly loaded: ReadonlyMap<string, number>;
  readonly callIds: ReadonlyMap<string, number>;
}

export interface Resumption {
  readonly history: TranslatedHistory;
  readonly boundary: Boundary;
}

/** Below this a translation costs less than remembering it. */
const SMALLEST_BYTES = 8 << 10;
const DEFAULT_MAX_BYTES = 24 << 20;
const COMPARED_BYTES = 64 << 10;

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
  find(key: string, toolBytes: Buffer | undefined, source: Buffer): Resumption | undefined {
    let best: Resumption | undefined;
    for (const history of this.#entries) {
      if (history.key !== key || !sameBytes(history.toolBytes, toolBytes)) continue;
      const boundary = lastBoundary(history, source, best?.boundary.turnEnd ?? 0);
      if (boundary !== undefined) best = { history, boundary };
    }
    return best;
  }

  /** Remembers a translation in place of the one that it went on with. */
  remember(history: TranslatedHistory, replaced: TranslatedHistory | undefined): void {
    const size = sizeOf(history);
    if (history.source.length < SMALLEST_BYTES || size > this.#maxBytes) return;
    this.#entries = this.#entries.filter((entry) => entry !== replaced);
    this.#entries.push(history);
    this.#bytes = this.#entries.reduce((sum, entry) => sum + sizeOf(entry), 0);
    while (this.#bytes > this.#maxBytes) {
      const oldest = this.#entries.shift();
      if (oldest !== undefined) this.#bytes -= sizeOf(oldest);
    }
  }
}

/** The furthest boundary whose turn ends within the common beginning and behind `least`. */
function lastBoundary(history: TranslatedHistory, source: Buffer, least: number): Boundary | undefined {
  const last = history.boundaries.at(-1);
  if (last === undefined || last.turnEnd <= least) return undefined;
  const common = commonLength(history.source, source, last.turnEnd);
  for (let at = history.boundaries.length - 1; at >= 0; at -= 1) {
    const boundary = history.boundaries[at];
    if (boundary === undefined || boundary.turnEnd <= least) return undefined;
    if (boundary.turnEnd <= common) return boundary;
  }
  return undefined;
}

/** How many bytes at the beginning are the same, at most `most`. */
function commonLength(a: Buffer, b: Buffer, most: number): number {
  const end = Math.min(a.length, b.length, most);
  let at = 0;
  while (at < end) {
    const stop = Math.min(at + COMPARED_BYTES, end);
    if (a.compare(b, at, stop, at, stop) !== 0) break;
    at = stop;
  }
  while (at < end && a[at] === b[at]) at += 1;
  return at;
}

function sameBytes(a: Buffer | undefined, b: Buffer | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.equals(b);
}

function sizeOf(history: TranslatedHistory): number {
  return history.source.length + history.translation.length + (history.toolBytes?.length ?? 0);
}
