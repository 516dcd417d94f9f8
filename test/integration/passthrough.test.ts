import fc from 'fast-check';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type Answer, post, send } from '../support/http-client.ts';
import { type ScriptedUpstream, startUpstream, type Wire } from '../support/scripted-upstream.ts';
import { GENUINE, startGateway, type TestGateway } from '../support/test-gateway.ts';

let upstream: ScriptedUpstream;
let gate: TestGateway;

beforeEach(async () => {
  upstream = await startUpstream({ name: 'up' });
  gate = await startGateway(
    {
      genuine: { url: upstream.url, quirks: { ...GENUINE, messages: { countTokens: true } }, model: null },
      renamed: { url: upstream.url, quirks: GENUINE, model: 'other-model' },
      corp: { url: upstream.url },
    },
    { settings: { pingMs: 40 } },
  );
  onTestFinished(async () => {
    expect(gate.internalErrors).toEqual([]);
    await upstream.close();
  });
});

const REQUESTED = 'claude-sonnet-5';

const ask = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  model: REQUESTED,
  max_tokens: 64,
  stream: true,
  messages: [{ role: 'user', content: 'hello' }],
  ...more,
});

function urlOf(profile: string): string {
  return `${gate.urlOf(gate.open(profile))}/v1/messages?beta=true`;
}

/** Bodies that no JSON library would write back as they were. */
const ODD_BODIES: readonly string[] = [
  `{ "messages" : [ { "content":"x", "role":"user" } ] ,\n\t"temperature":1.0, "max_tokens": 100, "top_p":1e-1, "model" : "${REQUESTED}" , "stream":true }`,
  `{"model":"${REQUESTED}","big":12345678901234567890123,"tiny":1e-400,"neg":-0,"stream":true,"max_tokens":1,"messages":[{"role":"user","content":"\\u00e9\\ud83d\\ude00 é😀 \\/ \\u0000"}]}`,
  `{"stream":true,"metadata":{"user_id":"{\\"model\\":\\"inner\\"}","model":"inner"},"messages":[{"role":"user","content":[{"type":"text","text":"\\"model\\": \\"x\\"","cache_control":{"ttl":"1h","type":"ephemeral"}}]}],"max_tokens":1,"model":"${REQUESTED}"}\n`,
  `{"__proto__":{"a":1},"constructor":1,"unknown_field":[{},[],"",null,true],"model":"${REQUESTED}","stream":true,"max_tokens":1,"messages":[{"role":"user","content":"x"}],"safeguards":[{"type":"dangerous_tool_use"}]}`,
];

describe('a request to Anthropic itself', () => {
  it.each(ODD_BODIES)('keeps every byte: %#', async (body) => {
    expect((await post(urlOf('genuine'), body)).status).toBe(200);
    expect(upstream.turns()[0]?.raw.toString()).toBe(body);
  });

  it.each(ODD_BODIES)('keeps every byte but for the model: %#', async (body) => {
    expect((await post(urlOf('renamed'), body)).status).toBe(200);
    expect(upstream.turns()[0]?.raw.toString()).toBe(body.replace(`"${REQUESTED}"`, '"other-model"'));
  });

  it('keeps any body byte for byte', async () => {
    const url = urlOf('renamed');
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string().filter(isPlainKey), fc.json()), fc.nat(3), async (fields, indent) => {
        const known = ['model', 'messages', 'stream', 'max_tokens', 'system', 'tools', 'thinking', 'output_config'];
        const extra = Object.fromEntries(Object.entries(fields).filter(([key]) => !known.includes(key)));
        const body = JSON.stringify({ ...extra, ...ask({ stream: false }) }, null, indent);
        upstream.requests.length = 0;
        expect((await post(url, body)).status).toBe(200);
        const model = indent > 0 ? `"model": "${REQUESTED}"` : `"model":"${REQUESTED}"`;
        const at = body.lastIndexOf(model);
        const expected = `${body.slice(0, at)}${model.replace(REQUESTED, 'other-model')}${body.slice(at + model.length)}`;
        expect(upstream.turns()[0]?.raw.toString()).toBe(expected);
      }),
      { numRuns: 60 },
    );
  });

  it('keeps path, query and the client’s own headers', async () => {
    const headers = {
      'Anthropic-Version': '2023-06-01',
      'anthropic-beta': 'oauth-2025-04-20,some-future-beta-2027-01-01',
      'anthropic-dangerous-direct-browser-access': 'true',
      'X-App': 'cli',
      'User-Agent': 'claude-cli/9.9.9',
      'x-claude-code-session-id': '6dd0c6dd-3f9f-4e0f-b4a1-000000000000',
      'x-stainless-retry-count': '0',
      'x-a-header-of-tomorrow': 'kept',
    };
    await post(urlOf('genuine'), ask(), headers);
    const [request] = upstream.turns();
    expect(request?.url).toBe('/v1/messages?beta=true');
    for (const [name, value] of Object.entries(headers)) expect(request?.header(name)).toBe(value);
    expect(request?.rawHeaders).toContain('X-App');
  });

  it('does not carry what belongs to one connection, or to this machine', async () => {
    await post(urlOf('genuine'), ask(), {
      connection: 'close, x-hop',
      'x-hop': 'secret',
      te: 'trailers',
      'proxy-connection': 'keep-alive',
      expect: '100-continue',
    });
    const [request] = upstream.turns();
    expect(request?.header('host')).toBe(`127.0.0.1:${upstream.port}`);
    for (const name of ['x-hop', 'te', 'proxy-connection', 'expect', 'x-forwarded-for', 'via']) {
      expect(request?.header(name)).toBeUndefined();
    }
  });
});

