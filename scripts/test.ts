import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROJECT_ROOT } from './layers.ts';
import { runLimited } from './limited-run.ts';
import { formatTotals, readTotals, sumTotals, type Totals } from './totals.ts';

/**
 * Runs the suite and says at the end what came of it: `test.ts [RUN...] [-- vitest arguments]`. Without a name: on
 * Bun and then on Node. With `MIDSWAP_TEST_REPORTS` the reports are left in that folder, for a caller that
 * sums several runs.
 */
const VITEST = join('node_modules', 'vitest', 'vitest.mjs');
const REAL_CLIENT = [VITEST, 'run', '--config', 'vitest.real-client.config.ts'];
const RUNS: Readonly<Record<string, Run>> = {
  bun: { argv: ['bun', '--bun', VITEST, 'run'] },
  node: { argv: ['node', VITEST, 'run'] },
  real: { argv: ['node', ...REAL_CLIENT] },
  /** The built programs, as far as being built can break them. */
  'real-bundle': { argv: ['node', ...REAL_CLIENT, 'headless'], program: 'dist/main.js' },
  'real-binary': { argv: ['node', ...REAL_CLIENT, 'headless', 'switching'], program: 'dist/midswap' },
};

/** Many times what a run takes: one that hangs has to end too. */
const RUN_LIMIT_MS = 30 * 60_000;

interface Run {
  readonly argv: readonly [string, ...string[]];
  /** What the tests of the real client start. */
  readonly program?: string;
}

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
  const suite = RUNS[name];
  if (!suite) throw new Error(`no such run: ${name}; there are ${Object.keys(RUNS).join(', ')}`);
  const [runtime, ...args] = suite.argv;
  console.log(`\n--- ${name}`);
  const report = join(reports, `${name}.json`);
  const reporters = ['--reporter=dot', '--reporter=json', `--outputFile.json=${report}`];
  // One of an earlier run must not speak for this one.
  rmSync(report, { force: true });
  const program = join(PROJECT_ROOT, 'node_modules', '.bin', runtime);
  const env = { ...process.env, ...(suite.program !== undefined && { MIDSWAP_TEST_PROGRAM: suite.program }) };
  const code = await runLimited(program, [...args, ...reporters, ...passedOn], {
    cwd: PROJECT_ROOT,
    env,
    limitMs: RUN_LIMIT_MS,
  });
  writeFileSync(join(reports, `${name}.exit`), String(code));
  return readTotals(report, code);
}
