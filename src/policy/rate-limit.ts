export interface LimitSettings {
  /** Requests a second that the bucket refills by; `undefined` is no rate limit. */
  readonly rps: number | undefined;
  /** Size of the bucket. */
  readonly burst: number;
  /** Requests under way at once; `undefined` is no limit. */
  readonly concurrency: number | undefined;
  /** Longest time that a request may have to wait: above it it is refused, at once where that can be foreseen. */
  readonly maxWaitMs: number;
}

export interface Waiting {
  readonly id: string;
  /** Turns go round between sessions, so that one with many requests does not starve another. */
  readonly session: string;
  /** Main turns go before those of subagents. */
  readonly main: boolean;
}

export type Admission =
  | { readonly kind: 'granted' }
  | { readonly kind: 'queued' }
  /** The queue is longer than the client would wait. */
  | { readonly kind: 'refused'; readonly retryAfterS: number };

interface Queued extends Waiting {
  readonly sinceMs: number;
}

/** Before the first requests are over nobody knows how long one takes; so many wait at the most. */
const MAX_QUEUED = 1_000;

/**
 * A token bucket with a limit of concurrency and a fair queue before it. No timers: `due` says when to call `take`
 * again. Times are monotonic milliseconds.
 */
export class RateLimit {
  readonly #settings: LimitSettings;
  #tokens: number;
  #filledAtMs: number | undefined;
  #running = 0;
  /** Mean time that a request held its place, of the last ones; `undefined` before the first. */
  #heldMs: number | undefined;
  #queue: Queued[] = [];
  #lastSession: string | undefined;

  constructor(settings: LimitSettings) {
    this.#settings = settings;
    this.#tokens = settings.burst;
  }

  get running(): number {
    return this.#running;
  }

  get queued(): number {
    return this.#queue.length;
  }

  request(waiting: Waiting, nowMs: number): Admission {
    this.#fill(nowMs);
    if (this.#queue.length === 0 && this.#free()) {
      this.#grant(waiting.session);
      return { kind: 'granted' };
    }
    const waitMs = this.#waitMs(this.#queue.length + 1);
    const isFull = this.#queue.length >= MAX_QUEUED;
    if (isFull || waitMs > this.#settings.maxWaitMs) return { kind: 'refused', retryAfterS: this.retryAfterS() };
    this.#queue.push({ ...waiting, sinceMs: nowMs });
    return { kind: 'queued' };
  }

  /** Everything that may start now, in order; each has to be released. */
  take(nowMs: number): string[] {
    this.#fill(nowMs);
    const granted: string[] = [];
    while (this.#queue.length > 0 && this.#free()) {
      const next = this.#next();
      this.#queue = this.#queue.filter((entry) => entry !== next);
      this.#grant(next.session);
      granted.push(next.id);
    }
    return granted;
  }

  /** A granted request is over, after so many milliseconds. */
  release(heldMs?: number): void {
    this.#running = Math.max(0, this.#running - 1);
    if (heldMs === undefined) return;
    this.#heldMs = this.#heldMs === undefined ? heldMs : this.#heldMs + (heldMs - this.#heldMs) / 8;
  }

  /** Takes those out who have waited for as long as one waits; they are to be refused. */
  expire(nowMs: number): string[] {
    const late = this.#queue.filter(({ sinceMs }) => nowMs - sinceMs >= this.#settings.maxWaitMs);
    if (late.length > 0) this.#queue = this.#queue.filter((entry) => !late.includes(entry));
    return late.map(({ id }) => id);
  }

  /** When the first of the queue has waited for too long; `undefined` when nobody waits. */
  expiresAtMs(): number | undefined {
    const since = this.#queue.reduce((least, entry) => Math.min(least, entry.sinceMs), Number.POSITIVE_INFINITY);
    return this.#queue.length === 0 ? undefined : since + this.#settings.maxWaitMs;
  }

  /** Seconds after which a refused request may try again. */
  retryAfterS(): number {
    return Math.max(1, Math.ceil(this.#waitMs(this.#queue.length + 1) / 1000));
  }

  /** The caller of a queued request has left. */
  cancel(id: string): void {
    this.#queue = this.#queue.filter((entry) => entry.id !== id);
  }

  /** When `take` can next grant something by the passing of time; `undefined` when only a release can. */
  due(nowMs: number): number | undefined {
    const { rps, concurrency } = this.#settings;
    if (this.#queue.length === 0 || rps === undefined) return undefined;
    if (concurrency !== undefined && this.#running >= concurrency) return undefined;
    this.#fill(nowMs);
    return nowMs + Math.max(0, Math.ceil(((1 - this.#tokens) / rps) * 1000));
  }

  #next(): Queued {
    const main = this.#queue.filter((entry) => entry.main);
    const eligible = main.length > 0 ? main : this.#queue;
    const sessions = [...new Set(eligible.map((entry) => entry.session))].sort();
    const after = sessions.find((session) => this.#lastSession !== undefined && session > this.#lastSession);
    const turn = after ?? sessions[0];
    return eligible.find((entry) => entry.session === turn) as Queued;
  }

  #free(): boolean {
    const { rps, concurrency } = this.#settings;
    return (rps === undefined || this.#tokens >= 1) && (concurrency === undefined || this.#running < concurrency);
  }

  #grant(session: string): void {
    if (this.#settings.rps !== undefined) this.#tokens -= 1;
    this.#running++;
    this.#lastSession = session;
  }

  #fill(nowMs: number): void {
    const { rps, burst } = this.#settings;
    const since = this.#filledAtMs ?? nowMs;
    this.#filledAtMs = Math.max(since, nowMs);
    if (rps !== undefined) this.#tokens = Math.min(burst, this.#tokens + (Math.max(0, nowMs - since) / 1000) * rps);
  }

  /** What the request at this place of the queue has to wait for at least, by the rate and by what places are held. */
  #waitMs(place: number): number {
    const { rps, concurrency } = this.#settings;
    const byRate = rps === undefined ? 0 : Math.max(0, ((place - this.#tokens) / rps) * 1000);
    const rounds = concurrency === undefined ? 0 : Math.floor((place - 1 + this.#running) / concurrency);
    // Of the running ones it is not known how long they have run: half of it, as a mean.
    const byPlaces = rounds === 0 ? 0 : (rounds - 0.5) * (this.#heldMs ?? 0);
    return Math.max(byRate, byPlaces);
  }
}
