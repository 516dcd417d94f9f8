import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROJECT_ROOT } from '../scripts/layers.ts';
import { processesOf } from './support/leftovers.ts';
import { runCommand } from './support/run-command.ts';
import { tempDir, writeFiles } from './support/temp-home.ts';

const LEAVE = `
import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
spawn('/bin/sleep', ['60'], { detached: true, stdio: 'ignore' });
mkdtempSync(tmpdir() + '/left-');
`;

/** Runs a suite of one file, as `npm test` runs the project's. */
async function runSuite(root: string, file: string) {
  writeFiles(root, { 'one.test.js': `${LEAVE}${file}`, 'vitest.config.js': 'export default {};', 'tmp/.keep': '' });
  const argv = [join(PROJECT_ROOT, 'node_modules/.bin/node'), join(PROJECT_ROOT, 'scripts/test.ts'), 'node', '--'];
  const options = ['--root', root, '--config', join(root, 'vitest.config.js'), '--globals', '--pool', 'threads'];
  const env = { PATH: process.env.PATH ?? '', HOME: root, TMPDIR: join(root, 'tmp') };
  const { code, stdout } = await runCommand([...argv, ...options], {
    cwd: root,
    env: { ...env, MIDSWAP_TEST_REPORTS: join(root, 'reports') },
  });
  return { code, last: stdout.trimEnd().split('\n').at(-1) };
}

describe('a run of the tests', () => {
  it('counts, and leaves nothing behind', async () => {
    const root = tempDir();
    expect(await runSuite(root, "it('passes', () => {});")).toEqual({ code: 0, last: '1 passed, 0 failed' });
    expect(readdirSync(join(root, 'tmp'))).toEqual(['.keep']);
    expect(processesOf(root)).toEqual([]);
  });

  it('that crashes is one failure, whatever an earlier run had reported, and leaves nothing behind', async () => {
    const root = tempDir();
    const earlier = { numPassedTests: 7, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] };
    writeFiles(root, { 'reports/node.json': JSON.stringify(earlier) });
    const crash = "it('crashes', () => process.kill(process.pid, 'SIGKILL'));";
    expect(await runSuite(root, crash)).toEqual({ code: 1, last: '0 passed, 1 failed' });
    expect(readdirSync(join(root, 'tmp'))).toEqual(['.keep']);
    expect(processesOf(root)).toEqual([]);
  });
});
