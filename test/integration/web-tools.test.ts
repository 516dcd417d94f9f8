import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import type { WebTools } from '../../src/core/snapshot.ts';
import type { ProtocolId } from '../../src/core/target.ts';
import { post, send } from '../support/http-client.ts';
import { checkMessages } from '../support/messages-grammar.ts';
import type { Reply, Step } from '../support/reply.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';
import { type ScriptedWeb, type SiteHandler, startWeb } from '../support/scripted-web.ts';
import { startGateway, type TestGateway, type TestProvider } from '../support/test-gateway.ts';

const PROTOCOLS: readonly ProtocolId[] = ['anthropic-messages', 'openai-chat'];
const SEARCH_TOOL = { type: 'web_search_20250305', name: 'web_search', max_uses: 8 };
const FETCH_TOOL = { type: 'web_fetch_20250910', name: 'web_fetch' };

interface World {
  readonly upstream: ScriptedUpstream;
  readonly web: ScriptedWeb;
  readonly gateway: TestGateway;
  ask(fields?: Record<string, unknown>): ReturnType<typeof post>;
  readonly url: string;
}

let world: World | undefined;
afterEach(() => expect(world?.gateway.internalErrors ?? []).toEqual([]));

interface WorldOptions {
  readonly protocol?: ProtocolId;
  readonly steps: readonly Step[];
  /** Instead of steps: the answer to everything. */
  readonly reply?: Reply;
  readonly provider?: Partial<TestProvider>;
  readonly tools?: Partial<WebTools>;
  readonly site?: SiteHandler;
}

/** SearXNG at `/search`, pages elsewhere. */
const SITE: SiteHandler = ({ url }, res) => {
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

async function start({ protocol = 'anthropic-messages', steps, reply, provider, tools, site = SITE }: WorldOptions) {
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
    fetch: { knownUrlsOnly: true, ports: [web.port], maxBytes: 100_000, maxChars: 10_000, timeoutMs: 2_000 },
    allowedDomains: [],
    blockedDomains: [],
    maxUses: 5,
    ...tools,
  };
  gateway.gateway.snapshot = { ...gateway.gateway.snapshot, webTools };
  const url = `${gateway.urlOf(gateway.open('one'))}/v1/messages?beta=true`;
  const ask = (fields: Record<string, unknown> = {}) => post(url, request(fields));
  world = { upstream, web, gateway, ask, url };
  return world;
}

const request = (fields: Record<string, unknown> = {}) => ({
  model: 'claude-sonnet-5',
  max_tokens: 1_000,
  stream: true,
  tool_choice: { type: 'auto' },
  tools: [SEARCH_TOOL],
  messages: [{ role: 'user', content: 'Perform a web search for the query: tides. play:it' }],
  ...fields,
});

const search = (query: string, id = 'call_1') => ({ tool: 'web_search', input: { query }, id });
const fetch = (url: string, id = 'call_1') => ({ tool: 'web_fetch', input: { url }, id });

