import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { ExchangeRecord } from '../../src/core/events.ts';
import { Probe } from '../support/exchange-probe.ts';
import { FAULT_CLASSES, head, raw, status, times } from '../support/fault-classes.ts';
import { type FaultInjector, type Injection, PASS, startInjector } from '../support/fault-injector.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';
import { selfSigned } from '../support/self-signed.ts';
import { openGateway, startGateway, type TestGateway, type TestProvider } from '../support/test-gateway.ts';
import { until } from '../support/until.ts';

const ANSWER = 'one two three four';
const TIMEOUTS = { connectMs: 400, firstByteMs: 300, idleMs: 300 };
const RETRY = { limit: 2, baseMs: 1, maxMs: 1_000 };
/** Never opens: what is tested here is one exchange, not its neighbours. */
const NO_BREAKER = { threshold: 1e9, windowMs: 1, openMs: 1, maxOpenMs: 1 };

let upstream: ScriptedUpstream;
let injector: FaultInjector;
/** As many at once: most of them wait for something, few compute. */
const WIDTH = 128;
const probe = new Probe(WIDTH);

beforeAll(async () => {
  upstream = await startUpstream({ name: 'up', handler: () => [ANSWER] });
  injector = await startInjector({ upstream: upstream.url });
});
afterAll(async () => {
  probe.close();
  await injector.close();
  await upstream.close();
});

/** Gateway whose providers are behind the injector; closed when the test is over. */
async function gateTo(
  more: Partial<TestProvider> = {},
  others: Readonly<Record<string, Partial<TestProvider>>> = {},
): Promise<TestGateway> {
  const gate = await startGateway(providersOf(more, others));
  onTestFinished(() => expect(gate.internalErrors).toEqual([]));
  return gate;
}

function providersOf(
  more: Partial<TestProvider> = {},
  others: Readonly<Record<string, Partial<TestProvider>>> = {},
): Record<string, TestProvider> {
  const policy = { retry: RETRY, breaker: NO_BREAKER };
  const base = { url: injector.url, timeouts: TIMEOUTS, policy };
  return {
    corp: { ...base, ...more },
    chat: { ...base, protocol: 'openai-chat', ...more },
    chain: { ...base, fallback: ['backup'], ...more },
    backup: { ...base, url: upstream.url, protocol: 'openai-chat' },
    ...Object.fromEntries(
      Object.entries(others).map(([name, one]) => [name, { ...base, ...one, policy: { ...policy, ...one.policy } }]),
    ),
  };
}

let count = 0;
const urls = new WeakMap<TestGateway, Map<string, string>>();

/** One session for each profile. */
function sessionUrl(gate: TestGateway, profile: string): string {
  const known = urls.get(gate) ?? new Map<string, string>();
  urls.set(gate, known);
  const url = known.get(profile) ?? gate.urlOf(gate.open(profile));
  known.set(profile, url);
  return url;
}

/** One exchange with a plan of faults; what the client saw and the record of it. */
async function run(gate: TestGateway, profile: string, plan: readonly Injection[], stream = true) {
  const id = `n${++count}`;
  injector.plan(id, plan);
  const seen = await probe.ask(sessionUrl(gate, profile), { prompt: `fault-${id}.`, stream });
  const record = await recordOf(gate, String(seen.headers['x-midswap-request-id'] ?? seen.headers['request-id']));
  return { seen, record, tries: injector.seen.filter((one) => one.id === id).length };
}

async function recordOf(gate: TestGateway, requestId: string): Promise<ExchangeRecord> {
  for (let i = 0; i < 200; i++) {
    const found = gate.records.filter((record) => record.requestId === requestId);
    if (found.length > 0) {
      expect(found).toHaveLength(1);
      return found[0] as ExchangeRecord;
    }
    await sleep(2);
  }
  throw new Error(`no record of ${requestId}`);
}

