import type { Target } from '../core/target.ts';
import { Breaker } from '../policy/breaker.ts';
import { KeyRing } from '../policy/key-ring.ts';

/**
 * What is known of the targets' and keys' health, in memory. Breakers are per provider, endpoint and model: one model
 * that is down says nothing of its neighbour. Key rings are per provider: a key is the same for all its models.
 */
export class HealthStore {
  readonly #breakers = new Map<string, Breaker>();
  readonly #rings = new Map<string, KeyRing>();

  breaker(target: Target, model: string): Breaker {
    return entry(this.#breakers, `${target.provider} ${target.endpoint.baseUrl} ${model}`, () => new Breaker());
  }

  /** `undefined` for a target without keys of its own. */
  ring(target: Target): KeyRing | undefined {
    const { credential } = target;
    if (credential.kind !== 'keys') return undefined;
    const origins = credential.keys.map((key) => key.origin).join(' ');
    return entry(this.#rings, `${target.provider} ${origins}`, () => new KeyRing(credential.keys.length));
  }

  /** A new configuration may bring new keys under the same names: what was parked gets another chance. */
  forgetKeys(): void {
    this.#rings.clear();
  }
}

function entry<T>(map: Map<string, T>, key: string, make: () => T): T {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
