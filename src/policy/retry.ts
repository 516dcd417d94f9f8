import type { RetrySettings } from '../core/snapshot.ts';

export const DEFAULT_RETRY: RetrySettings = { limit: 2, baseMs: 400, maxMs: 8_000 };

/**
 * Wait before repeat number `repeat` (0 is the first), in milliseconds; `undefined` when it should not be made.
 * Exponential with full jitter (aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter): `random` is in
 * [0, 1). An upstream's own wait is a lower bound, not a hint.
 */
export function retryDelayMs(
  repeat: number,
  retryAfterS: number | undefined,
  random: number,
  settings: RetrySettings = DEFAULT_RETRY,
): number | undefined {
  if (repeat >= settings.limit) return undefined;
  const askedMs = (retryAfterS ?? 0) * 1000;
  if (askedMs > settings.maxMs) return undefined;
  const ceiling = Math.min(settings.maxMs, settings.baseMs * 2 ** repeat);
  return Math.max(askedMs, Math.floor(random * ceiling));
}
