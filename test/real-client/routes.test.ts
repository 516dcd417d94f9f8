import { expect, it, onTestFinished } from 'vitest';
import { install } from '../support/gateway-process.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';
import { until } from '../support/until.ts';

const NAMES = ['main', 'asked', 'child', 'small', 'large'] as const;

async function startAll(): Promise<Record<(typeof NAMES)[number], ScriptedUpstream>> {
  const upstreams = await Promise.all(NAMES.map((name) => startUpstream({ name })));
  onTestFinished(() => Promise.all(upstreams.map((upstream) => upstream.close())).then(() => undefined));
  return Object.fromEntries(NAMES.map((name, i) => [name, upstreams[i]])) as Awaited<ReturnType<typeof startAll>>;
}

it('a prompt with @, a subagent, the background and a compaction each go their own way', async () => {
  const upstreams = await startAll();
  const machine = await install({
    upstreams,
    config: 'routing: { background: small, compaction: large, subagents: { general-purpose: child } }',
  });
  const { main, asked, child, small, large } = upstreams;
  main.play('delegate', [
    {
      tool: 'Agent',
      input: {
        description: 'a child',
        prompt: 'play:child',
        subagent_type: 'general-purpose',
        run_in_background: false,
      },
    },
    'the child is back',
  ]);
  child.play('child', ['the child is done']);
  // The client leaves out its background requests where it is told to be quiet.
  const env = { CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '' };
  const terminal = await machine.open(['main', '--permission-mode', 'bypassPermissions'], { env });
  await terminal.waitFor('❯');
  await terminal.idle(300);
  const submit = async (prompt: string, to: ScriptedUpstream) => {
    const before = to.turns().length;
    await terminal.submit(prompt);
    await until(`${prompt} is asked of ${to.name}`, () => to.turns().length > before);
    await terminal.idle(500);
  };

  await submit('play:delegate', main);
  await until('the child has answered', () => child.turns().length > 0);
  expect(child.turns().every((turn) => turn.raw.includes('play:child'))).toBe(true);
  await until('the background has been asked', () => small.turns().length > 0);
  // Only then is it the next prompt's turn: until here requests of this one may still come.
  await terminal.waitFor('the child is back');
  await terminal.idle(500);

  const before = main.turns().length;
  await submit('@asked what do you say?', asked);
  expect(asked.turns().at(-1)?.raw.toString()).toContain('what do you say?');
  expect(main.turns().length).toBe(before);

  await submit('and now without', main);
  expect(main.turns().at(-1)?.raw.toString()).toContain('and now without');

  await submit('/compact', large);
  expect(asked.turns().length).toBe(1);
});
