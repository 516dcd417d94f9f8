import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createConnection } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { MidswapError } from '../core/errors.ts';

/** Who made a directory, so that another start can tell whether it is still needed. */
interface Owner {
  /** Machine and process namespace: a state directory may be shared by several, and ids mean something in one only. */
  readonly place: string;
  readonly pid: number;
  /** When the process began, in the system's own terms; null where the system does not tell. */
  readonly started: string | null;
  /** Loopback port of its gateway, where the process is its gateway. */
  readonly port: number | null;
}

export interface RuntimeDir {
  readonly path: string;
  /** Takes it away; more than once is fine. Never throws. */
  remove(): void;
}

const OWNER_FILE = 'owner.json';
/** A directory without owner is one that is being made, or one whose maker died at once. */
const UNOWNED_MS = 60_000;
const CONNECT_MS = 500;

/** Makes the session's own directory below `root`, for the user only. Throws `cannot_write`. */
export function createRuntimeDir(root: string, session: string, port: number | null): RuntimeDir {
  const path = join(root, `${session}-${randomBytes(6).toString('hex')}`);
  try {
    mkdirSync(root, { recursive: true, mode: 0o700 });
    if (process.platform !== 'win32') chmodSync(root, 0o700);
    mkdirSync(path, { mode: 0o700 });
    const owner: Owner = { place: placeOf(), pid: process.pid, started: startOf(process.pid), port };
    writeFileSync(join(path, OWNER_FILE), JSON.stringify(owner), { mode: 0o600 });
  } catch (cause) {
    removeTree(path);
    throw new MidswapError('cannot_write', `cannot write ${root}: ${(cause as Error).message}`, {
      hint: 'Check the owner and the free space of the state directory, or set MIDSWAP_HOME.',
      cause,
    });
  }
  return { path, remove: () => removeTree(path) };
}

/** Takes away the directories whose owner is gone. Never throws; several at once do not disturb each other. */
export async function sweepRuntimeDirs(root: string, nowMs: number): Promise<void> {
  let names: string[];
  try {
    names = readdirSync(root);
  } catch {
    return;
  }
  await Promise.all(
    names.map(async (name) => {
      const path = join(root, name);
      if (await isAbandoned(path, nowMs)) removeTree(path);
    }),
  );
}

async function isAbandoned(path: string, nowMs: number): Promise<boolean> {
  try {
    const stat = lstatSync(path);
    if (!stat.isDirectory()) return false;
    const owner = readOwner(path);
    if (!owner) return nowMs - stat.mtimeMs > UNOWNED_MS;
    if (owner.place !== placeOf()) return false;
    if (!isRunning(owner.pid)) return true;
    const started = startOf(owner.pid);
    if (started !== null && owner.started !== null) return started !== owner.started;
    // The id may have been given to another process; a gateway that does not answer decides.
    return owner.port !== null && !(await answers(owner.port));
  } catch {
    return false;
  }
}

function readOwner(path: string): Owner | undefined {
  try {
    const owner = JSON.parse(readFileSync(join(path, OWNER_FILE), 'utf8')) as Owner;
    return Number.isSafeInteger(owner.pid) && owner.pid > 0 ? owner : undefined;
  } catch {
    return undefined;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    // Not ours to signal, so it exists.
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Field 22 of `/proc/PID/stat`, counted after the program's name, which may hold anything; and the boot it is of. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return ticks === undefined ? null : `${boot}/${ticks}`;
  } catch {
    return null;
  }
}

function placeOf(): string {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    const settle = (result: boolean) => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(CONNECT_MS, () => settle(false));
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}

function removeTree(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // Another start is taking it away at the same moment, or it is not ours: the next one tries again.
  }
}
