import { createHash } from 'node:crypto';
import type { Secret } from '../core/secret.ts';
import type { BreakerSettings } from '../core/snapshot.ts';
import type { Target } from '../core/target.ts';
import { Breaker, DEFAULT_BREAKER } from '../policy/breaker.ts';
import { KeyRing, type KeyState, newKeyState } from '../policy/key-ring.ts';

/** A key of a pool by where it comes from; never its value. */
export interface KeyHealth {
  readonly provider: string;
  readonly origin: string;
  readonly state: 'ready' | 'resting' | 'parked';
  /** Milliseconds until it is used again; only for `resting`. */
  readonly restsForMs: number | undefined;
}

interface KnownKey {
  readonly provider: string;
  readonly origin: string;
  readonly state: KeyState;
}

/** A plan is limited by the week at most; what says more is not believed. */
const MAX_BLOCK_MS = 8 * 86_400_000;

/**
 * What is known of the targets' and keys' health, in memory. Breakers are per provider, endpoint and model: one model
 * that is down says nothing of its neighbour. What a used-up limit says is also of one credential only. Keys are per
 * provider: a key is the same for all its models and in all pools.
 */
export class HealthStore {
  readonly #breakers = new Map<string, Breaker>();
  readonly #rings = new Map<string, KeyRing>();
  readonly #keys = new Map<string, KnownKey>();
  /** Until when a limit is used up; monotonic. */
  readonly #blocks = new Map<string, number>();
  /** Names of keys that say nothing of them. Compiled credentials are few and stay the same. */
  readonly #names = new WeakMap<readonly Secret[], readonly string[]>();

  breaker(target: Target, model: string, settings: BreakerSettings = DEFAULT_BREAKER): Breaker {
    const { threshold, windowMs, openMs, maxOpenMs } = settings;
    const key = `${placeOf(target, model)} ${threshold} ${windowMs} ${openMs} ${maxOpenMs}`;
    return entry(this.#breakers, key, () => new Breaker(settings));
  }

  /** `undefined` for a target without keys of its own. */
  ring(target: Target, rotateAfter = 0): KeyRing | undefined {
    const { credential, provider } = target;
    if (credential.kind !== 'keys') return undefined;
    const names = this.#namesOf(credential.keys);
    return entry(this.#rings, `${provider} ${rotateAfter} ${names.join(' ')}`, () => {
      const states = names.map((name, at) => {
        const origin = credential.keys[at]?.origin ?? '';
        return entry(this.#keys, `${provider} ${name}`, () => ({ provider, origin, state: newKeyState() })).state;
      });
      return new KeyRing(states, { rotateAfter });
    });
  }

  /** A limit of this target is used up until then. `login` names the client's own login, where that is the credential. */
  block(target: Target, model: string, login: string, untilMs: number, nowMs: number): void {
    const key = this.#blockKey(target, model, login);
    this.#blocks.delete(key);
    if (this.#blocks.size >= MAX_ENTRIES) this.#blocks.delete(this.#blocks.keys().next().value as string);
    this.#blocks.set(key, Math.min(untilMs, nowMs + MAX_BLOCK_MS));
  }

  isBlocked(target: Target, model: string, login: string, nowMs: number): boolean {
    if (this.#blocks.size === 0) return false;
    const key = this.#blockKey(target, model, login);
    const untilMs = this.#blocks.get(key);
    if (untilMs === undefined) return false;
    if (untilMs > nowMs) return true;
    this.#blocks.delete(key);
    return false;
  }

  /** Every key that was used or passed over so far. `nowMs` is monotonic. */
  keys(nowMs: number): KeyHealth[] {
    return [...this.#keys.values()].map(({ provider, origin, state }) => {
      const [status] = new KeyRing([state]).status(nowMs);
      const { untilMs } = status ?? {};
      return {
        provider,
        origin,
        state: status?.state ?? 'ready',
        restsForMs: untilMs === undefined ? undefined : Math.max(0, untilMs - nowMs),
      };
    });
  }

  /** A new configuration may bring new keys under the same names: what was parked gets another chance. */
  forgetKeys(): void {
    this.#rings.clear();
    this.#keys.clear();
    this.#blocks.clear();
  }

  #blockKey(target: Target, model: string, login: string): string {
    const { credential } = target;
    const who = credential.kind === 'keys' ? this.#namesOf(credential.keys).join(' ') : login;
    return `${placeOf(target, model)} ${who}`;
  }

  #namesOf(keys: readonly Secret[]): readonly string[] {
    let names = this.#names.get(keys);
    if (!names) {
      names = keys.map((key) => createHash('sha256').update(key.reveal()).digest('base64url').slice(0, 22));
      this.#names.set(keys, names);
    }
    return names;
  }
}

function placeOf({ provider, endpoint }: Target, model: string): string {
  return `${provider} ${endpoint.baseUrl} ${model}`;
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
