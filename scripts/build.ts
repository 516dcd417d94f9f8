import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PROJECT_ROOT } from './layers.ts';

const BUN = join(PROJECT_ROOT, 'node_modules', '.bin', 'bun');
const ENTRY = join(PROJECT_ROOT, 'src', 'main.ts');
const DEFINES = ['--define', 'process.env.NODE_ENV="production"', '--define', 'process.env.DEV="false"'];

/**
 * Compiling what runs a few times takes a start longer than it saves, and keeps the compilers in memory: code is compiled
 * after four times as many runs as usual, until a gateway has its first request (docs/adr/0010). A collection can be
 * asked for, see `control/idle-collection.ts`.
 */
const TUNING = ['--compile-jit-policy=4', '--compile-exec-argv=--expose-gc'];

/** Has a file of its own for each system, which npm chooses where the package is installed. */
const NATIVE = ['--external', '@napi-rs/keyring'];

/** The program for Node: `main.js` with its chunks, and `mclaude.js`, which is `midswap claude` under another name. */
export function buildBundle(outDir: string): void {
  rmSync(outDir, { recursive: true, force: true });
  mkdirSync(outDir, { recursive: true });
  bun('build', '--target=node', '--splitting', '--minify', ...NATIVE, ...DEFINES, '--outdir', outDir, ENTRY);
  const main = join(outDir, 'main.js');
  const code = readFileSync(main, 'utf8').replace(/^#![^\n]*\n/, '');
  writeFileSync(main, `#!/usr/bin/env node\n${code}`);
  writeFileSync(
    join(outDir, 'mclaude.js'),
    "#!/usr/bin/env node\nprocess.argv.splice(2, 0, 'claude');\nawait import('./main.js');\n",
  );
  for (const name of ['main.js', 'mclaude.js']) chmodSync(join(outDir, name), 0o755);
}

/**
 * The program with its runtime in one file, for this machine. Left to itself the runtime would read `.env` and run what
 * `bunfig.toml` names in the folder that the user is in, which is a project that somebody else has written.
 */
export function buildBinary(outFile: string): void {
  const options = ['--compile', '--minify', '--splitting', '--bytecode', '--format=esm'];
  const alone = ['--no-compile-autoload-dotenv', '--no-compile-autoload-bunfig'];
  bun('build', ...options, ...alone, ...TUNING, ...DEFINES, '--outfile', outFile, ENTRY);
}

function bun(...args: string[]): void {
  const result = spawnSync(BUN, args, { cwd: PROJECT_ROOT, encoding: 'utf8' });
  if (result.status === 0) return;
  throw new Error(`bun ${args.join(' ')}\n${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const dist = join(PROJECT_ROOT, 'dist');
  buildBundle(dist);
  buildBinary(join(dist, 'midswap'));
  console.log('dist/main.js (Node), dist/midswap (single file)');
}
