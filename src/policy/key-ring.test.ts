import fc from 'fast-check';
import { expect, it } from 'vitest';
import { KeyRing } from './key-ring.ts';

it('stays on a key while it works', () => {
  const ring = new KeyRing(3);
  for (let i = 0; i < 5; i++) {
    expect(ring.pick(i)).toBe(0);
    ring.succeed(0);
  }
});

it('rotates after so many successes when that is wanted', () => {
  const ring = new KeyRing(2, { rotateAfter: 2 });
  const picked: (number | undefined)[] = [];
  for (let i = 0; i < 6; i++) {
    const key = ring.pick(i) as number;
    picked.push(key);
    ring.succeed(key);
  }
  expect(picked).toEqual([0, 0, 1, 1, 0, 0]);
});

it('a key that reached its limit rests and comes back', () => {
  const ring = new KeyRing(2);
  expect(ring.fail(0, 'rate_limit', 0, 5)).toBe(true);
  expect(ring.pick(1)).toBe(1);
  ring.fail(1, 'rate_limit', 1, 10);
  expect([ring.pick(2), ring.readyAtMs(2), ring.pick(5000)]).toEqual([undefined, 5000, 0]);
});

it('a key that fails authentication is parked, and named by its place only', () => {
  const ring = new KeyRing(2);
  ring.fail(0, 'credential', 0);
  expect(ring.pick(1e12)).toBe(1);
  expect(ring.status(1)[0]).toEqual({ index: 0, state: 'parked', untilMs: undefined });
});

it.each(['overloaded', 'server_error', 'network', 'context_overflow', 'invalid_request'] as const)(
  '%s is not the fault of a key',
  (failure) => {
    const ring = new KeyRing(1);
    expect(ring.fail(0, failure, 0)).toBe(false);
    expect(ring.pick(0)).toBe(0);
  },
);

it('a key that was tried for this request is not given again', () => {
  const ring = new KeyRing(2);
  expect([ring.pick(0, new Set([0])), ring.pick(0, new Set([0, 1]))]).toEqual([1, undefined]);
});

it('gives only keys that are ready, whatever happened before', () => {
  const step = fc.record({
    key: fc.nat(3),
    failure: fc.constantFrom('rate_limit', 'quota', 'credential', 'network'),
    after: fc.nat(100),
    wait: fc.nat(30_000),
  } as const);
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const ring = new KeyRing(3);
      let now = 0;
      for (const { key, failure, after, wait } of steps) {
        ring.fail(key, failure, now, after);
        now += wait;
        const picked = ring.pick(now);
        const ready = ring
          .status(now)
          .filter(({ state }) => state === 'ready')
          .map(({ index }) => index);
        if (picked === undefined) expect(ready).toEqual([]);
        else expect(ready).toContain(picked);
      }
    }),
  );
});
