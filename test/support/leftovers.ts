import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Until a killed process is gone. */
const KILL_LIMIT_MS = 2_000;

export interface LeftProcess {
  readonly pid: number;
  readonly command: string;
}

/**
 * Processes that belong to a folder: started in it, or with it in their environment (a home, a folder for temporary
 * files). Found where there is a `/proc`; none elsewhere.
 */
export function processesOf(folder: string): LeftProcess[] {
  return list('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    const workingFolder = attempt(() => readlinkSync(`/proc/${pid}/cwd`)).replace(/ \(deleted\)$/, '');
    if (!isInside(workingFolder, folder) && !hasInEnvironment(pid, folder)) return [];
    const command = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
    // One that has ended and was not yet waited for has no command any more.
    return command === '' ? [] : [{ pid, command }];
  });
}

/** Waits until a folder has no processes any more. What is there in the end is killed and returned. */
export async function awaitEndOf(folder: string, limitMs: number): Promise<LeftProcess[]> {
  const left = await remaining(folder, limitMs);
  for (const { pid } of left) attempt(() => String(process.kill(pid, 'SIGKILL')));
  if (left.length > 0) await remaining(folder, KILL_LIMIT_MS);
  return left;
}

async function remaining(folder: string, limitMs: number): Promise<LeftProcess[]> {
  const until = performance.now() + limitMs;
  for (;;) {
    const left = processesOf(folder);
    if (left.length === 0 || performance.now() >= until) return left;
    await sleep(30);
  }
}

function hasInEnvironment(pid: number, folder: string): boolean {
  return read(`/proc/${pid}/environ`)
    .split('\0')
    .some((entry) => isInside(entry.slice(entry.indexOf('=') + 1), folder));
}

function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder + sep);
}

function read(path: string): string {
  return attempt(() => readFileSync(path, 'latin1'));
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** Processes end while they are looked at, and those of other users are closed. */
function attempt(look: () => string): string {
  try {
    return look();
  } catch {
    return '';
  }
}
