import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { awaitEndOf, processesOf } from './leftovers.ts';
import { tempDir } from './temp-home.ts';

/** A process that nobody waits for, out of reach of a terminal. */
function leave(options: { cwd: string; env: Record<string, string>; seconds?: string }): number {
  const child = spawn('/bin/sleep', [options.seconds ?? '60'], { ...options, detached: true, stdio: 'ignore' });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child.pid ?? -1;
}

describe.runIf(process.platform === 'linux')('processes that a test leaves behind', () => {
  it('belong to the folder that is their home or in which they were started', async () => {
    const folder = tempDir();
    mkdirSync(join(folder, 'project'));
    const byHome = leave({ cwd: '/', env: { HOME: join(folder, 'home') } });
    const byPlace = leave({ cwd: join(folder, 'project'), env: {} });
    leave({ cwd: '/', env: { HOME: `${folder}-of-another-test` } });
    const expected = [byHome, byPlace].sort();
    await expect
      .poll(() =>
        processesOf(folder)
          .map(({ pid }) => pid)
          .sort(),
      )
      .toEqual(expected);
  });

  it('may end by themselves for a while, and are killed and named then', async () => {
    const folder = tempDir();
    leave({ cwd: folder, env: {}, seconds: '0.5' });
    await expect.poll(() => processesOf(folder)).toHaveLength(1);
    expect(await awaitEndOf(folder, 5_000)).toEqual([]);
    const pid = leave({ cwd: folder, env: {} });
    await expect.poll(() => processesOf(folder)).toEqual([{ pid, command: '/bin/sleep 60' }]);
    expect(await awaitEndOf(folder, 60)).toEqual([{ pid, command: '/bin/sleep 60' }]);
    await expect.poll(() => processesOf(folder)).toEqual([]);
  });
});
