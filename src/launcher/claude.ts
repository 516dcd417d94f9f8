import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { isatty } from 'node:tty';
import { MidswapError } from '../core/errors.ts';
import { restoreTerminal } from './terminal.ts';

export interface ClaudeRun {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly onSpawn?: (pid: number) => void;
}

/** A client that was told to end and does not is killed after this time. */
const GRACE_MS = 10_000;

/**
 * Runs the client in this terminal and resolves to its exit code, 128+n where signal n ended it. The terminal sends
 * its own signals (Ctrl-C, Ctrl-\, size) to the client too, so they are only survived here; what is sent to this
 * process alone is passed on. Throws `claude_missing` when the program cannot be started.
 */
export async function runClaude({ command, args, env, cwd, onSpawn }: ClaudeRun): Promise<number> {
  const child = spawn(command, [...args], { stdio: 'inherit', env: { ...env }, cwd, windowsHide: false });
  let killer: NodeJS.Timeout | undefined;
  const end = (signal: NodeJS.Signals) => {
    child.kill(signal);
    killer ??= setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
  };
  const survive = (signal: NodeJS.Signals) => {
    if (!hasTerminal()) child.kill(signal);
  };
  const handlers: readonly [NodeJS.Signals, (signal: NodeJS.Signals) => void][] = [
    ['SIGINT', survive],
    ['SIGQUIT', survive],
    ['SIGTERM', end],
    ['SIGHUP', end],
  ];
  for (const [signal, handler] of handlers) process.on(signal, handler);
  try {
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.once('error', (cause: NodeJS.ErrnoException) => {
        if (child.pid === undefined) reject(cannotStart(command, cause));
      });
      child.once('exit', (...ended) => resolve(ended));
      if (child.pid !== undefined) onSpawn?.(child.pid);
    });
    if (signal === null) return code ?? 1;
    restoreTerminal();
    return 128 + constants.signals[signal];
  } finally {
    clearTimeout(killer);
    for (const [signal, handler] of handlers) process.off(signal, handler);
  }
}

function hasTerminal(): boolean {
  return [0, 1, 2].some((descriptor) => isatty(descriptor));
}

function cannotStart(command: string, cause: NodeJS.ErrnoException): MidswapError {
  return new MidswapError('claude_missing', `cannot start ${command}: ${cause.code ?? cause.message}`, {
    hint: 'Check that it runs by itself, install it again, or set MIDSWAP_CLAUDE to the right path.',
    cause,
  });
}
