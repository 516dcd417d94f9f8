import { type EnvironmentProxies, environmentProxies } from '../config/environment-proxy.ts';
import { MidswapError } from '../core/errors.ts';
import { getText } from './get-text.ts';

export interface DownloadOptions {
  /** Its proxies hold as they do for providers: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Told of a proxy that cannot be used, one line each. */
  readonly onWarning?: (warning: string) => void;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 60_000;
const MAX_BYTES = 32 << 20;
const MAX_REDIRECTS = 5;
const REDIRECTS = [301, 302, 303, 307, 308];

/**
 * A document from the web. Redirects are followed, a few of them, and never from an encrypted connection to an open one.
 * Throws `upstream_failed`, which says at which address it went wrong.
 */
export async function download(start: URL, options: DownloadOptions): Promise<string> {
  const proxies = environmentProxies(options.env);
  for (const warning of proxies.warnings) options.onWarning?.(warning);
  const endAtMs = performance.now() + (options.timeoutMs ?? TIMEOUT_MS);
  let url = start;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const { status, location, text } = await look(url, proxies, endAtMs - performance.now());
    if (status === 200) return text;
    if (!REDIRECTS.includes(status)) throw failed(url, `status ${status}`);
    url = redirectOf(url, location);
  }
  throw failed(start, `more than ${MAX_REDIRECTS} redirects`);
}

async function look(url: URL, proxies: EnvironmentProxies, timeoutMs: number) {
  const proxy = proxies.proxyFor({ baseUrl: url.href, local: false });
  try {
    if (timeoutMs <= 0) throw new Error('no time was left for it');
    return await getText(url, { headers: { accept: 'application/json' }, proxy, timeoutMs, maxBytes: MAX_BYTES });
  } catch (thrown) {
    throw failed(url, thrown instanceof Error ? thrown.message : String(thrown), proxy?.origin);
  }
}

function redirectOf(from: URL, location: string | undefined): URL {
  const to = location === undefined ? null : URL.parse(location, from);
  if (!to) throw failed(from, 'its redirect leads nowhere');
  if (!/^https?:$/.test(to.protocol) || to.username !== '' || to.password !== '') {
    throw failed(from, 'its redirect is no plain web address, and is not followed');
  }
  if (from.protocol === 'https:' && to.protocol !== 'https:') {
    throw failed(from, `its redirect to ${to.host} would not be encrypted, and is not followed`);
  }
  return to;
}

function failed(url: URL, why: string, proxy?: string): MidswapError {
  const via = proxy === undefined ? '' : ` through the proxy of ${proxy.replace(/^env:/, '')}`;
  return new MidswapError('upstream_failed', `cannot fetch ${url.host}${url.pathname}${via}: ${why}`, {
    hint: 'What was known of models before still holds.',
  });
}
