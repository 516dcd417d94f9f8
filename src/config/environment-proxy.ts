import { BlockList, isIP, isIPv6 } from 'node:net';
import { Secret } from '../core/secret.ts';
import type { Endpoint } from '../core/target.ts';
import { isLoopback } from './endpoints.ts';
import type { Env } from './paths.ts';

/** The proxies that the user's environment names, as curl reads them. */
export interface EnvironmentProxies {
  /** For an endpoint that has no proxy of its own; `undefined` goes there directly. */
  proxyFor(endpoint: Pick<Endpoint, 'baseUrl' | 'local'>): Secret | undefined;
  /** What cannot be used, one line each. Never a value: it may hold a password. */
  readonly warnings: readonly string[];
}

const PROXY_SCHEME = /^(https?|socks5h?|socks4a?):$/;

/**
 * Reads `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`; the lower-case spelling wins. What is on this machine
 * or declared local is never behind a proxy.
 */
export function environmentProxies(env: Env): EnvironmentProxies {
  const warnings: string[] = [];
  const named = (name: string): Secret | undefined => {
    const variable = [name.toLowerCase(), name].find((one) => env[one]?.trim());
    if (variable === undefined) return undefined;
    const text = env[variable]?.trim() as string;
    const url = URL.parse(text.includes('://') ? text : `http://${text}`);
    if (url && PROXY_SCHEME.test(url.protocol) && url.hostname !== '')
      return new Secret(text.includes('://') ? text : `http://${text}`, `env:${variable}`);
    warnings.push(`${variable} is not a proxy URL and is left out`);
    return undefined;
  };
  const all = named('ALL_PROXY');
  const byScheme: Readonly<Record<string, Secret | undefined>> = {
    'https:': named('HTTPS_PROXY') ?? all,
    'http:': named('HTTP_PROXY') ?? all,
  };
  const exceptions = (env.no_proxy?.trim() || env.NO_PROXY || '').split(/[\s,]+/).filter((entry) => entry !== '');
  return {
    warnings,
    proxyFor({ baseUrl, local }) {
      const url = URL.parse(baseUrl);
      if (!url || local || isLoopback(baseUrl)) return undefined;
      const proxy = byScheme[url.protocol];
      return proxy && !exceptions.some((entry) => covers(entry, url)) ? proxy : undefined;
    },
  };
}

/** One entry of `NO_PROXY`: `*`, a name with all below it, an address, a range of addresses, each with a port or not. */
function covers(entry: string, url: URL): boolean {
  if (entry === '*') return true;
  const host = bare(url.hostname.toLowerCase());
  const range = /^(.+)\/(\d{1,3})$/.exec(entry);
  if (range) return inRange(host, bare(range[1] as string), Number(range[2]));
  const [name, port] = withPort(entry.toLowerCase());
  if (port !== undefined && port !== (url.port || (url.protocol === 'https:' ? '443' : '80'))) return false;
  if (isIP(name) || isIP(host)) return sameAddress(name, host);
  const suffix = name.replace(/^\*?\./, '');
  return suffix !== '' && (host === suffix || host.endsWith(`.${suffix}`));
}

function withPort(entry: string): [name: string, port: string | undefined] {
  if (isIPv6(entry)) return [entry, undefined];
  const [, name = entry, port] = /^(.*?)(?::(\d+))?$/.exec(entry) ?? [];
  return [bare(name), port];
}

/** Without the brackets of an IPv6 address and the dot that ends an absolute name. */
function bare(host: string): string {
  return host.replace(/^\[|\]$/g, '').replace(/\.$/, '');
}

function sameAddress(a: string, b: string): boolean {
  const family = isIP(a);
  return family !== 0 && family === isIP(b) && inRange(b, a, family === 6 ? 128 : 32);
}

function inRange(host: string, net: string, prefix: number): boolean {
  const family = isIP(net);
  if (family === 0 || family !== isIP(host) || prefix > (family === 6 ? 128 : 32)) return false;
  const list = new BlockList();
  const name = family === 6 ? 'ipv6' : 'ipv4';
  list.addSubnet(net, prefix, name);
  return list.check(host, name);
}
