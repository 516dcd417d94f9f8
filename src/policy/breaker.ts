import type { BreakerSettings } from '../core/snapshot.ts';

export const DEFAULT_BREAKER: BreakerSettings = { threshold: 5, windowMs: 60_000, openMs: 15_000, maxOpenMs: 300_000 };

export type BreakerState = 'closed' | 'open' | 'half-open';

/**
 * A circuit breaker for one target. Open, it refuses; after a while it lets a single try through (half-open), whose
 * success closes it and whose failure opens it for longer. Times are monotonic milliseconds; a time that goes backwards
 * counts as no time.
 */
export class Breaker {
  readonly #settings: BreakerSettings;
  #failures: number[] = [];
  #openUntilMs: number | undefined;
  #openForMs: number;
  #trying = false;
  #trySinceMs = 0;

  constructor(settings: BreakerSettings = DEFAULT_BREAKER) {
    this.#settings = settings;
    this.#openForMs = settings.openMs;
  }

  state(nowMs: number): BreakerState {
    if (this.#openUntilMs === undefined) return 'closed';
    return nowMs >= this.#openUntilMs ? 'half-open' : 'open';
  }

  /** Whether a try may be made now. In half-open this takes the one try; a try that never reports frees it again. */
  allow(nowMs: number): boolean {
    const state = this.state(nowMs);
    if (state !== 'half-open') return state === 'closed';
    if (this.#trying && nowMs - this.#trySinceMs < this.#settings.maxOpenMs) return false;
    this.#trying = true;
    this.#trySinceMs = nowMs;
    return true;
  }

  /** When the next try may be made, monotonic; `undefined` when it may be made now. */
  opensAtMs(nowMs: number): number | undefined {
    return this.state(nowMs) === 'open' ? this.#openUntilMs : undefined;
  }

  succeed(): void {
    this.#failures = [];
    this.#openUntilMs = undefined;
    this.#openForMs = this.#settings.openMs;
    this.#trying = false;
  }

  fail(nowMs: number): void {
    const { threshold, windowMs, maxOpenMs } = this.#settings;
    const wasOpen = this.#openUntilMs !== undefined;
    this.#trying = false;
    if (wasOpen) {
      // A late failure of a call made before it opened says nothing new.
      if (this.state(nowMs) === 'open') return;
      this.#openForMs = Math.min(maxOpenMs, this.#openForMs * 2);
      this.#openUntilMs = nowMs + this.#openForMs;
      return;
    }
    this.#failures = this.#failures.filter((at) => nowMs - at < windowMs);
    this.#failures.push(nowMs);
    if (this.#failures.length >= threshold) this.#openUntilMs = nowMs + this.#openForMs;
  }

  /** The try ended without saying anything of the target's health: the caller left, or its request was wrong. */
  forget(): void {
    this.#trying = false;
  }
}
