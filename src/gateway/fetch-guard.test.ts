import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer as createSocketServer, type Socket } from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type FetchRules, guardedFetch, type WebAccess } from './fetch-guard.ts';

type Handler = (req: IncomingMessage, res: ServerResponse) => void;

interface Site {
  readonly port: number;
  readonly paths: string[];
  /** URL by a name that resolves to this site. */
  url(path?: string): string;
}

async function startSite(handler: Handler): Promise<Site> {
  const paths: string[] = [];
  const server: Server = createServer((req, res) => {
    paths.push(req.url ?? '');
    res.on('error', () => {});
    handler(req, res);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { port, paths, url: (path = '/') => `http://site.example:${port}${path}` };
}

const RULES: FetchRules = {
  domains: { allowed: [], blocked: [] },
  ports: [],
  maxBytes: 100_000,
  timeoutMs: 2_000,
  headers: { 'user-agent': 'test' },
};

/** Names of the sites lead to this machine, which is exempt by its one address; nothing else is. */
const ACCESS: WebAccess = {
  lookup: async (name) => (name.endsWith('.example') ? ['127.0.0.1'] : ['10.0.0.1']),
  isExempt: (address) => address === '127.0.0.1',
};
const CLOSED: WebAccess = { lookup: async () => ['127.0.0.1'] };

function get(url: string, site?: Site, rules: Partial<FetchRules> = {}, access = ACCESS, signal?: AbortSignal) {
  const ports = site ? [site.port] : [];
  return guardedFetch(url, { ...RULES, ports, ...rules }, access, signal ?? new AbortController().signal);
}

const hello: Handler = (_req, res) => res.end('hello');

describe('a page is fetched', () => {
  it('by its name, which is looked up once and sent as host', async () => {
    let lookups = 0;
    const site = await startSite((req, res) => res.end(`to ${req.headers.host}`));
    const access: WebAccess = {
      ...ACCESS,
      lookup: async () => {
        lookups += 1;
        return ['127.0.0.1'];
      },
    };
    const page = await get(site.url('/a?b=c'), site, {}, access);
    expect(page).toMatchObject({ status: 200, truncated: false });
    expect('body' in page && page.body.toString()).toBe(`to site.example:${site.port}`);
    expect(site.paths).toEqual(['/a?b=c']);
    expect(lookups).toBe(1);
  });

  it('without anything that tells who asks', async () => {
    let headers: IncomingMessage['headers'] = {};
    const site = await startSite((req, res) => {
      headers = req.headers;
      res.end();
    });
    await get(site.url(), site);
    expect(Object.keys(headers).sort()).toEqual(['accept-encoding', 'connection', 'host', 'user-agent']);
  });

  it.each([
    ['gzip', gzipSync('compressed')],
    ['br', brotliCompressSync('compressed')],
  ])('compressed with %s', async (encoding, bytes) => {
    const site = await startSite((_req, res) => res.writeHead(200, { 'content-encoding': encoding }).end(bytes));
    const page = await get(site.url(), site);
    expect('body' in page && page.body.toString()).toBe('compressed');
  });

  it('through up to five redirects', async () => {
    const site = await startSite((req, res) => {
      const at = Number(req.url?.slice(1));
      if (at < 5) res.writeHead([301, 302, 303, 307, 308][at] ?? 302, { location: `/${at + 1}` }).end('moved');
      else res.end('there');
    });
    const page = await get(site.url('/0'), site);
    expect('body' in page && page.body.toString()).toBe('there');
    expect('url' in page && page.url.pathname).toBe('/5');
  });
});

describe('a page is refused before anything is sent', () => {
  it.each([
    ['another scheme', 'file:///etc/passwd'],
    ['another scheme', 'ftp://site.example/'],
    ['another scheme', 'data:text/html,hi'],
    ['another scheme', 'gopher://127.0.0.1:70/'],
    ['a user', 'http://user@site.example/'],
    ['a user and a password', 'http://user:secret@site.example/'],
    ['an empty user with a password', 'http://:secret@site.example/'],
    ['another port', 'http://site.example:22/'],
    ['another port', 'https://site.example:8443/'],
  ])('for %s: %s', async (_, url) => {
    expect(await get(url)).toMatchObject({ code: 'url_not_allowed' });
  });

  it.each([
    'http://127.0.0.1/',
    'http://2130706433/',
    'http://0x7f.0.0.1/',
    'http://0177.0.0.1/',
    'http://127.1/',
    'http://0/',
    'http://0.0.0.0/',
    'http://169.254.169.254/latest/meta-data/',
    'http://0xa9fea9fe/',
    'http://[::1]/',
    'http://[::]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:a9fe:a9fe]/',
    'http://[64:ff9b::7f00:1]/',
    'http://[2002:7f00:1::]/',
    'http://[fd00:ec2::254]/',
    'http://[fe80::1]/',
    'http://10.1.2.3/',
    'http://100.64.0.1/',
  ])('for an address that is not public, without a lookup: %s', async (url) => {
    let asked = false;
    const lookup = async () => {
      asked = true;
      return ['1.1.1.1'];
    };
    expect(await get(url, undefined, {}, { lookup })).toMatchObject({ code: 'url_not_allowed' });
    expect(asked).toBe(false);
  });

  it.each([
    ['a private one', ['10.0.0.1']],
    ['this machine', ['127.0.0.1']],
    ['a public one and a private one', ['93.184.216.34', '192.168.0.1']],
    ['an IPv4-mapped one', ['::ffff:127.0.0.1']],
    ['the metadata service', ['169.254.169.254']],
  ])('for a name that leads to %s', async (_, addresses) => {
    const site = await startSite(hello);
    expect(await get(site.url(), site, {}, { lookup: async () => addresses })).toMatchObject({
      code: 'url_not_allowed',
    });
    expect(site.paths).toEqual([]);
  });

  it('for a name that leads nowhere, or whose lookup fails', async () => {
    const none = { lookup: async () => [] };
    const failing = { lookup: () => Promise.reject(new Error('queryA ENOTFOUND')) };
    for (const access of [none, failing])
      expect(await get('http://site.example/', undefined, {}, access)).toMatchObject({ code: 'url_not_accessible' });
  });

  it('for text that is no URL, or too long a one', async () => {
    expect(await get('not a url')).toMatchObject({ code: 'invalid_tool_input' });
    expect(await get(`http://site.example/${'a'.repeat(2_048)}`)).toMatchObject({ code: 'url_too_long' });
  });

  it('for a domain that is blocked, or missing among those that are allowed', async () => {
    const site = await startSite(hello);
    const blocked = { domains: { allowed: [], blocked: ['example'] } };
    const allowed = { domains: { allowed: [['other.example']], blocked: [] } };
    for (const rules of [blocked, allowed])
      expect(await get(site.url(), site, rules)).toMatchObject({ code: 'url_not_allowed' });
    expect(site.paths).toEqual([]);
  });
});

describe('DNS rebinding', () => {
  it('cannot move a connection: what was checked is what is connected to', async () => {
    const inside = await startSite(hello);
    let lookups = 0;
    // The first answer is public (here: exempt), every later one is this machine's other address.
    const access: WebAccess = {
      lookup: async () => (lookups++ === 0 ? ['127.0.0.1'] : ['127.0.0.2']),
      isExempt: (address) => address === '127.0.0.1',
    };
    const page = await get(inside.url(), inside, {}, access);
    expect('body' in page && page.body.toString()).toBe('hello');
    expect(lookups).toBe(1);
  });

  it('is found at a redirect to the same name, which is looked up and checked again', async () => {
    let lookups = 0;
    const site = await startSite((req, res) =>
      req.url === '/' ? res.writeHead(302, { location: '/inside' }).end() : res.end('secret'),
    );
    const access: WebAccess = {
      lookup: async () => (lookups++ === 0 ? ['127.0.0.1'] : ['127.0.0.2']),
      isExempt: (address) => address === '127.0.0.1',
    };
    expect(await get(site.url(), site, {}, access)).toMatchObject({ code: 'url_not_allowed' });
    expect(site.paths).toEqual(['/']);
  });

  it('does nothing without an exempt address: this machine is never reached', async () => {
    const site = await startSite(hello);
    expect(await get(site.url(), site, {}, CLOSED)).toMatchObject({ code: 'url_not_allowed' });
    expect(site.paths).toEqual([]);
  });
});

describe('a redirect is refused', () => {
  it.each([
    ['to a private address', 'http://10.0.0.1/'],
    ['to this machine in IPv6', 'http://[::1]/'],
    ['to an IPv4-mapped address', 'http://[::ffff:127.0.0.1]/'],
    ['to a decimal address', 'http://2130706434/'],
    ['to an octal address', 'http://0177.0.0.2/'],
    ['to the metadata service', 'http://169.254.169.254/'],
    ['to a name that is inside', 'http://intranet.corp/'],
    ['to a file', 'file:///etc/passwd'],
    ['to another port', 'http://site.example:22/'],
    ['with credentials', 'http://a:b@site.example/'],
    ['to another place by the scheme of this one', '//10.0.0.1/'],
  ])('%s: %s', async (_, location) => {
    const site = await startSite((_req, res) => res.writeHead(302, { location }).end());
    expect(await get(site.url(), site)).toMatchObject({ code: 'url_not_allowed' });
    expect(site.paths).toEqual(['/']);
  });

  it('after the fifth one', async () => {
    const site = await startSite((_req, res) => res.writeHead(302, { location: '/again' }).end());
    expect(await get(site.url(), site)).toMatchObject({ code: 'url_not_accessible' });
    expect(site.paths).toHaveLength(6);
  });

  it('to a domain that is blocked', async () => {
    const site = await startSite((_req, res) =>
      res.writeHead(302, { location: `http://bad.example:${site.port}/` }).end(),
    );
    const rules = { domains: { allowed: [], blocked: ['bad.example'] } };
    expect(await get(site.url(), site, rules)).toMatchObject({ code: 'url_not_allowed' });
    expect(site.paths).toEqual(['/']);
  });
});

describe('a body has bounds', () => {
  it('an oversized one is read up to the limit and marked', async () => {
    const site = await startSite((_req, res) => res.end(Buffer.alloc(1_000_000, 'a')));
    const page = await get(site.url(), site, { maxBytes: 1_000 });
    expect(page).toMatchObject({ status: 200, truncated: true });
    expect('body' in page && page.body.length).toBe(1_000);
  });

  it('one of exactly the limit is whole', async () => {
    const site = await startSite((_req, res) => res.end(Buffer.alloc(1_000, 'a')));
    expect(await get(site.url(), site, { maxBytes: 1_000 })).toMatchObject({ truncated: false });
  });

  it('an endless one is left, and the connection closed', async () => {
    let closed = false;
    const site = await startSite((_req, res) => {
      const more = () => {
        while (!res.destroyed && res.write(Buffer.alloc(64 << 10, 'a')));
      };
      res.on('drain', more).on('close', () => {
        closed = true;
      });
      more();
    });
    const page = await get(site.url(), site);
    expect(page).toMatchObject({ truncated: true });
    await expect.poll(() => closed).toBe(true);
  });

  it.each([
    ['gzip', gzipSync(Buffer.alloc(200 << 20))],
    ['br', brotliCompressSync(Buffer.alloc(200 << 20))],
  ])('a bomb of %s is stopped at the limit of what comes out', async (encoding, bomb) => {
    const site = await startSite((_req, res) => res.writeHead(200, { 'content-encoding': encoding }).end(bomb));
    const before = process.memoryUsage().rss;
    const page = await get(site.url(), site);
    expect(page).toMatchObject({ truncated: true });
    expect('body' in page && page.body.length).toBe(100_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(120 << 20);
  });

  it('a slow one is given up at the deadline', async () => {
    const site = await startSite((_req, res) => {
      const timer = setInterval(() => res.write('.'), 20);
      res.on('close', () => clearInterval(timer));
    });
    const started = performance.now();
    expect(await get(site.url(), site, { timeoutMs: 200 })).toMatchObject({
      code: 'url_not_accessible',
      message: 'it took too long',
    });
    expect(performance.now() - started).toBeLessThan(1_500);
  });

  it.each([
    ['a server that never answers', () => {}],
    ['headers that never end', (socket: Socket) => void socket.write('HTTP/1.1 200 OK\r\nx: ')],
  ])('%s is given up at the deadline', async (_, greet) => {
    const sockets = new Set<Socket>();
    const server = createSocketServer((socket) => {
      sockets.add(socket.on('error', () => {}));
      greet(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const page = await get(`http://site.example:${port}/`, undefined, { timeoutMs: 200, ports: [port] });
    expect(page).toMatchObject({ code: 'url_not_accessible' });
  });

  it('a name whose lookup never ends is given up at the deadline', async () => {
    const access = { lookup: () => new Promise<readonly string[]>(() => {}) };
    const page = await get('http://site.example/', undefined, { timeoutMs: 100 }, access);
    expect(page).toMatchObject({ code: 'url_not_accessible' });
  });

  it.each([
    ['by length', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart'],
    ['in a chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n'],
  ])('one that is cut off is not taken for a whole one: %s', async (_, bytes) => {
    const server = createSocketServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(bytes));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    expect(await get(`http://site.example:${port}/`, undefined, { ports: [port] })).toMatchObject({
      code: 'url_not_accessible',
    });
  });

  it('an abort of the caller ends it at once', async () => {
    let closed = false;
    const abort = new AbortController();
    const site = await startSite((_req, res) => {
      res.write('begun');
      res.on('close', () => {
        closed = true;
      });
      setTimeout(() => abort.abort(), 30);
    });
    expect(await get(site.url(), site, {}, ACCESS, abort.signal)).toMatchObject({ code: 'url_not_accessible' });
    await expect.poll(() => closed).toBe(true);
  });

  it('a port where nobody listens says so without an address', async () => {
    const probe = createSocketServer();
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
    const { port } = probe.address() as AddressInfo;
    await new Promise((resolve) => probe.close(resolve));
    await expect(new Promise((_, reject) => connect(port, '127.0.0.1').on('error', reject))).rejects.toThrow();
    const page = await get(`http://site.example:${port}/`, undefined, { ports: [port] });
    expect(page).toMatchObject({ code: 'url_not_accessible' });
    expect(JSON.stringify(page)).not.toContain('127.0.0.1');
  });
});
