import { describe, expect, it } from 'vitest';
import type { FailureClass, UpstreamFault } from '../core/failure.ts';
import { Secret } from '../core/secret.ts';
import type { RoutePlan, Target } from '../core/target.ts';
import { type Attempting, type AttemptOptions, attemptAll } from './attempts.ts';
import type { GatewayCore } from './gateway.ts';
import { HealthStore } from './health.ts';

type Script = (FailureClass | { class: FailureClass; retryAfterS: number } | 'ok')[];

function target(provider: string, keys = 1, genuine = false): Target {
  const all = Array.from({ length: keys }, (_, i) => new Secret(`secret-${i}`, `env:KEY_${i}`));
  return {
    provider,
    endpoint: { baseUrl: `https://${provider}.example` },
    credential: { kind: 'keys', keys: all },
    quirks: { anthropicGenuine: genuine },
  } as unknown as Target;
}

const planOf = (...targets: Target[]): RoutePlan => ({
  targets: targets as [Target, ...Target[]],
  reason: { rule: 'default', detail: '' },
  slot: undefined,
});

/** Plays the script, one entry a try; `tries` names what was tried. */
function exchange(script: Script, health = new HealthStore()) {
  const tries: string[] = [];
  const abort = new AbortController();
  const attempting: Attempting = {
    gateway: { health } as unknown as GatewayCore,
    signal: abort.signal,
    canMove: () => !abort.signal.aborted,
    modelOf: () => 'model',
    async attempt(to: Target, { keyIndex, withoutThinking }: AttemptOptions) {
      tries.push(
        `${to.provider}${keyIndex > 0 ? ` key ${keyIndex}` : ''}${withoutThinking ? ' without thinking' : ''}`,
      );
      const step = script.shift() ?? 'ok';
      if (step === 'ok') return undefined;
      const fault = typeof step === 'string' ? { class: step } : step;
      return { status: 500, type: 'api_error', message: '', ...fault } as UpstreamFault;
    },
  };
  return { attempting, tries, abort };
}

describe('one target', () => {
  it('is tried again after a fault that passes', async () => {
    const { attempting, tries } = exchange(['overloaded', 'network', 'ok']);
    expect(await attemptAll(attempting, planOf(target('a')))).toBeUndefined();
    expect(tries).toEqual(['a', 'a', 'a']);
  });

  it('is given up after a few tries, with the last fault', async () => {
    const { attempting, tries } = exchange(['network', 'network', 'server_error', 'network']);
    expect(await attemptAll(attempting, planOf(target('a')))).toMatchObject({ class: 'server_error' });
    expect(tries).toHaveLength(3);
  });

  it.each(['credential', 'context_overflow', 'invalid_request', 'content_policy', 'quota', 'timeout_idle'] as const)(
    'is tried once after %s',
    async (failure) => {
      const { attempting, tries } = exchange([failure]);
      expect(await attemptAll(attempting, planOf(target('a')))).toMatchObject({ class: failure });
      expect(tries).toEqual(['a']);
    },
  );

  it("is left to the client's own repeats when it is Anthropic", async () => {
    const { attempting, tries } = exchange(['overloaded']);
    expect(await attemptAll(attempting, planOf(target('a', 1, true)))).toMatchObject({ class: 'overloaded' });
    expect(tries).toEqual(['a']);
  });

  it('gets the request once more without thinking when it refuses a signature', async () => {
    const { attempting, tries } = exchange(['thinking_signature', 'thinking_signature']);
    expect(await attemptAll(attempting, planOf(target('a')))).toMatchObject({ class: 'thinking_signature' });
    expect(tries).toEqual(['a', 'a without thinking']);
  });

  it('a wait that is longer than the gateway waits in silence goes to the client', async () => {
    const { attempting, tries } = exchange([{ class: 'rate_limit', retryAfterS: 30 }]);
    expect(await attemptAll(attempting, planOf(target('a')))).toMatchObject({ class: 'rate_limit', retryAfterS: 30 });
    expect(tries).toEqual(['a']);
  });

  it('is not tried again when the client has left during the wait', async () => {
    const { attempting, tries, abort } = exchange([{ class: 'rate_limit', retryAfterS: 5 }]);
    setTimeout(() => abort.abort(), 20);
    await attemptAll(attempting, planOf(target('a')));
    expect(tries).toEqual(['a']);
  });
});

describe('several keys', () => {
  it('the next one takes over from one that is limited, empty or wrong', async () => {
    const { attempting, tries } = exchange(['rate_limit', 'credential', 'ok']);
    await attemptAll(attempting, planOf(target('a', 3)));
    expect(tries).toEqual(['a', 'a key 1', 'a key 2']);
  });

  it('capacity of the provider is not the fault of a key', async () => {
    const { attempting, tries } = exchange(['overloaded', 'ok']);
    await attemptAll(attempting, planOf(target('a', 3)));
    expect(tries).toEqual(['a', 'a']);
  });

  it('a key that was wrong is not used for the next request', async () => {
    const health = new HealthStore();
    const first = exchange(['credential', 'ok'], health);
    await attemptAll(first.attempting, planOf(target('a', 2)));
    const second = exchange(['ok'], health);
    await attemptAll(second.attempting, planOf(target('a', 2)));
    expect(second.tries).toEqual(['a key 1']);
  });
});

describe('several targets', () => {
  it('the next one is tried when the first has done what it can', async () => {
    const { attempting, tries } = exchange(['quota', 'ok']);
    expect(await attemptAll(attempting, planOf(target('a'), target('b')))).toBeUndefined();
    expect(tries).toEqual(['a', 'b']);
  });

  it('a rate limit moves on at once where there is somewhere to go', async () => {
    const { attempting, tries } = exchange([{ class: 'rate_limit', retryAfterS: 1 }, 'ok']);
    await attemptAll(attempting, planOf(target('a'), target('b')));
    expect(tries).toEqual(['a', 'b']);
  });

  it('a wrong credential is seen, not worked around', async () => {
    const { attempting, tries } = exchange(['credential']);
    expect(await attemptAll(attempting, planOf(target('a'), target('b')))).toMatchObject({ class: 'credential' });
    expect(tries).toEqual(['a']);
  });

  it('one that failed again and again is passed over, and comes back', async () => {
    const health = new HealthStore();
    const plan = planOf(target('a'), target('b'));
    for (let i = 0; i < 5; i++) await attemptAll(exchange(['timeout_idle', 'ok'], health).attempting, plan);
    const later = exchange(['ok'], health);
    await attemptAll(later.attempting, plan);
    expect(later.tries).toEqual(['b']);
    health.breaker(plan.targets[0], 'model').succeed();
    const recovered = exchange(['ok'], health);
    await attemptAll(recovered.attempting, plan);
    expect(recovered.tries).toEqual(['a']);
  });

  it('the only one there is is tried, however it did before', async () => {
    const health = new HealthStore();
    for (let i = 0; i < 6; i++) await attemptAll(exchange(['timeout_idle'], health).attempting, planOf(target('a')));
    const later = exchange(['ok'], health);
    expect(await attemptAll(later.attempting, planOf(target('a')))).toBeUndefined();
  });
});
