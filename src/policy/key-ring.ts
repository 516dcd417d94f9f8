import type { FailureClass } from '../core/failure.ts';

export interface KeyRingSettings {
  /** Moves to the next key after so many successes; 0 stays on a key while it works. */
  readonly rotateAfter: number;
}

/** How long a key rests after a failure of its own, milliseconds, where the upstream does not say. */
const REST_MS: Partial<Record<FailureClass, number>> = { rate_limit: 20_000, quota: 900_000 };

/** What is known of one key, whichever pools it is in. */
export interface KeyState {
  restsUntilMs: number;
  /** Failed authentication: not used again until the configuration changes. */
  parked: boolean;
  uses: number;
}

export function newKeyState(): KeyState {
  return { restsUntilMs: 0, parked: false, uses: 0 };
}

export interface KeyStatus {
  readonly index: number;
  readonly state: 'ready' | 'resting' | 'parked';
  /** Monotonic milliseconds; only for `resting`. */
  readonly untilMs: number | undefined;
}

/** The health of several keys of one provider, by their position. It never sees a key. */
export class KeyRing {
  readonly #keys: readonly KeyState[];
  readonly #settings: KeyRingSettings;
  #current = 0;

  constructor(keys: number | readonly KeyState[], settings: KeyRingSettings = { rotateAfter: 0 }) {
    this.#settings = settings;
    this.#keys = typeof keys === 'number' ? Array.from({ length: keys }, newKeyState) : keys;
  }

  /** The key to use now, leaving out those tried already; `undefined` when none is ready. */
  pick(nowMs: number, tried: ReadonlySet<number> = new Set()): number | undefined {
    for (let step = 0; step < this.#keys.length; step++) {
      const index = (this.#current + step) % this.#keys.length;
      if (tried.has(index) || this.#stateOf(index, nowMs) !== 'ready') continue;
      this.#current = index;
      return index;
    }
    return undefined;
  }

  /** The key to use when none is ready: the one that rests shortest, so that a parked one is the last resort. */
  leastBad(nowMs: number): number {
    const resting = this.status(nowMs).filter(({ state }) => state === 'resting');
    return resting.sort((a, b) => (a.untilMs ?? 0) - (b.untilMs ?? 0))[0]?.index ?? this.#current;
  }

  /** When the first resting key is ready again; `undefined` when none rests. */
  readyAtMs(nowMs: number): number | undefined {
    const times = this.status(nowMs).flatMap(({ untilMs }) => (untilMs === undefined ? [] : [untilMs]));
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  succeed(index: number): void {
    const key = this.#keys[index];
    if (!key) return;
    key.uses++;
    const { rotateAfter } = this.#settings;
    if (rotateAfter > 0 && key.uses >= rotateAfter && index === this.#current) {
      key.uses = 0;
      this.#current = (index + 1) % this.#keys.length;
    }
  }

  /** Notes a failure; true when it was the key's own, so that another key may do better. */
  fail(index: number, failure: FailureClass, nowMs: number, retryAfterS?: number): boolean {
    const key = this.#keys[index];
    if (!key) return false;
    if (failure === 'credential') {
      key.parked = true;
      return true;
    }
    const restMs = REST_MS[failure];
    if (restMs === undefined) return false;
    key.restsUntilMs = Math.max(key.restsUntilMs, nowMs + (retryAfterS === undefined ? restMs : retryAfterS * 1000));
    return true;
  }

  status(nowMs: number): KeyStatus[] {
    return this.#keys.map((key, index) => {
      const state = this.#stateOf(index, nowMs);
      return { index, state, untilMs: state === 'resting' ? key.restsUntilMs : undefined };
    });
  }

  #stateOf(index: number, nowMs: number): KeyStatus['state'] {
    const key = this.#keys[index];
    if (!key || key.parked) return 'parked';
    return key.restsUntilMs > nowMs ? 'resting' : 'ready';
  }
}
