import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { install, MIDSWAP } from '../support/gateway-process.ts';
import { agentSdk } from '../support/real-client.ts';
import { startUpstream } from '../support/scripted-upstream.ts';

interface SdkMessage {
  readonly type: string;
  readonly subtype?: string;
  readonly result?: string;
}

interface AgentSdk {
  query(request: { prompt: string; options: Record<string, unknown> }): AsyncIterable<SdkMessage>;
}

it('the Agent SDK runs with midswap in the place of its client', async () => {
  const up1 = await startUpstream({
    name: 'up1',
    scripts: { tool: [{ tool: 'Bash', input: { command: 'echo from-the-agent > made.txt' } }, 'the agent is done'] },
  });
  onTestFinished(() => up1.close());
  const machine = await install({ upstreams: { up1 } });
  const executable = join(machine.home, 'claude-through-midswap');
  writeFileSync(executable, `#!/bin/sh\nexec ${[...MIDSWAP, 'up1'].map((part) => `'${part}'`).join(' ')} "$@"\n`);
  chmodSync(executable, 0o755);
  const { query } = (await import(await agentSdk())) as AgentSdk;
  const messages: SdkMessage[] = [];
  const options = {
    pathToClaudeCodeExecutable: executable,
    cwd: machine.cwd,
    env: machine.env,
    permissionMode: 'bypassPermissions',
    allowDangerouslySkipPermissions: true,
  };
  for await (const message of query({ prompt: 'play:tool', options })) messages.push(message);
  expect(messages.at(-1)).toMatchObject({ type: 'result', subtype: 'success', result: 'the agent is done' });
  expect(up1.turns().length).toBeGreaterThanOrEqual(2);
});
