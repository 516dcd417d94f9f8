import { expect, it, onTestFinished } from 'vitest';
import { type Installation, install } from '../support/gateway-process.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';
import { listFiles } from '../support/temp-home.ts';
import { until } from '../support/until.ts';

async function stage(): Promise<{ up1: ScriptedUpstream; machine: Installation }> {
  const up1 = await startUpstream({ name: 'up1' });
  onTestFinished(() => up1.close());
  return { up1, machine: await install({ upstreams: { up1 } }) };
}

async function sessionCount(machine: Installation): Promise<number> {
  return (JSON.parse((await machine.midswap(['sessions', '--json'])).stdout) as unknown[]).length;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

it('a launcher killed with -9 leaves nothing that the next start does not clear away', async () => {
  const { machine } = await stage();
  const before = listFiles(machine.midswapHome);
  const terminal = await machine.open(['up1', '--permission-mode', 'manual']);
  await terminal.waitFor('❯');
  const pid = await terminal.pid();
  process.kill(pid, 'SIGKILL');
  await until('the launcher is gone', () => !isAlive(pid));
  expect(await sessionCount(machine)).toBe(0);
  const result = await machine.midswap(['up1', '-p', 'hello', '--output-format', 'json']);
  expect(result.json()).toMatchObject({ is_error: false, result: 'reply from up1' });
  const left = listFiles(machine.midswapHome).filter((name) => !before.includes(name) && !name.includes('provenance'));
  expect(left).toEqual([]);
});

it('two that start at once each get their own gateway', async () => {
  const { machine } = await stage();
  const [one, two] = await Promise.all(
    [1, 2].map((n) => machine.midswap(['up1', '-p', `hello ${n}`, '--output-format', 'json'])),
  );
  for (const result of [one, two]) expect(result?.json()).toMatchObject({ is_error: false, result: 'reply from up1' });
});

it('the end of the client is the end of the gateway', async () => {
  const { machine } = await stage();
  const terminal = await machine.open(['up1', '--permission-mode', 'manual']);
  await terminal.waitFor('❯');
  expect(await sessionCount(machine)).toBe(1);
  await terminal.submit('/exit');
  expect(await terminal.exitCode()).toBe(0);
  expect(await sessionCount(machine)).toBe(0);
});

it.each(['SIGTERM', 'SIGHUP'] as const)('%s to the launcher ends the client too', async (signal) => {
  const { machine } = await stage();
  const terminal = await machine.open(['up1', '--permission-mode', 'manual']);
  await terminal.waitFor('❯');
  process.kill(await terminal.pid(), signal);
  await terminal.exitCode();
  expect(await sessionCount(machine)).toBe(0);
});

it('midswap kill ends a session from another terminal', async () => {
  const { machine } = await stage();
  const terminal = await machine.open(['up1', '--permission-mode', 'manual']);
  await terminal.waitFor('❯');
  const killed = await machine.midswap(['sessions', 'all', 'kill', '--yes']);
  expect([killed.code, killed.stderr]).toEqual([0, '']);
  await terminal.exitCode();
  expect(await sessionCount(machine)).toBe(0);
});

it('the size of the terminal reaches the client', async () => {
  const { up1, machine } = await stage();
  up1.play('size', [{ tool: 'Bash', input: { command: 'true' } }, 'done']);
  const terminal = await machine.open(['up1', '--permission-mode', 'manual']);
  const screen = await terminal.waitFor('❯');
  const widest = Math.max(...screen.split('\n').map((line) => line.trimEnd().length));
  expect(widest).toBeGreaterThan(120);
});
