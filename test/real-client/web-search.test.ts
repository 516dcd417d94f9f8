import { expect, it, onTestFinished } from 'vitest';
import { install } from '../support/gateway-process.ts';
import { toolResultsOf } from '../support/reply.ts';
import { startUpstream } from '../support/scripted-upstream.ts';
import { startWeb } from '../support/scripted-web.ts';

const HEADLESS = ['--output-format', 'json', '--dangerously-skip-permissions'] as const;

it.each(['anthropic-messages', 'openai-chat'] as const)(
  "the client's own search is run by the gateway for a model over %s",
  async (protocol) => {
    const web = await startWeb(({ url }, res) => {
      const results = [
        { url: 'https://tides.example/today', title: 'Tides today', content: `of ${url.searchParams.get('q')}` },
      ];
      res.end(JSON.stringify({ results }));
    });
    const up1 = await startUpstream({
      name: 'up1',
      handler: (body) => {
        const asked = JSON.stringify(body.messages);
        if (!asked.includes('Perform a web search for the query')) return undefined;
        return asked.includes('Tides today')
          ? 'The sea is high at noon.'
          : { tool: 'web_search', input: { query: 'high water' } };
      },
    });
    onTestFinished(() => up1.close());
    const config = `web_tools: { search: { engine: searxng, base_url: "${web.origin}" } }`;
    const machine = await install({ upstreams: { up1 }, protocol, config });
    up1.play('search', [{ tool: 'WebSearch', input: { query: 'tides' } }, 'that was it']);
    const result = await machine.midswap(['up1', '-p', 'play:search', ...HEADLESS]);
    expect(result.json()).toMatchObject({ is_error: false, result: 'that was it' });
    expect(web.requests.map(({ url }) => url.searchParams.get('q'))).toEqual(['high water']);
    const last = up1.turns().at(-1);
    const told = protocol === 'openai-chat' ? (last?.raw.toString() ?? '') : toolResultsOf(last?.body).join('\n');
    for (const words of ['https://tides.example/today', 'Tides today', 'The sea is high at noon.'])
      expect(told).toContain(words);
  },
);
