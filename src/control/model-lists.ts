import type { OutgoingHttpHeaders } from 'node:http';
import { MidswapError } from '../core/errors.ts';
import type { Endpoint, Target } from '../core/target.ts';
import { getText } from './get-text.ts';
import { type LiveModel, readModelList } from './model-list-format.ts';

export interface FetchListOptions {
  /** A target at the provider: its credential and its proxy are those of its requests. */
  readonly target: Target;
  readonly endpoints: readonly Endpoint[];
  /** Address of an endpoint: that of the built-in provider is known at run time only. */
  originOf?(baseUrl: string): Promise<string>;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;
const MAX_BYTES = 16 << 20;

/**
 * The models that a provider says it has, from its own list. Each of its protocols has one at a known path; the first
 * that answers counts. Throws `upstream_failed` when none does, and `no_credential`.
 */
export async function fetchModelList(options: FetchListOptions): Promise<readonly LiveModel[]> {
  const { credential, provider } = options.target;
  if (credential.kind === 'missing') throw new MidswapError('no_credential', `${provider}: ${credential.reason}`);
  // The list of a chat endpoint tells more than that of a Messages endpoint, where a provider has both.
  const endpoints = options.endpoints.toSorted((a, b) => rank(a) - rank(b));
  const problems: string[] = [];
  for (const endpoint of endpoints) {
    try {
      return readModelList(await getList(endpoint, options));
    } catch (thrown) {
      problems.push(`${hostOf(endpoint.baseUrl)}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    }
  }
  throw new MidswapError('upstream_failed', `${provider} gives no list of its models: ${problems.join('; ')}`);
}

function rank({ protocol }: Endpoint): number {
  return protocol === 'openai-chat' ? 0 : 1;
}

async function getList(endpoint: Endpoint, options: FetchListOptions): Promise<unknown> {
  const origin = options.originOf ? await options.originOf(endpoint.baseUrl) : endpoint.baseUrl;
  const path = endpoint.protocol === 'openai-chat' ? '/models' : '/v1/models?limit=1000';
  const url = new URL(`${origin.replace(/\/+$/, '')}${path}`);
  const { target, timeoutMs = TIMEOUT_MS } = options;
  const headers = headersFor(endpoint, target);
  const answer = await getText(url, { headers, proxy: target.proxy, timeoutMs, maxBytes: MAX_BYTES });
  if (answer.status !== 200) throw new Error(`status ${answer.status}`);
  return JSON.parse(answer.text) as unknown;
}

function headersFor(endpoint: Endpoint, { credential }: Target): OutgoingHttpHeaders {
  const base = {
    accept: 'application/json',
    ...(endpoint.protocol === 'anthropic-messages' && { 'anthropic-version': '2023-06-01' }),
  };
  if (credential.kind !== 'keys') return base;
  const url = new URL(endpoint.baseUrl);
  if (url.protocol !== 'https:' && !endpoint.local && !/^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname)) {
    throw new Error('the key is not sent without encryption');
  }
  const key = credential.keys[0].reveal();
  return endpoint.auth === 'bearer' ? { ...base, authorization: `Bearer ${key}` } : { ...base, [endpoint.auth]: key };
}

function hostOf(baseUrl: string): string {
  return URL.canParse(baseUrl) ? new URL(baseUrl).host : baseUrl;
}
