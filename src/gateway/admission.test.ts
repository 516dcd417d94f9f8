import { expect, it } from 'vitest';
import { Admission } from './admission.ts';

const waiting = (id: string) => ({ id, session: 'a', main: true });
const signal = () => new AbortController().signal;

it('without a bound that is reached nobody waits', async () => {
  const admission = new Admission();
  for (let i = 0; i < 100; i++)
    expect(await admission.enter('p', {}, waiting(`${i}`), signal())).toBeTypeOf('function');
});

it('one place is handed from one to the next', async () => {
  const admission = new Admission();
  const order: string[] = [];
  const run = async (id: string) => {
    const lease = await admission.enter('p', { concurrency: 1 }, waiting(id), signal());
    if (typeof lease !== 'function') throw new Error(lease.message);
    order.push(`+${id}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
    order.push(`-${id}`);
    lease();
    lease();
  };
  await Promise.all(['1', '2', '3'].map(run));
  expect(order).toEqual(['+1', '-1', '+2', '-2', '+3', '-3']);
});

it('the bucket lets the next one in by itself when it has refilled', async () => {
  const admission = new Admission();
  const start = performance.now();
  for (let i = 0; i < 3; i++) await admission.enter('p', { rps: 50, burst: 1 }, waiting(`${i}`), signal());
  expect(performance.now() - start).toBeGreaterThan(35);
});

it('who leaves the queue blocks nobody', async () => {
  const admission = new Admission();
  const first = await admission.enter('p', { concurrency: 1 }, waiting('1'), signal());
  const leaving = new AbortController();
  const second = admission.enter('p', { concurrency: 1 }, waiting('2'), leaving.signal);
  const third = admission.enter('p', { concurrency: 1 }, waiting('3'), signal());
  leaving.abort();
  expect(await second).toMatchObject({ class: 'aborted' });
  if (typeof first === 'function') first();
  expect(await third).toBeTypeOf('function');
});

it('a queue that is longer than a client waits answers 429 with a time', async () => {
  const admission = new Admission();
  const aborted = new AbortController();
  const queue = Array.from({ length: 3 }, (_, i) =>
    admission.enter('p', { rps: 0.01, burst: 1 }, waiting(`${i}`), aborted.signal),
  );
  expect(await queue[2]).toMatchObject({ class: 'rate_limit', status: 429, retryAfterS: 200 });
  aborted.abort();
  await Promise.all(queue);
});

it('providers do not wait for each other', async () => {
  const admission = new Admission();
  await admission.enter('p', { concurrency: 1 }, waiting('1'), signal());
  expect(await admission.enter('q', { concurrency: 1 }, waiting('2'), signal())).toBeTypeOf('function');
});

it('a queue of places is as long as a client waits, by what places are held', async () => {
  const admission = new Admission(1000);
  const hold = async (ms: number) => {
    const lease = await admission.enter('p', { concurrency: 1 }, waiting(`${Math.random()}`), signal());
    await new Promise((resolve) => setTimeout(resolve, ms));
    if (typeof lease === 'function') lease();
    return lease;
  };
  await hold(420);
  const all = await Promise.all([hold(10), hold(10), hold(10), hold(10), hold(10)]);
  expect(all.map((lease) => typeof lease)).toEqual(['function', 'function', 'function', 'object', 'object']);
  expect(all[4]).toMatchObject({ class: 'rate_limit', status: 429, retryAfterS: 2 });
});

it('who has waited too long is refused, and a place that is free again is not lost', async () => {
  const admission = new Admission(30);
  const first = await admission.enter('p', { concurrency: 1 }, waiting('1'), signal());
  expect(await admission.enter('p', { concurrency: 1 }, waiting('2'), signal())).toMatchObject({ status: 429 });
  if (typeof first === 'function') first();
  expect(await admission.enter('p', { concurrency: 1 }, waiting('3'), signal())).toBeTypeOf('function');
});
