import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import type { ProtocolId } from '../../src/core/target.ts';
import { post, send } from '../support/http-client.ts';
import { checkMessages } from '../support/messages-grammar.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';
import { startGateway, type TestGateway, type TestProvider } from '../support/test-gateway.ts';

const CACHE = { maxEntries: 10, maxBytes: 1 << 20, ttlMs: 60_000 };
const PROTOCOLS: readonly ProtocolId[] = ['anthropic-messages', 'openai-chat'];

let running: { upstream: ScriptedUpstream; gateway: TestGateway } | undefined;
afterEach(() => expect(running?.gateway.internalErrors ?? []).toEqual([]));

async function start(protocol: ProtocolId = 'anthropic-messages', more: Partial<TestProvider> = {}, cache = CACHE) {
  const upstream = await startUpstream({ name: 'one' });
  onTestFinished(() => upstream.close());
  const gateway = await startGateway({ one: { url: upstream.url, protocol, ...more } });
  gateway.gateway.snapshot = { ...gateway.gateway.snapshot, cache };
  running = { upstream, gateway };
  const url = `${gateway.urlOf(gateway.open('one'))}/v1/messages`;
  const ask = (fields: Record<string, unknown> = {}, headers: Readonly<Record<string, string>> = {}) =>
    post(url, { ...REQUEST, ...fields }, headers);
  return { upstream, ask, ...gateway };
}

const REQUEST = {
  model: 'claude-sonnet-5',
  max_tokens: 100,
  temperature: 0,
  stream: true,
  messages: [{ role: 'user', content: 'hello' }],
};

const idOf = (text: string) => /"id":\s?"(msg_[^"]+)"/.exec(text)?.[1];
const withoutId = (text: string) => text.replace(/"id":\s?"msg_[^"]+"/, '');

describe.each(PROTOCOLS)('an answer over %s that is kept', (protocol) => {
  it.each([true, false])('is given again under another id, and says so (stream: %s)', async (stream) => {
    const { upstream, ask, records, gateway } = await start(protocol);
    const first = await ask({ stream });
    const again = await ask({ stream });
    expect(upstream.turns()).toHaveLength(1);
    expect(first.headers['x-midswap-cache']).toBeUndefined();
    expect(again.headers['x-midswap-cache']).toBe('hit');
    expect(again.headers['content-type']).toBe(first.headers['content-type']);
    expect(again.headers['x-midswap-target']).toBe('one/one-model');
    expect(withoutId(again.text)).toBe(withoutId(first.text));
    expect(idOf(again.text)).toMatch(/^msg_[A-Za-z0-9]{24}$/);
    expect(idOf(again.text)).not.toBe(idOf(first.text));
    if (stream) expect(checkMessages(again.body)).toMatchObject({ problems: [], complete: true });
    else expect(again.json()).toMatchObject({ type: 'message', stop_reason: 'end_turn' });
    expect(records.map(({ cached, outcome, attempts }) => [cached, outcome, attempts.length])).toEqual([
      [false, 'ok', 1],
      [true, 'ok', 0],
    ]);
    expect(records[1]?.usage.inputTokens).toBeUndefined();
    expect(gateway.cacheStats).toMatchObject({ enabled: true, entries: 1, hits: 1, misses: 1, stored: 1 });
  });
});

describe('the same request', () => {
  it('is one whose keys stand in another order', async () => {
    const { upstream, ask } = await start();
    await ask();
    const reversed = Object.fromEntries(Object.entries(REQUEST).reverse());
    expect((await ask(reversed)).headers['x-midswap-cache']).toBe('hit');
    expect(upstream.turns()).toHaveLength(1);
  });

  it.each([
    ['another text', { messages: [{ role: 'user', content: 'hello?' }] }, {}],
    ['another model', { model: 'claude-opus-5' }, {}],
    ['a field more', { top_p: 1 }, {}],
    ['no stream', { stream: false }, {}],
    ['another beta', {}, { 'anthropic-beta': 'x-2026-01-01' }],
    ['the wish to be asked anew', {}, { 'x-midswap-cache': 'off' }],
  ])('is not one with %s', async (_, fields, headers) => {
    const { upstream, ask } = await start();
    await ask();
    expect((await ask(fields, headers as Record<string, string>)).headers['x-midswap-cache']).toBeUndefined();
    expect(upstream.turns()).toHaveLength(2);
  });

  it('with another login of the client is another one', async () => {
    const { upstream, ask } = await start('anthropic-messages', {
      credential: { kind: 'client' },
      quirks: { anthropicGenuine: true, acceptsClientLogin: true },
    });
    const as = (token: string) => ask({}, { authorization: `Bearer ${token}` });
    await as('one-token');
    expect((await as('other-token')).headers['x-midswap-cache']).toBeUndefined();
    expect((await as('one-token')).headers['x-midswap-cache']).toBe('hit');
    expect(upstream.turns()).toHaveLength(2);
  });

  it('is asked again when its time is over, or when all was forgotten', async () => {
    const { upstream, ask, gateway } = await start('anthropic-messages', {}, { ...CACHE, ttlMs: 60 });
    await ask();
    await new Promise((resolve) => setTimeout(resolve, 80));
    await ask();
    expect(upstream.turns()).toHaveLength(2);
    expect(gateway.clearCache()).toBe(1);
    await ask();
    expect(upstream.turns()).toHaveLength(3);
  });

  it('under another configuration is asked again', async () => {
    const { upstream, ask, gateway } = await start();
    await ask();
    gateway.snapshot = { ...gateway.snapshot, cache: { ...CACHE } };
    await ask();
    expect(upstream.turns()).toHaveLength(2);
  });
});

