import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import net, { type AddressInfo, type Server } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { download } from './download.ts';

const TEXT = '{"models":{}}';

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve())));
  return (server.address() as AddressInfo).port;
}

/** A server by path; `/api.json` has the document. */
async function serve(answer: (req: IncomingMessage, res: ServerResponse) => void = () => {}) {
  const asked: string[] = [];
  const port = await listen(
    createServer((req, res) => {
      asked.push(`${req.headers.host} ${req.url}`);
      if (req.url === '/api.json') res.end(TEXT);
      else answer(req, res);
    }),
  );
  return { port, asked, url: (path: string, host = '127.0.0.1') => new URL(`http://${host}:${port}${path}`) };
}

/** An HTTP proxy for which every name is this machine and every port the given one. */
async function proxyTo(port: number) {
  const asked: string[] = [];
  const server = createServer().on('connect', (req, client) => {
    asked.push(req.url ?? '');
    const upstream = net.connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.pipe(client).pipe(upstream);
    });
    upstream.on('error', () => client.destroy());
    client.on('error', () => upstream.destroy());
  });
  return { asked, url: `http://127.0.0.1:${await listen(server)}` };
}

const redirect =
  (to: string, status = 302) =>
  (_: IncomingMessage, res: ServerResponse) =>
    res.writeHead(status, { location: to }).end('elsewhere');

describe('a document from the web', () => {
  it.each([301, 302, 303, 307, 308])('is fetched from where status %d says, relative or not', async (status) => {
    const there = await serve();
    const here = await serve((req, res) =>
      redirect(req.url === '/old' ? 'next' : there.url('/api.json').href, status)(req, res),
    );
    expect(await download(here.url('/old'), { env: {} })).toBe(TEXT);
    expect(here.asked.map((line) => line.split(' ')[1])).toEqual(['/old', '/next']);
    expect(there.asked).toHaveLength(1);
  });

  it.each([
    ['that leads in a circle', '/old', /more than 5 redirects/],
    ['to another kind of address', 'file:///etc/passwd', /no plain web address/],
    ['with a password in it', 'http://me:secret@127.0.0.1/', /no plain web address/],
    ['to nowhere', 'http://[', /leads nowhere/],
  ])('is not fetched by a redirect %s', async (_, to, message) => {
    const here = await serve(redirect(to));
    const fetched = download(here.url('/old'), { env: {} });
    await expect(fetched).rejects.toMatchObject({ code: 'upstream_failed', message: expect.stringMatching(message) });
    await expect(fetched).rejects.not.toThrow(/secret/);
    expect(here.asked.length).toBeLessThanOrEqual(6);
  });

  it.each([
    ['a status', (res: ServerResponse) => res.writeHead(503).end('{}'), /127\.0\.0\.1:\d+\/x: status 503/],
    ['a redirect without an address', (res: ServerResponse) => res.writeHead(302).end(), /leads nowhere/],
    [
      'half of an answer',
      (res: ServerResponse) => res.writeHead(200, { 'content-length': 99 }).write('{', () => res.destroy()),
      /./,
    ],
    ['silence', () => {}, /no answer within/],
  ])('that fails with %s is told with its address', async (_, answer, message) => {
    const here = await serve((_req, res) => void answer(res));
    const fetched = download(here.url('/x?key=1'), { env: {}, timeoutMs: 500 });
    await expect(fetched).rejects.toMatchObject({
      code: 'upstream_failed',
      message: expect.stringMatching(message),
      hint: expect.stringContaining('still holds'),
    });
  });

  it('that has no end is given up', async () => {
    const here = await serve((_req, res) => {
      const more = () => {
        while (res.write('x'.repeat(1 << 20))) if (res.destroyed) return;
      };
      res.on('drain', more).on('error', () => {});
      more();
    });
    await expect(download(here.url('/x'), { env: {} })).rejects.toThrow(/larger than/);
  });
});

describe('the proxy of the environment', () => {
  it('is asked, and NO_PROXY is not', async () => {
    const there = await serve();
    const proxy = await proxyTo(there.port);
    const env = { HTTP_PROXY: proxy.url };
    expect(await download(new URL('http://models.test/api.json'), { env })).toBe(TEXT);
    expect(proxy.asked).toEqual(['models.test:80']);
    // An address that is this machine and does not say so.
    const url = there.url('/api.json', '0.0.0.0');
    expect(await download(url, { env: { ...env, NO_PROXY: '0.0.0.0' } })).toBe(TEXT);
    expect(proxy.asked).toHaveLength(1);
    expect(await download(url, { env })).toBe(TEXT);
    expect(proxy.asked).toHaveLength(2);
  });

  it('holds for each redirect by itself', async () => {
    const there = await serve();
    const proxy = await proxyTo(there.port);
    const here = await serve(redirect('http://models.test/api.json'));
    expect(await download(here.url('/old'), { env: { http_proxy: proxy.url } })).toBe(TEXT);
    expect([here.asked.length, proxy.asked]).toEqual([1, ['models.test:80']]);
  });

  it('that is away is named by its variable, never by its password', async () => {
    const env = { ALL_PROXY: 'http://me:hunter2hunter2@127.0.0.1:9' };
    const fetched = download(new URL('https://models.test/api.json'), { env, timeoutMs: 2_000 });
    await expect(fetched).rejects.toThrow(/models\.test\/api\.json through the proxy of ALL_PROXY: /);
    await expect(fetched).rejects.not.toThrow(/hunter2/);
  });

  it('that is none is told of', async () => {
    const there = await serve();
    const warnings: string[] = [];
    const onWarning = (warning: string) => warnings.push(warning);
    await download(there.url('/api.json'), { env: { HTTPS_PROXY: 'nonsense://x' }, onWarning });
    expect(warnings).toEqual(['HTTPS_PROXY is not a proxy URL and is left out']);
  });
});