describe('an answer of Anthropic itself', () => {
  it('keeps every byte of the stream when the model needs no other name', async () => {
    upstream.play('all', [
      [{ thinking: 'hm', signature: 'c2ln' }, 'Grüße 😀 ', { tool: 'Bash', input: { command: 'ls' }, id: 'toolu_1' }],
    ]);
    const body = ask({ messages: [{ role: 'user', content: 'play:all' }] });
    const direct = await post(`${upstream.url}/v1/messages?beta=true`, body);
    const through = await post(urlOf('genuine'), body);
    expect(normalised(through)).toBe(normalised(direct));
  });

  it('passes limits and the request id on', async () => {
    upstream.fail({
      mode: 'stall',
      afterEvents: 2,
      forMs: 1,
      headers: {
        'request-id': 'req_upstream1',
        'anthropic-ratelimit-unified-status': 'allowed',
        'anthropic-ratelimit-unified-5h-utilization': '0.42',
        'anthropic-organization-id': 'org-1',
      },
    });
    const answer = await post(urlOf('genuine'), ask());
    expect(answer.headers).toMatchObject({
      'request-id': 'req_upstream1',
      'anthropic-ratelimit-unified-status': 'allowed',
      'anthropic-ratelimit-unified-5h-utilization': '0.42',
      'anthropic-organization-id': 'org-1',
    });
  });

  it.each([400, 401, 403, 404, 413, 429, 500, 529])('passes an error on unmodified: %i', async (status) => {
    const body = `{"type":"error","error":{"type":"some_error","message":"exactly \\u00fc this"} , "request_id":"req_7"}`;
    upstream.fail({
      status,
      body,
      times: 5,
      headers: { 'retry-after': '7', 'x-should-retry': 'true', 'request-id': 'req_7' },
    });
    const answer = await post(urlOf('genuine'), ask());
    expect([answer.status, answer.text]).toEqual([status, body]);
    expect(answer.headers).toMatchObject({ 'retry-after': '7', 'x-should-retry': 'true', 'request-id': 'req_7' });
  });

  it('says on the side where it came from', async () => {
    expect((await post(urlOf('renamed'), ask())).headers).toMatchObject({
      'x-midswap-profile': 'renamed',
      'x-midswap-target': 'renamed/other-model',
      'x-midswap-attempts': '1',
    });
  });
});

