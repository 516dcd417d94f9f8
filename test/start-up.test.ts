import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROJECT_ROOT } from '../scripts/layers.ts';

/** What a source loads before its first line runs: packages and parts of the runtime. */
function loadedBy(entry: string): Set<string> {
  const loaded = new Set<string>();
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    if (!file.endsWith('.ts')) return;
    for (const [, types, names = '', from] of readFileSync(file, 'utf8').matchAll(
      /^(?:import|export) (type )?([^;]*?)from '([^']+)';/gm,
    )) {
      const isErased = types !== undefined || /^{(?:\s*type [\w$]+(?: as [\w$]+)?,?)+\s*} $/.test(names);
      if (isErased || from === undefined) continue;
      if (from.startsWith('.')) visit(resolve(dirname(file), from));
      else loaded.add(from);
    }
  };
  visit(join(PROJECT_ROOT, 'src', entry));
  return loaded;
}

/** Parts of the runtime that cost a start more than a millisecond each, or megabytes. */
const HEAVY = ['node:http', 'node:https', 'node:http2', 'node:zlib', 'node:vm', 'node:worker_threads', 'node:readline'];

const packagesOf = (entry: string) => [...loadedBy(entry)].filter((name) => !name.startsWith('node:'));

describe('what is loaded at the start', () => {
  it.each([
    'main.ts',
    'cli/index.ts',
    'cli/commands.ts',
    'cli/commands/launch.ts',
    'cli/commands/serve.ts',
    'config/environment.ts',
    'config/paths.ts',
    'config/open-configuration.ts',
    'config/watch.ts',
    'control/host.ts',
    'launcher/launch.ts',
    'routing/reference.ts',
  ])('%s brings no package and nothing heavy: a launch waits for it', (entry) => {
    expect(packagesOf(entry)).toEqual([]);
    expect([...loadedBy(entry)].filter((name) => HEAVY.includes(name))).toEqual([]);
  });

  it.each(['config/edit.ts', 'config/faults.ts', 'config/write-file.ts', 'config/json-schema.ts'])(
    '%s brings no package: the YAML library waits until a file is there that needs it',
    (entry) => {
      expect(packagesOf(entry)).toEqual([]);
    },
  );

  it('the test sees packages and parts of the runtime where there are some', () => {
    expect(packagesOf('config/edit-text.ts')).toEqual(['yaml']);
    expect(packagesOf('control/routes.ts')).toContain('hono');
    expect([...loadedBy('control/client.ts')]).toContain('node:http');
  });
});
