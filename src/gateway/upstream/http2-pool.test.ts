import http2, { type ServerHttp2Stream } from 'node:http2';
import net, { type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { chunksOf } from '../../../test/support/body-chunks.ts';
import { CODE } from '../../../test/support/http2-frames.ts';
import { answerOf, call, certificate, textOf } from '../../../test/support/secure-caller.ts';
import { wholeBody } from './answer.ts';
import { isFault } from './call.ts';

interface Site {
  readonly port: number;
  readonly sessions: { count: number };
  readonly streams: { path: string; headers: http2.IncomingHttpHeaders; code: number | undefined }[];
}

/** A server of the runtime's own that speaks both. */
async function startSite(
  onStream: (stream: ServerHttp2Stream, path: string) => void,
  settings: http2.Settings = {},
): Promise<Site> {
  const sessions = { count: 0 };
  const streams: Site['streams'] = [];
  const sockets = new Set<Socket>();
  const server = http2.createSecureServer({ ...certificate, allowHTTP1: true, settings });
  server.on('secureConnection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  server.on('session', () => {
    sessions.count++;
  });
  server.on('request', (req, res) => {
    if (req.httpVersion !== '2.0') res.end(`in ${req.httpVersion}`);
  });
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    const seen = { path: String(headers[':path']), headers, code: undefined as number | undefined };
    streams.push(seen);
    stream.on('error', () => {});
    stream.on('close', () => {
      seen.code = stream.rstCode;
    });
    onStream(stream, seen.path);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, sessions, streams };
}

const echo = (stream: ServerHttp2Stream) => {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => {
    stream.respond({ ':status': 200, 'content-type': 'text/plain' });
    stream.end(Buffer.concat(chunks));
  });
};

