import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { MidswapError } from '../core/errors.ts';

/** One running gateway, as its file tells it. The tokens are the reason for the file's mode. */
export interface GatewayRecord {
  readonly version: 1;
  readonly gatewayId: string;
  readonly pid: number;
  readonly host: string;
  readonly port: number;
  readonly startedAtMs: number;
  readonly controlToken: string;
  readonly sessions: readonly SessionRecord[];
}

export interface SessionRecord {
  readonly id: string;
  readonly controlToken: string;
  /** Process id of the client; null until it runs. */
  readonly pid: number | null;
  readonly label: string;
}

export interface RegistryListing {
  readonly records: readonly GatewayRecord[];
  /** Files that were not believed, with the reason: for the doctor. */
  readonly problems: readonly { readonly file: string; readonly reason: string }[];
}

const ID = /^[A-Za-z0-9_-]{1,64}$/;
const MAX_FILE_BYTES = 1 << 20;
const TEMPORARY_AGE_MS = 60_000;

/** `$STATE/gateways`, where each running gateway keeps its file. */
export function registryDir(stateDir: string): string {
  return join(stateDir, 'gateways');
}

/**
 * Writes or replaces the file of one gateway: a reader sees the old content or the new, never a part.
 * Throws `cannot_write`.
 */
export function writeRecord(stateDir: string, record: GatewayRecord): void {
  const dir = registryDir(stateDir);
  const file = join(dir, `${record.gatewayId}.json`);
  // The writer's pid keeps two processes apart that write at once; a leftover of a crash is overwritten or swept.
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    if (process.platform !== 'win32') chmodSync(dir, 0o700);
    writeFileSync(temporary, `${JSON.stringify(record)}\n`, { mode: 0o600 });
    renameSync(temporary, file);
  } catch (cause) {
    removeFile(temporary);
    throw new MidswapError('cannot_write', `cannot write ${file}: ${reasonOf(cause)}`, {
      hint: 'Check the owner and the free space of the state directory, or set MIDSWAP_HOME',
      cause,
    });
  }
}

/** Takes the gateway's file away; a missing one is fine. */
export function removeRecord(stateDir: string, gatewayId: string): void {
  if (ID.test(gatewayId)) removeFile(join(registryDir(stateDir), `${gatewayId}.json`));
}

/** Every believable file, alive or not. Nothing in the directory can make this throw. */
export function readRecords(stateDir: string): RegistryListing {
  const dir = registryDir(stateDir);
  const records: GatewayRecord[] = [];
  const problems: { file: string; reason: string }[] = [];
  let names: string[];
  try {
    names = readdirSync(dir);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') problems.push({ file: dir, reason: reasonOf(cause) });
    return { records, problems };
  }
  for (const name of names.sort()) {
    if (!name.endsWith('.json')) continue;
    const file = join(dir, name);
    try {
      const record = readRecord(file);
      if (`${record.gatewayId}.json` !== name) throw new Error('the name of the file is not the id in it');
      records.push(record);
    } catch (cause) {
      // Gone between listing and reading: its gateway has just ended.
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') problems.push({ file, reason: reasonOf(cause) });
    }
  }
  return { records, problems };
}

/**
 * The gateways that answer now. The file of one that is certainly gone (connection refused, or another gateway behind
 * its port) is removed; one that is only slow to answer is left out and keeps its file.
 */
export async function liveRecords(stateDir: string, timeoutMs = 500): Promise<RegistryListing> {
  const { records, problems } = readRecords(stateDir);
  // What asks brings an HTTP client along, and a gateway only writes its own file.
  const { probeGateway } = await import('./client.ts');
  const states = await Promise.all(records.map((record) => probeGateway(record, timeoutMs)));
  sweepTemporaries(registryDir(stateDir));
  const more = [...problems];
  const live = records.filter((record, at) => {
    if (states[at] === 'gone') removeRecord(stateDir, record.gatewayId);
    if (states[at] === 'silent') {
      more.push({
        file: join(registryDir(stateDir), `${record.gatewayId}.json`),
        reason: `the gateway on port ${record.port} does not answer`,
      });
    }
    return states[at] === 'live';
  });
  return { records: live, problems: more };
}

/** Half-written files of processes that died while writing; a young one may be in use. */
function sweepTemporaries(dir: string): void {
  try {
    for (const name of readdirSync(dir)) {
      const file = join(dir, name);
      if (name.endsWith('.tmp') && Date.now() - lstatSync(file).mtimeMs > TEMPORARY_AGE_MS) removeFile(file);
    }
  } catch {
    // No directory, or a file that has just gone: nothing to sweep.
  }
}

function readRecord(file: string): GatewayRecord {
  const stat = lstatSync(file);
  if (!stat.isFile()) throw new Error('not a regular file');
  if (process.platform !== 'win32') {
    if (stat.uid !== process.getuid?.()) throw new Error('belongs to another user');
    if ((stat.mode & 0o077) !== 0) throw new Error('others may read it: its mode must be 0600');
  }
  if (stat.size > MAX_FILE_BYTES) throw new Error('too large');
  return parseRecord(readFileSync(file, 'utf8'));
}

/** The file's text, checked whole; throws with the reason. */
export function parseRecord(text: string): GatewayRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error('not JSON');
  }
  if (!isObject(value)) throw new Error('not an object');
  if (value.version !== 1) throw new Error(`version ${String(value.version)} is not known`);
  const { gatewayId, pid, host, port, startedAtMs, controlToken, sessions } = value;
  if (typeof gatewayId !== 'string' || !ID.test(gatewayId)) throw new Error('no gateway id');
  if (!isCount(pid) || !isCount(port) || port > 65535 || !isCount(startedAtMs))
    throw new Error('no pid, port or start');
  if (typeof host !== 'string' || !/^[A-Za-z0-9.:_-]{1,255}$/.test(host)) throw new Error('no host');
  if (!isToken(controlToken)) throw new Error('no control token');
  if (!Array.isArray(sessions)) throw new Error('no sessions');
  return {
    version: 1,
    gatewayId,
    pid,
    host,
    port,
    startedAtMs,
    controlToken,
    sessions: sessions.map(parseSession),
  };
}

function parseSession(value: unknown): SessionRecord {
  if (!isObject(value)) throw new Error('a session is not an object');
  const { id, controlToken, pid, label } = value;
  if (typeof id !== 'string' || !ID.test(id)) throw new Error('a session without an id');
  if (!isToken(controlToken)) throw new Error('a session without a control token');
  if (pid !== null && !isCount(pid)) throw new Error('a session with a wrong pid');
  if (typeof label !== 'string') throw new Error('a session without a label');
  return { id, controlToken, pid, label };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** Goes into a header: nothing but what we mint ourselves. */
function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9_-]{16,256}$/.test(value);
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function removeFile(file: string): void {
  try {
    unlinkSync(file);
  } catch {
    // Already gone, or not ours to remove: either way there is nothing more to do.
  }
}
