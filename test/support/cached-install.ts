import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PROJECT_ROOT } from '../../scripts/layers.ts';

const run = promisify(execFile);
const CACHE = join(PROJECT_ROOT, 'node_modules', '.cache');

/**
 * Installs exactly one version of a package into a cache of its own and returns the folder of its `node_modules`.
 * The install happens beside the final place and is moved there when it is complete: a broken download leaves nothing
 * behind, and of two processes one wins and the other uses what it finds.
 */
export async function installCached(name: string, version: string): Promise<string> {
  const folder = cachedFolder(name, version);
  const modules = join(folder, 'node_modules');
  if (existsSync(modules)) return modules;
  await mkdir(CACHE, { recursive: true });
  const beside = await mkdtemp(`${folder}.`);
  try {
    await writeFile(join(beside, 'package.json'), '{"private":true}\n');
    const options = ['--no-save', '--no-package-lock', '--ignore-scripts', '--omit=optional', '--legacy-peer-deps'];
    await run('npm', ['install', ...options, '--no-audit', '--no-fund', `${name}@${version}`], {
      cwd: beside,
      timeout: 300_000,
      maxBuffer: 10_000_000,
    });
    await rename(beside, folder).catch((fault: unknown) => {
      if (!existsSync(modules)) throw fault;
    });
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
  return modules;
}

/** The folder of its `node_modules`, if that version was installed before. */
export function findCached(name: string, version: string): string | undefined {
  const modules = join(cachedFolder(name, version), 'node_modules');
  return existsSync(modules) ? modules : undefined;
}

/** Where exactly one version of something is kept. */
export function cachedFolder(name: string, version: string): string {
  return join(CACHE, `${name.replace(/^@.*\//, '')}-${version}`);
}
