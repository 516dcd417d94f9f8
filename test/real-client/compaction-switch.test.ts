import { expect, it, onTestFinished } from 'vitest';
import { install } from '../support/gateway-process.ts';
import { startUpstream } from '../support/scripted-upstream.ts';
import { until } from '../support/until.ts';

it('a switch that waits for the compaction comes with it, and the conversation goes on', async () => {
  const [up1, up2] = await Promise.all([startUpstream({ name: 'up1' }), startUpstream({ name: 'up2' })]);
  onTestFinished(() => Promise.all([up1.close(), up2.close()]).then(() => undefined));
  const machine = await install({ upstreams: { up1, up2 } });
  const terminal = await machine.open(['up1', '--permission-mode', 'manual']);
  await terminal.waitFor('❯');
  await terminal.idle(300);
  const ask = async (question: string, upstream: typeof up1) => {
    const asked = upstream.turns().length;
    await terminal.submit(question);
    await until(`${question} is asked`, () => upstream.turns().length > asked);
    await terminal.idle(500);
  };
  await ask('first question', up1);
  const use = await machine.midswap(['use', 'up2', '--at-compaction']);
  expect([use.code, use.stdout]).toEqual([0, expect.stringContaining('at the next compaction')]);
  await ask('second question', up1);
  expect(up2.turns()).toEqual([]);
  await ask('/compact', up1);
  await until('the session has moved', async () => {
    const [session] = JSON.parse((await machine.midswap(['sessions', '--json'])).stdout) as { reference: string }[];
    return session?.reference === 'up2';
  });
  await ask('third question', up2);
  expect(up2.turns().at(-1)?.raw.toString()).toContain('third question');
});
