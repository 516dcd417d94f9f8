import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type Answer, post, send, sendRaw } from '../support/http-client.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';
import { startGateway, type TestGateway } from '../support/test-gateway.ts';
import { until } from '../support/until.ts';

let upstream: ScriptedUpstream;
let gate: TestGateway;
let url: string;

beforeEach(async () => {
  upstream = await startUpstream({ name: 'up' });
  gate = await startGateway({ up: { url: upstream.url } }, { settings: { maxBodyBytes: 200_000 } });
  url = gate.urlOf(gate.open('up'));
  onTestFinished(async () => {
    expect(gate.internalErrors).toEqual([]);
    await upstream.close();
  });
});

const ask = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  model: 'claude-sonnet-5',
  max_tokens: 64,
  stream: true,
  messages: [{ role: 'user', content: 'hello' }],
  ...more,
});

/** The envelope of the Messages API, with the id that is in the headers too, and nothing of the secrets. */
function expectError(answer: Answer, status: number, type: string): string {
  const body = answer.json() as { type?: string; error?: { type?: string; message?: string }; request_id?: string };
  expect([answer.status, body.type, body.error?.type]).toEqual([status, 'error', type]);
  expect(answer.headers['content-type']).toMatch(/^application\/json/);
  expect(body.request_id).toMatch(/^req_[A-Za-z0-9]{10,}$/);
  expect(answer.headers['request-id']).toBe(body.request_id);
  expect(body.error?.message).not.toBe('');
  expect(answer.text).not.toContain(new URL(url).pathname.slice(3));
  expect(answer.broken).toBe(false);
  return body.error?.message ?? '';
}

async function expectAlive(): Promise<void> {
  const answer = await post(`${url}/v1/messages?beta=true`, ask());
  expect(answer.status).toBe(200);
  expect(answer.events().at(-1)).toBe('message_stop');
}

describe('a body that is not a request', () => {
  const whole = JSON.stringify(ask());

  it.each([
    ['nothing', ''],
    ['white space', ' \n\t '],
    ['text', 'hello'],
    ['half of it', whole.slice(0, whole.length / 2)],
    ['all but the last brace', whole.slice(0, -1)],
    ['a string cut off', '{"model":"claude-son'],
    ['an array', `[${whole}]`],
    ['a string', '"hello"'],
    ['a number', '17'],
    ['null', 'null'],
    ['two documents', whole + whole],
    ['something after the end', `${whole}x`],
    ['a trailing comma', whole.replace(/}$/, ',}')],
    ['single quotes', "{'model':'m','messages':[]}"],
    ['a bare key', '{model:"m","messages":[]}'],
    ['a comment', `/* hi */${whole}`],
    ['a broken escape', '{"model":"\\x","messages":[]}'],
    ['a raw line break in a string', '{"model":"a\nb","messages":[]}'],
    ['UTF-16', Buffer.from(whole, 'utf16le')],
    ['a compressed body', Buffer.from('1f8b0800000000000003abae050043bfa6a302000000', 'hex')],
    ['zero bytes', Buffer.alloc(64)],
  ])('%s', async (_, body) => {
    expectError(await post(`${url}/v1/messages`, body), 400, 'invalid_request_error');
    expect(upstream.requests).toEqual([]);
    await expectAlive();
  });

  it.each([
    ['no model', { messages: [] }, /model/],
    ['a model that is no string', ask({ model: 7 }), /model/],
    ['an empty model', ask({ model: '' }), /model/],
    ['no messages', { model: 'm', max_tokens: 1 }, /messages/],
    ['messages that are no list', ask({ messages: { role: 'user' } }), /messages/],
    ['stream that is no boolean', ask({ stream: 'yes' }), /stream/],
  ])('wrong types: %s', async (_, body, message) => {
    expect(expectError(await post(`${url}/v1/messages`, body), 400, 'invalid_request_error')).toMatch(message);
    expect(upstream.requests).toEqual([]);
  });

  it.each(['model', 'messages', 'stream'])('duplicate keys are not guessed at: "%s" twice', async (key) => {
    const body = JSON.stringify(ask()).replace(/}$/, `,${JSON.stringify(key)}:${JSON.stringify(ask()[key])}}`);
    const answer = await post(`${url}/v1/messages`, body);
    if (answer.status === 200) {
      // Accepted only as every JSON parser would read it, and passed on as one key.
      const sent = upstream.requests.at(-1)?.raw.toString() ?? '';
      expect(sent.split(`"${key}":`).length - 1).toBe(1);
    } else expectError(answer, 400, 'invalid_request_error');
  });

  it('a key written with escapes is the same key', async () => {
    const body = `{"\\u006dodel":"claude-sonnet-5","max_tokens":5,"messages":[{"role":"user","content":"x"}]}`;
    const answer = await post(`${url}/v1/messages`, body);
    if (answer.status === 200) expect(upstream.requests.at(-1)?.body?.model).toBe('up-model');
    else expectError(answer, 400, 'invalid_request_error');
  });

  it('nesting so deep that a recursive parser would fall', async () => {
    const depth = 90_000;
    const deep = `{"model":"claude-sonnet-5","messages":${'['.repeat(depth)}${']'.repeat(depth)}}`;
    const answer = await post(`${url}/v1/messages`, deep);
    if (answer.status !== 200) expectError(answer, 400, 'invalid_request_error');
    await expectAlive();
  });
});

