import { describe, expect, it, onTestFinished } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import type { Target } from '../../src/core/target.ts';
import { Probe } from '../support/exchange-probe.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';
import { GENUINE, startGateway, type TestGateway, type TestProvider } from '../support/test-gateway.ts';
import { until } from '../support/until.ts';

/** An upstream that answers when the test lets it. */
async function gatedUpstream() {
  const held: (() => void)[] = [];
  let isOpen = false;
  const upstream = await startUpstream({
    name: 'slow',
    handler: async (body) => {
      if (!isOpen) await new Promise<void>((resolve) => held.push(resolve));
      return `answer to ${String(body.messages?.[0]?.content)}`;
    },
  });
  onTestFinished(() => upstream.close());
  const letAll = () => {
    isOpen = true;
    for (const go of held.splice(0)) go();
  };
  onTestFinished(letAll);
  return { upstream, letOne: () => held.shift()?.(), letAll };
}

function client(): Probe {
  const probe = new Probe();
  onTestFinished(() => probe.close());
  return probe;
}

const order = (upstream: ScriptedUpstream) => upstream.turns().map(({ body }) => String(body?.messages?.[0]?.content));

function asker(gate: TestGateway, profile: string) {
  const probe = client();
  const url = gate.urlOf(gate.open(profile));
  return (content: string, headers: Record<string, string> = {}, stream = true) =>
    probe.ask(url, { prompt: content, headers, stream });
}

const SUBAGENT = { 'x-claude-code-request-class': 'subagent' };

describe('a queue', () => {
  it('lets main turns and what they wait for go before subagents and background work', async () => {
    const { upstream, letOne, letAll } = await gatedUpstream();
    const gate = await startGateway({ slow: { url: upstream.url, policy: { limits: { concurrency: 1 } } } });
    const ask = asker(gate, 'slow');
    const asked = [ask('first')];
    await until('the place is taken', () => upstream.turns().length === 1);
    for (const [content, headers] of [
      ['agent 1', SUBAGENT],
      ['agent 2', SUBAGENT],
      ['title', { 'x-claude-code-request-class': 'auxiliary' }],
      ['main', {}],
      ['compaction', { 'x-claude-code-compaction': '1' }],
    ] as const) {
      asked.push(ask(content, headers));
      await until(`${content} waits`, () => gate.gateway.active === asked.length);
    }
    for (let turn = 2; turn <= 6; turn++) {
      letOne();
      await until('the next has its turn', () => upstream.turns().length === turn);
    }
    letAll();
    expect((await Promise.all(asked)).every(({ finished }) => finished)).toBe(true);
    expect(order(upstream)).toEqual(['first', 'main', 'compaction', 'agent 1', 'agent 2', 'title']);
  });

  it('tells the client by pings that it is not forgotten, and gives it a whole answer', async () => {
    const { upstream, letAll } = await gatedUpstream();
    const gate = await startGateway(
      { slow: { url: upstream.url, policy: { limits: { concurrency: 1 } } } },
      { settings: { graceMs: 300, pingMs: 200 } },
    );
    const ask = asker(gate, 'slow');
    const first = ask('first');
    await until('the place is taken', () => upstream.turns().length === 1);
    const { body, chunks } = await openStream(gate.urlOf(gate.open('slow')));
    await until('pings have come', () => (chunks.join('').match(/event: ping/g)?.length ?? 0) >= 3, 4_000);
    expect(upstream.turns()).toHaveLength(1);
    letAll();
    await Promise.all([first, body]);
    const text = chunks.join('');
    expect(text).toContain('answer to waiting');
    expect(text).toContain('message_stop');
    expect(text.indexOf('event: ping')).toBeLessThan(text.indexOf('message_start'));
  });

  it('is of a key, not of its place in a pool', async () => {
    const { upstream, letAll } = await gatedUpstream();
    const pool = (...names: string[]): TestProvider['credential'] => ({
      kind: 'keys',
      keys: names.map((name) => new Secret(`key-${name}-0123456789`, `env:${name}`)) as [Secret, ...Secret[]],
    });
    const limits = { policy: { limits: { concurrency: 1, perKey: true } } };
    const gate = await startGateway({ a: { url: upstream.url, credential: pool('A') as never, ...limits } });
    // Two profiles of one provider, each with a key of its own.
    const { snapshot } = gate.gateway;
    const profile = snapshot.profiles.get('a');
    if (!profile) throw new Error('no profile');
    const other = (target: Target): Target => ({ ...target, credential: pool('B') as never });
    const slots = Object.fromEntries(Object.entries(profile.slots).map(([slot, target]) => [slot, other(target)]));
    const b = { ...profile, name: 'b', slots, fallbackTarget: other(profile.fallbackTarget) };
    gate.gateway.snapshot = { ...snapshot, profiles: new Map(snapshot.profiles).set('b', b) };
    const asked = [asker(gate, 'a')('one'), asker(gate, 'b')('two')];
    await until('both are under way', () => upstream.turns().length === 2);
    const third = asker(gate, 'b')('three');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(upstream.turns()).toHaveLength(2);
    letAll();
    await Promise.all([...asked, third]);
    expect(upstream.turns()).toHaveLength(3);
  });
});

