import type { BreakerSettings } from '../core/snapshot.ts';
import type { Target } from '../core/target.ts';
import { Breaker, DEFAULT_BREAKER } from '../policy/breaker.ts';
import { KeyRing } from '../policy/key-ring.ts';

/** A key of a pool by where it comes from; never its value. */
export interface KeyHealth {
  readonly provider: string;
  readonly origin: string;
  readonly state: 'ready' | 'resting' | 'parked';
  /** Milliseconds until it is used again; only for `resting`. */
  readonly restsForMs: number | undefined;
}

interface NamedRing {
  readonly provider: string;
  readonly origins: readonly string[];
  readonly ring: KeyRing;
}

/**
 * What is known of the targets' and keys' health, in memory. Breakers are per provider, endpoint and model: one model
 * that is down says nothing of its neighbour. Key rings are per provider: a key is the same for all its models.
 */
export class HealthStore {
  readonly #breakers = new Map<string, Breaker>();
  readonly #rings = new Map<string, NamedRing>();

  breaker(target: Target, model: string, settings: BreakerSettings = DEFAULT_BREAKER): Breaker {
    const { threshold, windowMs, openMs, maxOpenMs } = settings;
    const key = `${target.provider} ${target.endpoint.baseUrl} ${model} ${threshold} ${windowMs} ${openMs} ${maxOpenMs}`;
    return entry(this.#breakers, key, () => new Breaker(settings));
  }

  /** `undefined` for a target without keys of its own. */
  ring(target: Target, rotateAfter = 0): KeyRing | undefined {
    const { credential, provider } = target;
    if (credential.kind !== 'keys') return undefined;
    const origins = credential.keys.map((key) => key.origin);
    const make = () => ({ provider, origins, ring: new KeyRing(origins.length, { rotateAfter }) });
    return entry(this.#rings, `${provider} ${rotateAfter} ${origins.join(' ')}`, make).ring;
  }

  /** Every key that was used or passed over so far. `nowMs` is monotonic. */
  keys(nowMs: number): KeyHealth[] {
    return [...this.#rings.values()].flatMap(({ provider, origins, ring }) =>
      ring.status(nowMs).map(({ index, state, untilMs }) => ({
        provider,
        origin: origins[index] as string,
        state,
        restsForMs: untilMs === undefined ? undefined : Math.max(0, untilMs - nowMs),
      })),
    );
  }

  /** A new configuration may bring new keys under the same names: what was parked gets another chance. */
  forgetKeys(): void {
    this.#rings.clear();
  }
}

/** Names of models come from clients too: what is remembered does not grow without end. */
const MAX_ENTRIES = 4_096;

function entry<T>(map: Map<string, T>, key: string, make: () => T): T {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    if (map.size >= MAX_ENTRIES) map.delete(map.keys().next().value as string);
    map.set(key, value);
  }
  return value;
}