/** Whole blocks of a stream, with what their deltas brought. */
function blocksOf(text: string): Record<string, unknown>[] {
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

const typesOf = (blocks: readonly Record<string, unknown>[]) => blocks.map(({ type }) => type);
const contentOf = (answer: Awaited<ReturnType<typeof post>>) => answer.json().content as Record<string, unknown>[];
const errorOf = (block: Record<string, unknown> | undefined) => block?.content as { type: string; error_code: string };
const toolResult = (upstream: ScriptedUpstream, turn: number) =>
  JSON.stringify(upstream.turns()[turn]?.body?.messages?.at(-1));

describe.each(PROTOCOLS)('a search over %s', (protocol) => {
  const steps = [['Let me look. ', search('high tides')], 'They come twice a day.'];

  it('is run by the gateway and told to the client as a server tool', async () => {
    const { upstream, web, ask } = await start({ protocol, steps });
    const answer = await ask();
    const checked = checkMessages(answer.body);
    expect(checked).toMatchObject({ problems: [], complete: true, stopReason: 'end_turn', model: 'claude-sonnet-5' });
    const blocks = blocksOf(answer.text);
    expect(typesOf(blocks)).toEqual(['text', 'server_tool_use', 'web_search_tool_result', 'text']);
    const [, use, result, text] = blocks;
    expect(use).toMatchObject({ name: 'web_search', input: { query: 'high tides' } });
    expect(use?.id).toMatch(/^srvtoolu_[A-Za-z0-9]+$/);
    expect(result).toMatchObject({ tool_use_id: use?.id });
    expect(result?.content).toEqual([
      {
        type: 'web_search_result',
        url: 'https://a.example/page',
        title: 'Page a & more',
        encrypted_content: expect.any(String),
        page_age: '2026-11-01',
      },
      expect.objectContaining({ url: 'https://b.example/page', page_age: null }),
    ]);
    expect(text).toMatchObject({ text: 'They come twice a day.' });
    expect(checked.usage.server_tool_use).toEqual({ web_search_requests: 1, web_fetch_requests: 0 });
    expect(web.requests.map(({ url }) => url.searchParams.get('q'))).toEqual(['high tides']);
    expect(upstream.turns()).toHaveLength(2);
  });

  it('is a message without stream when none was asked for', async () => {
    const { ask } = await start({ protocol, steps });
    const answer = await ask({ stream: false });
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.json()).toMatchObject({ type: 'message', role: 'assistant', stop_reason: 'end_turn' });
    const blocks = contentOf(answer);
    expect(typesOf(blocks)).toEqual(['text', 'server_tool_use', 'web_search_tool_result', 'text']);
    expect(blocks[1]).toMatchObject({ input: { query: 'high tides' } });
    expect(answer.json().usage).toMatchObject({ server_tool_use: { web_search_requests: 1 } });
  });

  it('is a function to the model, whose results it gets with its own call', async () => {
    const { upstream, ask } = await start({ protocol, steps });
    await ask();
    const [first, second] = upstream.turns();
    expect(JSON.stringify(first?.body?.tools)).toContain('"query"');
    expect(JSON.stringify(first?.body)).not.toContain('web_search_20250305');
    expect(first?.body?.stream).toBe(true);
    const told = JSON.stringify(second?.body?.messages);
    for (const words of [
      'Let me look. ',
      'high tides',
      'Page a & more',
      'https://b.example/page',
      'about high tides by a',
    ])
      expect(told).toContain(words);
    expect(second?.body?.messages?.slice(0, first?.body?.messages?.length)).toEqual(first?.body?.messages);
  });

  it('sums the usage of all requests, for the client and for the record', async () => {
    const { ask, gateway, upstream } = await start({ protocol, steps });
    const { usage } = checkMessages((await ask()).body);
    const [record] = gateway.records;
    expect(upstream.turns()).toHaveLength(2);
    expect(usage.input_tokens).toBe(record?.usage.inputTokens);
    expect(usage.output_tokens).toBe(record?.usage.outputTokens);
    const alone = await start({ protocol, steps: ['They come twice a day.'] });
    await alone.ask();
    expect(record?.usage.inputTokens).toBeGreaterThan(2 * (alone.gateway.records[0]?.usage.inputTokens ?? 0));
    expect(record).toMatchObject({ outcome: 'ok', status: 200 });
    expect(record?.attempts).toHaveLength(1);
  });

  it('keeps the thinking of the model on its way back to it', async () => {
    const { upstream, ask } = await start({
      protocol,
      steps: [[{ thinking: 'hm, tides', signature: 'c2lnbmF0dXJlLW9mLW9uZQ==' }, search('x')], 'done'],
      provider: {
        quirks: { chat: { reasoningField: 'reasoning_content', reasoningReplay: 'always' } },
      },
    });
    const blocks = blocksOf((await ask({ thinking: { type: 'enabled', budget_tokens: 1_024 } })).text);
    expect(typesOf(blocks)).toEqual(['thinking', 'server_tool_use', 'web_search_tool_result', 'text']);
    expect(JSON.stringify(upstream.turns()[1]?.body?.messages)).toContain('hm, tides');
  });
});

