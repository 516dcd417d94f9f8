import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { type Installation, install, keyOf } from '../support/gateway-process.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';
import { declaredTools, requestFaults } from '../support/valid-requests.ts';

const HEADLESS = ['--output-format', 'json', '--dangerously-skip-permissions'] as const;
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** One upstream that speaks Chat Completions, and the client behind midswap on it. */
async function stage(): Promise<{ up1: ScriptedUpstream; machine: Installation }> {
  const up1 = await startUpstream({ name: 'up1', wire: { deltaChars: 7 } });
  onTestFinished(async () => {
    expect(requestFaults(up1)).toEqual([]);
    await up1.close();
  });
  return { up1, machine: await install({ upstreams: { up1 }, protocol: 'openai-chat' }) };
}

function lastTurn(upstream: ScriptedUpstream): string {
  return upstream.turns().at(-1)?.raw.toString() ?? '';
}

it('tools in parallel, images, a web search and a deferred tool, in one turn', async () => {
  const { up1, machine } = await stage();
  const [made, image] = [join(machine.cwd, 'made.txt'), join(machine.cwd, 'dot.png')];
  writeFileSync(image, Buffer.from(PNG, 'base64'));
  up1.play('all', [
    [
      { thinking: 'two commands do not wait for each other' },
      'two at once',
      { tool: 'Bash', input: { command: 'echo from-the-first' } },
      { tool: 'Bash', input: { command: 'echo "from the \\"second\\" 😀"' } },
    ],
    { tool: 'Write', input: { file_path: made, content: 'written by the tool\n' } },
    [
      { tool: 'Read', input: { file_path: made } },
      { tool: 'Read', input: { file_path: image } },
    ],
    { tool: 'WebSearch', input: { query: 'news of the day' } },
    { tool: 'ToolSearch', input: { query: 'select:WebFetch', max_results: 3 } },
    'all of it ran',
  ]);
  const result = await machine.midswap(['up1', '-p', 'play:all', ...HEADLESS]);
  expect(result.json()).toMatchObject({ is_error: false, result: 'all of it ran' });
  expect(readFileSync(made, 'utf8')).toBe('written by the tool\n');
  for (const words of ['from-the-first', 'from the \\"second\\" 😀', 'written by the tool', `base64,${PNG}`]) {
    expect(lastTurn(up1)).toContain(words);
  }

  const search = up1.turns().find((request) => request.raw.includes('Perform a web search for the query'));
  expect(search?.body).not.toHaveProperty('tools');
  expect(lastTurn(up1)).toContain('reply from up1');

  // What the client defers costs nothing until the search has named it.
  const offered = up1.turns().map((request) => declaredTools(request.body));
  expect(offered[0]).not.toContain('WebFetch');
  expect(offered.at(-1)).toContain('WebFetch');
  expect(offered[0]).toContain('ToolSearch');
  for (const request of up1.turns()) expect(request.header('authorization')).toBe(`Bearer ${keyOf('up1')}`);
});

it('a subagent works beside the main conversation and its result comes back', async () => {
  const { up1, machine } = await stage();
  const child = {
    description: 'look around',
    prompt: 'play:child',
    subagent_type: 'general-purpose',
    run_in_background: false,
  };
  up1.play('parent', [
    [
      { tool: 'Agent', input: child },
      { tool: 'Agent', input: child },
    ],
    'the agents are back',
  ]);
  up1.play('child', [{ tool: 'Bash', input: { command: 'echo child-was-here' } }, 'the child is done']);
  const result = await machine.midswap(['up1', '-p', 'play:parent', ...HEADLESS]);
  expect(result.json()).toMatchObject({ is_error: false, result: 'the agents are back' });
  expect(up1.turns().filter((request) => request.raw.includes('child-was-here')).length).toBeGreaterThanOrEqual(2);
  expect(lastTurn(up1).split('the child is done').length).toBe(3);
});

it('/context counts without an upstream that counts, and /compact goes on with the summary', async () => {
  const { up1, machine } = await stage();
  await machine.midswap(['up1', '-p', 'the question before', ...HEADLESS]);
  const asked = up1.requests.length;
  const context = await machine.midswap(['up1', '-p', '/context', '--continue', ...HEADLESS]);
  expect(String(context.json().result)).toMatch(/\*\*Tokens:\*\* [1-9][\d.]*k/);
  expect(up1.requests.length).toBe(asked);
  await machine.midswap(['up1', '-p', '/compact', '--continue', ...HEADLESS]);
  const summaries = up1.turns().slice(asked);
  expect(summaries.length).toBeGreaterThan(0);
  const after = await machine.midswap(['up1', '-p', 'the question after', '--continue', ...HEADLESS]);
  expect(after.json()).toMatchObject({ is_error: false, result: 'reply from up1' });
  expect(lastTurn(up1)).toContain('in enough words to be taken for a summary');
  expect(lastTurn(up1)).toContain('the question after');
});

it('an answer is the result of a run and of a subagent although the model went on thinking behind it', async () => {
  const { up1, machine } = await stage();
  const late = { thinking: 'an afterthought that nobody asked for' };
  const task = {
    description: 'look',
    prompt: 'play:child',
    subagent_type: 'general-purpose',
    run_in_background: false,
  };
  up1.play('parent', [{ tool: 'Agent', input: task }, ['the agent is back', late]]);
  up1.play('child', [['the child is done', late]]);
  const result = await machine.midswap(['up1', '-p', 'play:parent', ...HEADLESS]);
  expect(result.json()).toMatchObject({ is_error: false, result: 'the agent is back' });
  expect(up1.turns().at(-1)?.raw.toString()).toContain('the child is done');
});
