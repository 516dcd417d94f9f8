import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { install, keyOf, MIDSWAP } from '../support/gateway-process.ts';
import { toolResultsOf } from '../support/reply.ts';
import { type ScriptedUpstream, startUpstream, type UpstreamOptions } from '../support/scripted-upstream.ts';
import { listFiles } from '../support/temp-home.ts';

async function start(options: UpstreamOptions): Promise<ScriptedUpstream> {
  const upstream = await startUpstream(options);
  onTestFinished(() => upstream.close());
  return upstream;
}

const HEADLESS = ['--output-format', 'json', '--dangerously-skip-permissions'] as const;

it('a headless turn runs Bash, Write and Read and ends with the answer of the upstream', async () => {
  const up1 = await start({ name: 'up1' });
  const machine = await install({ upstreams: { up1 } });
  const file = join(machine.cwd, 'made.txt');
  up1.play('tools', [
    { tool: 'Bash', input: { command: 'echo from-bash > bash.txt' } },
    { tool: 'Write', input: { file_path: file, content: 'written by the tool\n' } },
    { tool: 'Read', input: { file_path: file } },
    'three tools ran',
  ]);
  const result = await machine.midswap(['up1', '-p', 'play:tools', ...HEADLESS]);
  expect(result.json()).toMatchObject({ is_error: false, result: 'three tools ran' });
  expect(result.code).toBe(0);
  expect(readFileSync(join(machine.cwd, 'bash.txt'), 'utf8')).toBe('from-bash\n');
  expect(up1.turns().at(-1)?.raw.toString()).toContain('written by the tool');
});

it('every request carries the configured key and model and nothing of the session', async () => {
  const up1 = await start({ name: 'up1' });
  const machine = await install({ upstreams: { up1 } });
  await machine.midswap(['up1', '-p', 'hello', ...HEADLESS]);
  expect(up1.turns().length).toBeGreaterThan(0);
  for (const request of up1.turns()) {
    expect(request.header('authorization')).toBe(`Bearer ${keyOf('up1')}`);
    expect(request.header('x-api-key')).toBeUndefined();
    expect(request.raw.toString()).not.toMatch(/x-anthropic-billing-header:|"user_id"/);
    expect(request.url).not.toContain('/s/');
  }
});

it('a subagent runs through the gateway and its result comes back', async () => {
  const up1 = await start({ name: 'up1' });
  const machine = await install({ upstreams: { up1 } });
  up1.play('parent', [
    {
      tool: 'Agent',
      input: {
        description: 'look around',
        prompt: 'play:child',
        subagent_type: 'general-purpose',
        run_in_background: false,
      },
    },
    'the agent is back',
  ]);
  up1.play('child', [{ tool: 'Bash', input: { command: 'echo child-was-here' } }, 'the child is done']);
  const result = await machine.midswap(['up1', '-p', 'play:parent', ...HEADLESS]);
  expect(result.json()).toMatchObject({ is_error: false, result: 'the agent is back' });
  const agents = up1.turns().filter((request) => request.raw.includes('play:child'));
  expect(agents.length).toBeGreaterThanOrEqual(2);
  expect(up1.turns().at(-1)?.raw.toString()).toContain('the child is done');
});

it('arguments, input and exit code pass through', async () => {
  const up1 = await start({ name: 'up1', handler: () => 'as you say' });
  const machine = await install({ upstreams: { up1 } });
  const piped = await machine.midswap(['up1', '-p', '--append-system-prompt', 'a marker in the system prompt'], {
    stdin: 'from the pipe',
  });
  expect([piped.code, piped.stdout.trim()]).toEqual([0, 'as you say']);
  const raw = up1.turns().map((request) => request.raw.toString());
  expect(raw.some((body) => body.includes('from the pipe') && body.includes('a marker in the system prompt'))).toBe(
    true,
  );
  const wrong = await machine.midswap(['up1', '--no-such-option-of-the-client']);
  expect(wrong.code).toBe(1);
});

it('the model’s own shell finds no key, and no secret stands in an argument list', async () => {
  const up1 = await start({ name: 'up1' });
  const machine = await install({ upstreams: { up1 }, env: { DEEPSEEK_API_KEY: 'sk-deepseek-0123456789' } });
  up1.play('look', [
    { tool: 'Bash', input: { command: 'env' } },
    // Into a file: the client shortens a long result, and the machine may run anything.
    { tool: 'Bash', input: { command: 'ps axww -o args > processes.txt' } },
    'seen',
  ]);
  const result = await machine.midswap(['up1', '-p', 'play:look', ...HEADLESS]);
  expect(result.json()).toMatchObject({ result: 'seen' });
  const [environment = ''] = toolResultsOf(up1.turns().at(-1)?.body);
  const processes = readFileSync(join(machine.cwd, 'processes.txt'), 'utf8');
  const secret = /ANTHROPIC_BASE_URL=http:\/\/127\.0\.0\.1:\d+\/s\/([A-Za-z0-9_-]{20,})/.exec(environment)?.[1] ?? '';
  expect(secret).not.toBe('');
  expect(environment).not.toContain(keyOf('up1'));
  expect(environment).not.toContain('sk-deepseek');
  expect(processes).toContain(basename(MIDSWAP.at(-1) ?? ''));
  expect(processes).not.toContain(secret);
  expect(processes).not.toContain(keyOf('up1'));
});

it('nothing of a session is left behind when it ends', async () => {
  const up1 = await start({ name: 'up1' });
  const machine = await install({ upstreams: { up1 } });
  const before = listFiles(machine.midswapHome);
  await machine.midswap(['up1', '-p', 'hello', ...HEADLESS]);
  const left = listFiles(machine.midswapHome).filter((name) => !before.includes(name));
  expect(left.filter((name) => !name.includes('provenance'))).toEqual([]);
  expect((await machine.midswap(['sessions', '--json'])).stdout).not.toContain('up1');
  // The client writes settings of its own; nothing of midswap may be among them.
  for (const name of listFiles(join(machine.home, '.claude')).filter((one) => one.startsWith('settings'))) {
    expect(readFileSync(join(machine.home, '.claude', name), 'utf8')).not.toMatch(/midswap|127\.0\.0\.1|claude\//);
  }
});

it.each([
  ['an unknown profile', ['upp1'], {}, /up1/],
  ['a missing key', ['up1'], { UP1_KEY: '' }, /UP1_KEY/],
])('a session that cannot start says so in one line: %s', async (_, args, env, says) => {
  const up1 = await start({ name: 'up1' });
  const machine = await install({ upstreams: { up1 } });
  const result = await machine.midswap([...args, '-p', 'hello'], { env });
  expect(result.code).not.toBe(0);
  expect(result.stdout).toBe('');
  expect(result.stderr).toMatch(says);
  expect(result.stderr.trim().split('\n').length).toBeLessThanOrEqual(2);
  expect(up1.requests).toEqual([]);
});

it('a fault of the configuration is named with file and line before anything starts', async () => {
  const up1 = await start({ name: 'up1' });
  const machine = await install({ upstreams: { up1 }, config: 'profilez: {}' });
  const result = await machine.midswap(['up1', '-p', 'hello']);
  expect(result.code).toBe(78);
  expect(result.stderr).toMatch(/config\.yaml:\d+/);
  expect(result.stderr).toContain('profiles');
});
