import { type AddressInfo, connect, createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type SiteHandler, startWeb } from '../../../test/support/scripted-web.ts';
import { Secret } from '../../core/secret.ts';
import type { SearchEngine } from '../../core/snapshot.ts';
import type { DomainRules } from './domains.ts';
import { search } from './search.ts';

const NO_RULES: DomainRules = { allowed: [], blocked: [] };

async function ask(engine: SearchEngine, site: SiteHandler, domains = NO_RULES, query = 'high tides & moons') {
  const web = await startWeb(site);
  const key = new Secret('key-of-the-engine', 'test');
  const settings = { engine, baseUrl: `${web.origin}/base`, key, maxResults: 3, timeoutMs: 1_000 };
  const found = await search(query, settings, domains, new AbortController().signal, 'test/1');
  return { found, requests: web.requests };
}

const json =
  (value: unknown): SiteHandler =>
  (_asked, res) =>
    void res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));

const DUCK = `<html><body>
<div class="result result--ad"><a rel="nofollow" class="result__a" href="https://duckduckgo.com/y.js?ad_domain=x">Ad</a></div>
<div class="result"><h2><a rel="nofollow" class="result__a" href="//duckduckgo.com/l/?uddg=https%3A%2F%2Fa.example%2Ftides%3Fx%3D1&amp;rut=ff">High <b>tides</b></a></h2>
<a class="result__snippet" href="//duckduckgo.com/l/?uddg=x">The sea &amp; the <b>moon</b></a></div>
<div class="result"><a class="result__a" href="https://b.example/">B</a></div>
</body></html>`;

const HIT = { url: 'https://a.example/tides', title: 'High tides', excerpt: 'The sea & the moon', age: '2026-01-02' };

describe('each engine', () => {
  it.each([
    [
      'searxng',
      {
        results: [
          { url: HIT.url, title: 'High tides', content: 'The sea &amp; the moon', publishedDate: '2026-01-02' },
        ],
      },
    ],
    [
      'brave',
      {
        web: {
          results: [
            {
              url: HIT.url,
              title: 'High <strong>tides</strong>',
              description: 'The sea &amp; the moon',
              page_age: '2026-01-02',
            },
          ],
        },
      },
    ],
    [
      'tavily',
      { results: [{ url: HIT.url, title: 'High tides', content: 'The sea & the moon', published_date: '2026-01-02' }] },
    ],
    [
      'exa',
      { results: [{ url: HIT.url, title: 'High tides', text: 'The sea & the moon', publishedDate: '2026-01-02' }] },
    ],
  ] as const)('gives what it finds: %s', async (engine, answer) => {
    expect((await ask(engine, json(answer))).found).toEqual([HIT]);
  });

  it('gives what it finds: duckduckgo, without advertisements and behind its redirects', async () => {
    const { found } = await ask('duckduckgo', (_asked, res) => void res.end(DUCK));
    expect(found).toEqual([
      { url: 'https://a.example/tides?x=1', title: 'High tides', excerpt: 'The sea & the moon', age: undefined },
      { url: 'https://b.example/', title: 'B', excerpt: '', age: undefined },
    ]);
  });

  it.each([
    ['searxng', 'GET', '/base/search'],
    ['brave', 'GET', '/base/res/v1/web/search'],
    ['tavily', 'POST', '/base/search'],
    ['exa', 'POST', '/base/search'],
    ['duckduckgo', 'GET', '/base/html/'],
  ] as const)('is asked in its own way: %s', async (engine, method, path) => {
    const domains = { allowed: [['a.example'], []], blocked: ['b.example'] };
    const { requests } = await ask(engine, json({}), domains);
    const [request] = requests;
    expect([request?.method, request?.url.pathname]).toEqual([method, path]);
    const said = method === 'GET' ? (request?.url.searchParams.get('q') ?? '') : (request?.body ?? '');
    for (const words of ['high tides & moons', 'a.example', 'b.example']) expect(said).toContain(words);
    const header = { brave: 'x-subscription-token', exa: 'x-api-key', tavily: 'authorization' }[engine as string];
    const sent = Object.entries(request?.headers ?? {}).filter(([, value]) =>
      String(value).includes('key-of-the-engine'),
    );
    expect(sent.map(([name]) => name)).toEqual(header ? [header] : []);
    expect(`${request?.url}${request?.body}`).not.toContain('key-of-the-engine');
  });

  it.each(['searxng', 'brave', 'tavily', 'exa', 'duckduckgo'] as const)('may answer anything: %s', async (engine) => {
    for (const answer of [
      null,
      [],
      {},
      { results: 7, web: 7 },
      { results: [null, 7, {}, { url: 'javascript:x' }], web: { results: [[]] } },
    ]) {
      const { found } = await ask(engine, json(answer));
      expect('code' in found ? found.code : found).toSatisfy(
        (value) => value === 'unavailable' || Array.isArray(value),
      );
    }
  });
});

