import { exchange } from './answer.ts';
import { type Bench, type Case, outcome, type Verdict } from './battery.ts';
import { CLIENT_KEY, type RunningTool, startTool, type Tool } from './tools.ts';
import { type CaseUpstream, sendText, startCaseUpstream } from './upstream.ts';

export type Result = Verdict | { readonly notFor: string };

/** Runs all cases against one tool. A tool that an earlier case has put out of order is started anew. */
export async function runTool(tool: Tool, cases: readonly Case[], modules: string): Promise<Map<string, Result>> {
  const results = new Map<string, Result>();
  const upstream = await startCaseUpstream();
  let running = await startTool(tool, upstream.port, modules);
  try {
    for (const each of cases) {
      const reason = each.notFor?.[tool.id];
      if (reason !== undefined) {
        results.set(each.id, { notFor: reason });
        continue;
      }
      if (!(await isWell(tool, upstream, running))) {
        await running.stop();
        running = await startTool(tool, upstream.port, modules);
        if (!(await isWell(tool, upstream, running))) throw new Error(`${tool.title} does not answer a simple request`);
      }
      results.set(each.id, await runCase(each, benchOf(tool, upstream, running)));
    }
  } finally {
    await running.stop();
    await upstream.close();
  }
  return results;
}

async function runCase(each: Case, bench: Bench): Promise<Verdict> {
  try {
    return await each.run(bench);
  } catch (fault) {
    return { passed: false, seen: fault instanceof Error ? fault.message : String(fault) };
  }
}

async function isWell(tool: Tool, upstream: CaseUpstream, running: RunningTool): Promise<boolean> {
  upstream.begin(sendText('well'));
  const bench = benchOf(tool, upstream, running);
  const answer = await bench.ask({ stream: false }).catch(() => undefined);
  if (answer === undefined || !answer.text.includes('well')) {
    console.log(`  ${tool.id}: not well, ${answer === undefined ? 'no answer' : outcome(answer)}`);
    return false;
  }
  return true;
}

function benchOf(tool: Tool, upstream: CaseUpstream, { baseUrl }: RunningTool): Bench {
  const own = {
    'content-type': 'application/json',
    'anthropic-version': '2023-06-01',
    'user-agent': 'claude-cli/2.1.329 (external, cli)',
    'x-api-key': CLIENT_KEY,
  };
  const send: Bench['send'] = (path, options) =>
    exchange(`${baseUrl}${path}`, { ...options, headers: { ...own, ...options.headers } });
  const request = {
    model: tool.model,
    max_tokens: 1024,
    stream: true,
    messages: [{ role: 'user', content: 'hello' }],
  };
  return {
    tool,
    upstream,
    send,
    ask: (body = {}, options = {}) => send('/v1/messages?beta=true', { ...options, body: { ...request, ...body } }),
  };
}
