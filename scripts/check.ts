import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { PROJECT_ROOT } from './layers.ts';

/** Everything that can be said of the sources without running the suite. Prints what failed and nothing else. */
const CHECKS: Readonly<Record<string, readonly string[]>> = {
  'format and lint': ['biome', 'check', '--error-on-warnings'],
  types: ['tsc'],
  layers: ['node', 'scripts/layers.ts'],
  'unused code': ['knip'],
  package: ['node', 'scripts/lint-package.ts'],
};

const results = await Promise.all(Object.entries(CHECKS).map(async ([name, argv]) => ({ name, ...(await run(argv)) })));
for (const { name, code, output } of results) if (code !== 0) console.log(`--- ${name}\n${output.trim()}\n`);
process.exitCode = results.some((result) => result.code !== 0) ? 1 : 0;

function run([program, ...args]: readonly string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(join(PROJECT_ROOT, 'node_modules', '.bin', program ?? ''), args, { cwd: PROJECT_ROOT });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    child.on('error', (fault) => resolve({ code: 127, output: fault.message }));
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}
