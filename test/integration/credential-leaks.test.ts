import { describe, expect, it, onTestFinished } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { type Answer, post, send } from '../support/http-client.ts';
import { type ScriptedUpstream, startUpstream, type UpstreamRequest } from '../support/scripted-upstream.ts';
import { GENUINE, keyFor, startGateway, type TestGateway } from '../support/test-gateway.ts';

const LOGIN = 'sk-ant-oat01-the-users-own-login-0123456789';

/** Every header in which a client could carry a login, in the spellings that HTTP allows. */
const CARRIERS: readonly (readonly [string, string])[] = [
  ['authorization', `Bearer ${LOGIN}`],
  ['Authorization', `bearer ${LOGIN}`],
  ['AUTHORIZATION', LOGIN],
  ['authorization', `Basic ${Buffer.from(`user:${LOGIN}`).toString('base64')}`],
  ['x-api-key', LOGIN],
  ['X-Api-Key', LOGIN],
  ['anthropic-auth-token', LOGIN],
  ['proxy-authorization', `Bearer ${LOGIN}`],
  ['cookie', `session=${LOGIN}`],
  ['api-key', LOGIN],
  ['x-goog-api-key', LOGIN],
  ['x-auth-token', LOGIN],
  ['referer', `http://127.0.0.1/?key=${LOGIN}`],
  ['x-forwarded-authorization', LOGIN],
  ['x-claude-remote-session-id', LOGIN],
];

interface Stage {
  readonly gate: TestGateway;
  readonly anthropic: ScriptedUpstream;
  readonly other: ScriptedUpstream;
}

/** A genuine endpoint with the user's login, another provider with a key, one that needs none, and a trap. */
async function stage(): Promise<Stage> {
  const anthropic = await startUpstream({ name: 'anthropic' });
  const other = await startUpstream({ name: 'other' });
  const gate = await startGateway({
    subscription: {
      url: anthropic.url,
      credential: { kind: 'client' },
      quirks: GENUINE,
      model: null,
      fallback: ['corp'],
    },
    withkey: { url: anthropic.url, quirks: GENUINE, auth: 'x-api-key' },
    corp: { url: other.url },
    keyless: { url: other.url, credential: { kind: 'none' } },
    keyheader: { url: other.url, auth: 'x-api-key' },
    azure: { url: other.url, auth: 'api-key' },
    chat: { url: `${other.url}/v1`, protocol: 'openai-chat' },
    // What a mistake in an entry or a hostile configuration could look like: asks for the login, not declared for it.
    greedy: { url: other.url, credential: { kind: 'client' } },
    'greedy-genuine': { url: other.url, credential: { kind: 'client' }, quirks: { anthropicGenuine: true } },
    'greedy-http': { url: 'http://login.invalid', credential: { kind: 'client' }, quirks: GENUINE },
    keylost: { url: other.url, credential: { kind: 'missing', reason: 'no key: set OTHER_KEY' } },
  });
  onTestFinished(async () => {
    expect(gate.internalErrors).toEqual([]);
    await Promise.all([anthropic.close(), other.close()]);
  });
  return { gate, anthropic, other };
}

const ask = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  model: 'claude-sonnet-5',
  max_tokens: 64,
  stream: true,
  messages: [{ role: 'user', content: 'hello' }],
  metadata: { user_id: '{"account_uuid":"account-of-the-user"}' },
  ...more,
});

/** Everything of a request that the upstream can see. */
function sightOf(request: UpstreamRequest): string {
  return `${request.method} ${request.url}\n${request.rawHeaders.join('\n')}\n${request.raw.toString()}`;
}

function expectNowhere(secret: string, requests: readonly UpstreamRequest[]): void {
  for (const request of requests) expect(sightOf(request)).not.toContain(secret);
  const encoded = Buffer.from(`user:${secret}`).toString('base64');
  for (const request of requests) expect(sightOf(request)).not.toContain(encoded);
}

const STRANGERS = ['corp', 'keyless', 'keyheader', 'azure', 'chat', 'greedy', 'greedy-genuine', 'keylost'] as const;

