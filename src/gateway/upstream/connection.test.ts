import { createHash } from 'node:crypto';
import net, { type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Target } from '../../core/target.ts';
import { type Answer, wholeBody } from './answer.ts';
import { callUpstream, isFault } from './call.ts';
import { ConnectionPool } from './pool.ts';

const pool = new ConnectionPool();
const servers: net.Server[] = [];
const sockets = new Set<Socket>();
afterEach(() => {
  pool.close();
  for (const server of servers.splice(0)) server.close();
  for (const socket of sockets) socket.destroy();
});

/** A server that is given each piece of a connection with the number of the connection. */
async function listen(onData: (socket: Socket, connection: number, data: Buffer) => void): Promise<string> {
  let connections = 0;
  const server = net.createServer((socket) => {
    const connection = ++connections;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (data: Buffer) => onData(socket, connection, data));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  servers.push(server);
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function call(baseUrl: string, more: { path?: string; headers?: string[]; body?: Buffer[] } = {}) {
  const { path = '/v1/messages', headers = [], body = [Buffer.from('{}')] } = more;
  const target = { provider: 'somebody', timeouts: { connectMs: 2000, firstByteMs: 0, idleMs: 0 } } as Target;
  return callUpstream(pool, { target, baseUrl, path, headers, body });
}

async function answerOf(baseUrl: string, more: Parameters<typeof call>[1] = {}): Promise<Answer> {
  const answer = await call(baseUrl, more).answer;
  if (isFault(answer)) throw new Error(answer.message);
  return answer;
}

async function textOf(baseUrl: string, more: Parameters<typeof call>[1] = {}): Promise<string> {
  return (await wholeBody(await answerOf(baseUrl, more), 1 << 30)).toString();
}

const withLength = (body: string, headers = '') =>
  `HTTP/1.1 200 OK\r\n${headers}content-length: ${body.length}\r\n\r\n${body}`;

describe('a connection', () => {
  it('is used again for the next request to the same place', async () => {
    const url = await listen((socket, connection) => socket.write(withLength(String(connection))));
    expect([await textOf(url), await textOf(url), await textOf(url)]).toEqual(['1', '1', '1']);
  });

  it('is as many as there are requests at once', async () => {
    const url = await listen((socket, connection) => socket.write(withLength(String(connection))));
    expect((await Promise.all([textOf(url), textOf(url), textOf(url)])).sort()).toEqual(['1', '2', '3']);
    expect(Number(await textOf(url))).toBeLessThan(4);
  });

  it('that a crowd has left behind is closed after a moment, but for some', async () => {
    const url = await listen((socket) => setTimeout(() => socket.write(withLength('x')), 50));
    await Promise.all(Array.from({ length: 60 }, () => textOf(url)));
    expect(sockets.size).toBe(60);
    await expect.poll(() => sockets.size, { timeout: 4_000 }).toBe(16);
    await sleep(1_200);
    expect(sockets.size).toBe(16);
    expect(await textOf(url)).toBe('x');
    expect(sockets.size).toBe(16);
  });

  it.each([
    ['that the upstream wants closed', withLength('x', 'connection: close\r\n')],
    ['that said more than was asked for', `${withLength('x')}${withLength('poison')}`],
    ['whose answer ends with it', 'HTTP/1.1 200 OK\r\n\r\nx'],
    ['of HTTP/1.0', withLength('x').replace('1.1', '1.0')],
  ])('%s is not used again', async (_, bytes) => {
    const seen: number[] = [];
    const url = await listen((socket, connection) => {
      seen.push(connection);
      if (bytes.includes('length')) socket.write(bytes);
      else socket.end(bytes);
    });
    expect([await textOf(url), await textOf(url)]).toEqual(['x', 'x']);
    expect(seen).toEqual([1, 2]);
  });

  it('on which something comes that nobody asked for is closed, and no request ever reads it', async () => {
    const closed: number[] = [];
    const url = await listen((socket, connection) => {
      socket.on('close', () => closed.push(connection));
      socket.write(withLength(String(connection)));
      if (connection === 1) setTimeout(() => socket.write(withLength('poison')), 20);
    });
    expect(await textOf(url)).toBe('1');
    await expect.poll(() => closed).toEqual([1]);
    expect(await textOf(url)).toBe('2');
  });

  it('whose upstream answered before it had the whole request does not get another', async () => {
    const seen = new Set<number>();
    const url = await listen((socket, connection) => {
      if (seen.has(connection)) return;
      seen.add(connection);
      socket.pause();
      socket.write(withLength(String(connection)));
    });
    const body = [Buffer.alloc(32 << 20, 'a')];
    expect([await textOf(url, { body }), await textOf(url, { body })]).toEqual(['1', '2']);
  });

  it('is not repeated on when the upstream had begun to answer', async () => {
    let requests = 0;
    const url = await listen((socket) => {
      if (++requests === 1) return void socket.write(withLength('x'));
      socket.write('HTTP/1.1 200 OK\r\n', () => setTimeout(() => socket.resetAndDestroy(), 10));
    });
    expect(await textOf(url)).toBe('x');
    expect(await call(url).answer).toMatchObject({ class: 'network' });
    expect(requests).toBe(2);
  });

  it('that is aborted while the answer comes is closed at once', async () => {
    let closed = false;
    const url = await listen((socket) => {
      socket.on('close', () => {
        closed = true;
      });
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc');
    });
    const calling = call(url);
    const answer = await calling.answer;
    if (isFault(answer)) throw new Error(answer.message);
    calling.abort();
    await expect(wholeBody(answer, 100)).rejects.toThrow(/hang up/);
    await expect.poll(() => closed).toBe(true);
  });

  it('that went on to another request is left alone by the abort of the one before', async () => {
    let second: Socket | undefined;
    const url = await listen((socket, connection) => {
      if (second === undefined && connection === 1 && socket.bytesWritten > 0) second = socket;
      else socket.write(withLength(String(connection)));
    });
    const first = call(url);
    const unread = await first.answer;
    if (isFault(unread)) throw new Error(unread.message);
    await expect.poll(() => unread.complete).toBe(true);
    const next = textOf(url);
    await expect.poll(() => second).toBeDefined();
    first.abort();
    unread.destroy();
    await sleep(30);
    second?.write(withLength('still mine'));
    expect(await next).toBe('still mine');
  });

  it('that breaks between head and body is told to who reads then', async () => {
    const url = await listen((socket) =>
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\nbroken'),
    );
    const answer = await answerOf(url);
    const error = await wholeBody(answer, 100).catch((thrown) => thrown);
    expect(error.message).toMatch(/the size of a chunk is malformed/);
    expect(answer.complete).toBe(false);
  });
});

describe('a reader who does not keep up', () => {
  it.each(['chunked', 'length'])('slows the upstream down and loses nothing (%s)', async (framing) => {
    const TOTAL = 96 << 20;
    const piece = Buffer.alloc(64 << 10, 'event: x\ndata: {"some":"thing"}\n\n');
    const sent = createHash('sha1');
    let written = 0;
    const url = await listen((socket) => {
      socket.write(
        `HTTP/1.1 200 OK\r\n${framing === 'chunked' ? 'transfer-encoding: chunked' : `content-length: ${TOTAL}`}\r\n\r\n`,
      );
      const more = () => {
        while (written < TOTAL) {
          written += piece.length;
          sent.update(piece);
          const bytes =
            framing === 'length'
              ? piece
              : Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]);
          if (!socket.write(bytes)) return void socket.once('drain', more);
        }
        if (framing === 'chunked') socket.write('0\r\n\r\n');
      };
      more();
    });
    const answer = await answerOf(url);
    const got = createHash('sha1');
    let received = 0;
    const ended = new Promise<void>((resolve, reject) => {
      const data = (chunk: Buffer) => {
        received += chunk.length;
        got.update(chunk);
      };
      answer.read({ data, end: resolve, cut: reject });
    });
    await expect.poll(() => received).toBeGreaterThan(0);
    answer.pause();
    await sleep(300);
    const before = written;
    const seen = received;
    await sleep(200);
    // What the system's own buffers on both sides take is a few MB; the gateway holds a piece or two.
    expect(written).toBe(before);
    expect(written - received).toBeLessThan(16 << 20);
    expect(received).toBe(seen);
    answer.resume();
    expect(received - seen).toBeLessThan(1 << 20);
    await ended;
    expect([received, got.digest('hex')]).toEqual([TOTAL, sent.digest('hex')]);
  });
});