describe('several calls', () => {
  it('of one step are run together and told in their order', async () => {
    let running = 0;
    let most = 0;
    const { ask, upstream } = await start({
      steps: [[search('one', 'c1'), search('two', 'c2')], 'done'],
      site: async (asked, res) => {
        most = Math.max(most, ++running);
        await sleep(asked.url.searchParams.get('q') === 'one' ? 80 : 40);
        running -= 1;
        SITE(asked, res);
      },
    });
    const answer = await ask();
    expect(checkMessages(answer.body).problems).toEqual([]);
    const blocks = blocksOf(answer.text);
    expect(typesOf(blocks)).toEqual([
      'server_tool_use',
      'server_tool_use',
      'web_search_tool_result',
      'web_search_tool_result',
      'text',
    ]);
    expect(blocks[2]?.tool_use_id).toBe(blocks[0]?.id);
    expect(blocks[3]?.tool_use_id).toBe(blocks[1]?.id);
    expect(most).toBe(2);
    expect(toolResult(upstream, 1)).toMatch(/about one.*about two/s);
  });

  it('one after the other are one message', async () => {
    const { ask, upstream } = await start({ steps: [search('one'), ['more ', search('two', 'c2')], 'done'] });
    const answer = await ask();
    expect(checkMessages(answer.body)).toMatchObject({
      problems: [],
      usage: { server_tool_use: { web_search_requests: 2, web_fetch_requests: 0 } },
    });
    expect(upstream.turns()).toHaveLength(3);
  });

  it('end where the request or the configuration wants it: the model is told, and then left no choice', async () => {
    const steps = [search('1', 'a'), [search('2', 'b'), search('3', 'c')], 'done'];
    const { ask, upstream, web } = await start({ steps, tools: { maxUses: 9 } });
    const blocks = blocksOf((await ask({ tools: [{ ...SEARCH_TOOL, max_uses: 2 }] })).text);
    expect(errorOf(blocks.at(-2))).toEqual({ type: 'web_search_tool_result_error', error_code: 'max_uses_exceeded' });
    expect(web.requests).toHaveLength(2);
    expect(toolResult(upstream, 2)).toContain('max_uses_exceeded');
    expect(upstream.turns()[2]?.body?.tool_choice).toEqual({ type: 'none' });
  });

  it('without end come to one', async () => {
    const steps = Array.from({ length: 40 }, (_, i) => search(String(i), `c${i}`));
    const { ask, upstream, web } = await start({ steps });
    const answer = await ask();
    expect(checkMessages(answer.body)).toMatchObject({ problems: [], complete: true, stopReason: 'end_turn' });
    expect(web.requests).toHaveLength(5);
    expect(upstream.turns()).toHaveLength(20);
  });

  it('of a tool of the client end the message: it has to answer first', async () => {
    const bash = { name: 'Bash', input_schema: { type: 'object' } };
    const steps = [[search('one', 'c1'), { tool: 'Bash', input: { command: 'ls' }, id: 'toolu_bash0001' }]];
    const { ask, upstream } = await start({ steps });
    const answer = await ask({ tools: [bash, SEARCH_TOOL] });
    expect(checkMessages(answer.body)).toMatchObject({ problems: [], complete: true, stopReason: 'tool_use' });
    const blocks = blocksOf(answer.text);
    expect(typesOf(blocks)).toEqual(['server_tool_use', 'web_search_tool_result', 'tool_use']);
    expect(blocks[2]).toMatchObject({ id: 'toolu_bash0001', name: 'Bash', input: { command: 'ls' } });
    expect(upstream.turns()).toHaveLength(1);
  });

  it('that are forced are forced once', async () => {
    const { ask, upstream } = await start({ steps: [search('one'), 'done'] });
    await ask({ tool_choice: { type: 'tool', name: 'web_search' } });
    const choices = upstream.turns().map(({ body }) => (body?.tool_choice as { type?: string } | undefined)?.type);
    expect(choices).toEqual(['tool', undefined]);
  });
});

