import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Variables } from './request.ts';

/** The client's own login. Never its value. */
export interface ClientLogin {
  readonly found: boolean;
  /** For people: where it is, or where it would be. */
  readonly place: string;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Whether the client has a login of its own, so that a session without a credential variable can work: the token
 * variable, the credentials file, the key that its login at the console leaves in its state, and on macOS, where the
 * login lies in the keychain, the account that the state names. The credentials file is there without a login too: it
 * also keeps those of MCP servers.
 */
export function findLogin(env: Variables, home: string, platform: string): ClientLogin {
  if (env.CLAUDE_CODE_OAUTH_TOKEN?.trim()) return { found: true, place: 'CLAUDE_CODE_OAUTH_TOKEN' };
  const dir = env.CLAUDE_CONFIG_DIR || join(home, '.claude');
  const file = join(dir, '.credentials.json');
  if (isLogin(fieldsOf(readJson(file).claudeAiOauth))) return { found: true, place: file };
  const stateFile = join(env.CLAUDE_CONFIG_DIR ? dir : home, '.claude.json');
  const state = readJson(stateFile);
  if (isText(state.primaryApiKey)) return { found: true, place: stateFile };
  if (platform !== 'darwin') return { found: false, place: file };
  const hasAccount = typeof state.oauthAccount === 'object' && state.oauthAccount !== null;
  return { found: hasAccount, place: 'the keychain of macOS' };
}

/** A token that has run out is renewed by the client as long as it may. */
function isLogin({ accessToken, refreshToken, expiresAt }: Fields): boolean {
  if (isText(refreshToken)) return true;
  return isText(accessToken) && !(typeof expiresAt === 'number' && expiresAt < Date.now());
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.trim() !== '';
}

function readJson(file: string): Fields {
  try {
    return fieldsOf(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return {};
  }
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}