describe('a body that is too large', () => {
  it('is refused by its announced length', async () => {
    const body = JSON.stringify(ask({ messages: [{ role: 'user', content: 'x'.repeat(300_000) }] }));
    expect(expectError(await post(`${url}/v1/messages`, body), 413, 'request_too_large')).toContain('200000');
    expect(upstream.requests).toEqual([]);
    await expectAlive();
  });

  it('is refused when it grows past the limit without having announced it', async () => {
    const head = `POST ${new URL(url).pathname}/v1/messages HTTP/1.1\r\nhost: 127.0.0.1:${gate.port}\r\n`;
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    const answer = await sendRaw(gate.port, [
      `${head}transfer-encoding: chunked\r\nconnection: close\r\n\r\n`,
      chunk.repeat(5),
    ]);
    expect(answer).toMatch(/^HTTP\/1\.1 413/);
    expect(answer).toContain('request_too_large');
    await expectAlive();
  });

  it('of exactly the limit is taken', async () => {
    const body = JSON.stringify(ask());
    const padded = `${body}${' '.repeat(200_000 - body.length)}`;
    expect((await post(`${url}/v1/messages`, padded)).status).toBe(200);
    expectError(await post(`${url}/v1/messages`, `${padded} `), 413, 'request_too_large');
  });
});

describe('a request that is in the wrong place', () => {
  it.each([
    ['GET', '/v1/unknown'],
    ['POST', '/v1/complete'],
    ['GET', '/'],
    ['POST', '/v1/messages/count_tokens/more'],
    ['GET', '/v1/messages/../../../etc/passwd'],
    ['GET', '/%2e%2e/x'],
    ['GET', '/%'],
    ['POST', '/v1/messages%00'],
  ])('an unknown path: %s %s', async (method, path) => {
    const { pathname } = new URL(url);
    const raw = await sendRaw(gate.port, [
      `${method} ${pathname}${path} HTTP/1.1\r\nhost: 127.0.0.1:${gate.port}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`,
    ]);
    expect(raw).toMatch(/^HTTP\/1\.1 404/);
    expect(raw).toContain('"type":"not_found_error"');
    expect(upstream.requests).toEqual([]);
  });

  it('a model id with a broken escape', async () => {
    expectError(await send(`${url}/v1/models/%E0%A4%A`), 400, 'invalid_request_error');
  });

  it.each([
    ['GET', '/v1/messages'],
    ['PUT', '/v1/messages'],
    ['DELETE', '/v1/messages/count_tokens'],
    ['PATCH', '/v1/messages'],
    ['OPTIONS', '/v1/messages'],
    ['POST', '/v1/models'],
  ])('a wrong method: %s %s', async (method, path) => {
    const answer = await send(`${url}${path}`, { method });
    expectError(answer, 405, 'invalid_request_error');
    expect(answer.headers.allow).toMatch(/GET|POST/);
  });

  it('a CORS preflight gets no permission', async () => {
    const answer = await send(`${url}/v1/messages`, {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
    });
    expect(answer.status).toBe(403);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });
});

describe('a request from somebody else', () => {
  const wrong = createHash('sha256').update('wrong').digest('base64url');

  it.each([
    ['another secret', (): string => `/s/${wrong}/v1/messages`],
    ['a shortened secret', (): string => `${new URL(url).pathname.slice(0, -1)}/v1/messages`],
    ['a lengthened secret', (): string => `${new URL(url).pathname}a/v1/messages`],
    ['the secret in another case', (): string => `${swapCase(new URL(url).pathname)}/v1/messages`],
    ['no secret', (): string => '/v1/messages'],
    ['an empty secret', (): string => '/s//v1/messages'],
  ])('%s', async (_, path) => {
    expectError(await post(`http://127.0.0.1:${gate.port}${path()}`, ask()), 401, 'authentication_error');
    expect(upstream.requests).toEqual([]);
  });

  it('a secret of a session that has ended', async () => {
    const session = gate.open('up');
    const ended = gate.urlOf(session);
    gate.gateway.sessions.close(session.id);
    expectError(await post(`${ended}/v1/messages`, ask()), 401, 'authentication_error');
  });

  it.each([
    'evil.example',
    'evil.example:80',
    '127.0.0.1.evil.example',
    'localhost.evil.example:1',
    '127.0.0.1',
    '[::1]:1',
  ])('a foreign Host: %s', async (host) => {
    expectError(
      await post(`${url}/v1/messages`, ask(), { host: host.replace(/:1$/, `:${gate.port + 1}`) }),
      403,
      'permission_error',
    );
    expect(upstream.requests).toEqual([]);
  });

  it.each([
    ['origin', 'https://evil.example'],
    ['origin', 'null'],
    ['origin', 'http://localhost'],
    ['sec-fetch-site', 'cross-site'],
    ['sec-fetch-site', 'same-site'],
  ])('a web page: %s %s', async (name, value) => {
    const answer = await post(`${url}/v1/messages`, ask(), { [name]: value });
    expectError(answer, 403, 'permission_error');
    expect(upstream.requests).toEqual([]);
  });

  it('localhost and its port are as good as the address', async () => {
    expect((await post(`${url}/v1/messages`, ask(), { host: `localhost:${gate.port}` })).status).toBe(200);
  });
});

