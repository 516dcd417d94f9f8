import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { WebTools } from '../../src/core/snapshot.ts';
import { checkMessages } from '../support/messages-grammar.ts';
import type { SiteHandler } from '../support/scripted-web.ts';
import type { TestProvider } from '../support/test-gateway.ts';
import {
  blocksOf,
  contentOf,
  errorOf,
  FETCH_TOOL,
  fetchPage,
  PROTOCOLS,
  SEARCH_TOOL,
  SITE,
  search,
  startWorld,
  toolResult,
  typesOf,
} from '../support/web-tools.ts';

describe.each(PROTOCOLS)('a search over %s', (protocol) => {
  const steps = [['Let me look. ', search('high tides')], 'They come twice a day.'];

  it('is run by the gateway and told to the client as a server tool', async () => {
    const { upstream, web, ask } = await startWorld({ protocol, steps });
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
    const { ask } = await startWorld({ protocol, steps });
    const answer = await ask({ stream: false });
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.json()).toMatchObject({ type: 'message', role: 'assistant', stop_reason: 'end_turn' });
    const blocks = contentOf(answer);
    expect(typesOf(blocks)).toEqual(['text', 'server_tool_use', 'web_search_tool_result', 'text']);
    expect(blocks[1]).toMatchObject({ input: { query: 'high tides' } });
    expect(answer.json().usage).toMatchObject({ server_tool_use: { web_search_requests: 1 } });
  });

  it('is a function to the model, whose results it gets with its own call', async () => {
    const { upstream, ask } = await startWorld({ protocol, steps });
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
    const { ask, gateway, upstream } = await startWorld({ protocol, steps });
    const { usage } = checkMessages((await ask()).body);
    const [record] = gateway.records;
    expect(upstream.turns()).toHaveLength(2);
    expect(usage.input_tokens).toBe(record?.usage.inputTokens);
    expect(usage.output_tokens).toBe(record?.usage.outputTokens);
    const alone = await startWorld({ protocol, steps: ['They come twice a day.'] });
    await alone.ask();
    expect(record?.usage.inputTokens).toBeGreaterThan(2 * (alone.gateway.records[0]?.usage.inputTokens ?? 0));
    expect(record).toMatchObject({ outcome: 'ok', status: 200 });
    expect(record?.attempts).toHaveLength(1);
  });

  it('keeps the thinking of the model on its way back to it', async () => {
    const { upstream, ask } = await startWorld({
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
    const { ask, upstream } = await startWorld({
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
    const { ask, upstream } = await startWorld({ steps: [search('one'), ['more ', search('two', 'c2')], 'done'] });
    const answer = await ask();
    expect(checkMessages(answer.body)).toMatchObject({
      problems: [],
      usage: { server_tool_use: { web_search_requests: 2, web_fetch_requests: 0 } },
    });
    expect(upstream.turns()).toHaveLength(3);
  });

  it('end where the request or the configuration wants it: the model is told, and then left no choice', async () => {
    const steps = [search('1', 'a'), [search('2', 'b'), search('3', 'c')], 'done'];
    const { ask, upstream, web } = await startWorld({ steps, tools: { maxUses: 9 } });
    const blocks = blocksOf((await ask({ tools: [{ ...SEARCH_TOOL, max_uses: 2 }] })).text);
    expect(errorOf(blocks.at(-2))).toEqual({ type: 'web_search_tool_result_error', error_code: 'max_uses_exceeded' });
    expect(web.requests).toHaveLength(2);
    expect(toolResult(upstream, 2)).toContain('max_uses_exceeded');
    expect(upstream.turns()[2]?.body?.tool_choice).toEqual({ type: 'none' });
  });

  it('without end come to one', async () => {
    const steps = Array.from({ length: 40 }, (_, i) => search(String(i), `c${i}`));
    const { ask, upstream, web } = await startWorld({ steps });
    const answer = await ask();
    expect(checkMessages(answer.body)).toMatchObject({ problems: [], complete: true, stopReason: 'end_turn' });
    expect(web.requests).toHaveLength(5);
    expect(upstream.turns()).toHaveLength(20);
  });

  it('of a tool of the client end the message: it has to answer first', async () => {
    const bash = { name: 'Bash', input_schema: { type: 'object' } };
    const steps = [[search('one', 'c1'), { tool: 'Bash', input: { command: 'ls' }, id: 'toolu_bash0001' }]];
    const { ask, upstream } = await startWorld({ steps });
    const answer = await ask({ tools: [bash, SEARCH_TOOL] });
    expect(checkMessages(answer.body)).toMatchObject({ problems: [], complete: true, stopReason: 'tool_use' });
    const blocks = blocksOf(answer.text);
    expect(typesOf(blocks)).toEqual(['server_tool_use', 'web_search_tool_result', 'tool_use']);
    expect(blocks[2]).toMatchObject({ id: 'toolu_bash0001', name: 'Bash', input: { command: 'ls' } });
    expect(upstream.turns()).toHaveLength(1);
  });

  it('that are forced are forced once', async () => {
    const { ask, upstream } = await startWorld({ steps: [search('one'), 'done'] });
    await ask({ tool_choice: { type: 'tool', name: 'web_search' } });
    const choices = upstream.turns().map(({ body }) => (body?.tool_choice as { type?: string } | undefined)?.type);
    expect(choices).toEqual(['tool', undefined]);
  });
});

describe('domains', () => {
  it('of the request and of the configuration both count, in the query and in what comes', async () => {
    const { ask, web } = await startWorld({ steps: [search('q'), 'done'], tools: { blockedDomains: ['b.example'] } });
    const tool = { ...SEARCH_TOOL, allowed_domains: ['b.example', 'c.example'] };
    const blocks = blocksOf((await ask({ tools: [tool] })).text);
    expect(blocks[1]?.content).toEqual([expect.objectContaining({ url: 'https://c.example/page' })]);
    expect(web.requests[0]?.url.searchParams.get('q')).toBe('q (site:b.example OR site:c.example) -site:b.example');
  });
});

describe('a fetch', () => {
  it('brings a page that the conversation mentions, as text', async () => {
    const { ask, web, upstream } = await startWorld({ steps: [] });
    const url = `http://site.example:${web.port}/page`;
    upstream.play('it', [[fetchPage(url)], 'I read it.']);
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
    const { ask, web, upstream } = await startWorld({ steps: [], site });
    upstream.play('it', [search('x'), fetchPage(`http://found.example:${web.port}/x`, 'c2'), 'done']);
    const blocks = blocksOf((await ask({ tools: [SEARCH_TOOL, FETCH_TOOL] })).text);
    expect(blocks[3]?.content).toMatchObject({ type: 'web_fetch_result' });
  });

  it('is cut to what the request wants', async () => {
    const site: SiteHandler = (_asked, res) =>
      void res.writeHead(200, { 'content-type': 'text/plain' }).end('x'.repeat(5_000));
    const { ask, web, upstream } = await startWorld({ steps: [], site });
    const url = `http://site.example:${web.port}/`;
    upstream.play('it', [fetchPage(url), 'done']);
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
    const { ask, upstream } = await startWorld({ steps: ['done'], provider, tools });
    await ask();
    expect(upstream.turns()[0]?.body?.tools).toEqual([SEARCH_TOOL]);
  });

  it('for a search that is switched off, while fetches are on', async () => {
    const { ask, upstream, gateway } = await startWorld({ steps: ['done'] });
    const { search: _, ...rest } = gateway.gateway.snapshot.webTools as WebTools;
    gateway.gateway.snapshot = { ...gateway.gateway.snapshot, webTools: rest };
    await ask({ tools: [SEARCH_TOOL, FETCH_TOOL] });
    const tools = upstream.turns()[0]?.body?.tools as { name: string }[];
    expect(tools.map(({ name }) => name)).toEqual(['web_fetch']);
  });

  it('where the client has a tool of that name itself', async () => {
    const { ask, upstream, web } = await startWorld({ steps: [search('x')] });
    const own = { name: 'web_search', input_schema: { type: 'object' } };
    const answer = await ask({ tools: [own] });
    expect(typesOf(blocksOf(answer.text))).toEqual(['tool_use']);
    expect(upstream.turns()).toHaveLength(1);
    expect(web.requests).toEqual([]);
  });
});

describe('results in the history', () => {
  async function history(provider: Partial<TestProvider>) {
    const first = await startWorld({ steps: [search('high tides'), 'Twice a day.'] });
    const content = contentOf(await first.ask({ stream: false }));
    const second = await startWorld({ steps: ['Yes.'], provider });
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
