import { describe, expect, it } from 'vitest';
import type { WebTools } from '../../src/core/snapshot.ts';
import { send } from '../support/http-client.ts';
import { checkMessages } from '../support/messages-grammar.ts';
import type { Step } from '../support/reply.ts';
import {
  blocksOf,
  contentOf,
  errorOf,
  FETCH_TOOL,
  fetchPage,
  request,
  SEARCH_TOOL,
  SITE,
  search,
  startWorld,
  toolResult,
  typesOf,
  type WorldOptions,
} from '../support/web-tools.ts';

describe('a call that fails is told as the API tells it', () => {
  const errorFor = async (
    options: Omit<WorldOptions, 'steps'>,
    step: Step = search('x'),
    tools: unknown = [SEARCH_TOOL],
  ) => {
    const { ask, upstream } = await startWorld({ steps: [step, 'done'], ...options });
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
    const { ask } = await startWorld({ steps: [fetchPage(url), 'done'] });
    const blocks = blocksOf((await ask({ tools: [FETCH_TOOL], messages })).text);
    expect(errorOf(blocks.at(-2))).toEqual({ type: 'web_fetch_tool_result_error', error_code: code });
  });
});

describe('a model that fails', () => {
  it('in the first step moves on like any other', async () => {
    const { ask, upstream } = await startWorld({ steps: [search('x'), 'done'] });
    upstream.fail({ status: 500 });
    const answer = await ask();
    expect(checkMessages(answer.body)).toMatchObject({ problems: [], complete: true });
    expect(upstream.turns()).toHaveLength(3);
  });

  it('after results were shown ends the stream with an error, never with an end', async () => {
    const { ask, upstream, gateway } = await startWorld({ steps: [search('x'), 'done'] });
    upstream.fail({ status: 503, times: 9, match: { when: ({ body }) => (body?.messages?.length ?? 0) > 1 } });
    const answer = await ask();
    const checked = checkMessages(answer.body);
    expect(checked).toMatchObject({ problems: [], complete: false });
    expect(checked.events.at(-1)).toBe('error');
    expect(gateway.records[0]).toMatchObject({ outcome: 'truncated', failure: 'overloaded' });
  });

  it('is tried again as a whole where nothing was shown, without stream', async () => {
    const { ask, upstream } = await startWorld({ steps: [search('x'), 'done'] });
    upstream.fail({ status: 503, match: { when: ({ body }) => (body?.messages?.length ?? 0) > 1 } });
    const answer = await ask({ stream: false });
    expect(answer.status).toBe(200);
    expect(typesOf(contentOf(answer))).toEqual(['server_tool_use', 'web_search_tool_result', 'text']);
  });

  it('in the middle of a call leaves no call without a result', async () => {
    const { ask, upstream } = await startWorld({ steps: [['before ', search('x')]] });
    upstream.fail({ mode: 'cut', afterEvents: 6 });
    upstream.wire = { eventDelayMs: 5 };
    const checked = checkMessages((await ask()).body);
    expect(checked.complete).toBe(false);
    expect(checked.blocks.map(({ type }) => type)).not.toContain('server_tool_use');
  });

  it('that runs into its token limit with a call is not taken at its word', async () => {
    const content = [{ text: 'so ' }, { tool: 'web_search', rawInput: '{"query": "hal' }];
    const { ask, web, upstream } = await startWorld({ steps: [], reply: { content, stopReason: 'max_tokens' } });
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
    const { web, url, gateway, upstream } = await startWorld({
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
    const { url, gateway, upstream } = await startWorld({ steps: [search('x'), 'done'] });
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
    const { ask } = await startWorld({
      steps: [search('x'), 'done'],
      provider: { timeouts: { firstByteMs: 300, idleMs: 300 } },
      site: (asked, res) => void setTimeout(() => SITE(asked, res), 900),
    });
    expect(checkMessages((await ask()).body)).toMatchObject({ problems: [], complete: true });
  });
});
