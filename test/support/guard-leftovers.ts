import { mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { awaitEndOf } from './leftovers.ts';

const END_LIMIT_MS = 3_000;
/** Node and npm keep what they compiled there. */
const CACHES = new Set(['node-compile-cache']);

/** Around a whole run: a folder of its own for temporary files. It fails if tests leave files or processes in it. */
export default function guardLeftovers(): () => Promise<void> {
  const before = process.env.TMPDIR;
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'mt-')));
  process.env.TMPDIR = folder;
  return async () => {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    const running = await awaitEndOf(folder, END_LIMIT_MS);
    const files = readdirSync(folder).filter((name) => !CACHES.has(name));
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    const left = [...running.map(({ pid, command }) => `process ${pid}: ${command}`), ...files];
    if (left.length === 0) return;
    process.exitCode = 1;
    throw new Error(`the tests left behind:\n  ${left.join('\n  ')}`);
  };
}