/** What holds for every exchange, however it went. */
function check(seen: Awaited<ReturnType<Probe['ask']>>, record: ExchangeRecord): void {
  expect(ANSWER.startsWith(seen.text), `duplicate or foreign content: ${seen.text}`).toBe(true);
  expect(seen.starts).toBeLessThanOrEqual(1);
  expect(seen.stops).toBeLessThanOrEqual(1);
  expect(seen.finished).toBe(record.outcome === 'ok');
  if (record.outcome === 'ok') {
    expect(seen).toMatchObject({ status: 200, text: ANSWER, error: undefined, broken: false });
    expect(record.failure).toBeUndefined();
  } else {
    expect(seen.error).toBeDefined();
    expect(record.failure).toBeDefined();
    if (record.outcome === 'error') expect(seen.text).toBe('');
  }
  // Only the last try may have sent content.
  for (const attempt of record.attempts.slice(0, -1)) expect(attempt.failure).toBeDefined();
}

describe('a fault has its class, is tried as often as its rule says, and is told', () => {
  /** All of them at once: some wait for a time limit, which is nobody's but their own. */
  const always = new Map<string, ReturnType<typeof run>>();
  const once = new Map<string, ReturnType<typeof run>>();
  beforeAll(async () => {
    for (const [name, injection] of FAULT_CLASSES) {
      always.set(name, alone('corp', times(4, injection)));
      once.set(name, alone('chat', [injection]));
    }
    await Promise.allSettled([...always.values(), ...once.values()]);
  });
  const outcomeIn = (outcomes: typeof always, name: string) => outcomes.get(name) as ReturnType<typeof run>;

  /** On connections that no other case has used. */
  async function alone(profile: string, plan: readonly Injection[]): ReturnType<typeof run> {
    const gate = await openGateway(providersOf());
    const outcome = await run(gate, profile, plan).finally(() => gate.gateway.close());
    expect(gate.internalErrors).toEqual([]);
    return outcome;
  }

  it.each(FAULT_CLASSES)('%s', async (name, _, failure, tries, told) => {
    const { seen, record } = await outcomeIn(always, name);
    check(seen, record);
    expect([record.failure, record.attempts.length, seen.status]).toEqual([failure, tries, told]);
  });

  it.each(FAULT_CLASSES)('%s, once, is not noticed', async (name, _, failure, tries) => {
    const { seen, record } = await outcomeIn(once, name);
    check(seen, record);
    expect(record.attempts[0]?.failure).toBe(failure);
    expect(record.outcome).toBe(tries > 1 ? 'ok' : 'error');
  });
});

describe('a wait that the upstream asks for', () => {
  const later = (ms: number) => new Date(Date.now() + ms).toUTCString();
  const forms: readonly (readonly [string, () => Injection, retryAfter: string | undefined])[] = [
    ['seconds', () => status(429, { 'retry-after': '60' }), '60'],
    ['a fraction', () => status(429, { 'retry-after': '59.2' }), '60'],
    ['milliseconds', () => status(429, { 'retry-after-ms': '59500' }), '60'],
    ['a duration', () => status(429, { 'retry-after': '1m' }), '60'],
    ['a date', () => status(429, { 'retry-after': later(60_000), date: later(0) }), '60'],
    ['words', () => status(429, {}, '{"error":{"message":"Rate limit reached. Please try again in 1m0s."}}'), '60'],
    ['nonsense', () => status(429, { 'retry-after': 'soon' }), undefined],
  ];

  it.each(forms)('as %s goes to the client when it is long', async (_, make, told) => {
    const gate = await gateTo();
    const { seen, record } = await run(gate, 'corp', times(3, make()));
    check(seen, record);
    expect(seen.headers['retry-after']).toBe(told);
    expect(record.attempts).toHaveLength(told === undefined ? 3 : 1);
  });

  it('is kept when it is short', async () => {
    const gate = await gateTo();
    const start = performance.now();
    const { seen, record } = await run(gate, 'corp', [status(429, { 'retry-after': '1' })]);
    check(seen, record);
    expect(record.outcome).toBe('ok');
    expect(performance.now() - start).toBeGreaterThan(990);
  });
});

