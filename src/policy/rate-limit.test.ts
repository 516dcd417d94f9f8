import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateLimit } from './rate-limit.ts';

const from = (id: string, session = 'a', main = true) => ({ id, session, main });

describe('the bucket', () => {
  it('lets a burst through and then one request per refill', () => {
    const limit = new RateLimit({ rps: 2, burst: 2, concurrency: undefined, maxWaitMs: 10_000 });
    expect([1, 2, 3].map((i) => limit.request(from(`${i}`), 0).kind)).toEqual(['granted', 'granted', 'queued']);
    expect(limit.due(0)).toBe(500);
    expect([limit.take(499), limit.take(500)]).toEqual([[], ['3']]);
  });

  it('refuses with a time when the queue is longer than a client waits', () => {
    const limit = new RateLimit({ rps: 1, burst: 1, concurrency: undefined, maxWaitMs: 2000 });
    for (let i = 0; i < 3; i++) limit.request(from(`${i}`), 0);
    expect(limit.request(from('late'), 0)).toEqual({ kind: 'refused', retryAfterS: 3 });
  });

  it('a clock that jumps back gives and takes nothing', () => {
    const limit = new RateLimit({ rps: 1, burst: 1, concurrency: undefined, maxWaitMs: 10_000 });
    limit.request(from('1'), 10_000);
    limit.request(from('2'), 0);
    expect([limit.take(10_999), limit.take(11_000)]).toEqual([[], ['2']]);
  });
});

describe('concurrency', () => {
  it('waits for a release', () => {
    const limit = new RateLimit({ rps: undefined, burst: 1, concurrency: 1, maxWaitMs: 1000 });
    limit.request(from('1'), 0);
    expect(limit.request(from('2'), 0).kind).toBe('queued');
    expect([limit.take(1), limit.due(1)]).toEqual([[], undefined]);
    limit.release();
    expect(limit.take(2)).toEqual(['2']);
  });

  it('who left the queue is not granted', () => {
    const limit = new RateLimit({ rps: undefined, burst: 1, concurrency: 1, maxWaitMs: 1000 });
    limit.request(from('1'), 0);
    limit.request(from('2'), 0);
    limit.cancel('2');
    limit.release();
    expect([limit.take(1), limit.queued]).toEqual([[], 0]);
  });
});

describe('a queue without a rate', () => {
  it('is refused by what places were held so far', () => {
    const limit = new RateLimit({ rps: undefined, burst: 1, concurrency: 2, maxWaitMs: 1000 });
    for (const id of ['1', '2']) limit.request(from(id), 0);
    limit.release(800);
    limit.request(from('3'), 1000);
    const kinds = ['4', '5', '6', '7'].map((id) => limit.request(from(id), 1000).kind);
    expect(kinds).toEqual(['queued', 'queued', 'refused', 'refused']);
  });

  it('lets nobody wait for longer than is allowed', () => {
    const limit = new RateLimit({ rps: undefined, burst: 1, concurrency: 1, maxWaitMs: 1000 });
    for (const [id, at] of [
      ['1', 0],
      ['2', 0],
      ['3', 500],
    ] as const)
      limit.request(from(id), at);
    expect([limit.expiresAtMs(), limit.expire(999), limit.expire(1000)]).toEqual([1000, [], ['2']]);
    expect([limit.expiresAtMs(), limit.queued]).toEqual([1500, 1]);
  });
});

describe('fairness', () => {
  function order(waiting: ReturnType<typeof from>[]): string[] {
    const limit = new RateLimit({ rps: undefined, burst: 1, concurrency: 1, maxWaitMs: 1000 });
    limit.request(from('first', 'z'), 0);
    for (const request of waiting) limit.request(request, 0);
    const out: string[] = [];
    for (let i = 0; i < waiting.length; i++) {
      limit.release();
      out.push(...limit.take(i));
    }
    return out;
  }

  it('goes round between sessions', () => {
    expect(order([from('a1'), from('a2'), from('a3'), from('b1', 'b'), from('b2', 'b')])).toEqual([
      'a1',
      'b1',
      'a2',
      'b2',
      'a3',
    ]);
  });

  it('puts main turns before subagents', () => {
    expect(order([from('sub', 'a', false), from('main', 'b')])).toEqual(['main', 'sub']);
  });
});

it('never runs more than allowed, loses nobody, and grants each once', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('request' as const), session: fc.constantFrom('a', 'b', 'c'), main: fc.boolean() }),
    fc.record({ kind: fc.constant('release' as const) }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(2000) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const limit = new RateLimit({ rps: 5, burst: 3, concurrency: 4, maxWaitMs: 60_000 });
      const granted: string[] = [];
      const asked: string[] = [];
      let now = 0;
      let running = 0;
      const note = (ids: string[]) => {
        granted.push(...ids);
        running += ids.length;
        expect(running).toBeLessThanOrEqual(4);
      };
      for (const [i, action] of steps.entries()) {
        if (action.kind === 'wait') now += action.ms;
        if (action.kind === 'release' && running > 0) {
          limit.release();
          running--;
        }
        if (action.kind === 'request') {
          asked.push(`${i}`);
          if (limit.request(from(`${i}`, action.session, action.main), now).kind === 'granted') note([`${i}`]);
        }
        note(limit.take(now));
        expect(limit.running).toBe(running);
      }
      while (limit.queued > 0) {
        if (running > 0) {
          limit.release();
          running--;
        }
        now += 1000;
        note(limit.take(now));
      }
      expect([...granted].sort()).toEqual([...asked].sort());
    }),
  );
});

it('does not queue without end while nobody knows how long a request takes', () => {
  const limit = new RateLimit({ rps: undefined, burst: 1, concurrency: 1, maxWaitMs: 1_000 });
  const kinds = Array.from(
    { length: 1_100 },
    (_, i) => limit.request({ id: `n${i}`, session: 's', main: true }, 0).kind,
  );
  expect(kinds.filter((kind) => kind === 'queued')).toHaveLength(1_000);
  expect(kinds.at(-1)).toBe('refused');
  expect(limit.retryAfterS()).toBeGreaterThan(0);
});
