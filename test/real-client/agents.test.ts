import { expect, it, onTestFinished } from 'vitest';
import { install } from '../support/gateway-process.ts';
import { startUpstream } from '../support/scripted-upstream.ts';

it('an agent of the user’s own goes where its name leads, and no other agent does', async () => {
  const [up1, up2] = [await startUpstream({ name: 'up1' }), await startUpstream({ name: 'up2' })];
  onTestFinished(() => Promise.all([up1.close(), up2.close()]).then(() => undefined));
  const machine = await install({
    upstreams: { up1, up2 },
    config: 'routing: { subagents: { code-reviewer: up2 } }',
  });
  const agent = (type: string, prompt: string) => ({
    tool: 'Agent',
    input: { description: type, prompt, subagent_type: type, run_in_background: false },
  });
  up1.play('parent', [agent('code-reviewer', 'play:review'), agent('writer', 'play:write'), 'both are back']);
  up1.play('write', ['it is written']);
  up2.play('review', ['it is reviewed']);
  const agents = {
    'code-reviewer': { description: 'reviews code', prompt: 'You review code.' },
    writer: { description: 'writes', prompt: 'You write.' },
  };
  const args = ['--output-format', 'json', '--dangerously-skip-permissions', '--agents', JSON.stringify(agents)];
  const result = await machine.midswap(['up1', '-p', 'play:parent', ...args]);
  expect(result.json()).toMatchObject({ is_error: false, result: 'both are back' });
  expect(up2.turns().length).toBeGreaterThan(0);
  expect(up2.turns().every((request) => request.raw.includes('play:review'))).toBe(true);
  expect(up1.turns().some((request) => request.raw.includes('"You write.'))).toBe(true);
  expect(up1.turns().at(-1)?.raw.toString()).toContain('it is reviewed');
});
