import { getEventListeners } from 'node:events';
import http2, { type ServerHttp2Stream } from 'node:http2';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import tls from 'node:tls';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it, onTestFinished } from 'vitest';
import type { Session } from '../../src/gateway/session.ts';
import { Probe } from '../support/exchange-probe.ts';
import { type Injection, PASS, startInjector } from '../support/fault-injector.ts';
import { post } from '../support/http-client.ts';
import { startUpstream } from '../support/scripted-upstream.ts';
import { selfSigned } from '../support/self-signed.ts';
import { simulateClock } from '../support/simulated-clock.ts';
import { openGateway } from '../support/test-gateway.ts';
import { until } from '../support/until.ts';

const MINUTES = 30;
const PERIOD_MS = 10_000;
/** What is made once: caches, compiled code, pools. */
const WARM_UP = 30;
const CYCLES = WARM_UP + (MINUTES * 60_000) / PERIOD_MS;
const ANSWER = 'one two three four';
const TIMEOUTS = { connectMs: 2_000, firstByteMs: 3_000, idleMs: 3_000 };

/** What happens to one request of each period, in turn. */
const FAULTS: readonly (readonly Injection[])[] = [
  [{ kind: 'status', status: 529 }],
  [{ kind: 'status', status: 429, headers: { 'retry-after': '2' } }],
  [{ kind: 'reset', atByte: 0 }],
  [{ kind: 'reset', atByte: 700 }],
  [{ kind: 'stall', atByte: 0 }],
  [{ kind: 'half-open', atByte: 300 }],
  [{ kind: 'stall', atByte: 800 }],
  [{ kind: 'bad-chunk' }],
  [{ kind: 'raw', bytes: 'garbage\r\n\r\n' }],
  [{ kind: 'close', atByte: 500 }, { kind: 'dies-idle' }],
];