describe('a client that does not behave', () => {
  const headOf = (length: number): string =>
    `POST ${new URL(url).pathname}/v1/messages HTTP/1.1\r\nhost: 127.0.0.1:${gate.port}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n`;

  it('that is not HTTP gets the envelope too', async () => {
    const answer = await sendRaw(gate.port, ['HELLO WORLD\r\n\r\n']);
    expect(answer).toMatch(/^HTTP\/1\.1 400/);
    await expectAlive();
  });

  it('that sends a head without end', async () => {
    const answer = await sendRaw(gate.port, [
      `GET / HTTP/1.1\r\nhost: 127.0.0.1:${gate.port}\r\nx-long: ${'y'.repeat(200_000)}\r\n\r\n`,
    ]);
    expect(answer).toMatch(/^HTTP\/1\.1 431/);
    await expectAlive();
  });

  it('that sends its body byte by byte is served', async () => {
    const body = JSON.stringify(ask({ stream: false }));
    const socket = connect(gate.port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    socket.write(`${headOf(body.length)}connection: close\r\n\r\n`);
    for (const char of body) {
      socket.write(char);
      await sleep(1);
    }
    await new Promise((resolve) => socket.on('close', resolve));
    expect(text).toMatch(/^HTTP\/1\.1 200/);
    expect(text).toContain('reply from up');
  });

  it('that closes its sending half is gone: the end of one half cannot be told from the end of both', async () => {
    upstream.fail({ mode: 'hang' });
    const body = JSON.stringify(ask());
    const answer = sendRaw(gate.port, [`${headOf(body.length)}\r\n${body}`], { halfClose: true });
    const request = await upstream.waitFor(({ path }) => path === '/v1/messages');
    await until('the upstream is closed', () => request.closedAtMs !== undefined, 1_000);
    expect(await answer).not.toMatch(/^HTTP\/1\.1 200/);
    await until('one record', () => gate.records.length === 1);
    expect(gate.records[0]?.outcome).toBe('aborted');
    await expectAlive();
  });

  it('that goes away in the middle of its body leaves nothing behind', async () => {
    const socket = connect(gate.port, '127.0.0.1');
    socket.write(`${headOf(1_000)}\r\n{"model":`);
    await sleep(50);
    socket.destroy();
    await until('one record', () => gate.gateway.active === 0 && gate.records.length === 1);
    expect(gate.records[0]?.outcome).toBe('aborted');
    expect(upstream.requests).toEqual([]);
    await expectAlive();
  });

  it('that goes away before the upstream has answered closes the upstream at once', async () => {
    upstream.fail({ mode: 'hang' });
    const abort = new AbortController();
    const gone = post2(`${url}/v1/messages`, abort.signal).catch(() => {});
    await upstream.waitFor((request) => request.path === '/v1/messages');
    const at = performance.now();
    abort.abort();
    await gone;
    const { closedAtMs } = await upstream.waitFor((request) => request.closedAtMs !== undefined, 2_000);
    expect((closedAtMs ?? Number.NaN) - at).toBeLessThan(100);
    await until('one record', () => gate.records.length === 1);
    expect(gate.records[0]?.outcome).toBe('aborted');
  });

  it('that does not read slows the upstream down instead of filling the memory', async () => {
    upstream.play('long', [{ text: 'x'.repeat(30_000_000) }]);
    upstream.wire = { deltaChars: 20_000 };
    const body = JSON.stringify(ask({ messages: [{ role: 'user', content: 'play:long' }] }));
    const socket = connect(gate.port, '127.0.0.1');
    socket.pause();
    socket.write(`${headOf(body.length)}\r\n${body}`);
    const request = await upstream.waitFor(({ path }) => path === '/v1/messages');
    await sleep(400);
    expect(request.sentBytes).toBeLessThan(20_000_000);
    expect(request.endedAtMs).toBeUndefined();
    socket.destroy();
    await upstream.waitFor(({ endedAtMs }) => endedAtMs !== undefined, 2_000);
    await until('no exchange is under way', () => gate.gateway.active === 0);
  });
});

function post2(to: string, signal: AbortSignal): Promise<Answer> {
  return send(to, { body: JSON.stringify(ask()), headers: { 'content-type': 'application/json' }, signal });
}

function swapCase(text: string): string {
  return text.replace(/[a-zA-Z]/g, (letter, at) =>
    at < 3 ? letter : letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
  );
}
