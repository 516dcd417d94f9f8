import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clientEnvironment, type EnvironmentInput, withLoopback } from './environment.ts';
import { SESSION, SUBSCRIPTION } from './launcher.fixture.ts';

function environmentOf(more: Partial<EnvironmentInput> = {}) {
  return clientEnvironment({
    parent: { PATH: '/usr/bin', HOME: '/home/u' },
    inSettings: {},
    session: SESSION,
    sensitiveVariables: ['VENDOR_API_KEY'],
    shimsDir: '/state/run/k3f9-1/bin',
    runtimeRoot: '/state/run',
    platform: 'linux',
    ...more,
  });
}

describe('a session at a third party', () => {
  it('has what the session needs and nothing that switches features off', () => {
    expect(environmentOf().env).toEqual({
      HOME: '/home/u',
      PATH: '/state/run/k3f9-1/bin:/usr/bin',
      ANTHROPIC_BASE_URL: SESSION.url,
      ANTHROPIC_AUTH_TOKEN: 'midswap',
      CLAUDE_CODE_GATEWAY_HINT_HEADERS: '1',
      CLAUDE_CODE_AUTO_MODE_SERVER: '0',
      CLAUDE_CODE_AUTO_COMPACT_WINDOW: '131072',
      CLAUDE_CODE_MAX_CONTEXT_TOKENS: '131072',
      MIDSWAP_SESSION: 'k3f9',
      NO_PROXY: '127.0.0.1,localhost,::1',
      no_proxy: '127.0.0.1,localhost,::1',
      ...Object.fromEntries(
        ['opus', 'sonnet', 'haiku', 'fable'].flatMap((family) => {
          const name = `ANTHROPIC_DEFAULT_${family.toUpperCase()}_MODEL`;
          return [
            [name, `claude-${family}-5`],
            [`${name}_NAME`, `label of claude-${family}-5`],
            [`${name}_DESCRIPTION`, `description of claude-${family}-5`],
          ];
        }),
      ),
    });
  });

  it('does not get the user’s login token', () => {
    const { env, withheld } = environmentOf({ parent: { CLAUDE_CODE_OAUTH_TOKEN: 'login' } });
    expect(env.CLAUDE_CODE_OAUTH_TOKEN).toBeUndefined();
    expect(withheld).toEqual(['CLAUDE_CODE_OAUTH_TOKEN']);
  });
});

describe('a session on the subscription', () => {
  const parent = { ANTHROPIC_API_KEY: 'k', ANTHROPIC_AUTH_TOKEN: 't', CLAUDE_CODE_OAUTH_TOKEN: 'login' };

  it('has no credential variable but the login, no slots and the client’s own auto mode', () => {
    const { env, withheld } = environmentOf({ session: SUBSCRIPTION, parent });
    expect(Object.keys(env).sort()).toEqual([
      'ANTHROPIC_BASE_URL',
      'CLAUDE_CODE_GATEWAY_HINT_HEADERS',
      'CLAUDE_CODE_OAUTH_TOKEN',
      'MIDSWAP_SESSION',
      'NO_PROXY',
      'PATH',
      'no_proxy',
    ]);
    expect(withheld).toEqual(['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN']);
  });

  it('empties a credential that stands in a settings file, which would beat the environment', () => {
    const { env, essential, withheld } = environmentOf({
      session: SUBSCRIPTION,
      inSettings: { ANTHROPIC_AUTH_TOKEN: 'stale', CLAUDE_CODE_USE_BEDROCK: '1', EDITOR: 'vi' },
    });
    expect(essential).toMatchObject({ ANTHROPIC_AUTH_TOKEN: '', CLAUDE_CODE_USE_BEDROCK: '' });
    expect(env.ANTHROPIC_AUTH_TOKEN).toBeUndefined();
    expect(env.CLAUDE_CODE_USE_BEDROCK).toBeUndefined();
    expect(withheld).toEqual(['ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_USE_BEDROCK']);
  });

  it('keeps the user’s choice among Anthropic’s models, and drops a model of another provider', () => {
    const { env } = environmentOf({
      session: SUBSCRIPTION,
      parent: {
        ANTHROPIC_DEFAULT_OPUS_MODEL: 'claude-opus-4-8',
        ANTHROPIC_DEFAULT_OPUS_MODEL_NAME: 'mine',
        ANTHROPIC_DEFAULT_SONNET_MODEL: 'glm-5',
        ANTHROPIC_DEFAULT_SONNET_MODEL_NAME: 'GLM',
      },
    });
    expect(env.ANTHROPIC_DEFAULT_OPUS_MODEL).toBe('claude-opus-4-8');
    expect(env.ANTHROPIC_DEFAULT_OPUS_MODEL_NAME).toBe('mine');
    expect(env.ANTHROPIC_DEFAULT_SONNET_MODEL).toBeUndefined();
    expect(env.ANTHROPIC_DEFAULT_SONNET_MODEL_NAME).toBeUndefined();
  });
});

