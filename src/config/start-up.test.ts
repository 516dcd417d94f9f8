import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

/** Every package that a source loads before its first line runs. */
function packagesOf(entry: string): Set<string> {
  const packages = new Set<string>();
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    if (!file.endsWith('.ts')) return;
    for (const [, types, from] of readFileSync(file, 'utf8').matchAll(
      /^(?:import|export) (type )?[^;]*?from '([^']+)';/gm,
    )) {
      if (types !== undefined || from === undefined) continue;
      if (from.startsWith('.')) visit(resolve(dirname(file), from));
      else if (!from.startsWith('node:')) packages.add(from);
    }
  };
  visit(entry);
  return packages;
}

const here = (name: string): string => join(import.meta.dirname, name);

describe('what is loaded at the start', () => {
  it.each([
    'load.ts',
    'environment.ts',
    'paths.ts',
    'watch.ts',
    'edit.ts',
    'faults.ts',
    'write-file.ts',
    'json-schema.ts',
  ])('%s brings no package: the YAML library waits until a file is there that needs it', (name) => {
    expect([...packagesOf(here(name))]).toEqual([]);
  });

  it('the test sees packages where there are some', () => {
    expect([...packagesOf(here('edit-text.ts'))]).toEqual(['yaml']);
  });
});
