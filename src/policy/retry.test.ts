import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DEFAULT_RETRY, retryDelayMs } from './retry.ts';

it('waits at random up to a ceiling that doubles', () => {
  expect(retryDelayMs(0, undefined, 0.999)).toBe(399);
  expect(retryDelayMs(1, undefined, 0.999)).toBe(799);
  expect(retryDelayMs(0, undefined, 0)).toBe(0);
});

it('waits at least as long as the upstream asks', () => {
  expect(retryDelayMs(0, 3, 0.5)).toBe(3000);
});

it('does not wait in silence for longer than the ceiling: the client is told', () => {
  expect(retryDelayMs(0, 9, 0.5)).toBeUndefined();
});

it('ends after the limit', () => {
  expect(retryDelayMs(DEFAULT_RETRY.limit, undefined, 0.5)).toBeUndefined();
});

it('never waits longer than the ceiling, or a negative time', () => {
  fc.assert(
    fc.property(
      fc.nat(100),
      fc.option(fc.nat(100), { nil: undefined }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (repeat, after, random) => {
        const delay = retryDelayMs(repeat, after, random, { limit: 50, baseMs: 100, maxMs: 8000 });
        if (delay === undefined) return;
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(8000);
      },
    ),
  );
});
