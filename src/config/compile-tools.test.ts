import { describe, expect, it } from 'vitest';
import { loadText } from './config.fixture.ts';

const refused = (text: string) =>
  loadText(text).then(
    () => undefined,
    (error: Error) => error.message,
  );

describe('the cache of answers', () => {
  it.each(['', 'cache: {}', 'cache: { max_entries: 5 }', 'cache: { enabled: false }'])(
    'is off with "%s"',
    async (text) => {
      expect((await loadText(text)).snapshot.cache).toBeUndefined();
    },
  );

  it('has bounds, which the file may change', async () => {
    expect((await loadText('cache: { enabled: true }')).snapshot.cache).toEqual({
      maxEntries: 500,
      maxBytes: 64 << 20,
      ttlMs: 3_600_000,
    });
    const text = 'cache: { enabled: true, max_entries: 2, max_bytes: 4096, ttl_s: 7 }';
    expect((await loadText(text)).snapshot.cache).toEqual({ maxEntries: 2, maxBytes: 4_096, ttlMs: 7_000 });
  });

  it('has at least one place', async () => {
    expect(await refused('cache: { enabled: true, max_entries: 0 }')).toContain('max_entries');
  });
});

describe('web tools', () => {
  it.each(['', 'web_tools: {}', 'web_tools: { fetch: {} }', 'web_tools: { max_uses: 3, fetch: { enabled: false } }'])(
    'are off with "%s"',
    async (text) => expect((await loadText(text)).snapshot.webTools).toBeUndefined(),
  );

  it('search at the address of an own instance', async () => {
    const text = 'web_tools: { search: { engine: searxng, base_url: "http://127.0.0.1:8888/" } }';
    expect((await loadText(text)).snapshot.webTools).toEqual({
      search: { engine: 'searxng', baseUrl: 'http://127.0.0.1:8888', maxResults: 8, timeoutMs: 15_000 },
      allowedDomains: [],
      blockedDomains: [],
      maxUses: 10,
    });
    expect(await refused('web_tools: { search: { engine: searxng } }')).toContain('base_url');
  });

  it('search with a key by reference, or by the usual variable', async () => {
    const written = await loadText('web_tools: { search: { engine: tavily, key: "env:MY_KEY" } }', { MY_KEY: 'a-key' });
    expect(written.snapshot.webTools?.search?.key?.reveal()).toBe('a-key');
    const usual = await loadText('web_tools: { search: { engine: brave } }', { BRAVE_API_KEY: 'b-key' });
    expect(usual.snapshot.webTools?.search?.key?.reveal()).toBe('b-key');
    expect(JSON.stringify(usual.snapshot.webTools)).not.toContain('b-key');
  });

  it('stay off without a key, and say so', async () => {
    for (const search of ['{ engine: exa }', '{ engine: exa, key: "env:NOT_SET" }']) {
      const { snapshot, warnings } = await loadText(`web_tools: { search: ${search} }`);
      expect(snapshot.webTools).toBeUndefined();
      expect(warnings.join()).toMatch(/exa has no key: .*(EXA_API_KEY|NOT_SET)/);
    }
  });

  it('warn of a key in plain text without showing it', async () => {
    const { warnings } = await loadText('web_tools: { search: { engine: exa, key: "plain-key-0123456789" } }');
    expect(warnings.join()).toContain('plain text');
    expect(warnings.join()).not.toContain('plain-key-0123456789');
  });

  it('fetch within bounds', async () => {
    const { snapshot } = await loadText(
      'web_tools: { fetch: { enabled: true, ports: [8080] }, allowed_domains: [a.com] }',
    );
    expect(snapshot.webTools?.fetch).toMatchObject({
      knownUrlsOnly: true,
      ports: [8080],
      maxBytes: 2 << 20,
      maxChars: 100_000,
      timeoutMs: 20_000,
      proxyResolves: false,
    });
    expect(snapshot.webTools?.allowedDomains).toEqual(['a.com']);
  });

  describe('go through a proxy', () => {
    const TOOLS = (more: string) =>
      `web_tools: { ${more} search: { engine: tavily, key: "env:K" }, fetch: { enabled: true } }`;
    const env = { K: 'a-key-0123456789' };
    const proxies = async (text: string, more: Record<string, string> = {}) => {
      const { snapshot, warnings } = await loadText(text, { ...env, ...more });
      const { search, fetch } = snapshot.webTools ?? {};
      const to = (url: string) => fetch?.proxyFor?.(url)?.reveal();
      return { search: search?.proxy?.reveal(), to, warnings, tools: snapshot.webTools };
    };

    it('of the environment, with its exceptions', async () => {
      const { search, to } = await proxies(TOOLS(''), {
        HTTPS_PROXY: 'http://secure.test:1',
        HTTP_PROXY: 'http://plain.test:2',
        NO_PROXY: 'near.example',
      });
      expect(search).toBe('http://secure.test:1');
      expect(to('https://far.example/')).toBe('http://secure.test:1');
      expect(to('http://far.example/')).toBe('http://plain.test:2');
      expect(to('https://www.near.example/')).toBeUndefined();
      expect(to('http://127.0.0.1/')).toBeUndefined();
    });

    it('of their own instead', async () => {
      const { search, to } = await proxies(TOOLS('proxy: "env:P",'), {
        P: 'socks5://me:pass@own.test:3',
        HTTPS_PROXY: 'http://secure.test:1',
        NO_PROXY: '*',
      });
      expect([search, to('https://far.example/')]).toEqual([
        'socks5://me:pass@own.test:3',
        'socks5://me:pass@own.test:3',
      ]);
      expect(to('http://localhost:8888/')).toBeUndefined();
    });

    it('or stay off when theirs is not known: nothing passes it by', async () => {
      const { tools, warnings } = await proxies(TOOLS('proxy: "env:NOT_SET",'));
      expect(tools).toBeUndefined();
      expect(warnings.join()).toContain('NOT_SET');
    });

    it('and the engine of this machine does not', async () => {
      const text = 'web_tools: { search: { engine: searxng, base_url: "http://127.0.0.1:8888" } }';
      expect((await proxies(text, { HTTP_PROXY: 'http://plain.test:2' })).search).toBeUndefined();
    });
  });
});
