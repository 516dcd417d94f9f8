import { type CatalogueEntry, endpointsIn } from '../catalogue/provider.ts';
import { nearest } from '../core/nearest.ts';
import type { Endpoint, ProtocolId } from '../core/target.ts';
import type { Remarks } from './remarks.ts';
import type { RawProvider } from './schema.ts';
import type { Path } from './source.ts';

/** Where a provider is: the catalogue's places, as the configuration changes them. The first is preferred. */
export function endpointsOf(
  id: string,
  entry: CatalogueEntry | undefined,
  raw: RawProvider,
  path: Path,
  remarks: Remarks,
): readonly Endpoint[] {
  let endpoints: readonly Endpoint[] = entry?.endpoints ?? [];
  if (raw.region !== undefined) endpoints = inRegion(entry, raw.region, endpoints, path, remarks);
  if (raw.base_url !== undefined) endpoints = atBaseUrl(raw, raw.base_url, endpoints, path, remarks);
  for (const protocol of ['anthropic-messages', 'openai-chat'] as const) {
    const own = raw.endpoints?.[protocol];
    if (!own) continue;
    const before = endpoints.find((endpoint) => endpoint.protocol === protocol);
    const made = endpointAt(protocol, own.base_url, own.auth ?? before?.auth);
    endpoints = before ? endpoints.map((one) => (one === before ? made : one)) : [...endpoints, made];
  }
  if (endpoints.length === 0 && raw.base_url === undefined) {
    remarks.fault({ path, what: `"${id}" is no known provider, so it needs protocol and base_url` });
  }
  const auth = raw.auth?.type;
  const { local } = raw;
  endpoints = endpoints.map((endpoint) => ({
    ...endpoint,
    ...(auth !== undefined && auth !== 'none' ? { auth } : {}),
    ...(local !== undefined ? { local } : {}),
  }));
  if (raw.protocol !== undefined && raw.base_url === undefined && endpoints.length > 0) {
    const wanted = endpoints.filter((endpoint) => endpoint.protocol === raw.protocol);
    if (wanted.length === 0) {
      const what = `${id} has no endpoint for ${raw.protocol}; it has ${endpoints.map((one) => one.protocol).join(', ')}`;
      remarks.fault({ path: [...path, 'protocol'], what });
    }
  }
  return preferred(endpoints, raw.protocol);
}

/** The endpoints with those of a protocol first. */
function preferred(endpoints: readonly Endpoint[], protocol: ProtocolId | undefined): readonly Endpoint[] {
  if (protocol === undefined) return endpoints;
  const rank = (endpoint: Endpoint): number => (endpoint.protocol === protocol ? 0 : 1);
  return endpoints.toSorted((a, b) => rank(a) - rank(b));
}

function inRegion(
  entry: CatalogueEntry | undefined,
  region: string,
  otherwise: readonly Endpoint[],
  path: Path,
  remarks: Remarks,
): readonly Endpoint[] {
  const found = entry && endpointsIn(entry, region);
  if (found && found.length > 0) return found;
  const regions = Object.keys(entry?.regions ?? {});
  const what = regions.length > 0 ? `must be one of ${regions.join(', ')}` : 'this provider has no regions';
  remarks.fault({ path: [...path, 'region'], what, suggestion: nearest(region, regions) });
  return otherwise;
}

function atBaseUrl(
  raw: RawProvider,
  baseUrl: string,
  known: readonly Endpoint[],
  path: Path,
  remarks: Remarks,
): readonly Endpoint[] {
  const [only] = known;
  const { protocol } = raw;
  if (!only) {
    if (protocol !== undefined) return [endpointAt(protocol, baseUrl)];
    remarks.fault({ path, what: 'protocol is missing: anthropic-messages or openai-chat' });
    return [];
  }
  if (protocol !== undefined) {
    const before = known.find((endpoint) => endpoint.protocol === protocol);
    const made = endpointAt(protocol, baseUrl, before?.auth);
    return before ? known.map((one) => (one === before ? made : one)) : [made, ...known];
  }
  if (known.length === 1) return [endpointAt(only.protocol, baseUrl, only.auth)];
  const url = new URL(baseUrl);
  const sameOrigin = known.every((one) => new URL(one.baseUrl).origin === new URL(only.baseUrl).origin);
  if (sameOrigin && url.pathname === '/') return known.map((endpoint) => movedTo(endpoint, url.origin));
  const what = `belongs to several protocols: write it below endpoints (${known.map((one) => one.protocol).join(', ')})`;
  remarks.fault({ path: [...path, 'base_url'], what });
  return known;
}

function endpointAt(protocol: ProtocolId, baseUrl: string, auth?: Endpoint['auth']): Endpoint {
  const header = auth ?? (protocol === 'anthropic-messages' ? 'x-api-key' : 'bearer');
  return { protocol, baseUrl: baseUrl.replace(/\/+$/, ''), auth: header, local: isLoopback(baseUrl) };
}

function movedTo(endpoint: Endpoint, origin: string): Endpoint {
  const { pathname } = new URL(endpoint.baseUrl);
  const baseUrl = (origin + pathname).replace(/\/+$/, '');
  return { ...endpoint, baseUrl, local: endpoint.local || isLoopback(origin) };
}

export function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/**
 * The client's own login goes where the catalogue says. A base URL of the user's keeps it only on this machine (a proxy
 * of the user's own); at any other address the provider works with a key.
 */
export function keepsLogin(entry: CatalogueEntry | undefined, endpoints: readonly Endpoint[]): boolean {
  if (!entry) return false;
  const declared = new Set(entry.endpoints.map((endpoint) => new URL(endpoint.baseUrl).origin));
  return endpoints.every(({ baseUrl }) => declared.has(new URL(baseUrl).origin) || isLoopback(baseUrl));
}
