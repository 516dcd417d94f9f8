import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cachedFolder } from './cached-install.ts';

const run = promisify(execFile);
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Debian's own tools and keys are here, and its packages are for this processor. */
export function hasDebianTools(): boolean {
  const tools = ['/usr/bin/apt-get', '/usr/bin/dpkg-deb', KEYRING];
  return process.platform === 'linux' && process.arch === 'x64' && tools.every((path) => existsSync(path));
}

/**
 * Unpacks a package of a Debian suite, with all that it depends on, into a cache of its own, whatever the machine itself
 * runs, and returns that folder. Nothing is installed and no root is needed: apt works on lists of its own, for a machine
 * on which there is nothing yet, checks Debian's signature, and what it brings is unpacked only. A suite's archive keeps
 * one version of a package, so the suite is pinned and no version.
 */
export async function installFromDebian(suite: string, name: string): Promise<string> {
  const folder = cachedFolder(name, suite);
  if (existsSync(folder)) return folder;
  await mkdir(join(folder, '..'), { recursive: true });
  const beside = await mkdtemp(`${folder}.`);
  try {
    const debs = await download(suite, name, join(beside, 'apt'));
    for (const deb of debs) await run('dpkg-deb', ['--extract', deb, join(beside, 'root')], { timeout: 60_000 });
    await rename(join(beside, 'root'), folder).catch((fault: unknown) => {
      if (!existsSync(folder)) throw fault;
    });
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
  return folder;
}

/** Paths of the downloaded packages. */
async function download(suite: string, name: string, state: string): Promise<string[]> {
  const archives = join(state, 'cache', 'archives');
  for (const folder of [join(archives, 'partial'), join(state, 'lists', 'partial')]) {
    await mkdir(folder, { recursive: true });
  }
  await writeFile(join(state, 'status'), '');
  await writeFile(
    join(state, 'sources.list'),
    `deb [arch=amd64 signed-by=${KEYRING}] ${await archiveOfThisMachine()} ${suite} main\n`,
  );
  const options = [
    ['Dir::State', state],
    ['Dir::State::status', join(state, 'status')],
    ['Dir::Cache', join(state, 'cache')],
    ['Dir::Etc::sourcelist', join(state, 'sources.list')],
    ['Dir::Etc::sourceparts', '/dev/null'],
    // For root: apt would ask another user to write here, who may not.
    ['APT::Sandbox::User', 'root'],
    ['Acquire::Languages', 'none'],
    // Nobody else works on these lists, and only root may lock the system's own.
    ['Debug::NoLocking', '1'],
  ].flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  const limits = { cwd: state, timeout: 300_000, maxBuffer: 10_000_000 };
  await run('apt-get', [...options, '--error-on=any', 'update'], limits);
  await run('apt-get', [...options, 'install', '--download-only', '--no-install-recommends', '--yes', name], limits);
  return (await readdir(archives)).filter((file) => file.endsWith('.deb')).map((file) => join(archives, file));
}

/** Where this machine has its Debian packages from. */
async function archiveOfThisMachine(): Promise<string> {
  const { stdout } = await run('apt-get', ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages']);
  const archive = stdout.split('\n').find((line) => /\/debian\/?$/.test(line));
  if (archive === undefined) throw new Error('apt knows no Debian archive here');
  return archive;
}
