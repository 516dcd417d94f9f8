import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadText } from './config.fixture.ts';
import { environmentProxies } from './environment-proxy.ts';

const REMOTE = 'https://api.corp.example/v1';

function proxyOf(env: Record<string, string>, baseUrl = REMOTE, local = false): string | undefined {
  return environmentProxies(env).proxyFor({ baseUrl, local })?.reveal();
}

describe('the proxy of the environment', () => {
  it.each([
    [{ HTTPS_PROXY: 'http://p:1' }, REMOTE, 'http://p:1'],
    [{ https_proxy: 'http://low:1', HTTPS_PROXY: 'http://p:1' }, REMOTE, 'http://low:1'],
    [{ HTTP_PROXY: 'http://p:1' }, REMOTE, undefined],
    [{ HTTP_PROXY: 'http://p:1' }, 'http://api.corp.example', 'http://p:1'],
    [{ ALL_PROXY: 'socks5://p:1' }, REMOTE, 'socks5://p:1'],
    [{ ALL_PROXY: 'socks5://p:1', HTTPS_PROXY: 'http://q:1' }, REMOTE, 'http://q:1'],
    [{ HTTPS_PROXY: 'proxy.corp:3128' }, REMOTE, 'http://proxy.corp:3128'],
    [{ HTTPS_PROXY: ' ' }, REMOTE, undefined],
    [{}, REMOTE, undefined],
  ])('%j for %s is %s', (env, baseUrl, proxy) => {
    expect(proxyOf(env as Record<string, string>, baseUrl)).toBe(proxy);
  });

  it.each(['http://127.0.0.1:8080', 'http://localhost:11434/v1', 'http://[::1]:1', 'http://127.8.9.1'])(
    'is never asked for this machine: %s',
    (baseUrl) => {
      expect(proxyOf({ ALL_PROXY: 'http://p:1' }, baseUrl)).toBeUndefined();
    },
  );

  it('is not asked for what is declared local', () => {
    expect(proxyOf({ ALL_PROXY: 'http://p:1' }, 'http://gpu.lan:8000', true)).toBeUndefined();
  });

  it.each([
    ['*', REMOTE, true],
    ['corp.example', REMOTE, true],
    ['.corp.example', REMOTE, true],
    ['*.corp.example', REMOTE, true],
    ['API.Corp.Example', REMOTE, true],
    ['api.corp.example.', REMOTE, true],
    ['orp.example', REMOTE, false],
    ['other.example, corp.example', REMOTE, true],
    ['other.example corp.example', REMOTE, true],
    ['api.corp.example:443', REMOTE, true],
    ['api.corp.example:8443', REMOTE, false],
    ['corp.example:8443', 'https://api.corp.example:8443', true],
    ['10.0.0.0/8', 'https://10.1.2.3', true],
    ['10.0.0.0/8', 'https://11.1.2.3', false],
    ['10.0.0.0/8', REMOTE, false],
    ['10.1.2.3', 'https://10.1.2.3', true],
    ['10.1.2.3:8000', 'https://10.1.2.3', false],
    ['2.3', 'https://10.1.2.3', false],
    ['fd00::/8', 'https://[fd00::1]:8443', true],
    ['fd00:0::1', 'https://[fd00::1]', true],
    ['[fd00::1]:443', 'https://[fd00::1]', true],
    ['fd00::/8', 'https://10.1.2.3', false],
    ['10.0.0.0/99', 'https://10.1.2.3', false],
    ['', REMOTE, false],
    [',,', REMOTE, false],
  ])('NO_PROXY %j for %s: %s', (noProxy, baseUrl, direct) => {
    const proxy = proxyOf({ ALL_PROXY: 'http://p:1', NO_PROXY: noProxy }, baseUrl);
    expect(proxy === undefined).toBe(direct);
  });

  it('one that cannot be used is told by its name alone', () => {
    const { warnings, proxyFor } = environmentProxies({ HTTPS_PROXY: 'ftp://user:hunter2secret@p' });
    expect(proxyFor({ baseUrl: REMOTE, local: false })).toBeUndefined();
    expect(warnings).toEqual(['HTTPS_PROXY is not a proxy URL and is left out']);
  });

  it('no list of exceptions makes it throw', () => {
    fc.assert(
      fc.property(fc.string(), fc.webUrl(), (noProxy, baseUrl) => {
        proxyOf({ ALL_PROXY: 'http://p:1', NO_PROXY: noProxy }, baseUrl);
      }),
    );
  });

  it("is compiled into the targets, behind a provider's own", async () => {
    const env = {
      HTTPS_PROXY: 'http://user:hunter2secret@p:1',
      NO_PROXY: '.minimaxi.com',
      DEEPSEEK_API_KEY: 'key-0123456789',
    };
    const { snapshot } = await loadText(
      'providers: { openrouter: { proxy: "socks5://own:1" }, near: { protocol: openai-chat, base_url: "http://localhost:1" } }',
      env,
    );
    const proxy = (provider: string) => snapshot.targetFor(provider, 'm').proxy?.reveal();
    expect(['deepseek', 'minimax', 'openrouter', 'near'].map(proxy)).toEqual([
      'http://user:hunter2secret@p:1',
      undefined,
      'socks5://own:1',
      undefined,
    ]);
    expect(snapshot.targetFor('deepseek', 'm').proxy?.origin).toBe('env:HTTPS_PROXY');
    expect(JSON.stringify(snapshot.targetFor('deepseek', 'm'))).not.toContain('hunter2');
  });
});
