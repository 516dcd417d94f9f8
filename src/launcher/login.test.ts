import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tempDir, writeFiles } from '../../test/support/temp-home.ts';
import { findLogin } from './login.ts';

const TOKEN = 'sk-ant-oat01-0123456789';
const FILE = '.claude/.credentials.json';
const credentials = (more: object) => JSON.stringify({ claudeAiOauth: { accessToken: TOKEN, ...more } });

function look(files: Readonly<Record<string, string>>, env: Record<string, string> = {}, platform = 'linux') {
  const home = tempDir('midswap-login');
  writeFiles(home, { '.keep': '', ...files });
  const login = findLogin(env, home, platform);
  return { ...login, place: login.place.replace(home, '~') };
}

describe('a login of the client is found', () => {
  it.each([
    ['in its variable', {}, { CLAUDE_CODE_OAUTH_TOKEN: TOKEN }, 'CLAUDE_CODE_OAUTH_TOKEN'],
    ['in its file', { [FILE]: credentials({ expiresAt: Date.now() + 60_000 }) }, {}, join('~', FILE)],
    [
      'that has run out and can be renewed',
      { [FILE]: credentials({ expiresAt: 1, refreshToken: 'r' }) },
      {},
      `~/${FILE}`,
    ],
    [
      'of the console, as a key in its state',
      { '.claude.json': '{"primaryApiKey":"sk-ant-api03-0"}' },
      {},
      '~/.claude.json',
    ],
  ])('%s', (_, files, env, place) => {
    expect(look(files as Record<string, string>, env as Record<string, string>)).toEqual({ found: true, place });
  });

  it('where the client keeps its files when they are moved', () => {
    const home = tempDir('midswap-login');
    writeFiles(home, { 'other/.credentials.json': credentials({}), [FILE]: '{}' });
    const env = { CLAUDE_CONFIG_DIR: join(home, 'other') };
    expect(findLogin(env, home, 'linux')).toEqual({ found: true, place: join(home, 'other', '.credentials.json') });
  });

  it('on macOS by the account that its state names, since the keychain has the login', () => {
    const state = { '.claude.json': '{"oauthAccount": {"a":1}}' };
    expect(look(state, {}, 'darwin')).toEqual({ found: true, place: 'the keychain of macOS' });
    expect(look(state, {}, 'linux').found).toBe(false);
  });
});

describe('no login is found', () => {
  it.each([
    ['without any file', {}],
    ['in an empty file', { [FILE]: '{}' }],
    ['in a file that has the logins of MCP servers only', { [FILE]: '{"mcpOAuth":{"x":{"accessToken":"t"}}}' }],
    ['where it has run out for good', { [FILE]: credentials({ expiresAt: 1 }) }],
    ['where it was taken out', { [FILE]: '{"claudeAiOauth":{"accessToken":"","refreshToken":""}}' }],
    ['in a damaged file', { [FILE]: '{"claudeAiOauth":{"accessToken":"t' }],
    ['in a state without account', { '.claude.json': '{"x":1,"oauthAccount":null}' }],
  ])('%s', (_, files) => {
    expect(look(files as Record<string, string>)).toEqual({ found: false, place: `~/${FILE}` });
    expect(look(files as Record<string, string>, {}, 'darwin').found).toBe(false);
  });

  it('whatever the files hold, and nothing of them is told', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (file, state) => {
        const told = look({ [FILE]: JSON.stringify(file), '.claude.json': JSON.stringify(state) });
        expect([`~/${FILE}`, '~/.claude.json']).toContain(told.place);
      }),
      { numRuns: 50 },
    );
  });
});
