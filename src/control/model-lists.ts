import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { MidswapError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import type { Endpoint, Target } from '../core/target.ts';
import { openSocket, originOf } from '../gateway/dial.ts';
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
const DOWNLOAD_TIMEOUT_MS = 60_000;
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

/** A document from the web. Throws `upstream_failed`. */
export async function download(url: URL): Promise<string> {
  try {
    const { status, text } = await get(url, { accept: 'application/json' }, undefined, DOWNLOAD_TIMEOUT_MS);
    if (status === 200) return text;
    throw new Error(`status ${status}`);
  } catch (thrown) {
    throw new MidswapError('upstream_failed', `cannot fetch ${url.host}${url.pathname}: ${(thrown as Error).message}`);
  }
}

function rank({ protocol }: Endpoint): number {
  return protocol === 'openai-chat' ? 0 : 1;
}

async function getList(endpoint: Endpoint, options: FetchListOptions): Promise<unknown> {
  const origin = options.originOf ? await options.originOf(endpoint.baseUrl) : endpoint.baseUrl;
  const path = endpoint.protocol === 'openai-chat' ? '/models' : '/v1/models?limit=1000';
  const url = new URL(`${origin.replace(/\/+$/, '')}${path}`);
  const { target, timeoutMs = TIMEOUT_MS } = options;
  const answer = await get(url, headersFor(endpoint, target), target.proxy, timeoutMs);
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

async function get(
  url: URL,
  headers: OutgoingHttpHeaders,
  proxy: Secret | undefined,
  timeoutMs: number,
): Promise<{ readonly status: number; readonly text: string }> {
  const tunnel = proxy && (await openSocket(originOf(url, proxy), timeoutMs));
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const way = tunnel ? { createConnection: () => tunnel.resume() } : { agent: false };
    const outgoing = send(url, { headers: { ...headers, connection: 'close' }, ...way }, (incoming) => {
      collect(incoming).then((text) => resolve({ status: incoming.statusCode ?? 0, text }), reject);
    });
    const deadline = setTimeout(() => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    outgoing.on('error', (error: NodeJS.ErrnoException) => reject(new Error(error.message || error.code)));
    outgoing.on('close', () => clearTimeout(deadline));
    outgoing.end();
  });
}

async function collect(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    size += (chunk as Buffer).length;
    if (size > MAX_BYTES) throw new Error('the list is too large');
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function hostOf(baseUrl: string): string {
  return URL.canParse(baseUrl) ? new URL(baseUrl).host : baseUrl;
}
