import { createServer, type Server } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Secret } from '../core/secret.ts';
import { type FetchRules, guardedFetch, type WebAccess } from './fetch-guard.ts';

async function listen(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

interface World {
  /** What the proxy was asked for. */
  readonly asked: string[];
  /** Connections that the site saw with each path. */
  readonly paths: string[];
  readonly port: number;
  get(url: string, rules?: Partial<FetchRules>, access?: WebAccess): ReturnType<typeof guardedFetch>;
}

/** A site, and a proxy to which every address and name leads to it. Addresses of the internet are what they say. */
async function startWorld(redirectTo?: (port: number) => string): Promise<World> {
  const asked: string[] = [];
  const paths: string[] = [];
  const site: Server = createServer((req, res) => {
    paths.push(`${req.headers.host}${req.url}`);
    if (redirectTo && req.url === '/') res.writeHead(302, { location: redirectTo(port) }).end();
    else res.end('the page');
  });
  onTestFinished(() => site.closeAllConnections());
  const port = await listen(site);
  const proxyPort = await listen(
    net.createServer((client) => {
      client.on('error', () => {});
      client.once('data', (head: Buffer) => {
        const to = /^CONNECT (\S+) /.exec(head.toString())?.[1] ?? '';
        asked.push(to);
        if (to.startsWith('198.51.')) return client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
        const onward = net.connect(port, '127.0.0.1', () => {
          client.write('HTTP/1.1 200 OK\r\n\r\n');
          onward.pipe(client).pipe(onward);
        });
        onward.on('error', () => client.destroy());
        client.on('close', () => onward.destroy());
      });
    }),
  );
  const proxy = new Secret(`http://me:hunter2@127.0.0.1:${proxyPort}`, 'test');
  const get = (url: string, rules: Partial<FetchRules> = {}, access: WebAccess = ACCESS) =>
    guardedFetch(
      url,
      {
        domains: { allowed: [], blocked: [] },
        ports: [port],
        maxBytes: 10_000,
        timeoutMs: 4_000,
        headers: {},
        proxyFor: () => proxy,
        ...rules,
      },
      access,
      new AbortController().signal,
    );
  return { asked, paths, port, get };
}

const PUBLIC = '93.184.216.34';
const ACCESS: WebAccess = {
  lookup: async (name) => {
    if (name === 'site.example.com') return [PUBLIC];
    if (name === 'inside.example.com') return ['10.0.0.5'];
    if (name === 'mixed.example.com') return [PUBLIC, '127.0.0.1'];
    throw new Error('no such name');
  },
};
const BY_NAME = { proxyResolves: true };

const textOf = (page: Awaited<ReturnType<World['get']>>) => ('body' in page ? page.body.toString() : page.code);

describe('a page behind a proxy', () => {
  it('is asked for by the address that was checked, under its name', async () => {
    const { get, asked, paths, port } = await startWorld();
    expect(textOf(await get(`http://site.example.com:${port}/a?b`))).toBe('the page');
    expect(asked).toEqual([`${PUBLIC}:${port}`]);
    expect(paths).toEqual([`site.example.com:${port}/a?b`]);
  });

  it('is looked up once: a name that changes its mind changes nothing', async () => {
    const { get, asked, port } = await startWorld();
    let lookups = 0;
    const access: WebAccess = { lookup: async () => [lookups++ === 0 ? PUBLIC : '127.0.0.1'] };
    expect(textOf(await get(`http://site.example.com:${port}/`, {}, access))).toBe('the page');
    expect([lookups, asked]).toEqual([1, [`${PUBLIC}:${port}`]]);
  });

  it('is asked for by another of its addresses when the proxy does not reach the first', async () => {
    const { get, asked, port } = await startWorld();
    const access: WebAccess = { lookup: async () => ['2606:4700::6810:84e5', '8.8.4.4', PUBLIC], isExempt: () => true };
    const refusing: WebAccess = { ...access, lookup: async () => ['198.51.100.1', '2606:4700::6810:84e5', PUBLIC] };
    await get(`http://site.example.com:${port}/`, {}, access);
    await get(`http://site.example.com:${port}/`, {}, refusing);
    expect(asked).toEqual([`8.8.4.4:${port}`, `198.51.100.1:${port}`, `${PUBLIC}:${port}`]);
  });

  it('goes directly where there is none for it, under the same rules', async () => {
    const { get, asked, port } = await startWorld();
    const direct = { proxyFor: () => undefined };
    expect(textOf(await get(`http://site.example.com:${port}/`, direct, { lookup: async () => ['127.0.0.1'] }))).toBe(
      'url_not_allowed',
    );
    const exempt: WebAccess = { lookup: async () => ['127.0.0.1'], isExempt: (address) => address === '127.0.0.1' };
    expect(textOf(await get(`http://site.example.com:${port}/`, direct, exempt))).toBe('the page');
    expect(asked).toEqual([]);
  });

  it.each([
    ['an address of this machine', 'http://127.0.0.1/', {}],
    ['metadata of a cloud', 'http://169.254.169.254/latest/', {}],
    ['a private address as a number', 'http://167772165/', {}],
    ['a name that leads inside', 'http://inside.example.com/', {}],
    ['a name of which one address is inside', 'http://mixed.example.com/', {}],
    ['an address, where the proxy resolves', 'http://10.1.1.1/', BY_NAME],
    ['an address of IPv6, where the proxy resolves', 'http://[::ffff:10.1.1.1]/', BY_NAME],
    ['a name that is known to lead inside, where the proxy resolves', 'http://inside.example.com/', BY_NAME],
    ['a name of one word, where the proxy resolves', 'http://intranet/', BY_NAME],
    ['this machine, where the proxy resolves', 'http://localhost/', BY_NAME],
    ['this machine, absolute', 'http://localhost./', BY_NAME],
    ['a name of a network, where the proxy resolves', 'http://printer.local/', BY_NAME],
    ['a name of a cloud, where the proxy resolves', 'http://metadata.google.internal/', BY_NAME],
    ['a name of a home, where the proxy resolves', 'http://box.home.arpa./', BY_NAME],
  ])('is not asked for at all: %s', async (_, url, rules) => {
    const { get, asked } = await startWorld();
    expect(await get(url, rules)).toMatchObject({ code: 'url_not_allowed' });
    expect(asked).toEqual([]);
  });

  it.each([
    ['an address inside', () => 'http://10.0.0.1/', {}],
    ['a name inside', (port: number) => `http://inside.example.com:${port}/`, {}],
    ['a name inside, where the proxy resolves', (port: number) => `http://inside.example.com:${port}/`, BY_NAME],
  ])('is not followed to %s', async (_, to, rules) => {
    const { get, asked, paths, port } = await startWorld(to);
    expect(await get(`http://site.example.com:${port}/`, rules)).toMatchObject({ code: 'url_not_allowed' });
    expect([asked.length, paths.length]).toEqual([1, 1]);
  });

  it('whose name only the proxy knows is not reached, unless the proxy is to resolve names', async () => {
    const { get, asked, port } = await startWorld();
    expect(await get(`http://only.proxy-knows.com:${port}/`)).toMatchObject({ code: 'url_not_accessible' });
    expect(asked).toEqual([]);
    expect(textOf(await get(`http://only.proxy-knows.com:${port}/`, BY_NAME))).toBe('the page');
    expect(asked).toEqual([`only.proxy-knows.com:${port}`]);
  });

  it('is not waited for where this machine has nobody to ask for names', async () => {
    const { get, port } = await startWorld();
    const silent: WebAccess = { lookup: () => new Promise(() => {}) };
    expect(textOf(await get(`http://only.proxy-knows.com:${port}/`, BY_NAME, silent))).toBe('the page');
  });

  it('that the proxy does not reach says so, without where the proxy is', async () => {
    const { get, port } = await startWorld();
    const access: WebAccess = { lookup: async () => ['198.51.100.1'], isExempt: () => true };
    const answer = await get(`http://site.example.com:${port}/`, {}, access);
    expect(answer).toMatchObject({ code: 'url_not_accessible', message: expect.stringContaining('the proxy') });
    expect(JSON.stringify(answer)).not.toMatch(/127\.0\.0\.1|hunter2|198\.51/);
  });

  it('is given up in time when the proxy says nothing, and the connection with it', async () => {
    const sockets: net.Socket[] = [];
    const mute = await listen(
      net.createServer((socket) => {
        sockets.push(socket);
        socket.on('error', () => {}).resume();
      }),
    );
    const { get, port } = await startWorld();
    const answer = await get(`http://site.example.com:${port}/`, {
      timeoutMs: 300,
      proxyFor: () => new Secret(`socks5://127.0.0.1:${mute}`, 'test'),
    });
    expect(answer).toMatchObject({ code: 'url_not_accessible', message: expect.stringContaining('too long') });
    await expect.poll(() => sockets.every(({ destroyed }) => destroyed)).toBe(true);
    expect(sockets).toHaveLength(1);
  });
});
