import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Variables } from './request.ts';

/**
 * Whether the client has a login of its own, so that a session without a credential variable can work. Looks at
 * what there is, never at its value: the token variable, the credentials file, and on macOS, where the login lies in
 * the keychain, the account that the client's state names.
 */
export function hasLogin(env: Variables, home: string, platform: string): boolean {
  if (env.CLAUDE_CODE_OAUTH_TOKEN) return true;
  const dir = env.CLAUDE_CONFIG_DIR || join(home, '.claude');
  if (existsSync(join(dir, '.credentials.json'))) return true;
  if (platform !== 'darwin') return false;
  try {
    const state = env.CLAUDE_CONFIG_DIR ? join(dir, '.claude.json') : join(home, '.claude.json');
    return /"oauthAccount"\s*:\s*\{/.test(readFileSync(state, 'utf8'));
  } catch {
    return false;
  }
}
