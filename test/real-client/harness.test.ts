import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { clientBinary, clientHome } from '../support/real-client.ts';
import { runCommand } from '../support/run-command.ts';
import { type ScriptedUpstream, startUpstream, type UpstreamOptions } from '../support/scripted-upstream.ts';
import { Terminal } from '../support/terminal.ts';

async function start(options: UpstreamOptions): Promise<ScriptedUpstream> {
  const upstream = await startUpstream(options);
  onTestFinished(() => upstream.close());
  return upstream;
}

it('the client without midswap runs the tools of a script, headless', async () => {
  const machine = clientHome();
  const upstream = await start({
    name: 'direct',
    scripts: { write: [{ tool: 'Bash', input: { command: 'echo from-the-tool > made.txt' } }, 'all is written'] },
  });
  const result = await runCommand(
    [await clientBinary(), '-p', 'please play:write', '--output-format', 'json', '--dangerously-skip-permissions'],
    { cwd: machine.cwd, env: { ...machine.env, ANTHROPIC_BASE_URL: upstream.url, ANTHROPIC_AUTH_TOKEN: 'token-1' } },
  );
  expect(result.json()).toMatchObject({ is_error: false, result: 'all is written' });
  expect(readFileSync(join(machine.cwd, 'made.txt'), 'utf8')).toBe('from-the-tool\n');
});

it('the client without midswap holds a conversation in a terminal', async () => {
  const machine = clientHome();
  const upstream = await start({ name: 'direct' });
  const terminal = await Terminal.open([await clientBinary(), '--permission-mode', 'manual'], {
    cwd: machine.cwd,
    env: { ...machine.env, ANTHROPIC_BASE_URL: upstream.url, ANTHROPIC_AUTH_TOKEN: 'token-1' },
  });
  await terminal.waitFor('❯');
  await terminal.submit('hello there');
  await terminal.waitFor('reply from direct');
  expect(upstream.turns().length).toBeGreaterThan(0);
});