it('half an hour of work and faults leaves memory flat, and no socket, timer, listener or lease behind', async () => {
  const sockets = watchSockets();
  const upstream = await startUpstream({ name: 'up', handler: () => [ANSWER] });
  const injector = await startInjector({ upstream: upstream.url });
  const multiplexed = await startMultiplexed(upstream.url);
  const tunnel = await startTunnel();
  const probe = new Probe();
  onTestFinished(async () => {
    probe.close();
    await Promise.all([injector.close(), upstream.close(), multiplexed.close(), tunnel.close()]);
  });
  const warnings: string[] = [];
  const warn = (warning: Error) => void warnings.push(`${warning.name}: ${warning.message}`);
  process.on('warning', warn);
  onTestFinished(() => void process.off('warning', warn));

  const clock = simulateClock();
  const timersBefore = clock.timers;
  const base = { url: injector.url, timeouts: TIMEOUTS, policy: { retry: { limit: 1, baseMs: 100, maxMs: 3_000 } } };
  const gate = await openGateway(
    {
      corp: base,
      chat: { ...base, protocol: 'openai-chat' },
      chain: { ...base, fallback: ['backup'] },
      backup: { ...base, protocol: 'openai-chat', url: upstream.url },
      narrow: { ...base, policy: { ...base.policy, limits: { concurrency: 2, rps: 4, burst: 2 } } },
      tunnelled: { ...base, proxy: tunnel.url },
      multiplexed: { ...base, url: multiplexed.url },
      counting: { ...base, url: upstream.url, quirks: { messages: { countTokens: true } } },
    },
    { settings: { graceMs: 1_000, pingMs: 500 } },
  );
  gate.gateway.snapshot = { ...gate.gateway.snapshot, cache: { maxEntries: 8, maxBytes: 1 << 20, ttlMs: 20_000 } };
  const started: string[] = [];
  gate.bus.subscribe((event) => {
    if (event.type === 'exchange.started') started.push(event.requestId);
  });
  const lasting = gate.open('corp');
  const timersAtRest = clock.timers;

  /** Everything that one period brings, by sessions old and new. */
  function work(cycle: number, opened: Session[]): Promise<unknown>[] {
    const urlOf = (profile: string) => {
      const session = gate.open(profile);
      opened.push(session);
      return gate.urlOf(session);
    };
    let number = 0;
    const ask = (
      url: string,
      plan: readonly Injection[] = [PASS],
      more: { stream?: boolean; leaveAfterMs?: number } = {},
    ) => {
      // The same names in every period, so that the test itself keeps nothing.
      const id = `n${number++}`;
      injector.plan(id, plan);
      return probe.ask(url, { prompt: `fault-${id}.`, ...more });
    };
    const fault = FAULTS[cycle % FAULTS.length] as readonly Injection[];
    const [narrow, many] = [urlOf('narrow'), urlOf('multiplexed')];
    const counts = `${urlOf('counting')}/v1/messages/count_tokens`;
    const body = { model: 'claude-sonnet-5', max_tokens: 9, messages: [{ role: 'user', content: `cycle ${cycle}` }] };
    return [
      ask(gate.urlOf(lasting)),
      ask(gate.urlOf(lasting), [PASS], { stream: false }),
      ask(gate.urlOf(lasting), fault),
      ask(gate.urlOf(lasting), [{ kind: 'stall', atByte: 800 }], { leaveAfterMs: 500 }),
      ask(urlOf('chat'), fault),
      ask(urlOf('chain'), fault),
      ask(urlOf('tunnelled'), cycle % 3 === 0 ? fault : [PASS]),
      ...[0, 1, 2, 3].map(() => ask(narrow)),
      ask(narrow, [PASS], { leaveAfterMs: 10 }),
      ask(many),
      ask(many),
      probe.ask(many, { prompt: `${['cut', 'refuse', 'goaway', 'whole'][cycle % 4]}.` }),
      probe.ask(many, { prompt: 'hang.', leaveAfterMs: 300 }),
      post(counts, body),
      post(counts, body),
      ...[0, 1].map(() => post(`${gate.urlOf(lasting)}/v1/messages`, { ...body, temperature: 0 })),
    ];
  }

  const weights: number[] = [];
  const listeners: number[] = [];
  let exchanges = 0;
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    const opened: Session[] = [];
    const endsAtMs = performance.now() + PERIOD_MS;
    await clock.settle(work(cycle, opened));
    await clock.settle([idle(() => gate.gateway.active === 0)]);
    for (const { id } of opened) gate.gateway.sessions.close(id);
    // Each exchange has ended, and once.
    expect(gate.records.map(({ requestId }) => requestId).sort()).toEqual([...started].sort());
    exchanges += started.length;
    for (const list of [started, gate.records, injector.seen as unknown[], upstream.requests as unknown[]])
      list.length = 0;
    if (cycle >= WARM_UP && cycle % 10 === 9) {
      weights.push(await weigh());
      listeners.push(
        sockets.mostListeners() +
          getEventListeners(lasting.abort.signal, 'abort').length +
          process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
      );
    }
    await clock.pass(Math.max(0, endsAtMs - performance.now()), 1_000);
  }
  expect(exchanges).toBeGreaterThan(CYCLES * 15);
  expect(gate.internalErrors).toEqual([]);
  expect(warnings).toEqual([]);

  const third = Math.floor(weights.length / 3);
  const growth = Math.min(...weights.slice(-third)) - Math.min(...weights.slice(0, third));
  expect(growth, `bytes, of ${weights.join(' ')}`).toBeLessThan(1 << 20);
  expect(Math.max(...listeners.slice(-third)), `of ${listeners.join(' ')}`).toBeLessThanOrEqual(
    Math.max(...listeners.slice(0, third)),
  );
  expect(lasting.counters.active).toBe(0);
  expect([lasting.running.size, getEventListeners(lasting.abort.signal, 'abort').length]).toEqual([0, 0]);

  // A lease that was lost would be missing here: time stands still, so nobody comes out of a queue.
  await clock.pass(2_000);
  const narrow = gate.urlOf(gate.open('narrow'));
  injector.plan('last', []);
  const both = await Promise.all([0, 1].map(() => probe.ask(narrow, { prompt: 'fault-last.' })));
  expect(both.map(({ text }) => text)).toEqual([ANSWER, ANSWER]);

  // Nobody comes any more: connections are closed by both sides, and nothing waits.
  await clock.pass(150_000, 1_000);
  await until('every connection is closed', async () => {
    await clock.pass(10_000, 1_000);
    return sockets.open === 0 && injector.open === 0 && multiplexed.open === 0 && tunnel.open === 0;
  });
  expect(clock.timers).toBeLessThanOrEqual(timersAtRest);
  await gate.gateway.close();
  expect(clock.timers).toBe(timersBefore);
}, 60_000);