describe('a call that fails is told as the API tells it', () => {
  const errorFor = async (
    options: Omit<WorldOptions, 'steps'>,
    step: Step = search('x'),
    tools: unknown = [SEARCH_TOOL],
  ) => {
    const { ask, upstream } = await start({ steps: [step, 'done'], ...options });
    const answer = await ask({ tools });
    expect(checkMessages(answer.body)).toMatchObject({ problems: [], complete: true });
    const blocks = blocksOf(answer.text);
    expect(blocks.at(-1)).toMatchObject({ type: 'text', text: 'done' });
    expect(toolResult(upstream, 1)).toContain('Error (');
    return errorOf(blocks.at(-2));
  };

  it.each([
    ['a pause that is wanted', 429, 'too_many_requests'],
    ['a format that is switched off', 403, 'unavailable'],
    ['a fault of the engine', 500, 'unavailable'],
  ])('%s', async (_, status, code) => {
    const error = await errorFor({ site: (_asked, res) => void res.writeHead(status).end() });
    expect(error).toEqual({ type: 'web_search_tool_result_error', error_code: code });
  });

  it('an engine that is slow, or gone, or says nothing sensible', async () => {
    const slow: Partial<WebTools> = {
      search: { engine: 'searxng', baseUrl: 'http://127.0.0.1:1', maxResults: 2, timeoutMs: 500 },
    };
    expect(await errorFor({ tools: slow })).toMatchObject({ error_code: 'unavailable' });
    expect(await errorFor({ site: (_asked, res) => void res.end('<html>') })).toMatchObject({
      error_code: 'unavailable',
    });
  });

  it.each([
    ['no query', { tool: 'web_search', input: {} }, 'invalid_tool_input'],
    ['a query that is no text', { tool: 'web_search', input: { query: 7 } }, 'invalid_tool_input'],
    ['arguments that are no JSON', { tool: 'web_search', rawInput: '{"query": ' }, 'invalid_tool_input'],
    ['an endless query', search('x'.repeat(2_000)), 'query_too_long'],
  ])('%s', async (_, step, code) => {
    expect(await errorFor({}, step)).toMatchObject({ error_code: code });
  });

  it.each([
    ['a private address', 'http://127.0.0.9/known', 'url_not_allowed'],
    ['an address that nobody mentioned', 'https://evil.example/?secret', 'url_not_in_prior_context'],
    ['no URL', 'known', 'invalid_tool_input'],
  ])('a fetch of %s', async (_, url, code) => {
    const messages = [{ role: 'user', content: 'http://127.0.0.9/known play:it' }];
    const { ask } = await start({ steps: [fetch(url), 'done'] });
    const blocks = blocksOf((await ask({ tools: [FETCH_TOOL], messages })).text);
    expect(errorOf(blocks.at(-2))).toEqual({ type: 'web_fetch_tool_result_error', error_code: code });
  });
});

describe('domains', () => {
  it('of the request and of the configuration both count, in the query and in what comes', async () => {
    const { ask, web } = await start({ steps: [search('q'), 'done'], tools: { blockedDomains: ['b.example'] } });
    const tool = { ...SEARCH_TOOL, allowed_domains: ['b.example', 'c.example'] };
    const blocks = blocksOf((await ask({ tools: [tool] })).text);
    expect(blocks[1]?.content).toEqual([expect.objectContaining({ url: 'https://c.example/page' })]);
    expect(web.requests[0]?.url.searchParams.get('q')).toBe('q (site:b.example OR site:c.example) -site:b.example');
  });
});

