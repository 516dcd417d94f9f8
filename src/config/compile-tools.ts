import type { Secret } from '../core/secret.ts';
import type { CacheSettings, SearchEngine, WebFetch, WebSearch, WebTools } from '../core/snapshot.ts';
import { proxyOf } from './compile-provider.ts';
import { isLoopback } from './endpoints.ts';
import type { EnvironmentProxies } from './environment-proxy.ts';
import type { Remarks } from './remarks.ts';
import type { RawConfig } from './schema.ts';
import type { Secrets } from './secrets.ts';

/** What holds where `cache` and `web_tools` say nothing. */
export const TOOL_DEFAULTS = {
  cache: { enabled: false, max_entries: 500, max_bytes: 64 << 20, ttl_s: 3_600 },
  web_tools: {
    fetch: {
      enabled: false,
      known_urls_only: true,
      ports: [],
      max_bytes: 2 << 20,
      max_chars: 100_000,
      timeout_ms: 20_000,
      proxy_resolves: false,
    },
    allowed_domains: [],
    blocked_domains: [],
    max_uses: 10,
  },
} satisfies RawConfig;
const { cache: CACHE, web_tools: TOOLS } = TOOL_DEFAULTS;
const SEARCH = { max_results: 8, timeout_ms: 15_000 } as const;

interface Engine {
  readonly baseUrl?: string;
  /** Variables that hold its key; none needs one where there are none. */
  readonly keyVariables: readonly string[];
}

const ENGINES: Readonly<Record<SearchEngine, Engine>> = {
  searxng: { keyVariables: [] },
  brave: { baseUrl: 'https://api.search.brave.com', keyVariables: ['BRAVE_SEARCH_API_KEY', 'BRAVE_API_KEY'] },
  tavily: { baseUrl: 'https://api.tavily.com', keyVariables: ['TAVILY_API_KEY'] },
  exa: { baseUrl: 'https://api.exa.ai', keyVariables: ['EXA_API_KEY'] },
  duckduckgo: { baseUrl: 'https://html.duckduckgo.com', keyVariables: [] },
};

export function cacheOf({ cache }: RawConfig): { cache?: CacheSettings } {
  if (!cache?.enabled) return {};
  return {
    cache: Object.freeze({
      maxEntries: cache.max_entries ?? CACHE.max_entries,
      maxBytes: cache.max_bytes ?? CACHE.max_bytes,
      ttlMs: (cache.ttl_s ?? CACHE.ttl_s) * 1000,
    }),
  };
}

type ProxyFor = (url: string) => Secret | undefined;

/** The tools that are switched on. A search without what it needs is told and stays off. */
export function webToolsOf(
  { web_tools: raw }: RawConfig,
  secrets: Secrets,
  remarks: Remarks,
  proxies?: EnvironmentProxies,
): { webTools?: WebTools } {
  const proxyFor = proxyForOf(raw?.proxy, secrets, remarks, proxies);
  if (!proxyFor) return {};
  const search = raw?.search && searchOf(raw.search, secrets, remarks, proxyFor);
  const fetch = raw?.fetch?.enabled ? fetchOf(raw.fetch, proxyFor) : undefined;
  if (!raw || (!search && !fetch)) return {};
  return {
    webTools: Object.freeze({
      ...(search ? { search } : {}),
      ...(fetch ? { fetch } : {}),
      allowedDomains: raw.allowed_domains ?? [],
      blockedDomains: raw.blocked_domains ?? [],
      maxUses: raw.max_uses ?? TOOLS.max_uses,
    }),
  };
}

/** The proxy that is written, else those of the environment; `undefined` when what is written leads nowhere: then nothing
 * may pass it by. */
function proxyForOf(
  written: string | undefined,
  secrets: Secrets,
  remarks: Remarks,
  proxies: EnvironmentProxies | undefined,
): ProxyFor | undefined {
  if (written === undefined) return (url) => proxies?.proxyFor({ baseUrl: url, local: false });
  const found = proxyOf(written, secrets);
  if ('secret' in found) return (url) => (isLoopback(url) ? undefined : found.secret);
  remarks.warn({ path: ['web_tools', 'proxy'], what: `the proxy is not known: ${found.missing}. Web tools stay off` });
  return undefined;
}

type RawTools = NonNullable<RawConfig['web_tools']>;

function searchOf(
  raw: NonNullable<RawTools['search']>,
  secrets: Secrets,
  remarks: Remarks,
  proxyFor: ProxyFor,
): WebSearch | undefined {
  const { engine } = raw;
  const { baseUrl = undefined, keyVariables } = ENGINES[engine];
  const path = ['web_tools', 'search'];
  const url = raw.base_url ?? baseUrl;
  if (url === undefined) {
    remarks.fault({ path, what: `${engine} needs a base_url: the address of your own instance` });
    return undefined;
  }
  const found = raw.key === undefined ? undefined : secrets.resolve(raw.key);
  const key = found === undefined ? secrets.variable(keyVariables) : 'secret' in found ? found.secret : undefined;
  if (key === undefined && (keyVariables.length > 0 || found !== undefined)) {
    const why = found && 'missing' in found ? found.missing : `set ${keyVariables.join(' or ')}, or write key here`;
    remarks.warn({ path, what: `${engine} has no key: ${why}. Searches stay off` });
    return undefined;
  }
  const proxy = proxyFor(url);
  return Object.freeze({
    engine,
    baseUrl: url.replace(/\/+$/, ''),
    ...(key ? { key } : {}),
    maxResults: raw.max_results ?? SEARCH.max_results,
    timeoutMs: raw.timeout_ms || SEARCH.timeout_ms,
    ...(proxy && { proxy }),
  });
}

function fetchOf(raw: NonNullable<RawTools['fetch']>, proxyFor: ProxyFor): WebFetch {
  return Object.freeze({
    knownUrlsOnly: raw.known_urls_only ?? TOOLS.fetch.known_urls_only,
    ports: raw.ports ?? [],
    maxBytes: raw.max_bytes ?? TOOLS.fetch.max_bytes,
    maxChars: raw.max_chars ?? TOOLS.fetch.max_chars,
    timeoutMs: raw.timeout_ms || TOOLS.fetch.timeout_ms,
    proxyFor,
    proxyResolves: raw.proxy_resolves ?? TOOLS.fetch.proxy_resolves,
  });
}