describe('what is found', () => {
  it('is filtered by the domains and counted behind that', async () => {
    const results = ['a', 'b', 'a', 'c', 'a', 'a'].map((name, i) => ({
      url: `https://${name}.example/${i}`,
      title: 't',
    }));
    const { found } = await ask('searxng', json({ results }), {
      allowed: [['a.example', 'c.example']],
      blocked: ['c.example'],
    });
    expect(Array.isArray(found) && found.map(({ url }) => url)).toEqual([0, 2, 4].map((i) => `https://a.example/${i}`));
  });
});

describe('an engine that wants or does something else', () => {
  it.each([
    [429, 'too_many_requests'],
    [202, 'too_many_requests'],
    [401, 'unavailable'],
    [302, 'unavailable'],
    [500, 'unavailable'],
  ])('status %i', async (status, code) => {
    const { found } = await ask(
      'brave',
      (_asked, res) => void res.writeHead(status, { location: 'http://10.0.0.1/' }).end(),
    );
    expect(found).toMatchObject({ code });
    expect(JSON.stringify(found)).not.toContain('key-of-the-engine');
  });

  it('is not waited for longer than it has', async () => {
    const started = performance.now();
    expect((await ask('exa', () => {})).found).toMatchObject({ code: 'unavailable' });
    expect(performance.now() - started).toBeLessThan(3_000);
  });

  it('is not asked what cannot be', async () => {
    for (const [query, code] of [
      [' ', 'invalid_tool_input'],
      ['x'.repeat(401), 'query_too_long'],
    ] as const) {
      const { found, requests } = await ask('searxng', json({}), NO_RULES, query);
      expect(found).toMatchObject({ code });
      expect(requests).toEqual([]);
    }
  });
});

it('an engine behind a proxy is asked through it, by its name', async () => {
  const web = await startWeb((_asked, res) => void res.end(JSON.stringify({ results: [] })));
  const asked: string[] = [];
  const proxy = createServer((client) => {
    client.on('error', () => {});
    client.once('data', (head: Buffer) => {
      asked.push(/^CONNECT (\S+) /.exec(head.toString())?.[1] ?? '');
      const onward = connect(web.port, '127.0.0.1', () => {
        client.write('HTTP/1.1 200 OK\r\n\r\n');
        onward.pipe(client).pipe(onward);
      });
      onward.on('error', () => client.destroy());
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void proxy.close());
  const settings = {
    engine: 'searxng' as const,
    baseUrl: `http://search.example:${web.port}`,
    maxResults: 3,
    timeoutMs: 2_000,
    proxy: new Secret(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, 'test'),
  };
  expect(await search('tides', settings, NO_RULES, new AbortController().signal, 'test/1')).toEqual([]);
  expect(asked).toEqual([`search.example:${web.port}`]);
  expect(web.requests[0]?.headers.host).toBe(`search.example:${web.port}`);
});