describe('a request that would not be read as it was meant is not sent', () => {
  it.each([
    ['a line end in a value', { headers: ['x-a', 'b\r\nx-evil: 1'] }],
    ['a line feed in a value', { headers: ['x-a', 'b\nx-evil: 1'] }],
    ['a NUL in a value', { headers: ['x-a', 'sk-hunter2\0'] }],
    ['a character that is no byte', { headers: ['x-a', 'sk-hunter2\u{1F511}'] }],
    ['a line end in a name', { headers: ['x-a\r\nx-evil', '1'] }],
    ['a colon in a name', { headers: ['x-a: 1', '1'] }],
    ['an empty name', { headers: ['', '1'] }],
    ['a length of its own', { headers: ['Content-Length', '1'] }],
    ['a transfer coding', { headers: ['transfer-encoding', 'chunked'] }],
    ['another host', { headers: ['Host', 'evil.test'] }],
    ['a line end in the path', { path: '/v1/messages HTTP/1.1\r\nx-evil: 1\r\n\r\n' }],
    ['a space in the path', { path: '/v1/mess ages' }],
  ])('%s', async (_, request) => {
    let connections = 0;
    const url = await listen(() => {});
    servers[0]?.on('connection', () => connections++);
    const answer = await call(url, request).answer;
    expect(answer).toMatchObject({ class: 'network', message: expect.stringMatching(/cannot be sent|may hold/) });
    expect(JSON.stringify(answer)).not.toMatch(/evil|hunter2/);
    await sleep(20);
    expect(connections).toBe(0);
  });
});
