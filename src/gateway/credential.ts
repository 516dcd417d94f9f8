import type { UpstreamFault } from '../core/failure.ts';
import { isCredentialHeader, type Secret } from '../core/secret.ts';
import { PLACEHOLDER_TOKEN } from '../core/session.ts';
import type { AuthHeader, Target } from '../core/target.ts';
import { connectionFault } from './faults.ts';

/** Whether a value is a secret of this gateway, and so not a login of the client's. */
export type IsToken = (value: string) => boolean;

export type CredentialHeaders =
  | { readonly headers: readonly string[]; readonly secret?: Secret }
  | { readonly fault: UpstreamFault };

/**
 * The credential of one attempt: the only place where a credential gets onto a request.
 *
 * The client's own login goes to an endpoint only if all of these hold: the target asks for it, the provider's entry
 * declares that it accepts it, the endpoint is https or on this machine, and the header is not a token of this gateway.
 * Everything else gets a key of its own or nothing.
 */
export function credentialHeaders(
  target: Target,
  clientHeaders: readonly string[],
  isGatewayToken: IsToken,
  keyIndex = 0,
): CredentialHeaders {
  const { credential } = target;
  if (credential.kind === 'none') return { headers: [] };
  if (credential.kind === 'missing') {
    return { fault: connectionFault('credential', credential.reason, { shouldRetry: false }) };
  }
  if (credential.kind === 'keys') {
    const key = credential.keys[keyIndex] ?? credential.keys[0];
    return { headers: headerOf(target.endpoint.auth, key.reveal()), secret: key };
  }
  if (!target.quirks.acceptsClientLogin || !isPrivateTransport(target)) {
    return {
      fault: connectionFault(
        'credential',
        `${target.provider} is not declared to take the client's own login; nothing was sent`,
        {
          shouldRetry: false,
        },
      ),
    };
  }
  const headers = clientLogin(clientHeaders, isGatewayToken);
  if (headers.length > 0) return { headers };
  return {
    fault: connectionFault(
      'credential',
      `profile "${target.profile}" uses your own Claude login, but Claude Code sent none. Log in with "claude /login", or start the session while logged in`,
      { shouldRetry: false },
    ),
  };
}

/** The headers of a request, whatever a protocol has put there, with exactly the credential that is due. */
export function withCredential(headers: readonly string[], credential: readonly string[]): string[] {
  const out: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (!isCredentialHeader(name.toLowerCase())) out.push(name, headers[i + 1] as string);
  }
  out.push(...credential);
  return out;
}

function clientLogin(headers: readonly string[], isGatewayToken: IsToken): string[] {
  for (const wanted of ['authorization', 'x-api-key']) {
    for (let i = 0; i + 1 < headers.length; i += 2) {
      const name = headers[i] as string;
      const value = headers[i + 1] as string;
      if (name.toLowerCase() !== wanted) continue;
      const token = value.replace(/^Bearer\s+/i, '').trim();
      if (token === '' || token === PLACEHOLDER_TOKEN || isGatewayToken(token)) continue;
      return [name, value];
    }
  }
  return [];
}

function headerOf(header: AuthHeader, key: string): string[] {
  if (header === 'bearer') return ['authorization', `Bearer ${key}`];
  return [header, key];
}

function isPrivateTransport(target: Target): boolean {
  const url = new URL(target.endpoint.baseUrl);
  return (
    url.protocol === 'https:' ||
    url.hostname === '127.0.0.1' ||
    url.hostname === 'localhost' ||
    url.hostname === '[::1]'
  );
}
