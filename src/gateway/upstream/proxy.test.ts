import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { chunksOf } from '../../../test/support/body-chunks.ts';
import { environmentProxies } from '../../config/environment-proxy.ts';
import { Secret } from '../../core/secret.ts';
import type { Target } from '../../core/target.ts';
import { callUpstream, isFault } from './call.ts';
import { ConnectionPool } from './pool.ts';

const servers: net.Server[] = [];
const pool = new ConnectionPool();
afterEach(() => {
  pool.close();
  for (const server of servers.splice(0)) {
    server.close();
    if (server instanceof http.Server) server.closeAllConnections();
  }
});

async function listen(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  servers.push(server);
  return (server.address() as AddressInfo).port;
}

/** What a proxy saw: where it was asked to go, and with which credentials. */
interface Seen {
  readonly to: string;
  readonly auth: string | undefined;
}

/** An HTTP proxy that tunnels; every name leads to this machine. */
function httpProxy(seen: Seen[], refuse = false): net.Server {
  return http.createServer().on('connect', (req, client) => {
    seen.push({ to: req.url ?? '', auth: req.headers['proxy-authorization'] });
    if (refuse) return client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    const upstream = net.connect(Number((req.url ?? '').split(':')[1]), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.pipe(client).pipe(upstream);
    });
    upstream.on('error', () => client.destroy());
    client.on('error', () => upstream.destroy());
  });
}

/** A SOCKS5 proxy with user name and password (RFC 1928, RFC 1929). */
function socksProxy(seen: Seen[]): net.Server {
  return net.createServer((client) => {
    client.on('error', () => {});
    let auth: string | undefined;
    client.once('data', () => {
      client.write(Buffer.from([5, 2]));
      client.once('data', (login: Buffer) => {
        const userLength = login[1] as number;
        auth = `${login.subarray(2, 2 + userLength)}:${login.subarray(3 + userLength)}`;
        client.write(Buffer.from([1, 0]));
        client.once('data', (request: Buffer) => {
          const nameLength = request[4] as number;
          const host = request[3] === 3 ? request.subarray(5, 5 + nameLength).toString() : 'an address';
          const port = request.readUInt16BE(request.length - 2);
          seen.push({ to: `${host}:${port}`, auth });
          const upstream = net.connect(port, '127.0.0.1', () => {
            client.write(Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 0]));
            upstream.pipe(client).pipe(upstream);
          });
          upstream.on('error', () => client.destroy());
        });
      });
    });
  });
}

async function upstream(): Promise<number> {
  return listen(http.createServer((req, res) => req.resume().on('end', () => res.end('{"from":"upstream"}'))));
}

function call(baseUrl: string, proxy: string | undefined) {
  const target = {
    provider: 'somebody',
    timeouts: { connectMs: 500, firstByteMs: 0, idleMs: 0 },
    ...(proxy === undefined ? {} : { proxy: new Secret(proxy, 'the configuration') }),
  };
  return callUpstream(pool, {
    target: target as unknown as Target,
    baseUrl,
    path: '/v1/messages',
    headers: [],
    body: [Buffer.from('{}')],
  }).answer;
}

async function textOf(answer: Awaited<ReturnType<typeof call>>): Promise<string> {
  if (isFault(answer)) return answer.class;
  let text = '';
  for await (const chunk of chunksOf(answer)) text += chunk;
  return text;
}

describe('a provider behind a proxy', () => {
  it('is reached through an HTTP proxy, by name and with credentials', async () => {
    const seen: Seen[] = [];
    const proxyPort = await listen(httpProxy(seen));
    const port = await upstream();
    const answer = await call(`http://upstream.test:${port}`, `http://user:pass@127.0.0.1:${proxyPort}`);
    expect(await textOf(answer)).toBe('{"from":"upstream"}');
    expect(seen).toEqual([
      { to: `upstream.test:${port}`, auth: `Basic ${Buffer.from('user:pass').toString('base64')}` },
    ]);
  });

  it('is reached through a SOCKS5 proxy, which resolves the name', async () => {
    const seen: Seen[] = [];
    const proxyPort = await listen(socksProxy(seen));
    const port = await upstream();
    const answer = await call(`http://upstream.test:${port}`, `socks5://user:pass@127.0.0.1:${proxyPort}`);
    expect(await textOf(answer)).toBe('{"from":"upstream"}');
    expect(seen).toEqual([{ to: `upstream.test:${port}`, auth: 'user:pass' }]);
  });

  it('is not reached past a proxy that refuses, and the password is in no message', async () => {
    const seen: Seen[] = [];
    const proxyPort = await listen(httpProxy(seen, true));
    const port = await upstream();
    const answer = await call(`http://127.0.0.1:${port}`, `http://user:hunter2secret@127.0.0.1:${proxyPort}`);
    expect(answer).toMatchObject({
      class: 'network',
      message: expect.stringContaining('refused the connection with status 407'),
    });
    expect(JSON.stringify(answer)).not.toContain('hunter2secret');
    expect(seen).toHaveLength(1);
  });

  it('is not reached past a proxy that is gone or mute', async () => {
    const gone = await listen(net.createServer());
    servers.at(-1)?.close();
    const mute = await listen(net.createServer(() => {}));
    const port = await upstream();
    expect(await textOf(await call(`http://127.0.0.1:${port}`, `http://127.0.0.1:${gone}`))).toBe('network');
    expect(await textOf(await call(`http://127.0.0.1:${port}`, `http://127.0.0.1:${mute}`))).toBe('timeout_connect');
    expect(await textOf(await call(`http://127.0.0.1:${port}`, `socks5://127.0.0.1:${mute}`))).toBe('timeout_connect');
  });

  it('is not reached past a proxy after a connection died', async () => {
    const seen: Seen[] = [];
    const proxyPort = await listen(httpProxy(seen));
    let requests = 0;
    const port = await listen(
      net.createServer((socket) => {
        socket.on('error', () => {});
        socket.on('data', () => {
          requests++;
          if (requests === 2) socket.resetAndDestroy();
          else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}');
        });
      }),
    );
    for (let i = 0; i < 2; i++) {
      expect(await textOf(await call(`http://upstream.test:${port}`, `http://127.0.0.1:${proxyPort}`))).toBe('{}');
    }
    expect(seen.length).toBe(requests === 3 ? 2 : 1);
  });

  it('that the environment names is reached by it, and by nobody else', async () => {
    const seen: Seen[] = [];
    const proxyPort = await listen(httpProxy(seen));
    const socksPort = await listen(socksProxy(seen));
    const port = await upstream();
    const { proxyFor } = environmentProxies({
      HTTP_PROXY: `http://user:pass@127.0.0.1:${proxyPort}`,
      NO_PROXY: '127.0.0.0/8,direct.test',
    });
    const through = async (baseUrl: string, proxies = proxyFor) => {
      const proxy = proxies({ baseUrl, local: false });
      return textOf(await call(baseUrl, proxy?.reveal()));
    };
    expect(await through(`http://upstream.test:${port}`)).toBe('{"from":"upstream"}');
    expect(await through(`http://127.0.0.1:${port}`)).toBe('{"from":"upstream"}');
    const all = environmentProxies({ ALL_PROXY: `socks5://user:pass@127.0.0.1:${socksPort}` });
    expect(await through(`http://socks.test:${port}`, all.proxyFor)).toBe('{"from":"upstream"}');
    expect(seen.map(({ to }) => to)).toEqual([`upstream.test:${port}`, `socks.test:${port}`]);
  });
});
