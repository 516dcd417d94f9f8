import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, expect, it } from 'vitest';
import type { Target } from '../../core/target.ts';
import { wholeBody } from './answer.ts';
import { callUpstream, isFault } from './call.ts';
import { ConnectionPool } from './pool.ts';

const open: { close(): void }[] = [];
let pool: ConnectionPool | undefined;
afterEach(() => {
  for (const server of open.splice(0)) server.close();
  pool?.close();
});

async function listen(server: net.Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(server);
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function call(baseUrl: string, options: { path?: string; body?: Buffer[]; connectMs?: number } = {}) {
  pool ??= new ConnectionPool();
  const target = {
    provider: 'somebody',
    timeouts: { connectMs: options.connectMs ?? 0, firstByteMs: 0, idleMs: 0 },
  } as Target;
  return callUpstream(pool, {
    target,
    baseUrl,
    path: options.path ?? '/v1/messages',
    headers: ['X-Case', 'Kept'],
    body: options.body ?? [Buffer.from('{}')],
  });
}

it('sends the parts of a body as one, with its length, and headers as they are written', async () => {
  let seen: { headers: string[]; body: string; url: string | undefined } | undefined;
  const url = await listen(
    http.createServer((req, res) => {
      let body = '';
      req.on('data', (chunk) => {
        body += chunk;
      });
      req.on('end', () => {
        seen = { headers: req.rawHeaders, body, url: req.url };
        res.end('{}');
      });
    }),
  );
  const answer = await call(`${url}/base/`, { body: [Buffer.from('{"a"'), Buffer.from(':'), Buffer.from('1}')] })
    .answer;
  if (isFault(answer)) throw new Error(answer.message);
  answer.resume();
  expect(seen?.body).toBe('{"a":1}');
  expect(seen?.url).toBe('/base/v1/messages');
  expect(seen?.headers).toEqual(expect.arrayContaining(['X-Case', 'Kept', 'content-length', '7']));
});

it('a port where nothing listens is a network fault that says so', async () => {
  const url = await listen(net.createServer());
  for (const server of open.splice(0)) server.close();
  const answer = await call(url).answer;
  expect(answer).toMatchObject({ class: 'network', status: 502 });
  expect((answer as { message: string }).message).toMatch(/ECONNREFUSED: nothing listens there/);
});

it('a connection that is closed before an answer is a network fault', async () => {
  const url = await listen(net.createServer((socket) => socket.once('data', () => socket.destroy())));
  expect(await call(url).answer).toMatchObject({ class: 'network' });
});

it('a request on a pooled connection that turns out dead is sent again on a fresh one', async () => {
  const ANSWER = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}';
  const requestsOf: number[] = [];
  const url = await listen(
    net.createServer((socket) => {
      const connection = requestsOf.push(0) - 1;
      socket.on('error', () => {});
      socket.on('data', () => {
        requestsOf[connection] = (requestsOf[connection] ?? 0) + 1;
        // The first connection answers once and resets when it is used again.
        if (connection === 0 && requestsOf[0] === 2) socket.resetAndDestroy();
        else socket.write(ANSWER);
      });
    }),
  );
  for (let i = 0; i < 2; i++) {
    const answer = await call(url).answer;
    if (isFault(answer)) throw new Error(answer.message);
    await wholeBody(answer, 100);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(requestsOf).toEqual([2, 1]);
});

it('abort ends a call that waits for its answer', async () => {
  let closed = false;
  const url = await listen(
    http.createServer((_req, res) => {
      res.on('close', () => {
        closed = true;
      });
    }),
  );
  const waiting = call(url);
  setTimeout(() => waiting.abort(), 30);
  expect(await waiting.answer).toMatchObject({ class: 'aborted' });
  await expect.poll(() => closed).toBe(true);
});

it('a compressed answer is decoded chunk by chunk', async () => {
  const url = await listen(
    http.createServer((_req, res) => {
      res.writeHead(200, { 'content-encoding': 'gzip' });
      res.end(gzipSync('event: ping\n\n'));
    }),
  );
  const answer = await call(url).answer;
  if (isFault(answer)) throw new Error(answer.message);
  expect(String(await wholeBody(answer, 100))).toBe('event: ping\n\n');
});

it('an address that is no URL is a fault, not a crash', async () => {
  expect(await call('not a url').answer).toMatchObject({ class: 'network' });
});
