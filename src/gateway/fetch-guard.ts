import { lookup as systemLookup } from 'node:dns/promises';
import type { Secret } from '../core/secret.ts';
import { type AddressCheck, literalAddress, loadAddressCheck } from './server-tools/address.ts';
import { type BoundedAnswer, boundedRequest, isRedirect } from './server-tools/bounded-request.ts';
import { type DomainRules, isDomainAllowed } from './server-tools/domains.ts';
import { isToolFault, type ToolFault, toolFault } from './server-tools/tool-fault.ts';

const MAX_REDIRECTS = 5;
/** As long as the Messages API takes. */
const MAX_URL_LENGTH = 2_048;

/** All addresses of a name, as the system knows them. */
export type Lookup = (hostname: string) => Promise<readonly string[]>;

/** How the internet is reached. The defaults are the system's; another one is for tests. */
export interface WebAccess {
  readonly lookup?: Lookup;
  /** Addresses that are taken although they are not public. */
  readonly isExempt?: AddressCheck;
  /** Command of a process that makes an article of a page; without one a page is plain text. */
  readonly pageReader?: readonly string[];
}

export interface FetchRules {
  readonly domains: DomainRules;
  /** Ports beside 80 and 443. */
  readonly ports: readonly number[];
  /** Bytes that are read of a page. */
  readonly maxBytes: number;
  /** For everything together: names, redirects and bodies. */
  readonly timeoutMs: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly proxyFor?: (url: string) => Secret | undefined;
  /** A proxy is given names, not addresses that were checked here. */
  readonly proxyResolves?: boolean;
}

export interface Fetched extends BoundedAnswer {
  /** Where the redirects ended. */
  readonly url: URL;
}

/**
 * Gets a page for a model, which may have been told its URL by anybody: only http and https, the usual ports, no
 * credentials, and only hosts of which every address is public. The connection goes to an address that was checked, so
 * that a name cannot change its mind in between; each redirect is checked like the first URL. A proxy is asked for that
 * address too, not for the name, unless the rules say so. Never rejects.
 */
export async function guardedFetch(
  text: string,
  rules: FetchRules,
  access: WebAccess,
  signal: AbortSignal,
): Promise<Fetched | ToolFault> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(rules.timeoutMs)]);
  const isPublic = await loadAddressCheck();
  const check: AddressCheck = (address) => isPublic(address) || access.isExempt?.(address) === true;
  if (text.length > MAX_URL_LENGTH) return toolFault('url_too_long', `a URL has at most ${MAX_URL_LENGTH} characters`);
  let url = URL.parse(text);
  if (url === null) return toolFault('invalid_tool_input', 'this is not a URL');
  for (let hops = 0; hops <= MAX_REDIRECTS; hops += 1) {
    const fault = faultOf(url, rules);
    if (fault) return fault;
    const proxy = rules.proxyFor?.(url.href);
    const lookup = access.lookup ?? lookUp;
    const pinned =
      proxy && rules.proxyResolves
        ? await addressForProxy(url, lookup, check, deadline)
        : await addressesOf(url, lookup, check, deadline);
    if (pinned && 'code' in pinned) return pinned;
    const { maxBytes, headers } = rules;
    const answer = await boundedRequest({
      url,
      headers,
      maxBytes,
      signal: deadline,
      ...(pinned && { pinned }),
      ...(proxy && { proxy }),
    });
    if (isToolFault(answer)) return answer;
    const { location } = answer.headers;
    if (!isRedirect({ statusCode: answer.status }) || location === undefined) return { ...answer, url };
    url = URL.parse(location, url);
    if (url === null) return toolFault('url_not_accessible', 'it redirects to something that is not a URL');
  }
  return toolFault('url_not_accessible', `it redirects more than ${MAX_REDIRECTS} times`);
}

function faultOf(url: URL, rules: FetchRules): ToolFault | undefined {
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return toolFault('url_not_allowed', 'only http and https are fetched');
  if (url.username !== '' || url.password !== '')
    return toolFault('url_not_allowed', 'URLs with a user or password are not fetched');
  const port = url.port === '' ? undefined : Number(url.port);
  if (port !== undefined && port !== 80 && port !== 443 && !rules.ports.includes(port))
    return toolFault('url_not_allowed', `port ${port} is not allowed`);
  if (!isDomainAllowed(url, rules.domains)) return toolFault('url_not_allowed', `${url.hostname} is not allowed`);
  return undefined;
}

/** Told alike whether an address is private or a name leads to one: what is inside is nobody's business. */
const NOT_PUBLIC = toolFault('url_not_allowed', 'the host is not on the public internet');

async function addressesOf(
  url: URL,
  lookup: Lookup,
  check: AddressCheck,
  deadline: AbortSignal,
): Promise<readonly string[] | ToolFault> {
  const literal = literalAddress(url.hostname);
  if (literal !== undefined) return check(literal) ? [literal] : NOT_PUBLIC;
  let addresses: readonly string[] | undefined;
  try {
    addresses = await before(deadline, lookup(url.hostname));
  } catch {
    return toolFault('url_not_accessible', `${url.hostname} cannot be resolved`);
  }
  if (addresses.length === 0) return toolFault('url_not_accessible', `${url.hostname} cannot be resolved`);
  return addresses.every(check) ? addresses : NOT_PUBLIC;
}

/** How long is waited for what this machine knows of a name that the proxy resolves. */
const GLANCE_MS = 2_000;
/** Names that lead nowhere on the internet (RFC 6761, 6762, 8375, 9476), and what networks call their own. */
const INSIDE_NAME =
  /(?:^|\.)(?:localhost|local|localdomain|internal|intranet|private|corp|lan|home|home\.arpa|test|invalid|onion|alt)\.?$/i;

/**
 * For a proxy that resolves names itself, so that what it reaches cannot be checked: no address that is not public, no
 * name that stands for the inside of a network, and none of which this machine knows that it leads there.
 */
async function addressForProxy(
  url: URL,
  lookup: Lookup,
  check: AddressCheck,
  deadline: AbortSignal,
): Promise<readonly string[] | undefined | ToolFault> {
  const literal = literalAddress(url.hostname);
  if (literal !== undefined) return check(literal) ? [literal] : NOT_PUBLIC;
  const { hostname } = url;
  if (INSIDE_NAME.test(hostname) || !hostname.replace(/\.$/, '').includes('.')) return NOT_PUBLIC;
  const glance = AbortSignal.any([deadline, AbortSignal.timeout(GLANCE_MS)]);
  const known = await before(glance, lookup(hostname)).catch(() => []);
  return known.every(check) ? undefined : NOT_PUBLIC;
}

async function lookUp(hostname: string): Promise<readonly string[]> {
  return (await systemLookup(hostname, { all: true })).map(({ address }) => address);
}

function before<T>(deadline: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(deadline.reason as Error);
    if (deadline.aborted) return stop();
    deadline.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => deadline.removeEventListener('abort', stop));
  });
}
