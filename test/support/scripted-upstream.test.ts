import { request as httpRequest, type IncomingMessage } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { type ScriptedUpstream, startUpstream, type UpstreamOptions } from './scripted-upstream.ts';

const open: ScriptedUpstream[] = [];

async function start(options: UpstreamOptions = {}): Promise<ScriptedUpstream> {
  const upstream = await startUpstream({ name: 'up', ...options });
  open.push(upstream);
  return upstream;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((upstream) => upstream.close()));
});

interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  body: Buffer;
  /** The connection broke before the end of the answer. */
  broken: boolean;
}

function post(upstream: ScriptedUpstream, path: string, body: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const req = httpRequest(`${upstream.url}${path}`, { method: 'POST', agent: false }, (res) => {
      const chunks: Buffer[] = [];
      let over = false;
      const finish = (broken: boolean): void => {
        if (over) return;
        over = true;
        resolve({ status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(chunks), broken });
      };
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('end', () => finish(!res.complete));
      res.on('error', () => finish(true));
      res.on('aborted', () => finish(true));
    });
    req.on('error', reject);
    req.end(JSON.stringify(body));
  });
}

const ask = (text: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  model: 'm',
  stream: true,
  messages: [{ role: 'user', content: text }],
  ...more,
});

function eventsOf(answer: Answer): string[] {
  return [...answer.body.toString().matchAll(/^event: (.+)$/gm)].map((found) => found[1] ?? '');
}

describe('the scripted upstream', () => {
  it('answers a streamed turn with the whole event grammar', async () => {
    const answer = await post(await start(), '/v1/messages?beta=true', ask('hello'));
    expect(eventsOf(answer)).toEqual([
      'message_start',
      'ping',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
    expect(answer.body.toString()).toContain('reply from up');
    expect(answer.broken).toBe(false);
  });

  it('answers the step of a script that the conversation has reached', async () => {
    const upstream = await start({ scripts: { two: [{ tool: 'Bash', input: { command: 'ls' } }, 'done now'] } });
    const first = await post(upstream, '/v1/messages', ask('play:two'));
    expect(first.body.toString()).toContain('"stop_reason":"tool_use"');
    const second = await post(upstream, '/v1/messages', {
      ...ask('play:two'),
      stream: false,
      messages: [
        { role: 'user', content: 'play:two' },
        { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'Bash', input: {} }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: 'x' }] },
      ],
    });
    expect(JSON.parse(second.body.toString()).content).toEqual([{ type: 'text', text: 'done now' }]);
  });

  it('speaks Chat Completions on the same port', async () => {
    const upstream = await start({ handler: () => [{ tool: 'f', input: { a: 1 } }] });
    const streamed = await post(upstream, '/v1/chat/completions', ask('x'));
    expect(streamed.body.toString()).toMatch(/"finish_reason":"tool_calls"[\s\S]*"prompt_tokens"[\s\S]*data: \[DONE\]/);
    const whole = await post(upstream, '/chat/completions', ask('x', { stream: false }));
    expect(JSON.parse(whole.body.toString()).choices[0].message.tool_calls[0].function.arguments).toBe('{"a":1}');
  });

  it('varies the framing as it is told', async () => {
    const upstream = await start({
      wire: { dataOnly: true, crlf: true, gzip: true, model: 'own-name', noUsage: true },
    });
    const answer = await post(upstream, '/v1/messages', ask('x'));
    const text = gunzipSync(answer.body).toString();
    expect(text).not.toContain('event:');
    expect(text).not.toMatch(/[^\r]\n/);
    expect(text).toContain('"model":"own-name"');
    expect(text).not.toContain('usage');
  });

  it('keeps the bytes and the raw headers of every request', async () => {
    const upstream = await start();
    await post(upstream, '/v1/messages/count_tokens', ask('x'));
    const [request] = upstream.requests;
    expect(request?.raw.toString()).toBe(JSON.stringify(ask('x')));
    expect(request?.rawHeaders.join('|')).toContain('Host|127.0.0.1');
    expect(upstream.turns()).toEqual([]);
  });

  it('answers a status fault once and recovers', async () => {
    const upstream = await start();
    upstream.fail({ status: 429, headers: { 'retry-after': '2' } });
    const first = await post(upstream, '/v1/messages', ask('x'));
    expect([first.status, first.headers['retry-after']]).toEqual([429, '2']);
    expect(JSON.parse(first.body.toString()).error.type).toBe('rate_limit_error');
    expect((await post(upstream, '/v1/messages', ask('x'))).status).toBe(200);
  });

  it('applies a fault only to the requests that match', async () => {
    const upstream = await start();
    upstream.fail({ status: 500, match: { stream: false } });
    expect((await post(upstream, '/v1/messages', ask('x'))).status).toBe(200);
    expect((await post(upstream, '/v1/messages', ask('x', { stream: false }))).status).toBe(500);
  });

  it.each([
    ['cut', true],
    ['end', false],
    ['sse-error', false],
  ] as const)('breaks a stream off by %s', async (mode, broken) => {
    const upstream = await start();
    upstream.fail({ mode, afterEvents: 4 });
    const answer = await post(upstream, '/v1/messages', ask('x'));
    const expected = ['message_start', 'ping', 'content_block_start', 'content_block_delta'];
    expect(eventsOf(answer)).toEqual(mode === 'sse-error' ? [...expected, 'error'] : expected);
    expect(answer.broken).toBe(broken);
  });

  it('resets a connection before the answer', async () => {
    const upstream = await start();
    upstream.fail({ mode: 'reset' });
    await expect(post(upstream, '/v1/messages', ask('x'))).rejects.toThrow();
  });

  it('stalls for a while, pings, and goes on', async () => {
    const upstream = await start();
    upstream.fail({ mode: 'stall', afterEvents: 2, forMs: 150, pingEveryMs: 40 });
    const events = eventsOf(await post(upstream, '/v1/messages', ask('x')));
    expect(events.filter((name) => name === 'ping').length).toBeGreaterThan(2);
    expect(events.at(-1)).toBe('message_stop');
  });

  it('records when the client went away', async () => {
    const upstream = await start();
    upstream.fail({ mode: 'hang' });
    const req = httpRequest(`${upstream.url}/v1/messages`, { method: 'POST', agent: false });
    req.on('error', () => {});
    req.end(JSON.stringify(ask('x')));
    await upstream.waitFor((request) => request.path === '/v1/messages');
    const before = performance.now();
    req.destroy();
    const { closedAtMs } = await upstream.waitFor((request) => request.closedAtMs !== undefined, 2_000);
    expect(closedAtMs).toBeGreaterThanOrEqual(before);
  });
});
