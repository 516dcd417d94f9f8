import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { awaitEndOf } from '../test/support/leftovers.ts';

export interface LimitedRun {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly limitMs: number;
}

/** As `timeout` of coreutils says it. */
const OVER_THE_LIMIT = 124;

/**
 * Runs a program and returns its exit code. It has a folder of its own for temporary files, which is removed; what it
 * left running is killed then, also when it crashed, was interrupted or took too long.
 */
export async function runLimited(program: string, args: readonly string[], run: LimitedRun): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'mr-'));
  let interruption: NodeJS.Signals | undefined;
  const interrupt = (signal: NodeJS.Signals): void => {
    interruption = signal;
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  try {
    return await runUntil(program, args, { ...run, env: { ...run.env, TMPDIR: folder } }, () => interruption);
  } finally {
    await awaitEndOf(folder, 0);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    if (interruption !== undefined) process.kill(process.pid, interruption);
  }
}

function runUntil(
  program: string,
  args: readonly string[],
  { cwd, env, limitMs }: LimitedRun,
  interruption: () => NodeJS.Signals | undefined,
): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'inherit', 'inherit'] });
    let isOver = false;
    const until = performance.now() + limitMs;
    const watch = setInterval(() => {
      isOver = performance.now() > until;
      if (isOver || interruption() !== undefined) child.kill('SIGKILL');
    }, 200);
    const end = (code: number): void => {
      clearInterval(watch);
      if (isOver) console.error(`${program}: killed after ${limitMs} ms`);
      resolve(isOver ? OVER_THE_LIMIT : code);
    };
    child.on('error', (fault) => {
      console.error(`${program}: ${fault.message}`);
      end(127);
    });
    child.on('exit', (code, signal) => end(code ?? (signal ? 128 : 1)));
  });
}
