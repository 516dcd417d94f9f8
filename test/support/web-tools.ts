import { expect, onTestFinished } from 'vitest';
import type { WebTools } from '../../src/core/snapshot.ts';
import type { ProtocolId } from '../../src/core/target.ts';
import { post } from './http-client.ts';
import type { Reply, Step } from './reply.ts';
import { type ScriptedUpstream, startUpstream } from './scripted-upstream.ts';
import { type ScriptedWeb, type SiteHandler, startWeb } from './scripted-web.ts';
import { startGateway, type TestGateway, type TestProvider } from './test-gateway.ts';

export const PROTOCOLS: readonly ProtocolId[] = ['anthropic-messages', 'openai-chat'];
export const SEARCH_TOOL = { type: 'web_search_20250305', name: 'web_search', max_uses: 8 };
export const FETCH_TOOL = { type: 'web_fetch_20250910', name: 'web_fetch' };

export interface World {
  readonly upstream: ScriptedUpstream;
  readonly web: ScriptedWeb;
  readonly gateway: TestGateway;
  ask(fields?: Record<string, unknown>): ReturnType<typeof post>;
  readonly url: string;
}

export interface WorldOptions {
  readonly protocol?: ProtocolId;
  readonly steps: readonly Step[];
  /** Instead of steps: the answer to everything. */
  readonly reply?: Reply;
  readonly provider?: Partial<TestProvider>;
  readonly tools?: Partial<WebTools>;
  readonly site?: SiteHandler;
}

/** SearXNG at `/search`, pages elsewhere. */
export const SITE: SiteHandler = ({ url }, res) => {
  if (url.pathname === '/search') {
    const results = ['a', 'b', 'c'].map((name) => ({
      url: `https://${name}.example/page`,
      title: `Page <b>${name}</b> &amp; more`,
      content: `about ${url.searchParams.get('q')} by ${name}`,
      publishedDate: name === 'a' ? '2026-11-01' : null,
    }));
    res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ results }));
  } else res.writeHead(200, { 'content-type': 'text/html' }).end('<title>T</title><p>words of the page</p>');
};

/** A gateway that runs web tools, with a model, an engine and pages. */
export async function startWorld({
  protocol = 'anthropic-messages',
  steps,
  reply,
  provider,
  tools,
  site = SITE,
}: WorldOptions): Promise<World> {
  const web = await startWeb(site);
  const upstream = await startUpstream({
    name: 'one',
    scripts: { it: steps },
    ...(reply ? { handler: () => reply } : {}),
  });
  onTestFinished(() => upstream.close());
  const gateway = await startGateway(
    { one: { url: upstream.url, protocol, ...provider } },
    { webAccess: web.access, settings: { pingMs: 0 } },
  );
  const webTools: WebTools = {
    search: { engine: 'searxng', baseUrl: web.origin, maxResults: 2, timeoutMs: 2_000 },
    fetch: {
      knownUrlsOnly: true,
      ports: [web.port],
      maxBytes: 100_000,
      maxChars: 10_000,
      timeoutMs: 2_000,
      proxyResolves: false,
    },
    allowedDomains: [],
    blockedDomains: [],
    maxUses: 5,
    ...tools,
  };
  gateway.gateway.snapshot = { ...gateway.gateway.snapshot, webTools };
  const url = `${gateway.urlOf(gateway.open('one'))}/v1/messages?beta=true`;
  const ask = (fields: Record<string, unknown> = {}) => post(url, request(fields));
  onTestFinished(() => expect(gateway.internalErrors).toEqual([]));
  return { upstream, web, gateway, ask, url };
}

/** A search as the client asks for it. */
export const request = (fields: Record<string, unknown> = {}) => ({
  model: 'claude-sonnet-5',
  max_tokens: 1_000,
  stream: true,
  tool_choice: { type: 'auto' },
  tools: [SEARCH_TOOL],
  messages: [{ role: 'user', content: 'Perform a web search for the query: tides. play:it' }],
  ...fields,
});

/** Calls of a scripted model. */
export const search = (query: string, id = 'call_1') => ({ tool: 'web_search', input: { query }, id });
export const fetchPage = (url: string, id = 'call_1') => ({ tool: 'web_fetch', input: { url }, id });

/** Whole blocks of a stream, with what their deltas brought. */
export function blocksOf(text: string): Record<string, unknown>[] {
  const events = [...text.matchAll(/^data: (.+)$/gm)].map((found) => JSON.parse(found[1] as string));
  return events
    .filter(({ type }) => type === 'content_block_start')
    .map(({ index, content_block: block }) => {
      const deltas = events.filter((event) => event.type === 'content_block_delta' && event.index === index);
      const json = deltas.map(({ delta }) => delta.partial_json ?? '').join('');
      const text = deltas.map(({ delta }) => delta.text ?? '').join('');
      return { ...block, ...(json ? { input: JSON.parse(json) } : {}), ...(block.type === 'text' ? { text } : {}) };
    });
}

export const typesOf = (blocks: readonly Record<string, unknown>[]) => blocks.map(({ type }) => type);
export const contentOf = (answer: Awaited<ReturnType<typeof post>>) =>
  answer.json().content as Record<string, unknown>[];
/** Content of a result that is an error. */
export const errorOf = (block: Record<string, unknown> | undefined) =>
  block?.content as { type: string; error_code: string };
/** What the model was told before this turn. */
export const toolResult = (upstream: ScriptedUpstream, turn: number) =>
  JSON.stringify(upstream.turns()[turn]?.body?.messages?.at(-1));
