import { describe, expect, it } from 'vitest';
import type { FailureClass, UpstreamFault } from '../core/failure.ts';
import { Secret } from '../core/secret.ts';
import type { RoutePlan, Target } from '../core/target.ts';
import { type Attempting, type AttemptOptions, attemptAll } from './attempts.ts';
import { HealthStore } from './health.ts';

type Script = (FailureClass | (Partial<UpstreamFault> & { class: FailureClass }) | 'ok')[];

function target(provider: string, keys = 1, genuine = false): Target {
  const all = Array.from({ length: keys }, (_, i) => new Secret(`secret-${i}`, `env:KEY_${i}`));
  return {
    provider,
    endpoint: { baseUrl: `https://${provider}.example` },
    credential: { kind: 'keys', keys: all },
    quirks: { anthropicGenuine: genuine },
    data: {},
  } as unknown as Target;
}

const planOf = (...targets: Target[]): RoutePlan => ({
  targets: targets as [Target, ...Target[]],
  reason: { rule: 'default', detail: '' },
  slot: undefined,
});

/** Plays the script, one entry a try; `tries` names what was tried. */
function exchange(script: Script, health = new HealthStore(), given: Partial<Attempting> = {}) {
  const tries: string[] = [];
  const abort = new AbortController();
  const attempting: Attempting = {
    gateway: { health },
    signal: abort.signal,
    fallbackOn: undefined,
    isCompaction: false,
    loginOf: () => '',
    resilienceOf: () => ({}),
    passOver: () => {},
    canMove: () => !abort.signal.aborted,
    modelOf: () => 'model',
    async attempt(to: Target, { keyIndex, withoutThinking }: AttemptOptions) {
      tries.push(
        `${to.provider}${keyIndex > 0 ? ` key ${keyIndex}` : ''}${withoutThinking ? ' without thinking' : ''}`,
      );
      const step = script.shift() ?? 'ok';
      if (step === 'ok') return undefined;
      const fault = typeof step === 'string' ? { class: step } : step;
      return { status: 500, type: 'api_error', message: '', upstreamStatus: 500, ...fault } as UpstreamFault;
    },
    ...given,
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

describe('keys of a pool that is not well', () => {
  it('one that only rests is asked before one that is wrong', async () => {
    const health = new HealthStore();
    await attemptAll(
      exchange(['credential', { class: 'quota', retryAfterS: 9 }], health).attempting,
      planOf(target('a', 2)),
    );
    const second = exchange(['quota'], health);
    await attemptAll(second.attempting, planOf(target('a', 2)));
    expect(second.tries).toEqual(['a key 1']);
    expect(health.keys(performance.now()).map(({ origin, state }) => `${origin} ${state}`)).toEqual([
      'env:KEY_0 parked',
      'env:KEY_1 resting',
    ]);
  });

  it('a limit of our own is not the fault of a key', async () => {
    const health = new HealthStore();
    const refused = { class: 'rate_limit' as const, retryAfterS: 60, upstreamStatus: undefined as never };
    await attemptAll(exchange([refused], health).attempting, planOf(target('a', 2)));
    expect(health.keys(performance.now()).map(({ state }) => state)).toEqual(['ready', 'ready']);
  });

  it('keys take turns where that is wanted', async () => {
    const health = new HealthStore();
    const tries: string[] = [];
    for (let i = 0; i < 4; i++) {
      const one = exchange(['ok'], health, { resilienceOf: () => ({ rotateAfter: 2 }) });
      await attemptAll(one.attempting, planOf(target('a', 2)));
      tries.push(...one.tries);
    }
    expect(tries).toEqual(['a', 'a', 'a key 1', 'a key 1']);
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

  it('are tried all the same when none of them is well', async () => {
    const health = new HealthStore();
    const plan = planOf(target('a'), target('b'));
    for (let i = 0; i < 5; i++) {
      await attemptAll(exchange(['timeout_idle', 'timeout_idle'], health).attempting, plan);
    }
    const later = exchange(['ok'], health);
    expect(await attemptAll(later.attempting, plan)).toBeUndefined();
    expect(later.tries).toEqual(['a']);
  });

  it('one that cannot be asked does not hide why the first one failed', async () => {
    const keyless = { ...target('b'), credential: { kind: 'missing', reason: 'no key' } } as Target;
    const first = exchange(['quota', 'credential']);
    expect(await attemptAll(first.attempting, planOf(target('a'), keyless))).toMatchObject({ class: 'quota' });
    expect(first.tries).toEqual(['a']);
    const loginless = exchange(['quota', { class: 'credential', upstreamStatus: undefined } as never]);
    expect(await attemptAll(loginless.attempting, planOf(target('a'), target('c')))).toMatchObject({ class: 'quota' });
  });

  it('only what the configuration names moves on, where it names something', async () => {
    const stays = exchange(['quota'], new HealthStore(), { fallbackOn: ['overloaded'] });
    await attemptAll(stays.attempting, planOf(target('a'), target('b')));
    expect(stays.tries).toEqual(['a']);
    const moves = exchange(['credential', 'ok'], new HealthStore(), { fallbackOn: ['credential'] });
    await attemptAll(moves.attempting, planOf(target('a'), target('b')));
    expect(moves.tries).toEqual(['a', 'b']);
  });

  it('an exception in a try leaves the way open for the next one', async () => {
    const health = new HealthStore();
    const plan = planOf(target('a'), target('b'));
    const quick = { threshold: 1, windowMs: 1000, openMs: 1, maxOpenMs: 60_000 };
    health.breaker(plan.targets[0], 'model', quick).fail(performance.now() - 100);
    const attempt = () => Promise.reject(new Error('broken'));
    const thrown = exchange([], health, { attempt, resilienceOf: () => ({ breaker: quick }) });
    await expect(attemptAll(thrown.attempting, plan)).rejects.toThrow('broken');
    const later = exchange(['ok'], health, { resilienceOf: () => ({ breaker: quick }) });
    await attemptAll(later.attempting, plan);
    expect(later.tries).toEqual(['a']);
  });
});

describe('a request that does not fit', () => {
  const sized = (provider: string, contextWindow: number | undefined) => ({
    ...target(provider),
    data: { contextWindow } as Target['data'],
  });
  const places = () => planOf(sized('a', 100), sized('same', 100), sized('larger', 200), sized('unknown', undefined));

  it('is told to the client, which compacts', async () => {
    const { attempting, tries } = exchange(['context_overflow']);
    expect(await attemptAll(attempting, places())).toMatchObject({ class: 'context_overflow' });
    expect(tries).toEqual(['a']);
  });

  it('goes to places with a larger window, or an unknown one, where that is configured', async () => {
    const { attempting, tries } = exchange(['context_overflow', 'context_overflow', 'ok'], undefined, {
      fallbackOn: ['context_overflow'],
    });
    expect(await attemptAll(attempting, places())).toBeUndefined();
    expect(tries).toEqual(['a', 'larger', 'unknown']);
  });

  it('goes to no place that is as small as one before', async () => {
    const plan = planOf(sized('a', undefined), sized('b', 200), sized('c', 100), sized('d', 200));
    const { attempting, tries } = exchange(['context_overflow', 'context_overflow'], undefined, {
      fallbackOn: ['context_overflow'],
    });
    expect(await attemptAll(attempting, plan)).toMatchObject({ class: 'context_overflow' });
    expect(tries).toEqual(['a', 'b']);
  });

  it('moves on by itself when it is the compaction', async () => {
    const { attempting, tries } = exchange(['context_overflow', 'ok'], undefined, { isCompaction: true });
    expect(await attemptAll(attempting, places())).toBeUndefined();
    expect(tries).toEqual(['a', 'larger']);
  });
});

describe('a limit that is used up until a known time', () => {
  const used = (failure: FailureClass, retryAfterS: number) => [{ class: failure, retryAfterS }, 'ok'] as Script;
  const plan = () => planOf(target('a'), target('b'));
  /** What a request tries after one that met the fault. */
  async function triesAfter(script: Script, given: Partial<Attempting> = {}, first = plan(), second = plan()) {
    const health = new HealthStore();
    await attemptAll(exchange(script, health, given).attempting, first);
    const later = exchange(['ok', 'ok'], health, given);
    await attemptAll(later.attempting, second);
    return later.tries;
  }

  it.each([
    ['quota', 2],
    ['quota', 3_600],
    ['rate_limit', 3_600],
  ] as const)('leaves the place alone until then: %s, %i s', async (failure, seconds) => {
    expect(await triesAfter(used(failure, seconds))).toEqual(['b']);
  });

  it.each([
    ['a short wait for a limit', used('rate_limit', 3)],
    ['one without a time', ['quota', 'ok'] as Script],
    [
      'a limit of our own',
      [{ class: 'rate_limit', retryAfterS: 60, upstreamStatus: undefined as never }, 'ok'] as Script,
    ],
    ['a place that is full', [{ class: 'overloaded', retryAfterS: 60 }, 'ok'] as Script],
  ])('does not for %s', async (_, script) => {
    expect(await triesAfter(script)).toEqual(['a']);
  });

  it('comes back when the time is over', async () => {
    const health = new HealthStore();
    const [a] = plan().targets;
    health.block(a, 'model', '', 5_000, 0);
    expect([4_999, 5_000].map((now) => health.isBlocked(a, 'model', '', now))).toEqual([true, false]);
  });

  it('is believed for a week and a day at most', () => {
    const health = new HealthStore();
    const [a] = plan().targets;
    health.block(a, 'model', '', 1e15, 0);
    const day = 86_400_000;
    expect([7 * day, 8 * day].map((now) => health.isBlocked(a, 'model', '', now))).toEqual([true, false]);
  });

  it('is asked all the same where there is no other', async () => {
    expect(await triesAfter(used('quota', 3_600), {}, planOf(target('a')), planOf(target('a')))).toEqual(['a']);
  });

  it('is of that model, that key and that login only', async () => {
    const other = {
      ...target('a'),
      credential: { kind: 'keys', keys: [new Secret('another', 'env:KEY_0')] },
    } as Target;
    expect(await triesAfter(used('quota', 3_600), {}, plan(), planOf(other, target('b')))).toEqual(['a']);
    let model = 'one';
    const byModel = { modelOf: () => model };
    const health = new HealthStore();
    await attemptAll(exchange(used('quota', 3_600), health, byModel).attempting, plan());
    model = 'two';
    const later = exchange(['ok'], health, byModel);
    await attemptAll(later.attempting, plan());
    expect(later.tries).toEqual(['a']);

    const login = () => planOf({ ...target('a'), credential: { kind: 'client' } } as Target, target('b'));
    let who = 'ann';
    const byLogin = { loginOf: () => who };
    const logins = new HealthStore();
    await attemptAll(exchange(used('rate_limit', 3_600), logins, byLogin).attempting, login());
    const tries: string[][] = [];
    for (const name of ['ben', 'ann']) {
      who = name;
      const one = exchange(['ok'], logins, byLogin);
      await attemptAll(one.attempting, login());
      tries.push(one.tries);
    }
    expect(tries).toEqual([['a'], ['b']]);
  });

  it('ends with the first key that is ready again', async () => {
    const health = new HealthStore();
    const two = planOf(target('a', 2), target('b'));
    await attemptAll(
      exchange([{ class: 'rate_limit', retryAfterS: 20 }, { class: 'rate_limit', retryAfterS: 3_600 }, 'ok'], health)
        .attempting,
      two,
    );
    const now = performance.now();
    const [a] = two.targets;
    expect([now, now + 21_000].map((at) => health.isBlocked(a, 'model', '', at))).toEqual([true, false]);
  });
});

describe('a key in several pools', () => {
  const secret = (name: string) => new Secret(name, 'somewhere');
  const pool = (...keys: Secret[]) => ({ ...target('a'), credential: { kind: 'keys', keys } }) as unknown as Target;

  it('is known to be wrong in all of them, and is named once', async () => {
    const health = new HealthStore();
    await attemptAll(exchange(['credential', 'ok'], health).attempting, planOf(pool(secret('one'), secret('two'))));
    const later = exchange(['ok'], health);
    await attemptAll(later.attempting, planOf(pool(secret('one'), secret('three'))));
    expect(later.tries).toEqual(['a key 1']);
    expect(health.keys(performance.now()).map(({ state }) => state)).toEqual(['parked', 'ready', 'ready']);
  });

  it('is not another one that is called the same', async () => {
    const health = new HealthStore();
    await attemptAll(exchange(['credential'], health).attempting, planOf(pool(secret('one'))));
    expect(health.ring(pool(secret('two')))?.pick(performance.now())).toBe(0);
    expect(health.ring(pool(secret('one')))?.pick(performance.now())).toBeUndefined();
  });
});
