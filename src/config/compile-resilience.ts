import type { FailureClass } from '../core/failure.ts';
import type { BreakerSettings, Limits, RetrySettings } from '../core/snapshot.ts';
import { DEFAULT_BREAKER } from '../policy/breaker.ts';
import { FALLBACK_REASONS } from '../policy/failure-rules.ts';
import { DEFAULT_RETRY } from '../policy/retry.ts';
import type { RawConfig } from './schema.ts';

type Raw<Key extends keyof RawConfig> = NonNullable<RawConfig[Key]>;

/** Repeats as they are written, over the general ones, over what is built in. */
export function retryOf(raw: Raw<'retry'>, general: RawConfig['retry'] = {}): RetrySettings {
  const { limit, base_ms, max_ms } = { ...general, ...raw };
  return {
    limit: limit ?? DEFAULT_RETRY.limit,
    baseMs: base_ms ?? DEFAULT_RETRY.baseMs,
    maxMs: max_ms ?? DEFAULT_RETRY.maxMs,
  };
}

export function breakerOf(raw: Raw<'breaker'>, general: RawConfig['breaker'] = {}): BreakerSettings {
  const { failures, window_ms, open_ms, max_open_ms } = { ...general, ...raw };
  const openMs = open_ms ?? DEFAULT_BREAKER.openMs;
  return {
    threshold: failures ?? DEFAULT_BREAKER.threshold,
    windowMs: window_ms ?? DEFAULT_BREAKER.windowMs,
    openMs,
    maxOpenMs: Math.max(openMs, max_open_ms ?? DEFAULT_BREAKER.maxOpenMs),
  };
}

/** The failure classes that the words of the configuration mean. */
export function failuresOf(reasons: Raw<'fallback_on'>): FailureClass[] {
  return reasons.flatMap((reason) => FALLBACK_REASONS[reason]);
}

export function limitsOf({ per_key, ...limits }: Raw<'limits'>[string]): Limits {
  return { ...limits, ...(per_key === undefined ? {} : { perKey: per_key }) } as Limits;
}