describe('an answer is not kept', () => {
  it.each([
    ['without temperature 0', { temperature: undefined }, {}],
    ['with tools', { tools: [{ name: 'Bash', input_schema: { type: 'object' } }] }, {}],
    ['for the classifier', { stream: false, stop_sequences: ['</block>'] }, {}],
    [
      'for the classifier that asks for it',
      { stream: false, stop_sequences: ['</block>'] },
      { 'x-midswap-cache': 'on' },
    ],
  ])('%s', async (_, fields, headers) => {
    const { upstream, ask, gateway } = await start();
    await ask(fields, headers as Record<string, string>);
    await ask(fields, headers as Record<string, string>);
    expect(upstream.turns()).toHaveLength(2);
    expect(gateway.cacheStats.stored).toBe(0);
  });

  it('for a count of tokens', async () => {
    const { upstream, gateway, open, urlOf } = await start('anthropic-messages', {
      quirks: { messages: { countTokens: true } },
    });
    const url = `${urlOf(open('one'))}/v1/messages/count_tokens`;
    for (let i = 0; i < 2; i++) await post(url, { ...REQUEST, stream: undefined }, { 'x-midswap-cache': 'on' });
    // Counts are kept elsewhere, and for a moment only.
    expect(upstream.requests).toHaveLength(1);
    expect(gateway.cacheStats.stored).toBe(0);
  });

  it.each([
    ['that was cut', { mode: 'cut', afterEvents: 4 } as const],
    ['that ended too early', { mode: 'end', afterEvents: 4 } as const],
    ['that ended in an error', { mode: 'sse-error', afterEvents: 4 } as const],
    ['of an error', { status: 400 } as const],
  ])('%s', async (_, fault) => {
    const { upstream, ask, gateway } = await start();
    // Content is on its way before the fault, so that nothing is tried again.
    upstream.wire = { eventDelayMs: 5 };
    // What comes in one piece with its error was never begun, and is asked for again.
    upstream.wire = { eventDelayMs: 5 };
    upstream.fail(fault);
    await ask();
    expect(gateway.cacheStats.stored).toBe(0);
    expect((await ask()).headers['x-midswap-cache']).toBeUndefined();
  });

  it('that the client did not wait for', async () => {
    const { upstream, open, urlOf, gateway, records } = await start();
    upstream.wire = { eventDelayMs: 30 };
    const abort = new AbortController();
    const { send } = await import('../support/http-client.ts');
    const url = `${urlOf(open('one'))}/v1/messages`;
    const left = send(url, { body: JSON.stringify(REQUEST), signal: abort.signal }).catch(() => {});
    await upstream.waitFor(() => true);
    await new Promise((resolve) => setTimeout(resolve, 60));
    abort.abort();
    await left;
    await expect.poll(() => records.length).toBe(1);
    expect(gateway.cacheStats.stored).toBe(0);
  });

  it('that calls a tool: its id must never occur twice', async () => {
    const { upstream, ask, gateway } = await start();
    upstream.play('call', [[{ tool: 'Bash', input: {} }]]);
    await ask({ messages: [{ role: 'user', content: 'play:call' }] });
    expect(gateway.cacheStats.stored).toBe(0);
  });

  it('without a cache in the configuration', async () => {
    const { upstream, ask, gateway } = await start();
    const { cache: _, ...snapshot } = gateway.snapshot;
    gateway.snapshot = snapshot;
    await ask({}, { 'x-midswap-cache': 'on' });
    await ask({}, { 'x-midswap-cache': 'on' });
    expect(upstream.turns()).toHaveLength(2);
    expect(gateway.cacheStats).toMatchObject({ enabled: false, entries: 0 });
  });
});

describe('a request may ask for the cache', () => {
  it('whatever its temperature; upstream does not hear of it', async () => {
    const { upstream, ask } = await start('anthropic-messages', { quirks: { anthropicGenuine: true } });
    const wish = { 'x-midswap-cache': 'on' };
    await ask({ temperature: 1 }, wish);
    expect((await ask({ temperature: 1 }, wish)).headers['x-midswap-cache']).toBe('hit');
    expect(upstream.turns()).toHaveLength(1);
    expect(upstream.turns()[0]?.header('x-midswap-cache')).toBeUndefined();
  });
});

describe('an answer of the place to move on to', () => {
  it('is kept as its own, not as that of the first choice', async () => {
    const [one, two] = [await startUpstream({ name: 'one' }), await startUpstream({ name: 'two' })];
    onTestFinished(async () => {
      await one.close();
      await two.close();
    });
    const gateway = await startGateway({
      one: { url: one.url, fallback: ['two'] },
      two: { url: two.url },
    });
    gateway.gateway.snapshot = { ...gateway.gateway.snapshot, cache: CACHE };
    const ask = (name: string) => post(`${gateway.urlOf(gateway.open(name))}/v1/messages`, REQUEST);
    one.fail({ status: 404, message: 'model: one-model' });
    expect((await ask('one')).text).toContain('reply from two');
    expect((await ask('one')).text).toContain('reply from one');
    const kept = await ask('two');
    expect(kept.headers['x-midswap-cache']).toBe('hit');
    expect(kept.text).toContain('reply from two');
  });
});

it('a launched session cannot look after what its gateway keeps: its secret is known to the model', async () => {
  const { gateway, open, urlOf, ask } = await start();
  await ask();
  for (const method of ['GET', 'DELETE'])
    expect((await send(`${urlOf(open('one'))}/v1/admin/cache`, { method })).status).toBe(404);
  expect(gateway.cacheStats.entries).toBe(1);
});
