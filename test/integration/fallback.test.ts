import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { Probe } from '../support/exchange-probe.ts';
import { type ScriptedUpstream, startUpstream, type UpstreamRequest } from '../support/scripted-upstream.ts';
import { GENUINE, keyFor, startGateway, type TestGateway, type TestProvider } from '../support/test-gateway.ts';

const LOGIN = 'sk-ant-oat01-the-users-own-login-0123456789';
const RETRY = { limit: 0, baseMs: 1, maxMs: 50 };
const QUICK_BREAKER = { threshold: 2, windowMs: 60_000, openMs: 400, maxOpenMs: 400 };

/** The three kinds of place that a request can go to. */
const PLACES = ['login', 'messages', 'chat'] as const;
type Place = (typeof PLACES)[number];

const upstreams = new Map<string, ScriptedUpstream>();
let probe: Probe;

beforeEach(async () => {
  probe = new Probe();
  for (const name of PLACES) upstreams.set(name, await startUpstream({ name, handler: () => [`from ${name}`] }));
});
afterEach(async () => {
  probe.close();
  for (const upstream of upstreams.values()) await upstream.close();
});

function at(name: string): ScriptedUpstream {
  return upstreams.get(name) as ScriptedUpstream;
}

const policy = { retry: RETRY, breaker: QUICK_BREAKER };

function place(name: Place): TestProvider {
  const base = { url: at(name).url, policy };
  if (name === 'login') return { ...base, quirks: GENUINE, model: null, credential: { kind: 'client' } };
  return name === 'chat' ? { ...base, protocol: 'openai-chat' } : { ...base, auth: 'x-api-key' };
}

async function gateOf(providers: Readonly<Record<string, TestProvider>>): Promise<TestGateway> {
  const gate = await startGateway(providers);
  onTestFinished(() => expect(gate.internalErrors).toEqual([]));
  return gate;
}

