import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Breaker } from './breaker.ts';

const settings = { threshold: 3, windowMs: 1000, openMs: 100, maxOpenMs: 400 };
function opened(): Breaker {
  const breaker = new Breaker(settings);
  for (let i = 0; i < 3; i++) breaker.fail(i);
  return breaker;
}

it('opens after failures in a row, and refuses', () => {
  const breaker = opened();
  expect([breaker.state(10), breaker.allow(10), breaker.opensAtMs(10)]).toEqual(['open', false, 102]);
});

it('a success between failures starts the count anew', () => {
  const breaker = new Breaker(settings);
  breaker.fail(0);
  breaker.fail(1);
  breaker.succeed();
  breaker.fail(2);
  expect(breaker.state(3)).toBe('closed');
});

it('failures that are far apart do not open it', () => {
  const breaker = new Breaker(settings);
  for (let i = 0; i < 10; i++) breaker.fail(i * 600);
  expect(breaker.state(6001)).toBe('closed');
});

it('lets a single try through after a while', () => {
  const breaker = opened();
  expect([breaker.allow(150), breaker.allow(150), breaker.allow(151)]).toEqual([true, false, false]);
});

it('closes when the try succeeds', () => {
  const breaker = opened();
  breaker.allow(150);
  breaker.succeed();
  expect([breaker.state(151), breaker.allow(151), breaker.allow(151)]).toEqual(['closed', true, true]);
});

it('stays open longer with every try that fails, up to a bound', () => {
  const breaker = opened();
  let now = 102;
  const waits: number[] = [];
  for (let i = 0; i < 4; i++) {
    breaker.allow(now);
    breaker.fail(now);
    const until = breaker.opensAtMs(now) as number;
    waits.push(until - now);
    now = until;
  }
  expect(waits).toEqual([200, 400, 400, 400]);
});

it('a try that says nothing of the target frees its place', () => {
  const breaker = opened();
  breaker.allow(150);
  breaker.forget();
  expect(breaker.allow(151)).toBe(true);
});

it('never refuses for good: without new failures a try is let through in bounded time', () => {
  const action = fc.constantFrom('fail', 'succeed', 'allow', 'forget');
  fc.assert(
    fc.property(fc.array(fc.tuple(action, fc.integer({ min: -50, max: 300 }))), (steps) => {
      const breaker = new Breaker(settings);
      let now = 0;
      let latest = 0;
      for (const [what, step] of steps) {
        now += step;
        latest = Math.max(latest, now);
        if (what === 'fail') breaker.fail(now);
        if (what === 'succeed') breaker.succeed();
        if (what === 'allow') breaker.allow(now);
        if (what === 'forget') breaker.forget();
      }
      expect(breaker.allow(latest + 2 * settings.maxOpenMs)).toBe(true);
    }),
  );
});
