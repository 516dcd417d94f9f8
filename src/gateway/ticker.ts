/** Something with deadlines that is looked at a few times a second. `nowMs` is monotonic. */
export interface Ticking {
  tick(nowMs: number): void;
}

/**
 * One timer for all running exchanges. A timer per stream that is re-armed with every chunk costs more than passing
 * the chunk on; deadlines here are seconds, so a look every quarter of a second is exact enough.
 */
export class Ticker {
  readonly #members = new Set<Ticking>();
  readonly #intervalMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(intervalMs = 250) {
    this.#intervalMs = intervalMs;
  }

  add(member: Ticking): void {
    this.#members.add(member);
    this.#timer ??= setInterval(() => this.#look(), this.#intervalMs).unref();
  }

  remove(member: Ticking): void {
    this.#members.delete(member);
  }

  #look(): void {
    // Not when the last member goes: mostly another one comes at once.
    if (this.#members.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    const now = performance.now();
    for (const member of this.#members) member.tick(now);
  }
}