describe('an answer that ends at any byte', () => {
  async function lengthOf(gate: TestGateway, profile: string): Promise<number> {
    // A stall behind the end passes everything on; how much that is, is counted at a plain answer.
    await run(gate, profile, [PASS]);
    return injector.lastBytes;
  }

  it.each([
    ['reset', 'corp', 1],
    ['close', 'corp', 7],
    ['half-open', 'corp', 13],
    ['reset', 'chat', 1],
    ['close', 'chat', 11],
    ['half-open', 'chat', 17],
  ] as const)('by %s, from %s, is whole or told to be broken', async (kind, profile, step) => {
    // A busy machine is no fault.
    const gate = await gateTo({ timeouts: { connectMs: 5_000, firstByteMs: 5_000, idleMs: 5_000 } });
    const total = await lengthOf(gate, profile);
    expect(total).toBeGreaterThan(300);
    const offsets = Array.from({ length: Math.ceil(total / step) }, (_, at) => at * step);
    let firstWhole = total;
    const outcomes = { ok: 0, truncated: 0 } as Record<string, number>;
    await inParallel(WIDTH, offsets, async (atByte) => {
      const { seen, record, tries } = await run(gate, profile, [{ kind, atByte }]);
      check(seen, record);
      outcomes[record.outcome] = (outcomes[record.outcome] ?? 0) + 1;
      // Either nothing was sent and it was asked again, or something was and it was not.
      if (record.outcome === 'ok' && tries === 1) firstWhole = Math.min(firstWhole, atByte);
      if (record.outcome === 'truncated') expect(tries).toBe(1);
    });
    expect(Object.keys(outcomes).sort()).toEqual(['ok', 'truncated']);
    expect(outcomes.truncated).toBeGreaterThan(10);
    expect(firstWhole).toBeGreaterThan(total - 20);
  });

  it('is not whole when a chunk is broken', async () => {
    const gate = await gateTo();
    for (const profile of ['corp', 'chat']) {
      const { seen, record } = await run(gate, profile, times(3, { kind: 'bad-chunk' }));
      check(seen, record);
      expect(record.outcome).not.toBe('ok');
    }
  });

  it('and comes a few bytes at a time is whole', async () => {
    const gate = await gateTo();
    for (const profile of ['corp', 'chat']) {
      const { seen, record } = await run(gate, profile, [{ kind: 'drip', bytes: 7, everyMs: 1 }]);
      check(seen, record);
      expect([record.outcome, record.attempts.length]).toEqual(['ok', 1]);
    }
  });
});

describe('a place that cannot be reached', () => {
  async function failing(more: Partial<TestProvider>) {
    const gate = await gateTo(more);
    const { seen, record } = await run(gate, 'corp', []);
    check(seen, record);
    return record;
  }

  it('because its name does not resolve', async () => {
    // A label that is too long is refused without a question to anybody.
    const record = await failing({ url: `http://${'x'.repeat(64)}.invalid` });
    expect(record).toMatchObject({ failure: 'network', status: 502 });
    expect(record.message).toMatch(/could not be reached/);
  });

  it('because nobody listens', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    const record = await failing({ url: `http://127.0.0.1:${port}` });
    expect(record).toMatchObject({ failure: 'network', message: expect.stringContaining('nothing listens there') });
  });

  it('because nobody trusts its certificate: nothing is sent to it', async () => {
    const secure = await startInjector({ upstream: upstream.url, certificate: selfSigned() });
    onTestFinished(() => secure.close());
    const record = await failing({ url: secure.url });
    expect(record).toMatchObject({
      failure: 'network',
      message: expect.stringContaining('certificate is self-signed'),
    });
    expect(secure.seen).toEqual([]);
  });

  it('because it speaks another kind of transport', async () => {
    const record = await failing({ url: injector.url.replace('http:', 'https:') });
    expect(record.failure).toBe('timeout_connect');
  });

  it('is left for the next in the chain', async () => {
    const gate = await gateTo({ url: 'http://127.0.0.1:1' });
    const { seen, record } = await run(gate, 'chain', []);
    check(seen, record);
    expect(record.attempts.map(({ provider, failure }) => [provider, failure])).toEqual([
      ['chain', 'network'],
      ['chain', 'network'],
      ['chain', 'network'],
      ['backup', undefined],
    ]);
  });
});

