import { createHash } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';
import { onTestFinished } from 'vitest';

/** A new folder that is removed when the running test is over. */
export function tempDir(name = 'midswap-test'): string {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), `${name}-`)));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }));
  return dir;
}

/** Writes files below `dir`; folders are made as needed. */
export function writeFiles(dir: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const path = join(dir, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}

/** Paths of all files below `dir`, folders left out; none when it does not exist. */
export function listFiles(dir: string): string[] {
  if (!lstatSync(dir, { throwIfNoEntry: false })) return [];
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .sort();
}

/** What belongs to the user and no test may touch, below the home folder. */
const USER_FILES = [
  '.claude',
  '.claude.json',
  '.config/midswap',
  '.config/claude',
  '.local/state/midswap',
  '.local/share/midswap',
  '.local/share/claude',
  '.cache/claude',
];

/** What a client of the user's own writes while it runs, below `.claude`: a session may be open during the tests. */
const WRITTEN_BY_SESSIONS =
  /^\.claude(?:\.json|\/(?:projects|todos|statsig|shell-snapshots|history\.jsonl|ide|debug|session-env|file-history|tasks|cache|sessions|backups|paste-cache|telemetry)(?:\/|$))/;

/**
 * Every file of the user's with its size, time of change and, for small ones, content: two of them are compared. What
 * the user's own sessions write is left out, unless the machine has no user (`strict`).
 */
export function photographHome(home: string, strict: boolean): ReadonlyMap<string, string> {
  const seen = new Map<string, string>();
  const look = (path: string): void => {
    if (!strict && WRITTEN_BY_SESSIONS.test(relative(home, path).split(sep).join('/'))) return;
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (!stat) return;
    if (stat.isDirectory()) {
      seen.set(path, 'folder');
      for (const name of readdirSync(path)) look(join(path, name));
      return;
    }
    const digest =
      stat.isFile() && stat.size < 100_000 ? createHash('sha256').update(readFileSync(path)).digest('hex') : '';
    seen.set(path, `${stat.size} bytes, ${stat.mtimeMs}, mode ${stat.mode.toString(8)} ${digest}`);
  };
  for (const name of USER_FILES) look(join(home, name));
  return seen;
}

/** What differs between two photographs, one line each. */
export function homeChanges(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort();
  return paths.flatMap((path) => {
    const [was, is] = [before.get(path), after.get(path)];
    if (was === is) return [];
    if (was === undefined) return [`made: ${path}`];
    return [is === undefined ? `removed: ${path}` : `changed: ${path}`];
  });
}
