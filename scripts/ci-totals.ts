import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatTotals, readTotals, sumTotals } from './totals.ts';

/** Sums the reports that the runs left in a folder, and the steps that failed beside them: `ci-totals.ts FOLDER`. */
const folder = process.argv[2] ?? '.';
const suites = ['bun', 'node', 'real', 'real-bundle', 'real-binary'].map((name) =>
  readTotals(join(folder, `${name}.json`), exitCodeOf(name)),
);
const stepsFile = join(folder, 'failed-steps');
const steps = existsSync(stepsFile) ? readFileSync(stepsFile, 'utf8').trim().split('\n') : [];
const totals = sumTotals([...suites, { passed: 0, failed: steps.length, skipped: 0 }]);
if (steps.length > 0) console.log(`\nfailed steps: ${steps.join(', ')}`);
console.log(formatTotals(totals));
process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;

function exitCodeOf(name: string): number {
  const path = join(folder, `${name}.exit`);
  return existsSync(path) ? Number(readFileSync(path, 'utf8')) : 1;
}
