import { type ChildProcess, spawn } from 'node:child_process';

export interface CommandOptions {
  readonly cwd?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Killed after this. */
  readonly timeoutMs?: number;
  readonly onSpawn?: (child: ChildProcess) => void;
}

export interface CommandResult {
  readonly code: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
  /** The output as JSON; throws with the whole output when it is none. */
  json(): Record<string, unknown>;
}

/** Runs a program to its end, without a shell and with exactly the given environment. */
export function runCommand(argv: readonly string[], options: CommandOptions): Promise<CommandResult> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0] ?? '', argv.slice(1), {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: options.env,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.stdin.on('error', () => {});
    child.stdin.end(options.stdin ?? '');
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 40_000);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({
        code: code ?? undefined,
        signal: signal ?? undefined,
        stdout,
        stderr,
        durationMs: performance.now() - started,
        json() {
          try {
            return JSON.parse(stdout) as Record<string, unknown>;
          } catch {
            throw new Error(`not JSON (exit ${code ?? signal}):\n${stdout}\n${stderr}`);
          }
        },
      });
    });
    options.onSpawn?.(child);
  });
}
