import { describe, expect, it, onTestFinished } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { post, send } from '../support/http-client.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';
import { GENUINE, startGateway, type TestGateway } from '../support/test-gateway.ts';

const BODY = { model: 'claude-sonnet-5', messages: [{ role: 'user', content: 'how long is this?' }] };
const COUNTS = { messages: { countTokens: true } };

interface World {
  readonly upstream: ScriptedUpstream;
  readonly gate: TestGateway;
  ask(profile?: string, body?: unknown, headers?: Readonly<Record<string, string>>): ReturnType<typeof post>;
}

async function start(): Promise<World> {
  const upstream = await startUpstream({ name: 'one' });
  onTestFinished(() => upstream.close());
  const gate = await startGateway({
    corp: { url: upstream.url, quirks: COUNTS },
    login: { url: upstream.url, quirks: { ...GENUINE, ...COUNTS }, credential: { kind: 'client' }, model: null },
    chat: { url: upstream.url, protocol: 'openai-chat' },
  });
  onTestFinished(() => expect(gate.internalErrors).toEqual([]));
  const urls = new Map<string, string>();
  const urlOf = (profile: string) => {
    const url = urls.get(profile) ?? `${gate.urlOf(gate.open(profile))}/v1/messages/count_tokens`;
    urls.set(profile, url);
    return url;
  };
  return { upstream, gate, ask: (profile = 'corp', body = BODY, headers = {}) => post(urlOf(profile), body, headers) };
}

describe('a count that was made a moment ago', () => {
  it('is given again, says so, and asks nobody', async () => {
    const { upstream, gate, ask } = await start();
    const [first, again] = [await ask(), await ask()];
    expect(again.json()).toEqual(first.json());
    expect(upstream.requests).toHaveLength(1);
    expect([first.headers['x-midswap-cache'], again.headers['x-midswap-cache']]).toEqual([undefined, 'hit']);
    expect(again.headers['x-midswap-target']).toBe('corp/corp-model');
    expect(
      gate.records.map(({ outcome, cached, provider, attempts }) => [outcome, cached, provider, attempts.length]),
    ).toEqual([
      ['ok', false, 'corp', 1],
      ['ok', true, 'corp', 0],
    ]);
  });

  it('is given again where it was estimated', async () => {
    const { upstream, gate, ask } = await start();
    const [first, again] = [await ask('chat'), await ask('chat')];
    expect(again.json()).toEqual(first.json());
    expect(again.headers['x-midswap-cache']).toBe('hit');
    expect(upstream.requests).toEqual([]);
    expect(gate.records.map(({ outcome, cached }) => [outcome, cached])).toEqual([
      ['local', false],
      ['local', true],
    ]);
  });

  it('is given again where the upstream failed and it was estimated', async () => {
    const { upstream, ask } = await start();
    upstream.fail({ status: 404, match: { path: '/count_tokens' }, times: 9 });
    const [first, again] = [await ask(), await ask()];
    expect([first.status, again.json()]).toEqual([200, first.json()]);
    expect(upstream.requests).toHaveLength(1);
  });

  it('is waited for while it is being made', async () => {
    const { upstream, ask } = await start();
    const answers = await Promise.all(Array.from({ length: 12 }, () => ask()));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(upstream.requests).toHaveLength(1);
  });

  it('does not hold up others when it fails or its client leaves', async () => {
    const { upstream, gate, ask } = await start();
    upstream.fail({ mode: 'hang', match: { path: '/count_tokens' } });
    const leaving = new AbortController();
    const url = `${gate.urlOf(gate.open('corp'))}/v1/messages/count_tokens`;
    const left = fetchAborted(url, leaving.signal);
    await expect.poll(() => upstream.requests.length).toBe(1);
    const waiting = ask();
    leaving.abort();
    await left;
    expect((await waiting).status).toBe(200);
    expect(upstream.requests).toHaveLength(2);
  });

  it.each([
    ['another body', 'corp', { ...BODY, system: 'x' }, {}],
    ['another model', 'corp', { ...BODY, model: 'claude-opus-5' }, {}],
    ['another target', 'login', BODY, { authorization: 'Bearer login-a-0123456789' }],
    ['another beta', 'corp', BODY, { 'anthropic-beta': 'x' }],
    ['the wish for a new one', 'corp', BODY, { 'x-midswap-cache': 'off' }],
  ])('is not given for %s', async (_, profile, body, headers) => {
    const { upstream, ask } = await start();
    await ask();
    expect((await ask(profile, body, headers)).headers['x-midswap-cache']).toBeUndefined();
    expect(upstream.requests).toHaveLength(2);
  });

  it('is not given to another login, nor to none', async () => {
    const { upstream, ask } = await start();
    const as = (name: string) => ask('login', BODY, { authorization: `Bearer login-${name}-0123456789` });
    await as('a');
    expect((await as('b')).headers['x-midswap-cache']).toBeUndefined();
    expect((await as('a')).headers['x-midswap-cache']).toBe('hit');
    expect((await ask('login', BODY, {})).status).toBe(401);
    expect(upstream.requests).toHaveLength(2);
  });

  it('is not given with another configuration or key', async () => {
    const { upstream, gate, ask } = await start();
    await ask();
    const { snapshot } = gate.gateway;
    gate.gateway.snapshot = { ...snapshot, version: snapshot.version + 1 };
    expect((await ask()).headers['x-midswap-cache']).toBeUndefined();
    const profile = snapshot.profiles.get('corp');
    const moved = <T extends object>(target: T) => ({
      ...target,
      credential: { kind: 'keys' as const, keys: [new Secret('another-key-0123456789', 'test')] as const },
    });
    if (!profile) throw new Error('no profile');
    const slots = Object.fromEntries(Object.entries(profile.slots).map(([slot, target]) => [slot, moved(target)]));
    const { fallbackTarget } = profile;
    const profiles = new Map(snapshot.profiles).set('corp', {
      ...profile,
      slots,
      fallbackTarget: moved(fallbackTarget),
    });
    gate.gateway.snapshot = { ...gate.gateway.snapshot, profiles };
    expect((await ask()).headers['x-midswap-cache']).toBeUndefined();
    expect(upstream.requests).toHaveLength(3);
  });

  it('is forgotten with all kept answers', async () => {
    const { upstream, gate, ask } = await start();
    await ask();
    gate.gateway.clearCache();
    await ask();
    expect(upstream.requests).toHaveLength(2);
  });
});

it('a count that the upstream of a login refuses is told as it is, each time', async () => {
  const { upstream, ask } = await start();
  upstream.fail({ status: 400, match: { path: '/count_tokens' }, times: 2 });
  const headers = { authorization: 'Bearer login-a-0123456789' };
  expect([(await ask('login', BODY, headers)).status, (await ask('login', BODY, headers)).status]).toEqual([400, 400]);
  expect((await ask('login', BODY, headers)).status).toBe(200);
  expect(upstream.requests).toHaveLength(3);
});

async function fetchAborted(url: string, signal: AbortSignal): Promise<void> {
  await send(url, {
    body: JSON.stringify(BODY),
    headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' },
    signal,
  }).catch(() => {});
}
