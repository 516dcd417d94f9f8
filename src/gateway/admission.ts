import type { UpstreamFault } from '../core/failure.ts';
import type { Limits } from '../core/snapshot.ts';
import { RateLimit, type Waiting } from '../policy/rate-limit.ts';

/** Longest time in the queue. The client waits six minutes for headers and gets pings before that. */
const MAX_WAIT_MS = 120_000;

/** Releases the place; the second call does nothing. */
export type Lease = () => void;

interface Gate {
  readonly limit: RateLimit;
  readonly waiting: Map<string, (turn: 'granted' | 'late') => void>;
  readonly settings: string;
  timer: NodeJS.Timeout | undefined;
}

/** The queue before each provider that has limits. Without limits it costs one look into a map. */
export class Admission {
  readonly #gates = new Map<string, Gate>();
  readonly #maxWaitMs: number;

  constructor(maxWaitMs = MAX_WAIT_MS) {
    this.#maxWaitMs = maxWaitMs;
  }

  /** Waits for a place. Resolves with a lease, or with the fault if the queue is too long or `signal` aborted first. */
  async enter(provider: string, limits: Limits, waiting: Waiting, signal: AbortSignal): Promise<Lease | UpstreamFault> {
    const gate = this.#gate(provider, limits);
    const admission = gate.limit.request(waiting, performance.now());
    if (admission.kind === 'refused') return refusal(provider, admission.retryAfterS);
    const turn = admission.kind === 'granted' ? 'granted' : await this.#turn(gate, waiting.id, signal);
    if (turn === 'late') return refusal(provider, gate.limit.retryAfterS());
    if (turn === 'left')
      return { class: 'aborted', status: 499, type: 'api_error', message: 'the client left the queue' };
    let heldSinceMs: number | undefined = performance.now();
    return () => {
      if (heldSinceMs === undefined) return;
      gate.limit.release(performance.now() - heldSinceMs);
      heldSinceMs = undefined;
      this.#advance(gate);
    };
  }

  /** Requests that wait before this provider. */
  queued(provider: string): number {
    return this.#gates.get(provider)?.limit.queued ?? 0;
  }

  #gate(provider: string, limits: Limits): Gate {
    const settings = JSON.stringify(limits);
    const known = this.#gates.get(provider);
    // Who waits at a gate with the old limits is still let through by it.
    if (known?.settings === settings) return known;
    const limit = new RateLimit({
      rps: limits.rps,
      burst: limits.burst ?? Math.max(1, Math.ceil(limits.rps ?? 1)),
      concurrency: limits.concurrency,
      maxWaitMs: this.#maxWaitMs,
    });
    const gate: Gate = { limit, waiting: new Map(), settings, timer: undefined };
    this.#gates.set(provider, gate);
    return gate;
  }

  #turn(gate: Gate, id: string, signal: AbortSignal): Promise<'granted' | 'late' | 'left'> {
    return new Promise((resolve) => {
      const leave = () => {
        gate.waiting.delete(id);
        gate.limit.cancel(id);
        this.#advance(gate);
        resolve('left');
      };
      if (signal.aborted) return leave();
      signal.addEventListener('abort', leave, { once: true });
      gate.waiting.set(id, (turn) => {
        signal.removeEventListener('abort', leave);
        gate.waiting.delete(id);
        resolve(turn);
      });
      this.#advance(gate);
    });
  }

  #advance(gate: Gate): void {
    const now = performance.now();
    for (const id of gate.limit.take(now)) gate.waiting.get(id)?.('granted');
    for (const id of gate.limit.expire(now)) gate.waiting.get(id)?.('late');
    clearTimeout(gate.timer);
    const times = [gate.limit.due(now), gate.limit.expiresAtMs()].filter((time) => time !== undefined);
    gate.timer =
      times.length === 0 ? undefined : setTimeout(() => this.#advance(gate), Math.max(0, Math.min(...times) - now) + 1);
  }
}

function refusal(provider: string, retryAfterS: number): UpstreamFault {
  return {
    class: 'rate_limit',
    status: 429,
    type: 'rate_limit_error',
    message: `the limit set for ${provider} is reached and the queue is longer than a client waits`,
    retryAfterS,
  };
}