describe('whatever the session', () => {
  it('keys of providers and secrets of midswap reach no client', () => {
    const { env, withheld } = environmentOf({
      parent: { VENDOR_API_KEY: 'key', MIDSWAP_TOKEN: 'x', MIDSWAP_CLIENT_KEY: 'x', MIDSWAP_HOME: '/m', OTHER: 'o' },
    });
    expect(env).toMatchObject({ MIDSWAP_HOME: '/m', OTHER: 'o' });
    expect(Object.keys(env).filter((name) => /VENDOR|MIDSWAP_(TOKEN|CLIENT)/.test(name))).toEqual([]);
    expect(withheld).toEqual([]);
  });

  it('variables that lead elsewhere are not passed on, and named', () => {
    const parent = {
      CLAUDE_CODE_USE_BEDROCK: '1',
      CLAUDE_CODE_USE_VERTEX: '1',
      CLAUDE_CODE_USE_ANTHROPIC_AWS: '1',
      ANTHROPIC_FOUNDRY_API_KEY: 'k',
      ANTHROPIC_DEFAULT_SONNET_MODEL: 'glm-5',
    };
    const { env, withheld } = environmentOf({ parent });
    expect(withheld).toEqual(Object.keys(parent).sort());
    expect(env.ANTHROPIC_DEFAULT_SONNET_MODEL).toBe('claude-sonnet-5');
    expect(Object.keys(env).filter((name) => /_USE_|FOUNDRY/.test(name))).toEqual([]);
  });

  it('the shims of an outer session are not searched', () => {
    const { env } = environmentOf({ parent: { PATH: '/a:/state/run/outer-1/bin:/b' } });
    expect(env.PATH).toBe('/state/run/k3f9-1/bin:/a:/b');
  });

  it('a PATH in the settings file keeps its entries behind the shims', () => {
    const { env, essential } = environmentOf({ inSettings: { PATH: '/opt/x:/usr/bin' } });
    expect(essential.PATH).toBe('/state/run/k3f9-1/bin:/opt/x:/usr/bin');
    expect(env.PATH).toBe(essential.PATH);
  });

  it('Windows keeps the spelling of its Path', () => {
    const { env } = environmentOf({
      platform: 'win32',
      parent: { Path: 'C:\\bin', vendor_api_key: 'k' },
      shimsDir: 'C:\\run\\a\\bin',
      runtimeRoot: 'C:\\run',
    });
    expect(env.Path).toBe('C:\\run\\a\\bin;C:\\bin');
    expect(env.PATH).toBeUndefined();
    expect(env.vendor_api_key).toBeUndefined();
  });

  it('a window that the user has set stays alone', () => {
    const { env } = environmentOf({ parent: { CLAUDE_CODE_AUTO_COMPACT_WINDOW: '300000' } });
    expect(env.CLAUDE_CODE_AUTO_COMPACT_WINDOW).toBe('300000');
    expect(env.CLAUDE_CODE_MAX_CONTEXT_TOKENS).toBeUndefined();
  });

  it('no value of a sensitive variable is anywhere, whatever the variables are called', () => {
    const names = fc.uniqueArray(fc.stringMatching(/^[A-Z][A-Z0-9_]{0,12}$/), { minLength: 1 });
    fc.assert(
      fc.property(names, (sensitive) => {
        const parent = Object.fromEntries(sensitive.map((name) => [name, 'the-value-of-a-key']));
        const { env, essential, preferred } = environmentOf({ parent, sensitiveVariables: sensitive });
        expect(JSON.stringify([env, essential, preferred])).not.toContain('the-value-of-a-key');
      }),
    );
  });
});

describe('NO_PROXY', () => {
  it.each([
    [undefined, '127.0.0.1,localhost,::1'],
    ['', '127.0.0.1,localhost,::1'],
    ['.corp, LOCALHOST', '.corp, LOCALHOST,127.0.0.1,::1'],
    ['localhost,127.0.0.1,::1', 'localhost,127.0.0.1,::1'],
  ])('%j becomes %j', (list, result) => {
    expect(withLoopback(list)).toBe(result);
  });

  it('holds in both spellings what the user has in one', () => {
    const { env } = environmentOf({ parent: { no_proxy: '.corp', HTTP_PROXY: 'http://p:1' } });
    expect([env.NO_PROXY, env.no_proxy, env.HTTP_PROXY]).toEqual([
      '.corp,127.0.0.1,localhost,::1',
      '.corp,127.0.0.1,localhost,::1',
      'http://p:1',
    ]);
  });
});
