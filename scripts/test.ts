import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROJECT_ROOT } from './layers.ts';
import { formatTotals, readTotals, sumTotals, type Totals } from './totals.ts';

/**
 * Runs the suite and says at the end what came of it: `test.ts [bun] [node] [real] [-- vitest arguments]`. Without a
 * name: on Bun and then on Node. With `MIDSWAP_TEST_REPORTS` the reports are left in that folder, for a caller that
 * sums several runs.
 */
const VITEST = join('node_modules', 'vitest', 'vitest.mjs');
const RUNS: Readonly<Record<string, readonly string[]>> = {
  bun: ['bun', '--bun', VITEST, 'run'],
  node: ['node', VITEST, 'run'],
  real: ['node', VITEST, 'run', '--config', 'vitest.real-client.config.ts'],
};

const separator = process.argv.indexOf('--');
const names = process.argv.slice(2, separator < 0 ? undefined : separator);
const passedOn = separator < 0 ? [] : process.argv.slice(separator + 1);
const reports = process.env.MIDSWAP_TEST_REPORTS ?? mkdtempSync(join(tmpdir(), 'midswap-reports-'));
mkdirSync(reports, { recursive: true });

const all: Totals[] = [];
for (const name of names.length > 0 ? names : ['bun', 'node']) all.push(await runSuite(name));
if (process.env.MIDSWAP_TEST_REPORTS === undefined) rmSync(reports, { recursive: true, force: true });
const totals = sumTotals(all);
console.log(formatTotals(totals));
process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;

async function runSuite(name: string): Promise<Totals> {
  const [program, ...args] = RUNS[name] ?? [];
  if (program === undefined) throw new Error(`no such run: ${name}; there are ${Object.keys(RUNS).join(', ')}`);
  console.log(`\n--- ${name}`);
  const report = join(reports, `${name}.json`);
  const reporters = ['--reporter=dot', '--reporter=json', `--outputFile.json=${report}`];
  const code = await run(join(PROJECT_ROOT, 'node_modules', '.bin', program), [...args, ...reporters, ...passedOn]);
  writeFileSync(join(reports, `${name}.exit`), String(code));
  return readTotals(report, code);
}

function run(program: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: PROJECT_ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', (fault) => {
      console.error(`${program}: ${fault.message}`);
      resolve(127);
    });
    child.on('close', (code, signal) => resolve(code ?? (signal ? 128 : 1)));
  });
}