describe('an upstream that offers HTTP/2', () => {
  it('is spoken to in it, all at once on one connection, also when nobody had asked it before', async () => {
    const site = await startSite(echo);
    const texts = Array.from({ length: 40 }, (_, i) => `body ${i}`);
    const ask = (text: string) => textOf(site.port, { body: [Buffer.from(text)] });
    expect(await Promise.all(texts.map(ask))).toEqual(texts);
    expect(await Promise.all(texts.map(ask))).toEqual(texts);
    expect(site.sessions.count).toBe(1);
  });

  it('gets the parts of a body as one, the headers in lower case, and none that HTTP/2 does not know', async () => {
    const site = await startSite(echo);
    const headers = [
      'X-Case',
      'Kept',
      'Authorization',
      'Bearer k',
      'X-Two',
      'a',
      'x-two',
      'b',
      'Keep-Alive',
      'timeout=5',
    ];
    const body = [Buffer.from('{"a"'), Buffer.from(':'), Buffer.from('1}')];
    expect(await textOf(site.port, { headers, body, path: '/v1/messages?beta=true' })).toBe('{"a":1}');
    expect(site.streams[0]?.headers).toMatchObject({
      ':method': 'POST',
      ':scheme': 'https',
      ':authority': `127.0.0.1:${site.port}`,
      ':path': '/v1/messages?beta=true',
      'x-case': 'Kept',
      authorization: 'Bearer k',
      'x-two': 'a, b',
      'content-length': '7',
    });
    expect(site.streams[0]?.headers).not.toHaveProperty('keep-alive');
    expect(site.streams[0]?.headers).not.toHaveProperty('host');
  });

  it('gives status and headers as in HTTP/1.1, and interim answers are passed over', async () => {
    const site = await startSite((stream) => {
      stream.additionalHeaders({ ':status': 103, link: '</x>' });
      stream.respond({ ':status': 429, 'retry-after': '7', 'set-cookie': ['a=1', 'b=2'] });
      stream.end('{"error":1}');
      stream.resume();
    });
    const answer = await answerOf(site.port);
    expect(answer.statusCode).toBe(429);
    expect(answer.headers).toMatchObject({ 'retry-after': '7', 'set-cookie': ['a=1', 'b=2'] });
    expect(answer.rawHeaders.some((name) => name.startsWith(':'))).toBe(false);
    expect((await wholeBody(answer, 100)).toString()).toBe('{"error":1}');
    expect(answer.complete).toBe(true);
  });

  it('takes a large body at its own pace', async () => {
    const site = await startSite((stream) => {
      let bytes = 0;
      stream.pause();
      setTimeout(() => stream.resume(), 100);
      stream.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      stream.on('end', () => {
        stream.respond({ ':status': 200 });
        stream.end(String(bytes));
      });
    });
    const body = Array.from({ length: 24 }, () => Buffer.alloc(1 << 20, 'a'));
    const [large, small] = await Promise.all([textOf(site.port, { body }), textOf(site.port)]);
    expect([large, small]).toEqual([String(24 << 20), '2']);
    // Neither runtime may keep count of it and refuse the next.
    expect(await textOf(site.port, { body })).toBe(String(24 << 20));
  });

  it('gives what it has as it comes', async () => {
    let go: (() => void) | undefined;
    const site = await startSite((stream) => {
      stream.resume();
      stream.respond({ ':status': 200 });
      stream.write('first');
      go = () => stream.end('second');
    });
    const answer = await answerOf(site.port);
    const chunks = chunksOf(answer);
    expect(String((await chunks.next()).value)).toBe('first');
    go?.();
    expect(String((await chunks.next()).value)).toBe('second');
    expect((await chunks.next()).done).toBe(true);
  });

  it('is slowed down by a reader who pauses, and no other answer with it', async () => {
    const TOTAL = 48 << 20;
    const piece = Buffer.alloc(64 << 10, 'x');
    let written = 0;
    const site = await startSite((stream, path) => {
      stream.resume();
      if (path === '/quick') {
        stream.respond({ ':status': 200 });
        stream.end('quick');
        return;
      }
      stream.respond({ ':status': 200 });
      const go = () => {
        while (!stream.destroyed && written < TOTAL) {
          written += piece.length;
          if (!stream.write(piece)) return void stream.once('drain', go);
        }
        stream.end();
      };
      go();
    });
    const answer = await answerOf(site.port, { path: '/slow' });
    await sleep(150);
    const before = written;
    expect(await textOf(site.port, { path: '/quick' })).toBe('quick');
    await sleep(100);
    expect(written).toBe(before);
    expect(written).toBeLessThan(8 << 20);
    expect((await wholeBody(answer, 1 << 30)).length).toBe(TOTAL);
  });

  it('is told of an abort, which ends that request and leaves the connection to the others', async () => {
    const site = await startSite((stream, path) => {
      stream.resume();
      if (path === '/other') return;
      if (path === '/answering') {
        stream.respond({ ':status': 200 });
        stream.write('abc');
      }
    });
    const waiting = call(site.port, { path: '/waiting' });
    const answering = call(site.port, { path: '/answering' });
    const other = call(site.port, { path: '/other' });
    const answer = await answering.answer;
    if (isFault(answer)) throw new Error(answer.message);
    await expect.poll(() => site.streams.length).toBe(3);
    waiting.abort();
    answering.abort();
    expect(await waiting.answer).toMatchObject({ class: 'aborted' });
    await expect(wholeBody(answer, 100)).rejects.toThrow(/hang up/);
    const codeOf = (path: string) => site.streams.find((stream) => stream.path === path)?.code;
    await expect.poll(() => [codeOf('/waiting'), codeOf('/answering')]).toEqual([CODE.cancel, CODE.cancel]);
    expect(codeOf('/other')).toBeUndefined();
    expect(site.sessions.count).toBe(1);
    other.abort();
  });

  it('is told when an answer is not read to its end', async () => {
    const site = await startSite((stream) => {
      stream.resume();
      stream.respond({ ':status': 200 });
      stream.write('abc');
    });
    (await answerOf(site.port)).destroy();
    await expect.poll(() => site.streams[0]?.code).toBe(CODE.cancel);
  });

  it('and takes few requests at once gets no more on a connection', async () => {
    let open = 0;
    let most = 0;
    const site = await startSite(
      (stream) => {
        most = Math.max(most, ++open);
        stream.resume();
        setTimeout(() => {
          open--;
          stream.respond({ ':status': 200 });
          stream.end('x');
        }, 20);
      },
      { maxConcurrentStreams: 4 },
    );
    const texts = await Promise.all(Array.from({ length: 12 }, () => textOf(site.port)));
    expect(texts.every((text) => text === 'x')).toBe(true);
    expect(site.sessions.count).toBe(3);
    expect(site.streams).toHaveLength(12);
  });

  it('is reached through a proxy too, once for all requests', async () => {
    const site = await startSite(echo);
    let tunnels = 0;
    const proxy = net.createServer((client) => {
      client.on('error', () => {});
      client.once('data', () => {
        tunnels++;
        const onward = net.connect(site.port, '127.0.0.1', () => {
          client.write('HTTP/1.1 200 OK\r\n\r\n');
          onward.pipe(client).pipe(onward);
        });
        onward.on('error', () => client.destroy());
      });
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void proxy.close());
    const through = { proxy: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` };
    const texts = await Promise.all([textOf(site.port, through), textOf(site.port, through), textOf(site.port)]);
    expect(texts).toEqual(['{}', '{}', '{}']);
    expect([tunnels, site.sessions.count]).toEqual([1, 2]);
  });

  it('is spoken to in HTTP/1.1 where that is wanted', async () => {
    const site = await startSite(echo);
    expect(await textOf(site.port, { http2: false })).toBe('in 1.1');
    expect(site.sessions.count).toBe(0);
  });
});

describe('an upstream that does not', () => {
  it.each([
    ['and says so', { ALPNProtocols: ['http/1.1'] }],
    ['and knows of no choice', {}],
  ])('%s is spoken to in HTTP/1.1, with no connection for nothing', async (_, options) => {
    let connections = 0;
    const server = tls.createServer({ ...certificate, ...options }, (socket) => {
      const mine = ++connections;
      socket.on('error', () => {});
      socket.on('data', () => socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n${mine}`));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const texts = await Promise.all(Array.from({ length: 5 }, () => textOf(port)));
    expect(texts.sort()).toEqual(['1', '2', '3', '4', '5']);
    expect(Number(await textOf(port))).toBeLessThan(6);
    expect(connections).toBe(5);
  });

  it('after all, although it had agreed to it, is spoken to in HTTP/1.1', async () => {
    let agreed = 0;
    const server = tls.createServer({ ...certificate, ALPNProtocols: ['h2', 'http/1.1'] }, (socket) => {
      socket.on('error', () => {});
      if (socket.alpnProtocol === 'h2') agreed++;
      socket.on('data', () => {
        if (socket.alpnProtocol === 'h2') {
          return socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n');
        }
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    expect(await Promise.all([textOf(port), textOf(port)])).toEqual(['ok', 'ok']);
    const before = agreed;
    expect(await textOf(port)).toBe('ok');
    expect(agreed).toBe(before);
  });

  it('is not waited for by those who have left', async () => {
    const sockets: Socket[] = [];
    const mute = net.createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => {});
      socket.resume();
    });
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void mute.close());
    const { port } = mute.address() as AddressInfo;
    const calls = [call(port), call(port)];
    await expect.poll(() => sockets.length).toBe(1);
    for (const one of calls) one.abort();
    await expect.poll(() => sockets.every((socket) => socket.readableEnded || socket.destroyed)).toBe(true);
    expect(await calls[0]?.answer).toMatchObject({ class: 'aborted' });
  });
});