describe('connections that are kept', () => {
  it('and die while nobody uses them cost nothing', async () => {
    const gate = await gateTo({ policy: { retry: { limit: 0, baseMs: 1, maxMs: 1 }, breaker: NO_BREAKER } });
    for (let i = 0; i < 5; i++) {
      const { seen, record } = await run(gate, 'corp', [{ kind: 'dies-idle' }]);
      check(seen, record);
      expect([record.outcome, record.attempts.length]).toEqual(['ok', 1]);
    }
  });

  it('are used again, and there are no more of them than requests at once', async () => {
    const own = await startInjector({ upstream: upstream.url });
    onTestFinished(() => own.close());
    const gate = await gateTo({ url: own.url });
    const numbers = Array.from({ length: 40 }, (_, i) => i);
    await inParallel(4, numbers, async () => {
      const { seen, record } = await run(gate, 'corp', []);
      check(seen, record);
    });
    expect(own.open).toBeLessThanOrEqual(4);
    await gate.gateway.close();
    await until('every connection is closed', () => own.open === 0);
  });
});

async function inParallel<T>(width: number, items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

describe('a storm', () => {
  /** Mulberry32: the same storm every time. */
  function seeded(seed: number): () => number {
    let state = seed;
    return () => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
  }

  function anyInjection(random: () => number): Injection {
    const atByte = Math.floor(random() * 1_300);
    const kinds: readonly Injection[] = [
      PASS,
      PASS,
      PASS,
      status(529),
      status(500),
      status(429, { 'retry-after-ms': '3' }),
      status(429, { 'retry-after': '0' }),
      status(401),
      { kind: 'reset', atByte },
      { kind: 'close', atByte },
      { kind: 'half-open', atByte },
      { kind: 'reset', atByte: 0 },
      { kind: 'dies-idle' },
      { kind: 'bad-chunk' },
      { kind: 'drip', bytes: 200, everyMs: 1 },
      raw(head('text/event-stream')),
      raw('garbage\r\n\r\n'),
    ];
    return kinds[Math.floor(random() * kinds.length)] as Injection;
  }

  async function storm(gate: TestGateway, seed: number, size: number): Promise<void> {
    const random = seeded(seed);
    const profiles = ['corp', 'chat', 'chain', 'narrow'];
    const plans = Array.from({ length: size }, (_, i) => ({
      id: `s${seed}-${i}`,
      profile: profiles[Math.floor(random() * profiles.length)] as string,
      plan: Array.from({ length: Math.floor(random() * 5) }, () => anyInjection(random)),
      stream: random() < 0.8,
      leaveAfterMs: random() < 0.1 ? Math.floor(random() * 12) : undefined,
    }));
    await inParallel(WIDTH, plans, async ({ id, profile, plan, stream, leaveAfterMs }) => {
      injector.plan(id, plan);
      const leaving = leaveAfterMs === undefined ? {} : { leaveAfterMs };
      const seen = await probe.ask(sessionUrl(gate, profile), { prompt: `fault-${id}.`, stream, ...leaving });
      const requestId = seen.headers['x-midswap-request-id'] ?? seen.headers['request-id'];
      if (seen.broken || requestId === undefined) {
        expect(leaveAfterMs, `${id} was broken and nobody left`).toBeDefined();
        expect(ANSWER.startsWith(seen.text)).toBe(true);
        return;
      }
      const record = await recordOf(gate, String(requestId));
      if (record.outcome === 'aborted') return;
      check(seen, record);
    });
    await until('every exchange is over', () => gate.gateway.active === 0);
  }

  it('of faults at once ends every exchange once, and leaves nothing behind', async () => {
    const started: string[] = [];
    const limits = { concurrency: 6, rps: 400, burst: 20 };
    const patient = { timeouts: { connectMs: 5_000, firstByteMs: 5_000, idleMs: 5_000 } };
    const gate = await gateTo({ ...patient }, { narrow: { ...patient, policy: { limits } } });
    gate.bus.subscribe((event) => {
      if (event.type === 'exchange.started') started.push(event.requestId);
    });
    const quiet = () => process.getActiveResourcesInfo?.().filter((kind) => kind === 'Timeout').length ?? 0;
    const before = quiet();
    await storm(gate, 1, 600);
    const weights: number[] = [];
    for (let round = 2; round < 6; round++) {
      await storm(gate, round, 200);
      expect(gate.records.map(({ requestId }) => requestId).sort()).toEqual([...started].sort());
      expect(new Set(started).size).toBe(started.length);
      for (const list of [gate.records, started]) list.length = 0;
      weights.push(heapAfterCollection());
    }
    expect(Math.min(...weights.slice(2)) - (weights[0] as number)).toBeLessThan(12 << 20);
    for (const session of gate.gateway.sessions.list()) expect(session.counters.active).toBe(0);
    await gate.gateway.close();
    expect(gate.gateway.active).toBe(0);
    await until('the timers are gone', () => quiet() <= before + 1);
    expect(gate.internalErrors).toEqual([]);
  }, 30_000);

  function heapAfterCollection(): number {
    setFlagsFromString('--expose-gc');
    (runInNewContext('typeof gc === "function" ? gc : undefined') as (() => void) | undefined)?.();
    return process.memoryUsage().heapUsed;
  }
});

describe('a proxy that dies', () => {
  async function proxyThat(dies: 'at once' | 'in the answer'): Promise<number> {
    const sockets = new Set<Socket>();
    const server = createServer((client) => {
      sockets.add(client);
      client.on('error', () => {});
      if (dies === 'at once') return client.once('data', () => client.resetAndDestroy());
      client.once('data', (request: Buffer) => {
        const port = Number(/^CONNECT [^:]+:(\d+)/.exec(request.toString())?.[1]);
        const onward = connect(port, '127.0.0.1', () => client.write('HTTP/1.1 200 OK\r\n\r\n'));
        sockets.add(onward);
        onward.on('error', () => {});
        client.on('data', (chunk: Buffer) => onward.write(chunk));
        let passed = 0;
        onward.on('data', (chunk: Buffer) => {
          passed += chunk.length;
          client.write(chunk.subarray(0, 850), () => {
            if (passed >= 850) setTimeout(() => client.resetAndDestroy(), 5);
          });
        });
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    return (server.address() as AddressInfo).port;
  }

  it('before the tunnel stands is not passed by', async () => {
    const port = await proxyThat('at once');
    const gate = await gateTo({ proxy: `http://127.0.0.1:${port}` });
    const { seen, record, tries } = await run(gate, 'corp', []);
    check(seen, record);
    expect([record.failure, tries]).toEqual(['network', 0]);
  });

  it('in the middle of an answer cuts it, and the answer is told to be cut', async () => {
    const port = await proxyThat('in the answer');
    const gate = await gateTo({ proxy: `http://127.0.0.1:${port}` });
    const { seen, record, tries } = await run(gate, 'corp', []);
    check(seen, record);
    expect([record.outcome, record.failure, tries]).toEqual(['truncated', 'truncated', 1]);
  });
});