/** Resolves when it holds, by the real clock. */
async function idle(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

/** The gateway's own sockets: those that it opens, and those that it accepts. */
function watchSockets() {
  const open = new Set<Socket>();
  const watch = (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    return socket;
  };
  const { connect, createServer } = net;
  const { connect: secure } = tls;
  // By hand: a spy would keep every call and what came of it.
  Object.assign(net, {
    connect: (...given: Parameters<typeof connect>) => watch(connect(...given)),
    createServer: (...given: Parameters<typeof createServer>) => createServer(...given).on('connection', watch),
  });
  Object.assign(tls, { connect: (...given: Parameters<typeof secure>) => watch(secure(...given)) });
  onTestFinished(() => {
    Object.assign(net, { connect, createServer });
    Object.assign(tls, { connect: secure });
  });
  const listenersOf = (socket: Socket) =>
    socket.eventNames().reduce((sum, name) => sum + socket.listenerCount(name), 0);
  return {
    get open() {
      return open.size;
    },
    mostListeners: () => Math.max(0, ...[...open].map(listenersOf)),
  };
}

interface Place {
  readonly url: string;
  readonly open: number;
  close(): Promise<void>;
}

async function place(server: Server, scheme: string): Promise<Place> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get open() {
      return sockets.size;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** An upstream in HTTP/2 that does what its prompt says. */
async function startMultiplexed(upstream: string): Promise<Place> {
  const certificate = selfSigned();
  const trusted = tls.getCACertificates('default');
  tls.setDefaultCACertificates([...trusted, certificate.cert]);
  onTestFinished(() => tls.setDefaultCACertificates(trusted));
  const answer = await post(`${upstream}/v1/messages`, { model: 'x', max_tokens: 9, stream: true, messages: [] });
  const server = http2.createSecureServer(certificate);
  server.on('stream', (stream: ServerHttp2Stream) => {
    let body = '';
    stream.on('error', () => {});
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    stream.on('end', () => {
      if (body.includes('refuse.')) return stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
      if (body.includes('hang.')) return;
      stream.respond({ ':status': 200, 'content-type': 'text/event-stream' });
      if (body.includes('cut.')) {
        stream.write(answer.body.subarray(0, 600));
        return void setImmediate(() => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR));
      }
      if (body.includes('goaway.')) stream.session?.close();
      stream.end(answer.body);
    });
  });
  return place(server as unknown as Server, 'https');
}

/** A proxy that opens tunnels. */
function startTunnel(): Promise<Place> {
  const server = net.createServer((client) => {
    client.once('data', (head: Buffer) => {
      const port = Number(/^CONNECT [^:]+:(\d+)/.exec(head.toString())?.[1]);
      const onward = net.connect(port, '127.0.0.1', () => {
        client.write('HTTP/1.1 200 OK\r\n\r\n');
        onward.pipe(client).pipe(onward);
      });
      onward.on('error', () => client.destroy()).on('close', () => client.destroy());
      client.on('close', () => onward.destroy());
    });
  });
  return place(server, 'http');
}

/** What is kept, as a number that does not grow: bytes of the heap, or objects where the heap holds compiled code too. */
async function weigh(): Promise<number> {
  const { Bun } = globalThis as { Bun?: { gc(full: boolean): void } };
  if (Bun) {
    Bun.gc(true);
    const name = 'bun:jsc';
    const { heapStats } = (await import(name)) as { heapStats(): { objectTypeCounts: Record<string, number> } };
    const code = /Code|Executable|Structure|^(?:symbol|string|Function)$/;
    const counts = Object.entries(heapStats().objectTypeCounts).filter(([type]) => !code.test(type));
    return counts.reduce((sum, [, count]) => sum + count, 0) * BYTES_OF_OBJECT;
  }
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

const BYTES_OF_OBJECT = 100;
