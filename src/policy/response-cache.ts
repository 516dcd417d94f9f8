import { createHash } from 'node:crypto';
import type { MessagesRequest } from '../core/messages.ts';

/** What the same request has to have in common with an earlier one to get its answer. */
export interface CacheQuestion {
  /** The body as it was received, and parsed. */
  readonly raw: Buffer;
  readonly body: MessagesRequest;
  /** Path with its query, and headers that change what the answer is. */
  readonly variant: readonly string[];
  /** Provider, address, protocol, model: whatever tells one target from another. */
  readonly target: readonly string[];
  /** Who asks, in a form from which no credential can be read. */
  readonly credential: string;
}

/** Key of an answer: SHA-256 over all of the question. The order of the keys of an object does not matter. */
export function cacheKey({ raw, body, variant, target, credential }: CacheQuestion): string {
  const hash = createHash('sha256');
  for (const part of [target, variant, [credential]]) hash.update(`${JSON.stringify(part)}\n`);
  const exact = { value: true };
  hash.update(canonical(body, exact));
  // Two integers that read the same here may be different ones upstream.
  if (!exact.value) hash.update('\n').update(raw);
  return hash.digest('hex');
}

/**
 * JSON text of a value in which the keys of every object are sorted. `exact.value` becomes false where a number cannot
 * be told apart from its neighbours.
 */
export function canonical(value: unknown, exact: { value: boolean } = { value: true }): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item, exact)).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = value as Record<string, unknown>;
    const keys = Object.keys(fields).sort();
    return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(fields[key], exact)}`).join(',')}}`;
  }
  if (typeof value === 'number' && Math.abs(value) > Number.MAX_SAFE_INTEGER) exact.value = false;
  return JSON.stringify(value);
}

/**
 * Whether the same request would give the same answer again. It has to say so, by `temperature: 0` or explicitly
 * (`wanted`). What is asked with tools is not kept: ids of calls must never occur twice, and tools look at a world that
 * changes.
 */
export function isDeterministic(body: MessagesRequest, wanted: boolean): boolean {
  if (!wanted && body.temperature !== 0) return false;
  if (body.tools !== undefined && body.tools !== null && body.tools.length > 0) return false;
  if ((body as { mcp_servers?: unknown }).mcp_servers !== undefined) return false;
  return body.messages.every(
    ({ content }) =>
      typeof content === 'string' || !Array.isArray(content) || !content.some((block) => isToolBlock(block)),
  );
}

function isToolBlock(block: { type?: unknown } | null): boolean {
  const type = block?.type;
  return typeof type !== 'string' || type.endsWith('tool_use') || type.endsWith('tool_result');
}

/** An answer as it was sent: the id of the message stands between the two parts. */
export interface CachedAnswer {
  readonly stream: boolean;
  readonly before: Buffer;
  readonly after: Buffer;
  /** The answer's type and whatever else tells the client how to read it. */
  readonly contentType: string;
}

export interface CacheStats {
  readonly enabled: boolean;
  readonly entries: number;
  readonly bytes: number;
  readonly hits: number;
  readonly misses: number;
  readonly stored: number;
}

export interface ResponseCacheOptions {
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly ttlMs: number;
  /** Monotonic. */
  readonly nowMs: () => number;
}

/** Answers by their key: the least recently used one goes first, each one after its time. */
export interface ResponseCache {
  find(key: string): CachedAnswer | undefined;
  /** False where the answer is larger than everything that may be kept. */
  store(key: string, answer: CachedAnswer): boolean;
  /** Forgets everything; how many there were. */
  clear(): number;
  readonly stats: CacheStats;
}

/** Of an entry beside its bytes: key, objects, places in the lists. */
const ENTRY_BYTES = 256;

export async function createResponseCache(options: ResponseCacheOptions): Promise<ResponseCache> {
  const { LRUCache } = await import('lru-cache');
  const { maxEntries, maxBytes, ttlMs, nowMs } = options;
  const answers = new LRUCache<string, CachedAnswer>({
    max: maxEntries,
    maxSize: maxBytes,
    sizeCalculation: ({ before, after }) => before.length + after.length + ENTRY_BYTES,
    ttl: ttlMs,
    // No timer of its own: the clock is asked each time.
    ttlResolution: 0,
    perf: { now: nowMs },
  });
  let hits = 0;
  let misses = 0;
  let stored = 0;
  return {
    find(key) {
      const answer = answers.get(key);
      if (answer) hits += 1;
      else misses += 1;
      return answer;
    },
    store(key, answer) {
      answers.set(key, answer);
      const kept = answers.has(key);
      if (kept) stored += 1;
      return kept;
    },
    clear() {
      const { size } = answers;
      answers.clear();
      return size;
    },
    get stats() {
      answers.purgeStale();
      return { enabled: true, entries: answers.size, bytes: answers.calculatedSize, hits, misses, stored };
    },
  };
}