describe('the login of the client', () => {
  it.each(STRANGERS)('reaches no other provider: %s', async (profile) => {
    const { gate, other } = await stage();
    const url = gate.urlOf(gate.open(profile));
    for (const [name, value] of CARRIERS) {
      for (const path of ['/v1/messages?beta=true', '/v1/messages/count_tokens?beta=true']) {
        for (const stream of [true, false]) await post(`${url}${path}`, ask({ stream }), { [name]: value });
      }
    }
    const all = Object.fromEntries(CARRIERS.map(([name, value]) => [name.toLowerCase(), value]));
    await post(`${url}/v1/messages`, ask(), all);
    expectNowhere(LOGIN, other.requests);
    if (['corp', 'keyless', 'keyheader', 'azure', 'chat'].includes(profile)) {
      expect(other.turns().length).toBeGreaterThan(CARRIERS.length);
    } else expect(other.requests).toEqual([]);
  });

  it('sent twice, reaches no other provider either', async () => {
    const { gate, other } = await stage();
    const url = gate.urlOf(gate.open('corp'));
    const headers = ['authorization', `Bearer ${LOGIN}`, 'x-api-key', LOGIN, 'Cookie', LOGIN, 'cookie', LOGIN];
    await send(`${url}/v1/messages`, {
      body: JSON.stringify(ask()),
      headers: ['host', `127.0.0.1:${gate.port}`, 'content-type', 'application/json', ...headers],
    });
    expect(other.turns()).toHaveLength(1);
    expectNowhere(LOGIN, other.requests);
  });

  it('is passed to the endpoint that is declared for it, as it came', async () => {
    const { gate, anthropic } = await stage();
    const url = gate.urlOf(gate.open('subscription'));
    await post(`${url}/v1/messages?beta=true`, ask(), { Authorization: `Bearer ${LOGIN}` });
    const [request] = anthropic.turns();
    expect(request?.header('authorization')).toBe(`Bearer ${LOGIN}`);
    expect(request?.raw.toString()).toContain('account-of-the-user');
  });

  it('does not go beside a key: one credential, the configured one', async () => {
    const { gate, anthropic } = await stage();
    const url = gate.urlOf(gate.open('withkey'));
    for (const [name, value] of CARRIERS.slice(0, 9)) await post(`${url}/v1/messages`, ask(), { [name]: value });
    expect(anthropic.turns()).toHaveLength(9);
    expectNowhere(LOGIN, anthropic.requests);
    for (const request of anthropic.turns()) {
      expect(request.header('x-api-key')).toBe(keyFor('withkey'));
      expect(request.header('authorization')).toBeUndefined();
    }
  });

  it('does not follow a fallback to another provider', async () => {
    const { gate, anthropic, other } = await stage();
    anthropic.fail({ status: 529, times: 20 });
    const url = gate.urlOf(gate.open('subscription'));
    await post(`${url}/v1/messages`, ask(), { authorization: `Bearer ${LOGIN}` });
    expect(anthropic.turns().length).toBeGreaterThan(0);
    expectNowhere(LOGIN, other.requests);
    expectNowhere('account-of-the-user', other.requests);
  });

  it('does not follow a switch in the middle of the conversation', async () => {
    const { gate, anthropic, other } = await stage();
    const session = gate.open('subscription');
    const url = gate.urlOf(session);
    await post(`${url}/v1/messages`, ask(), { authorization: `Bearer ${LOGIN}` });
    session.selection = { reference: 'corp', slots: {}, sinceMs: 1 };
    await post(`${url}/v1/messages`, ask(), { authorization: `Bearer ${LOGIN}` });
    expect([anthropic.turns().length, other.turns().length]).toEqual([1, 1]);
    expectNowhere(LOGIN, other.requests);
  });

  it.each([301, 302, 303, 307, 308])('does not follow a redirect: %i', async (status) => {
    const { gate, anthropic, other } = await stage();
    anthropic.fail({ status, headers: { location: `${other.url}/trap/v1/messages` }, body: '', times: 9 });
    const url = gate.urlOf(gate.open('subscription'));
    await post(`${url}/v1/messages`, ask(), { authorization: `Bearer ${LOGIN}` });
    expect(anthropic.turns().length).toBeGreaterThan(0);
    expect(other.requests.filter(({ path }) => path.startsWith('/trap'))).toEqual([]);
    expectNowhere(LOGIN, other.requests);
  });

  it('is not sent in the clear to another machine', async () => {
    const { gate } = await stage();
    const url = gate.urlOf(gate.open('greedy-http'));
    const answer = await post(`${url}/v1/messages`, ask(), { authorization: `Bearer ${LOGIN}` });
    expect([answer.status, gate.records[0]?.failure]).toEqual([401, 'credential']);
  });

  it('is in no record and no answer, however the request ends', async () => {
    const { gate, anthropic } = await stage();
    const url = gate.urlOf(gate.open('subscription'));
    const answers: Answer[] = [];
    for (const status of [400, 401, 403, 429, 500, 529]) {
      anthropic.fail({ status, message: 'refused' });
      answers.push(await post(`${url}/v1/messages`, ask(), { authorization: `Bearer ${LOGIN}` }));
    }
    anthropic.fail({ mode: 'reset' }, { mode: 'cut', afterEvents: 4 });
    answers.push(await post(`${url}/v1/messages`, ask(), { authorization: `Bearer ${LOGIN}` }));
    answers.push(await post(`${url}/v1/messages`, ask(), { authorization: `Bearer ${LOGIN}` }));
    expect(JSON.stringify(gate.records)).not.toContain(LOGIN);
    for (const answer of answers) {
      expect(answer.text).not.toContain(LOGIN);
      expect(JSON.stringify(answer.headers)).not.toContain(LOGIN);
    }
  });
});

