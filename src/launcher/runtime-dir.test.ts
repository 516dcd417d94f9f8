import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRuntimeDir, sweepRuntimeDirs } from './runtime-dir.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'midswap-run-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const runDir = () => join(root, 'run');

/** A directory whose owner's file says something else. */
function makeDir(change: Record<string, unknown>): string {
  const { path } = createRuntimeDir(runDir(), 'k3f9', null);
  const file = join(path, 'owner.json');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...change }));
  return path;
}

const endedPid = () => spawnSync('true').pid;

describe('the directory of a session', () => {
  it('is for the user only, differs for two of the same name, and goes away', () => {
    const [one, two] = [createRuntimeDir(runDir(), 'k3f9', 1), createRuntimeDir(runDir(), 'k3f9', 1)];
    expect(one.path).not.toBe(two.path);
    expect([statSync(runDir()).mode & 0o777, statSync(one.path).mode & 0o777]).toEqual([0o700, 0o700]);
    one.remove();
    one.remove();
    expect([existsSync(one.path), existsSync(two.path)]).toEqual([false, true]);
  });

  it('that cannot be made is an error that says where', () => {
    writeFileSync(runDir(), 'a file');
    expect(() => createRuntimeDir(runDir(), 'k3f9', null)).toThrow(
      expect.objectContaining({ code: 'cannot_write', message: expect.stringContaining(runDir()) }),
    );
  });
});

describe('the next start', () => {
  it('takes away what a dead process left, and leaves the living', async () => {
    const dead = makeDir({ pid: endedPid() });
    const living = createRuntimeDir(runDir(), 'k3f9', null).path;
    await sweepRuntimeDirs(runDir(), Date.now());
    expect([existsSync(dead), existsSync(living)]).toEqual([false, true]);
  });

  it.runIf(process.platform === 'linux')('knows a process id that was given away', async () => {
    const reused = makeDir({ started: 'another boot/1' });
    await sweepRuntimeDirs(runDir(), Date.now());
    expect(existsSync(reused)).toBe(false);
  });

  it('asks the gateway where the system does not tell when a process began', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const answering = makeDir({ started: null, port });
    await sweepRuntimeDirs(runDir(), Date.now());
    expect(existsSync(answering)).toBe(true);
    await new Promise((resolve) => server.close(resolve));
    await sweepRuntimeDirs(runDir(), Date.now());
    expect(existsSync(answering)).toBe(false);
  });

  it('leaves what another machine made', async () => {
    const foreign = makeDir({ place: 'another machine', pid: endedPid() });
    await sweepRuntimeDirs(runDir(), Date.now());
    expect(existsSync(foreign)).toBe(true);
  });

  it('gives one that has no owner yet a minute', async () => {
    const unowned = join(runDir(), 'half');
    mkdirSync(unowned, { recursive: true });
    await sweepRuntimeDirs(runDir(), Date.now());
    expect(existsSync(unowned)).toBe(true);
    await sweepRuntimeDirs(runDir(), Date.now() + 61_000);
    expect(existsSync(unowned)).toBe(false);
  });

  it('follows no link and touches no file', async () => {
    const outside = join(root, 'outside');
    mkdirSync(outside);
    mkdirSync(runDir());
    symlinkSync(outside, join(runDir(), 'link'));
    writeFileSync(join(runDir(), 'note'), '');
    await sweepRuntimeDirs(runDir(), Date.now() + 1e9);
    expect([existsSync(outside), existsSync(join(runDir(), 'note'))]).toEqual([true, true]);
  });

  it('is not disturbed by others that sweep at the same time, or by nothing to sweep', async () => {
    const dead = Array.from({ length: 5 }, () => makeDir({ pid: endedPid() }));
    await Promise.all(Array.from({ length: 4 }, () => sweepRuntimeDirs(runDir(), Date.now())));
    expect(dead.filter((path) => existsSync(path))).toEqual([]);
    await sweepRuntimeDirs(join(root, 'nothing'), Date.now());
  });
});