async function openStream(url: string) {
  const { request } = await import('node:http');
  const chunks: string[] = [];
  const body = new Promise<void>((resolve, reject) => {
    const req = request(
      `${url}/v1/messages`,
      { method: 'POST', agent: false, headers: { 'content-type': 'application/json' } },
      (res) => {
        res.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk));
        res.on('end', resolve).on('error', reject);
      },
    );
    req.on('error', reject);
    req.end(
      JSON.stringify({
        model: 'claude-sonnet-5',
        max_tokens: 9,
        stream: true,
        messages: [{ role: 'user', content: 'waiting' }],
      }),
    );
  });
  return { body, chunks };
}

describe('a limit that is used up', () => {
  const used = { status: 429, message: 'You have reached your usage limit', headers: { 'retry-after': '3600' } };

  async function places(more: Partial<TestProvider> = {}) {
    const first = await startUpstream({ name: 'first' });
    const second = await startUpstream({ name: 'second' });
    onTestFinished(() => first.close());
    onTestFinished(() => second.close());
    const gate = await startGateway({
      first: { url: first.url, fallback: ['second'], ...more },
      second: { url: second.url },
    });
    return { first, second, gate };
  }

  it('leaves its place alone until it is filled again, visibly', async () => {
    const { first, second, gate } = await places();
    first.fail(used);
    const ask = asker(gate, 'first');
    await ask('one');
    const seen = await ask('two');
    expect([first.turns().length, second.turns().length]).toEqual([1, 2]);
    expect(seen.headers['x-midswap-attempts']).toBe('1 (first/first-model: left alone)');
    expect(seen.headers['x-midswap-target']).toBe('second/second-model');
  });

  it('is over when the upstream said: the first choice is asked again', async () => {
    const { first, gate } = await places({ policy: { retry: { limit: 0, baseMs: 1, maxMs: 500 } } });
    first.fail({ ...used, headers: { 'retry-after': '1' } });
    const ask = asker(gate, 'first');
    await ask('one');
    await ask('two');
    expect(first.turns()).toHaveLength(1);
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    expect((await ask('three')).headers['x-midswap-target']).toBe('first/first-model');
  });

  it('of one login is nothing to another', async () => {
    const login = { quirks: GENUINE, credential: { kind: 'client' as const }, model: null };
    const { first, second, gate } = await places(login);
    first.fail(used);
    const ask = asker(gate, 'first');
    const as = (name: string) => ({ authorization: `Bearer login-of-${name}-0123456789` });
    await ask('one', as('ann'));
    await ask('two', as('ben'));
    await ask('three', as('ann'));
    expect([first.turns().length, second.turns().length]).toEqual([2, 2]);
    expect(order(first)).toEqual(['one', 'two']);
  });
});

describe('a place that is down', () => {
  it('is tried by one request when its time has come, and by all when that one is answered', async () => {
    const { upstream, letAll, letOne } = await gatedUpstream();
    const backup = await startUpstream({ name: 'backup' });
    onTestFinished(() => backup.close());
    const gate = await startGateway({
      slow: {
        url: upstream.url,
        fallback: ['backup'],
        policy: {
          retry: { limit: 0, baseMs: 1, maxMs: 1 },
          breaker: { threshold: 2, windowMs: 60_000, openMs: 300, maxOpenMs: 5_000 },
        },
      },
      backup: { url: backup.url },
    });
    const ask = asker(gate, 'slow');
    upstream.fail({ status: 529, times: 2 });
    await ask('one');
    await ask('two');
    expect((await ask('three')).headers['x-midswap-attempts']).toBe('1 (slow/slow-model: left alone)');
    await new Promise((resolve) => setTimeout(resolve, 350));
    const tries = ['four', 'five', 'six'].map((content) => ask(content));
    await until('the others went elsewhere', () => backup.turns().length === 5);
    expect(upstream.turns()).toHaveLength(3);
    letOne();
    const seen = await Promise.all(tries);
    expect(seen.filter(({ headers }) => headers['x-midswap-target'] === 'slow/slow-model')).toHaveLength(1);
    letAll();
    expect((await ask('seven')).headers['x-midswap-target']).toBe('slow/slow-model');
  });
});