describe('an upstream that is not quite the protocol', () => {
  const reference = (): Promise<Answer> => post(`${upstream.url}/v1/messages`, ask());

  it.each<[string, Wire]>([
    ['only data lines', { dataOnly: true }],
    ['CRLF', { crlf: true }],
    ['gzip', { gzip: true }],
    ['its own model name', { model: 'up-model-2026-01-01' }],
    ['no pings', { noPing: true }],
    ['pieces of seven bytes', { writeBytes: 7 }],
    ['all at once', { dataOnly: true, crlf: true, model: 'x', writeBytes: 11 }],
  ])('is repaired: %s', async (_, wire) => {
    const expected = contentOf(await reference());
    for (const profile of ['genuine', 'corp']) {
      upstream.wire = wire;
      const answer = await post(urlOf(profile), ask());
      expect(answer.headers['content-encoding']).toBeUndefined();
      expect(answer.events()[0]).toBe('message_start');
      expect(answer.events().at(-1)).toBe('message_stop');
      expect(contentOf(answer)).toEqual(expected);
      expect(answer.text).not.toContain('up-model-2026');
    }
    expect(gate.records.map((record) => record.outcome)).toEqual(['ok', 'ok']);
    for (const { usage } of gate.records) expect(usage).toMatchObject({ outputTokens: 10 });
  });

  it.each([true, false])('without any usage the record says unknown, not zero (stream %s)', async (stream) => {
    upstream.wire = { noUsage: true };
    const answer = await post(urlOf('corp'), ask({ stream }));
    expect(answer.status).toBe(200);
    expect(gate.records[0]?.usage.outputTokens).toBeUndefined();
    if (stream) expect(dataOf(answer).at(-2)).toHaveProperty('usage');
    else expect(answer.json()).toHaveProperty('usage');
  });

  it('answers a whole message under the name that was asked for', async () => {
    upstream.wire = { model: 'up-model-2026', gzip: true };
    const answer = await post(urlOf('corp'), ask({ stream: false }));
    expect(answer.json()).toMatchObject({ model: REQUESTED, content: [{ text: 'reply from up' }] });
  });

  it('pings never fall into the middle of an event', async () => {
    upstream.wire = { writeBytes: 150, writeDelayMs: 130 };
    const answer = await post(urlOf('genuine'), ask());
    expect(answer.events().filter((name) => name === 'ping').length).toBeGreaterThan(2);
    for (const frame of answer.text.trim().split('\n\n')) {
      expect(frame).toMatch(/^event: ([a-z_]+)\ndata: \{"type": ?"\1".*\}$/);
    }
    expect(contentOf(answer)).toContain('reply from up');
  });

  it.each([
    ['cut', 4],
    ['end', 4],
    ['cut', 5],
    ['cut', 6],
    ['end', 5],
  ] as const)('a stream that ends too early never looks finished: %s after %i', async (mode, afterEvents) => {
    for (const profile of ['genuine', 'corp']) {
      upstream.fail({ mode, afterEvents });
      const answer = await post(urlOf(profile), ask());
      expect(answer.events()).not.toContain('message_stop');
      expect(answer.events().at(-1)).toBe('error');
      expect(answer.broken).toBe(false);
    }
    expect(gate.records.map((record) => record.outcome)).toEqual(['truncated', 'truncated']);
  });

  it.each([
    ['an empty body', ''],
    ['HTML', '<html><body>502 Bad Gateway</body></html>'],
    ['JSON instead of a stream', '{"ok":true}'],
    ['broken JSON in an event', 'event: message_start\ndata: {"type":"message_start","mess\n\n'],
    ['only comments', ': hello\n\n: hello\n\n'],
  ])('nothing usable is a real status, not a 200: %s', async (_, bytes) => {
    upstream.fail({ mode: 'raw', bytes, times: 9 });
    const answer = await post(urlOf('corp'), ask());
    expect(answer.status).toBeGreaterThanOrEqual(500);
    expect(answer.json()).toMatchObject({ type: 'error' });
    expect(answer.events()).toEqual([]);
  });

  it('an error event at the start is a real status', async () => {
    upstream.fail({ mode: 'sse-error', afterEvents: 0, type: 'overloaded_error', times: 9 });
    const answer = await post(urlOf('corp'), ask());
    expect(answer.status).toBeGreaterThanOrEqual(429);
    expect(answer.json()).toMatchObject({ error: { type: 'overloaded_error' } });
  });

  it('an error event in the middle is passed on as one', async () => {
    // What arrives together with the error was not sent yet and is tried again; here it comes before.
    upstream.wire = { writeBytes: 200, writeDelayMs: 20 };
    upstream.fail({ mode: 'sse-error', afterEvents: 4, type: 'overloaded_error', message: 'Overloaded now' });
    const answer = await post(urlOf('corp'), ask());
    expect(answer.events().at(-1)).toBe('error');
    expect(answer.events()).not.toContain('message_stop');
    expect(answer.text).toContain('overloaded_error');
  });
});

describe('count_tokens', () => {
  const countUrl = (profile: string): string => `${gate.urlOf(gate.open(profile))}/v1/messages/count_tokens`;

  it('is asked of an upstream that counts', async () => {
    const answer = await post(countUrl('genuine'), ask());
    const direct = await post(`${upstream.url}/v1/messages/count_tokens`, ask());
    expect(answer.json()).toEqual(direct.json());
  });

  it('is estimated where the upstream has none', async () => {
    upstream.fail({ status: 404, match: { path: '/count_tokens' }, times: 9 });
    const answer = await post(countUrl('corp'), ask());
    expect(answer.status).toBe(200);
    expect(answer.json().input_tokens).toBeGreaterThan(0);
  });
});

it('the probes of the client are answered without an upstream', async () => {
  const base = gate.urlOf(gate.open('corp'));
  for (const path of ['/', '/api/hello']) {
    expect((await send(`${base}${path}`, { method: 'HEAD' })).status).toBe(200);
    expect((await send(`http://127.0.0.1:${gate.port}${path}`, { method: 'HEAD' })).status).toBe(200);
  }
  const models = (await send(`${base}/v1/models?limit=1000`)).json() as { data: { id: string }[] };
  expect(models.data.length).toBeGreaterThan(0);
  for (const { id } of models.data) expect(id).toMatch(/claude|anthropic/);
  expect(upstream.requests).toEqual([]);
});

/** Keys that need an escape are refused at the top level: no field has one, and a field must not hide behind one. */
function isPlainKey(key: string): boolean {
  return JSON.stringify(key) === `"${key}"`;
}

/** Message ids differ from request to request. */
function normalised(answer: Answer): string {
  return answer.text.replace(/"id":"msg_[^"]+"/, '"id":"msg"');
}

function dataOf(answer: Answer): Record<string, unknown>[] {
  return [...answer.text.matchAll(/^data: (.+)$/gm)].map(
    (found) => JSON.parse(found[1] ?? '') as Record<string, unknown>,
  );
}

/** The text of an answer and the name it came under. */
function contentOf(answer: Answer): string {
  const parts = dataOf(answer).map((data) => {
    if (data.type === 'message_start') return `${(data.message as { model: string }).model}: `;
    return (data.delta as { text?: string } | undefined)?.text ?? '';
  });
  return parts.join('');
}