describe('a fetch', () => {
  it('brings a page that the conversation mentions, as text', async () => {
    const { ask, web, upstream } = await start({ steps: [] });
    const url = `http://site.example:${web.port}/page`;
    upstream.play('it', [[fetch(url)], 'I read it.']);
    const messages = [{ role: 'user', content: [{ type: 'text', text: `Read ${url} for me. play:it` }] }];
    const answer = await ask({ tools: [FETCH_TOOL], messages });
    expect(checkMessages(answer.body)).toMatchObject({
      problems: [],
      usage: { server_tool_use: { web_search_requests: 0, web_fetch_requests: 1 } },
    });
    const blocks = blocksOf(answer.text);
    expect(typesOf(blocks)).toEqual(['server_tool_use', 'web_fetch_tool_result', 'text']);
    expect(blocks[1]?.content).toEqual({
      type: 'web_fetch_result',
      url,
      retrieved_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      content: {
        type: 'document',
        source: { type: 'text', media_type: 'text/plain', data: 'words of the page' },
        title: 'T',
        citations: null,
      },
    });
    expect(toolResult(upstream, 1)).toContain('words of the page');
    expect(web.requests[0]?.headers['user-agent']).toBe('midswap/0.0.0');
  });

  it('may go where a search has led', async () => {
    const site: SiteHandler = (asked, res) => {
      if (asked.url.pathname !== '/search') return SITE(asked, res);
      const results = [{ url: `http://found.example:${asked.url.port}/x`, title: 'X', content: '' }];
      res.end(JSON.stringify({ results }));
    };
    const { ask, web, upstream } = await start({ steps: [], site });
    upstream.play('it', [search('x'), fetch(`http://found.example:${web.port}/x`, 'c2'), 'done']);
    const blocks = blocksOf((await ask({ tools: [SEARCH_TOOL, FETCH_TOOL] })).text);
    expect(blocks[3]?.content).toMatchObject({ type: 'web_fetch_result' });
  });

  it('is cut to what the request wants', async () => {
    const site: SiteHandler = (_asked, res) =>
      void res.writeHead(200, { 'content-type': 'text/plain' }).end('x'.repeat(5_000));
    const { ask, web, upstream } = await start({ steps: [], site });
    const url = `http://site.example:${web.port}/`;
    upstream.play('it', [fetch(url), 'done']);
    const messages = [{ role: 'user', content: `${url} play:it` }];
    const blocks = blocksOf((await ask({ tools: [{ ...FETCH_TOOL, max_content_tokens: 100 }], messages })).text);
    const data = `${'x'.repeat(400)}\n\n[The rest of the page is left out.]`;
    expect(blocks[1]?.content).toMatchObject({ content: { source: { data } } });
  });
});

describe('nothing is run here', () => {
  it.each([
    ['where the endpoint runs it itself', { quirks: { messages: { serverTools: ['web_search'] } } }, {}],
    ['for Anthropic', { quirks: { anthropicGenuine: true } }, {}],
  ])('%s', async (_, provider, tools) => {
    const { ask, upstream } = await start({ steps: ['done'], provider, tools });
    await ask();
    expect(upstream.turns()[0]?.body?.tools).toEqual([SEARCH_TOOL]);
  });

  it('for a search that is switched off, while fetches are on', async () => {
    const { ask, upstream, gateway } = await start({ steps: ['done'] });
    const { search: _, ...rest } = gateway.gateway.snapshot.webTools as WebTools;
    gateway.gateway.snapshot = { ...gateway.gateway.snapshot, webTools: rest };
    await ask({ tools: [SEARCH_TOOL, FETCH_TOOL] });
    const tools = upstream.turns()[0]?.body?.tools as { name: string }[];
    expect(tools.map(({ name }) => name)).toEqual(['web_fetch']);
  });

  it('where the client has a tool of that name itself', async () => {
    const { ask, upstream, web } = await start({ steps: [search('x')] });
    const own = { name: 'web_search', input_schema: { type: 'object' } };
    const answer = await ask({ tools: [own] });
    expect(typesOf(blocksOf(answer.text))).toEqual(['tool_use']);
    expect(upstream.turns()).toHaveLength(1);
    expect(web.requests).toEqual([]);
  });
});

describe('a model that fails', () => {
  it('in the first step moves on like any other', async () => {
    const { ask, upstream } = await start({ steps: [search('x'), 'done'] });
    upstream.fail({ status: 500 });
    const answer = await ask();
    expect(checkMessages(answer.body)).toMatchObject({ problems: [], complete: true });
    expect(upstream.turns()).toHaveLength(3);
  });

  it('after results were shown ends the stream with an error, never with an end', async () => {
    const { ask, upstream, gateway } = await start({ steps: [search('x'), 'done'] });
    upstream.fail({ status: 503, times: 9, match: { when: ({ body }) => (body?.messages?.length ?? 0) > 1 } });
    const answer = await ask();
    const checked = checkMessages(answer.body);
    expect(checked).toMatchObject({ problems: [], complete: false });
    expect(checked.events.at(-1)).toBe('error');
    expect(gateway.records[0]).toMatchObject({ outcome: 'truncated', failure: 'overloaded' });
  });

  it('is tried again as a whole where nothing was shown, without stream', async () => {
    const { ask, upstream } = await start({ steps: [search('x'), 'done'] });
    upstream.fail({ status: 503, match: { when: ({ body }) => (body?.messages?.length ?? 0) > 1 } });
    const answer = await ask({ stream: false });
    expect(answer.status).toBe(200);
    expect(typesOf(contentOf(answer))).toEqual(['server_tool_use', 'web_search_tool_result', 'text']);
  });

  it('in the middle of a call leaves no call without a result', async () => {
    const { ask, upstream } = await start({ steps: [['before ', search('x')]] });
    upstream.fail({ mode: 'cut', afterEvents: 6 });
    upstream.wire = { eventDelayMs: 5 };
    const checked = checkMessages((await ask()).body);
    expect(checked.complete).toBe(false);
    expect(checked.blocks.map(({ type }) => type)).not.toContain('server_tool_use');
  });

  it('that runs into its token limit with a call is not taken at its word', async () => {
    const content = [{ text: 'so ' }, { tool: 'web_search', rawInput: '{"query": "hal' }];
    const { ask, web, upstream } = await start({ steps: [], reply: { content, stopReason: 'max_tokens' } });
    const answer = await ask();
    expect(checkMessages(answer.body)).toMatchObject({ problems: [], complete: true, stopReason: 'max_tokens' });
    expect(typesOf(blocksOf(answer.text))).toEqual(['text']);
    expect(web.requests).toEqual([]);
    expect(upstream.turns()).toHaveLength(1);
  });
});

