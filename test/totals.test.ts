import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROJECT_ROOT } from '../scripts/layers.ts';
import { formatTotals, readTotals, sumTotals, totalsOf } from '../scripts/totals.ts';
import { tempDir, writeFiles } from './support/temp-home.ts';

const passing = { status: 'passed', assertionResults: [{ status: 'passed' }] };
const report = { numPassedTests: 1, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [passing] };

describe('the totals of a run', () => {
  it('count what passed, failed and was skipped', () => {
    const one = totalsOf({ ...report, numPassedTests: 5, numFailedTests: 2, numPendingTests: 1, numTodoTests: 1 }, 1);
    expect(one).toEqual({ passed: 5, failed: 2, skipped: 2 });
    expect(formatTotals(sumTotals([one, totalsOf(report, 0)]))).toBe('6 passed, 2 failed, 2 skipped');
  });

  it('count a file that could not be loaded as a failure', () => {
    const broken = { status: 'failed', assertionResults: [] };
    expect(totalsOf({ ...report, testResults: [passing, broken, broken] }, 1).failed).toBe(2);
  });

  it('count a failure outside of all tests', () => {
    expect(totalsOf(report, 1).failed).toBe(1);
    expect(totalsOf(report, 0).failed).toBe(0);
  });

  it('leave the skipped ones out when there are none', () => {
    expect(formatTotals(totalsOf(report, 0))).toBe('1 passed, 0 failed');
  });

  it('count a run that ended before its report as a failure, also in the middle of it', () => {
    const folder = tempDir();
    expect(readTotals(join(folder, 'none.json'), 139)).toEqual({ passed: 0, failed: 1, skipped: 0 });
    writeFileSync(join(folder, 'half.json'), JSON.stringify(report).slice(0, 60));
    expect(readTotals(join(folder, 'half.json'), 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });
});

describe('the totals of everything', () => {
  const sum = (files: Readonly<Record<string, string>>) => {
    const folder = tempDir();
    writeFiles(folder, files);
    const node = join(PROJECT_ROOT, 'node_modules', '.bin', 'node');
    const run = spawnSync(node, [join(PROJECT_ROOT, 'scripts', 'ci-totals.ts'), folder], { encoding: 'utf8' });
    return { last: run.stdout.trimEnd().split('\n').at(-1), code: run.status };
  };
  const good = Object.fromEntries(
    ['bun', 'node', 'real', 'real-bundle', 'real-binary'].flatMap((name) => [
      [`${name}.json`, JSON.stringify(report)],
      [`${name}.exit`, '0'],
    ]),
  );

  it('are good when every run is', () => {
    expect(sum(good)).toEqual({ last: '5 passed, 0 failed', code: 0 });
  });

  it('count each run that crashed, that was never begun, and each step that failed', () => {
    expect(sum({ ...good, 'node.json': '{"numPassed', 'node.exit': '128' })).toEqual({
      last: '4 passed, 1 failed',
      code: 1,
    });
    expect(sum({ ...good, 'real.exit': '139' })).toEqual({ last: '5 passed, 1 failed', code: 1 });
    expect(sum({ 'bun.json': JSON.stringify(report), 'bun.exit': '0' })).toEqual({
      last: '1 passed, 4 failed',
      code: 1,
    });
    expect(sum({ ...good, 'failed-steps': 'checks\nbuild\n' })).toEqual({ last: '5 passed, 2 failed', code: 1 });
  });
});
