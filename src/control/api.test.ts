import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callControl, followControl } from './client.ts';
import type { ControlEvent, SessionInfo, UseAllResult, UseResult } from './contract.ts';
import { type RunningControl, sampleRecord, startControl } from './control.fixture.ts';

let gateway: RunningControl;
beforeAll(async () => {
  gateway = await startControl();
});
afterAll(() => gateway.close());

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
}

function ask(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: string | Buffer,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: '127.0.0.1', port: gateway.port, method, path, headers, agent: false },
      async (incoming) => {
        let text = '';
        for await (const chunk of incoming.setEncoding('utf8')) text += chunk;
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const codeOf = (answer: Answer) => (JSON.parse(answer.text) as { error: { code: string } }).error.code;

/** Every route, with what a good request of it sends. */
const ROUTES: readonly [method: string, path: string, body?: string][] = [
  ['GET', '/control/v1/gateway'],
  ['GET', '/control/v1/profiles'],
  ['GET', '/control/v1/aliases'],
  ['GET', '/control/v1/models'],
  ['GET', '/control/v1/events'],
  ['GET', '/control/v1/admin/cache'],
  ['DELETE', '/control/v1/admin/cache'],
  ['GET', '/control/v1/sessions'],
  ['POST', '/control/v1/sessions/use-all', '{"reference":"beta"}'],
  ['GET', '/control/v1/sessions/ID'],
  ['POST', '/control/v1/sessions/ID/use', '{"reference":"beta"}'],
  ['GET', '/control/v1/sessions/ID/events'],
  ['GET', '/control/v1/sessions/ID/statusline'],
  ['GET', '/control/v1/sessions/ID/choices'],
  ['POST', '/control/v1/sessions/ID/hook/prompt', '{"prompt":"swap beta"}'],
  ['DELETE', '/control/v1/sessions/ID'],
  ['GET', '/control/v1/nothing'],
  ['GET', '/control/v2/sessions'],
];

describe.each(ROUTES)('%s %s', (method, path, body) => {
  const json = body === undefined ? {} : { 'content-type': 'application/json' };
  const setUp = () => {
    const session = gateway.open();
    const other = gateway.open();
    return { session, other, url: path.replace('ID', session.id), token: gateway.endpoint.controlToken };
  };
  const expectUntouched = (session: { id: string; selection: { reference: string } }) => {
    expect(session.selection.reference).toBe('alpha');
    expect(gateway.sessions.get(session.id)).toBeDefined();
  };

  it('refuses a caller without a valid token', async () => {
    const { session, other, url, token } = setUp();
    const wrong = [
      {},
      bearer('x'.repeat(43)),
      bearer(token.slice(0, -1)),
      bearer(session.secret.reveal()),
      bearer(other.controlSecret.reveal()),
      { authorization: `Basic ${token}` },
      { authorization: token },
      { 'x-api-key': token },
    ];
    for (const headers of wrong) {
      const answer = await ask(method, url, { ...headers, ...json } as Record<string, string>, body);
      expect([answer.status, codeOf(answer)]).toEqual([401, 'unauthorized']);
    }
    expectUntouched(session);
  });

  it('refuses foreign names, pages and fetch metadata, whatever the token', async () => {
    const { session, url, token } = setUp();
    const wrong = [
      { host: 'evil.test' },
      { host: `evil.test:${gateway.port}` },
      { host: '127.0.0.1' },
      { host: `127.0.0.1:${gateway.port + 1}` },
      { origin: 'https://evil.test' },
      { origin: 'null' },
      { origin: `http://localhost:${gateway.port + 1}` },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ];
    for (const headers of wrong) {
      const answer = await ask(method, url, { ...bearer(token), ...headers, ...json } as Record<string, string>, body);
      expect([answer.status, codeOf(answer)]).toEqual([403, expect.stringMatching(/^forbidden_(host|origin)$/)]);
    }
    expectUntouched(session);
  });
});

describe('a session token', () => {
  it('opens its own session and is told nothing of others, known or not', async () => {
    const session = gateway.open();
    const other = gateway.open();
    const headers = bearer(session.controlSecret.reveal());
    expect((await ask('GET', `/control/v1/sessions/${session.id}`, headers)).status).toBe(200);
    expect((await ask('GET', `/control/v1/sessions/${session.id}/statusline`, headers)).status).toBe(200);
    for (const path of [`sessions/${other.id}`, 'sessions/zzzz', `sessions/${session.id}x`, 'sessions', 'gateway']) {
      expect((await ask('GET', `/control/v1/${path}`, headers)).status).toBe(401);
    }
    const sneaky = `/control/v1/sessions/${session.id}/../${other.id}`;
    expect((await ask('GET', sneaky, headers)).status).toBe(401);
  });
});

describe('bodies', () => {
  const post = (body: string | Buffer, headers: Record<string, string> = { 'content-type': 'application/json' }) => {
    const session = gateway.open();
    const auth = bearer(gateway.endpoint.controlToken);
    return ask('POST', `/control/v1/sessions/${session.id}/use`, { ...auth, ...headers }, body);
  };

  it.each([
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['plain text', { 'content-type': 'text/plain' }],
    ['nothing said', {}],
    ['a type that only begins like JSON', { 'content-type': 'application/jsonx' }],
  ])('sent as %s are refused', async (_, headers) => {
    expect((await post('{"reference":"beta"}', headers as Record<string, string>)).status).toBe(415);
  });

  it.each([
    ['{', 'invalid_json'],
    ['', 'invalid_json'],
    ['[]', 'invalid_request'],
    ['{}', 'invalid_request'],
    ['{"reference":1}', 'invalid_request'],
    ['{"reference":""}', 'invalid_request'],
    ['{"reference":"beta","slot":"main"}', 'invalid_request'],
    ['{"reference":"beta","undo":true}', 'invalid_request'],
    ['{"reference":"beta","dryRun":1}', 'invalid_request'],
    ['{"refrence":"beta"}', 'invalid_request'],
  ])('%j is answered with %s', async (body, code) => {
    const answer = await post(body);
    expect([answer.status, codeOf(answer)]).toEqual([400, code]);
  });

  it('of unknown length are taken', async () => {
    const chunked = { 'content-type': 'application/json', 'transfer-encoding': 'chunked' };
    expect((await post('{"reference":"beta"}', chunked)).status).toBe(200);
  });

  it('over a megabyte are refused, announced or not', async () => {
    const large = Buffer.alloc((1 << 20) + 1, 0x20);
    expect((await post(large)).status).toBe(413);
    const chunked = { 'content-type': 'application/json', 'transfer-encoding': 'chunked' };
    expect((await post(large, chunked)).status).toBe(413);
  });
});

describe('switching over the API', () => {
  it('switches, tells the errors of the grammar with code, message and hint, and undoes', async () => {
    const { id } = gateway.open();
    const use = (body: unknown) => callControl<UseResult>(gateway.endpoint, 'POST', `/sessions/${id}/use`, body);
    expect(await use({ reference: 'beta' })).toMatchObject({ from: 'alpha', to: 'beta', changed: true });
    await expect(use({ reference: 'delta' })).rejects.toMatchObject({ code: 'unknown_reference' });
    expect(await use({ undo: true })).toMatchObject({ from: 'beta', to: 'alpha' });
    expect(gateway.sessions.get(id)?.selection.reference).toBe('alpha');
  });

  it('of all sessions reports each one', async () => {
    const dynamic = gateway.open();
    const fixed = gateway.open({ dynamic: false });
    const { results } = await callControl<UseAllResult>(gateway.endpoint, 'POST', '/sessions/use-all', {
      reference: 'beta',
    });
    expect(results.find(({ session }) => session === dynamic.id)).toMatchObject({ ok: true });
    expect(results.find(({ session }) => session === fixed.id)).toMatchObject({
      ok: false,
      error: { code: 'fixed_session', hint: expect.any(String) },
    });
  });

  it('takes well under 20 ms a call once warm', async () => {
    const { id } = gateway.open();
    const times: number[] = [];
    for (let round = 0; round < 40; round++) {
      const start = performance.now();
      await callControl(gateway.endpoint, 'POST', `/sessions/${id}/use`, { reference: round % 2 ? 'alpha' : 'beta' });
      times.push(performance.now() - start);
    }
    const median = times.sort((a, b) => a - b)[20] as number;
    expect(median).toBeLessThan(20);
  });
});

describe('stopping a session', () => {
  it('waits for the running exchange, answers, then stops', async () => {
    const session = gateway.open();
    session.counters.active = 1;
    const answer = callControl(gateway.endpoint, 'DELETE', `/sessions/${session.id}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(gateway.stopped).not.toContain(session);
    gateway.bus.emit({ type: 'exchange.ended', record: sampleRecord(session.id) });
    session.counters.active = 0;
    expect(await answer).toEqual({ session: session.id, cut: 0 });
    await expect.poll(() => gateway.stopped).toContain(session);
  });

  it('that does not come to rest is stopped after the given time', async () => {
    const session = gateway.open();
    session.counters.active = 2;
    expect(await callControl(gateway.endpoint, 'DELETE', `/sessions/${session.id}?timeoutMs=50`)).toEqual({
      session: session.id,
      cut: 2,
    });
    await expect.poll(() => gateway.stopped).toContain(session);
  });
});

describe('the event stream', () => {
  it('carries what concerns its session, and ends with it', async () => {
    const session = gateway.open();
    const seen: ControlEvent[] = [];
    const over = followControl(
      gateway.endpoint,
      `/sessions/${session.id}/events`,
      (event) => seen.push(event),
      new AbortController().signal,
    );
    await new Promise((resolve) => setTimeout(resolve, 100));
    gateway.options.control.use(session, { reference: 'beta' });
    gateway.options.control.use(gateway.open(), { reference: 'beta' });
    gateway.bus.emit({ type: 'exchange.ended', record: sampleRecord(session.id) });
    gateway.bus.emit({ type: 'session.closed', session: session.id, atMs: 2 });
    await over;
    expect(seen.map(({ type }) => type)).toEqual(['session.switched', 'exchange.ended', 'session.closed']);
  });

  it('lets go of the bus when the reader goes', async () => {
    const session = gateway.open();
    const subscribed = countSubscriptions();
    const controller = new AbortController();
    const over = followControl(gateway.endpoint, `/sessions/${session.id}/events`, () => {}, controller.signal);
    await expect.poll(subscribed).toBe(1);
    controller.abort();
    await over;
    await expect.poll(subscribed).toBe(0);
  });

  function countSubscriptions(): () => number {
    let open = 0;
    const { bus } = gateway;
    const subscribe = bus.subscribe.bind(bus);
    bus.subscribe = (listener) => {
      open++;
      const end = subscribe(listener);
      return () => {
        open--;
        end();
      };
    };
    return () => open;
  }
});

describe('what is shown', () => {
  it('of sessions holds the numbers of the data plane', async () => {
    const session = gateway.open();
    session.counters.requests = 3;
    session.pid = 4711;
    const info = await callControl<SessionInfo>(gateway.endpoint, 'GET', `/sessions/${session.id}`);
    expect(info).toMatchObject({
      id: session.id,
      pid: 4711,
      mode: 'dynamic',
      counters: { requests: 3, lastRoute: null },
    });
    expect(info.slots[0]).toMatchObject({ slot: 'opus', provider: 'alpha', host: 'api.alpha.test', window: 200_000 });
  });

  it('of choices names profiles with what keeps them from use', async () => {
    const profiles = await callControl<{ name: string; unusable: string | null }[]>(
      gateway.endpoint,
      'GET',
      '/profiles',
    );
    expect(profiles.map(({ name }) => name)).toEqual(['alpha', 'beta', 'gamma']);
    expect(profiles[2]?.unusable).toMatch(/GAMMA_API_KEY/);
    expect(await callControl(gateway.endpoint, 'GET', '/aliases')).toEqual([
      { name: 'b', reference: 'beta:beta-small' },
    ]);
    const models = await callControl<{ model: string }[]>(gateway.endpoint, 'GET', '/models');
    expect(models.map(({ model }) => model)).toContain('beta-small');
  });
});

describe('the kept answers', () => {
  it('are counted and forgotten', async () => {
    const token = bearer('T'.repeat(43));
    const stats = await ask('GET', '/control/v1/admin/cache', token);
    expect(JSON.parse(stats.text)).toMatchObject({ enabled: true, entries: 2, bytes: 300, hits: 5 });
    const cleared = await ask('DELETE', '/control/v1/admin/cache', token);
    expect([cleared.status, JSON.parse(cleared.text)]).toEqual([200, { cleared: 2 }]);
  });
});
