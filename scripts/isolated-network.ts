import { spawnSync } from 'node:child_process';

const LOOPBACK_UP = 'ip link set lo up';
/** A user and a network of its own: needs no rights, where the system allows it. */
const UNSHARE = ['-rn', '--', 'sh', '-c'];

/** Whether a network without any other host can be made here: Linux, where it is allowed. */
export function canIsolate(): boolean {
  return process.platform === 'linux' && spawnSync('unshare', [...UNSHARE, LOOPBACK_UP]).status === 0;
}

/** Runs a script on this runtime in a network that ends at this machine, and returns its exit code. */
export function runIsolated(script: string, args: readonly string[]): number {
  const inside = [...UNSHARE, `${LOOPBACK_UP} && exec "$0" "$@"`, process.execPath, script, ...args];
  return spawnSync('unshare', inside, { stdio: 'inherit' }).status ?? 1;
}
