import { expect, it, onTestFinished } from 'vitest';
import { install } from '../support/gateway-process.ts';
import { startUpstream } from '../support/scripted-upstream.ts';
import { until } from '../support/until.ts';

it('a provider that dies in the middle of a session is replaced, and the session says so', async () => {
  const [up1, up2] = await Promise.all([startUpstream({ name: 'up1' }), startUpstream({ name: 'up2' })]);
  onTestFinished(() => up2.close());
  const machine = await install({
    upstreams: { up1, up2 },
    extraProfiles: '  safe: { provider: up1, models: { default: safe-model }, fallback: [up2] }',
  });
  const terminal = await machine.open(['safe', '--permission-mode', 'bypassPermissions']);
  await terminal.waitFor('❯');
  await terminal.idle(300);
  const ask = async (question: string, upstream: typeof up1) => {
    const asked = upstream.turns().length;
    await terminal.submit(question);
    await until(`${question} is asked of ${upstream.name}`, () => upstream.turns().length > asked, 15_000);
    await terminal.idle(500);
  };
  await ask('first question', up1);
  await up1.close();
  up2.play('tools', [{ tool: 'Bash', input: { command: 'echo from-the-shell' } }, 'it works without the first']);
  await ask('play:tools', up2);
  await terminal.waitFor('it works without the first');
  expect(up2.turns().at(-1)?.raw.toString()).toContain('first question');
  expect(up2.turns().at(-1)?.raw.toString()).toContain('from-the-shell');
  const [session] = JSON.parse((await machine.midswap(['sessions', '--json'])).stdout) as { id: string }[];
  const shown = (await machine.midswap(['sessions', String(session?.id)])).stdout;
  expect(shown).toMatch(/up1/);
  expect(shown).toMatch(/up2/);
});
