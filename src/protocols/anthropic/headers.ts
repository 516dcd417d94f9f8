import { isCredentialHeader } from '../../core/secret.ts';

/** Of one connection only, or set anew for the next one (RFC 9110, section 7.6.1). */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'host',
  'content-length',
  'content-encoding',
  'accept-encoding',
]);

/** Traces of the way from the client to here. */
const NEVER_FORWARDED = new Set(['forwarded', 'via', 'x-real-ip', 'origin', 'referer']);
const NEVER_FORWARDED_PREFIXES = ['x-forwarded-', 'x-midswap-', 'proxy-', 'sec-', 'cf-'];

/** All that an endpoint other than Anthropic is told. Betas go with the fields behind them; the rest says who and where
 * the user is. */
const THIRD_PARTY = new Set(['accept', 'content-type', 'user-agent', 'anthropic-version']);

/** What the client named in `connection` belongs to that connection too. */
function connectionOptions(headers: readonly string[]): Set<string> {
  const names = new Set<string>();
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (headers[at]?.toLowerCase() !== 'connection') continue;
    for (const name of (headers[at + 1] ?? '').split(',')) names.add(name.trim().toLowerCase());
  }
  return names;
}

/** The client's headers for Anthropic: in their case and order, without what is for this hop and without credentials.
 * The answer is asked for uncompressed, because it is looked at on its way. */
export function genuineHeaders(headers: readonly string[]): string[] {
  const options = connectionOptions(headers);
  return forwarded(headers, (name) => {
    if (HOP_BY_HOP.has(name) || NEVER_FORWARDED.has(name) || options.has(name) || isCredentialHeader(name))
      return false;
    return !NEVER_FORWARDED_PREFIXES.some((prefix) => name.startsWith(prefix));
  });
}

export function thirdPartyHeaders(headers: readonly string[]): string[] {
  return forwarded(headers, (name) => THIRD_PARTY.has(name));
}

function forwarded(headers: readonly string[], keeps: (lowerName: string) => boolean): string[] {
  const out: string[] = [];
  let typed = false;
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] ?? '';
    const lower = name.toLowerCase();
    if (!keeps(lower)) continue;
    typed ||= lower === 'content-type';
    out.push(name, headers[at + 1] ?? '');
  }
  if (!typed) out.push('content-type', 'application/json');
  out.push('accept-encoding', 'identity');
  return out;
}