describe('the keys of the configuration', () => {
  it.each([
    ['corp', 'authorization', (key: string) => `Bearer ${key}`],
    ['keyheader', 'x-api-key', (key: string) => key],
    ['azure', 'api-key', (key: string) => key],
  ] as const)('go in exactly one header: %s', async (profile, header, value) => {
    const { gate, other } = await stage();
    await post(`${gate.urlOf(gate.open(profile))}/v1/messages`, ask());
    const [request] = other.turns();
    expect(request?.header(header)).toBe(value(keyFor(profile)));
    expect(sightOf(request as UpstreamRequest).split(keyFor(profile))).toHaveLength(2);
  });

  it('go to their own provider only', async () => {
    const { gate, anthropic, other } = await stage();
    const session = gate.open('withkey');
    for (const reference of ['withkey', 'corp', 'keyless', 'keyheader', 'withkey']) {
      session.selection = { reference, slots: {}, sinceMs: 1 };
      await post(`${gate.urlOf(session)}/v1/messages`, ask());
    }
    expectNowhere(keyFor('withkey'), other.requests);
    for (const profile of ['corp', 'keyheader']) expectNowhere(keyFor(profile), anthropic.requests);
    const [, keyless] = other.turns();
    expect(keyless?.header('authorization') ?? keyless?.header('x-api-key')).toBeUndefined();
  });

  it('that an upstream says back are redacted in what the client and the record get', async () => {
    const { gate, other } = await stage();
    const url = gate.urlOf(gate.open('corp'));
    other.fail(
      { status: 401, message: `Incorrect API key provided: ${keyFor('corp')}` },
      { status: 500, body: `<html>authorization: Bearer ${keyFor('corp')}</html>` },
      { mode: 'sse-error', afterEvents: 4, message: `bad key ${keyFor('corp')}` },
    );
    for (let i = 0; i < 3; i++) {
      const answer = await post(`${url}/v1/messages`, ask());
      expect(answer.text).not.toContain(keyFor('corp'));
    }
    expect(JSON.stringify(gate.records)).not.toContain(keyFor('corp'));
  });

  it('print themselves nowhere', async () => {
    const { gate } = await stage();
    const { snapshot } = gate.gateway;
    expect(JSON.stringify([...snapshot.profiles.values()])).not.toContain(keyFor('corp'));
    expect(String(new Secret('value-of-it', 'env:X'))).not.toContain('value-of-it');
  });
});

describe('the secret of a session', () => {
  it.each([
    ['subscription', CARRIERS.slice(0, 9)],
    ['withkey', CARRIERS.slice(0, 9)],
    ['corp', CARRIERS],
    ['keyless', CARRIERS],
    ['chat', CARRIERS],
  ])('is not told to an upstream, whatever the client puts it into: %s', async (profile, carriers) => {
    const { gate, anthropic, other } = await stage();
    const session = gate.open(profile);
    const secret = session.secret.reveal();
    for (const [name, value] of carriers) {
      await post(`${gate.urlOf(session)}/v1/messages`, ask(), { [name]: value.replace(LOGIN, secret) });
    }
    expect(gate.records).toHaveLength(carriers.length);
    expectNowhere(secret, [...anthropic.requests, ...other.requests]);
    expect(JSON.stringify(gate.records)).not.toContain(secret);
  });

  it('and the one for control open nothing of each other', async () => {
    const { gate, other } = await stage();
    const session = gate.open('corp');
    const control = session.controlSecret.reveal();
    expect(control).not.toBe(session.secret.reveal());
    const base = `http://127.0.0.1:${gate.port}`;
    expect((await post(`${base}/s/${control}/v1/messages`, ask())).status).toBe(401);
    expect((await post(`${base}/v1/messages`, ask(), { 'x-api-key': control })).status).toBe(401);
    expect(other.requests).toEqual([]);
  });
});
