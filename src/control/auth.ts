import { MidswapError } from '../core/errors.ts';
import { type Secret, sameSecret } from '../core/secret.ts';
import type { Session } from '../gateway/session.ts';

/** Who is asking: the gateway's own token may do everything, a session's only what concerns that session. */
export type Caller = { readonly kind: 'gateway' } | { readonly kind: 'session'; readonly session: Session };

export interface RequestHead {
  header(name: string): string | undefined;
}

/**
 * Refuses what a web page could send: a Host that is not a loopback name with our port (a page that has its own name
 * resolve to this machine), an Origin or fetch metadata of any page but our own.
 */
export function checkPlace(head: RequestHead, port: number): void {
  const host = (head.header('host') ?? '').toLowerCase();
  const names = ['127.0.0.1', 'localhost', '[::1]'].map((name) => `${name}:${port}`);
  if (!names.includes(host)) {
    throw new MidswapError('forbidden_host', 'the control API answers to loopback names only', {
      hint: `Call it at 127.0.0.1:${port}`,
    });
  }
  const origin = head.header('origin');
  const site = head.header('sec-fetch-site');
  const foreignOrigin = origin !== undefined && origin !== `http://${host}`;
  const foreignSite = site !== undefined && site !== 'same-origin' && site !== 'none';
  if (foreignOrigin || foreignSite) {
    throw new MidswapError('forbidden_origin', 'requests from web pages are refused');
  }
}

/** Finds out who is asking, looking at every secret whatever the answer. Throws `unauthorized`. */
export function identify(head: RequestHead, token: Secret, sessions: readonly Session[]): Caller {
  const given = /^Bearer ([^\s]+)$/i.exec(head.header('authorization') ?? '')?.[1] ?? '';
  let caller: Caller | undefined;
  for (const session of sessions) {
    if (sameSecret(given, session.controlSecret.reveal())) caller = { kind: 'session', session };
  }
  if (sameSecret(given, token.reveal())) caller = { kind: 'gateway' };
  if (!caller) throw new MidswapError('unauthorized', 'no valid control token in the Authorization header');
  return caller;
}
