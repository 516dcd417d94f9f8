import type { Profile } from '../core/snapshot.ts';
import type { ClientLogin } from './app.ts';

/** What to do where the client has no login. */
export const LOGIN_HINT = 'log in with: claude /login';

/** Why a profile cannot be used now, if so: what the configuration says, or the login that only the client has. */
export function whyNotReady(
  { unusable, auth }: Pick<Profile, 'unusable' | 'auth'>,
  login: ClientLogin,
): string | undefined {
  if (unusable !== undefined) return unusable;
  return auth === 'subscription' && !login.found ? `no Claude login was found; ${LOGIN_HINT}` : undefined;
}

/** `found in ~/.claude/.credentials.json` */
export function describeLogin({ found, place }: ClientLogin): string {
  return found ? `found in ${place}` : `none found in ${place}; ${LOGIN_HINT}`;
}