/** A conversation with everything that one provider's history can hold and another's cannot. */
const HISTORY = [
  { role: 'user', content: 'look at the file' },
  {
    role: 'assistant',
    content: [
      { type: 'thinking', thinking: 'private thought', signature: 'c2lnbmF0dXJlLW9mLXNvbWVib2R5LWVsc2U=' },
      { type: 'tool_use', id: 'toolu_01', name: 'Read', input: { path: 'a.txt' } },
    ],
  },
  { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_01', content: 'its text' }] },
];
const TOOLS = [{ name: 'Read', input_schema: { type: 'object', properties: { path: { type: 'string' } } } }];

function ask(gate: TestGateway, profile: string, more: Readonly<Record<string, unknown>> = {}) {
  return probe.ask(gate.urlOf(gate.open(profile)), {
    prompt: 'hello',
    headers: { authorization: `Bearer ${LOGIN}` },
    body: { messages: HISTORY, tools: TOOLS, ...more },
  });
}

/** Every credential that a request carries, from all of its headers. */
function credentialsOf(request: UpstreamRequest | undefined): string[] {
  const all = [LOGIN, ...PLACES.map(keyFor), keyFor('spare')];
  const text = request?.rawHeaders.join('\n') ?? '';
  return all.filter((secret) => text.includes(secret));
}

const due = (name: Place): string => (name === 'login' ? LOGIN : keyFor(name));

const EDGES = PLACES.flatMap((from) => PLACES.filter((to) => to !== from).map((to) => [from, to] as const));

describe.each(EDGES)('from %s to %s', (from, to) => {
  async function walk() {
    const gate = await gateOf({ [from]: { ...place(from), fallback: [to] }, [to]: place(to) });
    at(from).fail({ status: 529 });
    return { gate, seen: await ask(gate, from) };
  }

  it('each gets its own credential and nobody the other one', async () => {
    const { gate, seen } = await walk();
    expect(seen).toMatchObject({ status: 200, text: `from ${to}`, finished: true });
    expect(gate.records[0]?.attempts.map(({ provider, failure }) => [provider, failure])).toEqual([
      [from, 'overloaded'],
      [to, undefined],
    ]);
    expect(credentialsOf(at(from).turns()[0])).toEqual([due(from)]);
    expect(credentialsOf(at(to).turns()[0])).toEqual([due(to)]);
  });

  it('the history is what the target can take', async () => {
    await walk();
    const sent = at(to).turns()[0]?.raw.toString() ?? '';
    // Whatever became of the thinking, its signature is nobody's business but its maker's.
    if (to === 'login') expect(sent).not.toContain('private thought');
    if (to === 'chat') expect(sent).not.toContain('c2lnbmF0dXJl');
    expect(sent).toContain('its text');
    const body = at(to).turns()[0]?.body;
    const roles = body?.messages?.map(({ role }) => role);
    expect(roles).toEqual(to === 'chat' ? ['user', 'assistant', 'tool'] : ['user', 'assistant', 'user']);
    expect(sent.includes('"tool_calls"')).toBe(to === 'chat');
    expect(sent.includes('"tool_use"')).toBe(to !== 'chat');
  });

  it('what is already said is not said again elsewhere', async () => {
    const gate = await gateOf({ [from]: { ...place(from), fallback: [to] }, [to]: place(to) });
    at(from).fail({ mode: 'cut', afterEvents: from === 'chat' ? 3 : 4 });
    const seen = await ask(gate, from);
    expect(seen.finished).toBe(false);
    expect(seen.error).toBeDefined();
    expect(gate.records[0]?.outcome).toBe('truncated');
    expect(at(to).turns()).toEqual([]);
  });

  it('the first choice is asked again when it has recovered', async () => {
    const gate = await gateOf({ [from]: { ...place(from), fallback: [to] }, [to]: place(to) });
    at(from).fail({ status: 529, times: 2 });
    for (let i = 0; i < 3; i++) expect((await ask(gate, from)).text).toBe(`from ${to}`);
    // Open: the third request was not even tried there.
    expect(gate.records.map(({ firstChoice }) => firstChoice?.provider)).toEqual([from, from, from]);
    expect(at(from).turns()).toHaveLength(2);
    await new Promise((resolve) => setTimeout(resolve, 430));
    for (let i = 0; i < 2; i++) {
      const seen = await ask(gate, from);
      expect([seen.text, seen.headers['x-midswap-attempts']]).toEqual([`from ${from}`, '1']);
    }
  });

  it('and back: the turn that another made goes home without its marks', async () => {
    const { gate } = await walk();
    const answered = [...HISTORY, { role: 'assistant', content: `from ${to}` }, { role: 'user', content: 'go on' }];
    const seen = await ask(gate, from, { messages: answered });
    expect(seen.text).toBe(`from ${from}`);
    expect(credentialsOf(at(from).turns()[1])).toEqual([due(from)]);
  });
});

describe("the client's own login", () => {
  it.each([401, 402, 403])('is not left after %i, unless that was asked for', async (status) => {
    const gate = await gateOf({ login: { ...place('login'), fallback: ['chat'] }, chat: place('chat') });
    at('login').fail({ status, message: 'no' });
    expect(await ask(gate, 'login')).toMatchObject({ status, finished: false });
    expect(at('chat').turns()).toEqual([]);
    const asked = await gateOf({
      login: { ...place('login'), fallback: ['chat'], fallbackOn: ['credential', 'permission', 'quota'] },
      chat: place('chat'),
    });
    at('login').fail({ status, message: 'no' });
    const seen = await ask(asked, 'login');
    expect(seen.text).toBe('from chat');
    // Never in silence.
    expect(seen.headers['x-midswap-target']).toBe('chat/chat-model');
    expect(String(seen.headers['x-midswap-attempts'])).toContain(`login/claude-sonnet-5`);
  });

  it('that the client did not send is no reason to hide what went wrong before', async () => {
    const gate = await gateOf({ chat: { ...place('chat'), fallback: ['login'] }, login: place('login') });
    at('chat').fail({ status: 529, times: 3 });
    const seen = await probe.ask(gate.urlOf(gate.open('chat')), { prompt: 'hello' });
    expect(seen).toMatchObject({ status: 529 });
    expect(at('login').turns()).toEqual([]);
  });
});

describe('a pool of keys', () => {
  const POOL = ['pool-key-0-0123456789', 'pool-key-1-0123456789', 'pool-key-2-0123456789'];
  const credential: NonNullable<TestProvider['credential']> = {
    kind: 'keys',
    keys: POOL.map((key, i) => new Secret(key, `env:POOL_${i}`)) as [Secret, ...Secret[]],
  };
  const usedKeys = () =>
    at('messages')
      .turns()
      .map((turn) => POOL.indexOf(turn.header('x-api-key') ?? ''));

  it('goes on with the next key after a limit, an empty balance and a wrong key, each named and never shown', async () => {
    const gate = await gateOf({ messages: { ...place('messages'), credential } });
    at('messages').fail({ status: 401 }, { status: 429, headers: { 'retry-after': '30' } });
    const seen = await ask(gate, 'messages');
    expect(seen.text).toBe('from messages');
    expect((await ask(gate, 'messages')).text).toBe('from messages');
    expect(usedKeys()).toEqual([0, 1, 2, 2]);
    const health = gate.gateway.health.keys(performance.now());
    expect(health.map(({ origin, state }) => `${origin} ${state}`)).toEqual([
      'env:POOL_0 parked',
      'env:POOL_1 resting',
      'env:POOL_2 ready',
    ]);
    expect(JSON.stringify([health, gate.records, seen])).not.toContain('pool-key');
  });

  it('takes turns where that is wanted', async () => {
    const turns = { ...place('messages'), credential, policy: { ...policy, rotateAfter: 2 } };
    const gate = await gateOf({ messages: turns });
    for (let i = 0; i < 6; i++) await ask(gate, 'messages');
    expect(usedKeys()).toEqual([0, 0, 1, 1, 2, 2]);
  });

  it('a pool that is used up goes to the next place with that one’s key', async () => {
    const gate = await gateOf({
      messages: { ...place('messages'), credential, fallback: ['chat'] },
      chat: place('chat'),
    });
    at('messages').fail({ status: 402, times: 3 });
    expect((await ask(gate, 'messages')).text).toBe('from chat');
    expect(usedKeys()).toEqual([0, 1, 2]);
    expect(credentialsOf(at('chat').turns()[0])).toEqual([keyFor('chat')]);
    expect(at('chat').turns()[0]?.rawHeaders.join()).not.toContain('pool-key');
  });
});

describe('limits', () => {
  it('are fair between sessions, main turns first', async () => {
    const slow = await startUpstream({
      name: 'slow',
      handler: async (body) => {
        await new Promise((resolve) => setTimeout(resolve, 15));
        return String(body.messages?.[0]?.content).slice(0, 2);
      },
    });
    onTestFinished(() => slow.close());
    const gate = await gateOf({ slow: { url: slow.url, policy: { ...policy, limits: { concurrency: 1 } } } });
    const sessions = ['a', 'b'].map(() => gate.urlOf(gate.open('slow')));
    const asks = [0, 0, 0, 1].map((which, i) =>
      probe.ask(sessions[which] as string, {
        prompt: `${which}${i}`,
        body: { messages: [{ role: 'user', content: `${which}${i}` }] },
      }),
    );
    await Promise.all(asks);
    const order = slow.turns().map((turn) => String(turn.body?.messages?.[0]?.content));
    // The other session does not wait for all of the first one's.
    expect(order.indexOf('13')).toBeLessThan(3);
    expect(gate.gateway.active).toBe(0);
  });

  it('refuse with 429 and a time when the queue is longer than a client waits', async () => {
    const limits = { rps: 0.01, burst: 1 };
    const gate = await gateOf({ messages: { ...place('messages'), policy: { ...policy, limits } } });
    expect((await ask(gate, 'messages')).status).toBe(200);
    const url = gate.urlOf(gate.open('messages'));
    const waiting = probe.ask(url, { prompt: 'waits', leaveAfterMs: 200 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    const refused = await ask(gate, 'messages');
    expect(refused).toMatchObject({ status: 429, error: 'rate_limit_error' });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(100);
    expect((await waiting).broken).toBe(true);
    expect(at('messages').turns()).toHaveLength(1);
  });
});