describe('a client that goes', () => {
  it('ends a search that runs', async () => {
    let closed = 0;
    const { web, url, gateway, upstream } = await start({
      steps: [search('x'), 'done'],
      site: (_asked, res) =>
        void res.on('close', () => {
          closed += 1;
        }),
    });
    const abort = new AbortController();
    const left = send(url, { body: JSON.stringify(request()), signal: abort.signal }).catch(() => {});
    await expect.poll(() => web.requests.length).toBe(1);
    abort.abort();
    await left;
    await expect.poll(() => closed).toBe(1);
    await expect.poll(() => gateway.records.length).toBe(1);
    expect(gateway.records[0]).toMatchObject({ outcome: 'aborted' });
    expect(upstream.turns()).toHaveLength(1);
    expect(gateway.gateway.active).toBe(0);
  });

  it('ends the model in its second step', async () => {
    const { url, gateway, upstream } = await start({ steps: [search('x'), 'done'] });
    upstream.fail({ mode: 'hang', match: { when: ({ body }) => (body?.messages?.length ?? 0) > 1 } });
    const abort = new AbortController();
    const left = send(url, { body: JSON.stringify(request()), signal: abort.signal }).catch(() => {});
    await expect.poll(() => upstream.turns().length).toBe(2);
    abort.abort();
    await left;
    await expect.poll(() => upstream.turns()[1]?.closedAtMs).toBeDefined();
    await expect.poll(() => gateway.records.length).toBe(1);
  });
});

describe('a slow search', () => {
  it('is not taken for a silent model', async () => {
    const { ask } = await start({
      steps: [search('x'), 'done'],
      provider: { timeouts: { firstByteMs: 300, idleMs: 300 } },
      site: (asked, res) => void setTimeout(() => SITE(asked, res), 900),
    });
    expect(checkMessages((await ask()).body)).toMatchObject({ problems: [], complete: true });
  });
});

describe('results in the history', () => {
  async function history(provider: Partial<TestProvider>) {
    const first = await start({ steps: [search('high tides'), 'Twice a day.'] });
    const content = contentOf(await first.ask({ stream: false }));
    const second = await start({ steps: ['Yes.'], provider });
    const messages = [
      { role: 'user', content: 'When?' },
      { role: 'assistant', content },
      { role: 'user', content: 'Sure? play:it' },
    ];
    await second.ask({ messages });
    return JSON.stringify(second.upstream.turns()[0]?.body?.messages);
  }

  it.each([
    ['Anthropic, which would refuse what it has not encrypted', { quirks: { anthropicGenuine: true } }],
    ['another provider', {}],
    ['another protocol', { protocol: 'openai-chat' as const }],
  ])('are text with their excerpts for %s', async (_, provider) => {
    const sent = await history(provider);
    expect(sent).toContain('https://a.example/page');
    expect(sent).toContain('about high tides by a');
    expect(sent).toContain('Twice a day.');
    expect(sent).not.toContain('srvtoolu_');
    expect(sent).not.toContain('encrypted_content');
  });
});
