import { Secret } from '../../core/secret.ts';
import { checkValue } from '../check-shape.ts';
import { BUILT_IN, compileConfig } from '../compile.ts';
import { pathText } from '../faults.ts';
import { mergeLayers } from '../layers.ts';
import type { Remark } from '../remarks.ts';
import { configShape, type RawConfig } from '../schema.ts';
import type { Secrets } from '../secrets.ts';
import type { Path } from '../source.ts';
import type { Imported, ImportNote } from './rival.ts';

/** Every reference leads to a key: what is missing is told when the configuration is loaded. */
const EVERY_KEY: Secrets = {
  resolve: (reference) => ({ secret: new Secret('none', reference) }),
  variable: () => undefined,
  stored: () => undefined,
};

/**
 * What was read, without the parts that would not be a valid configuration: each is told in a note. The result is valid by
 * itself, whatever the other tool's file held.
 */
export function settle(imported: Imported): Imported {
  let config = imported.config;
  const notes: ImportNote[] = [...imported.notes];
  for (;;) {
    const [first] = faultsOf(config);
    if (!first) return { ...imported, config, ...neededSecrets(imported, config, notes) };
    const cut = cutAt(config, first.path);
    notes.push({ path: pathText(cut.path), reason: `left out: ${first.what}` });
    config = cut.config;
  }
}

/** The keys that something refers to; of the others the user is told. */
function neededSecrets(
  { secrets }: Imported,
  config: RawConfig,
  notes: readonly ImportNote[],
): Pick<Imported, 'secrets' | 'notes'> {
  const text = JSON.stringify(config);
  const isNeeded = ({ name }: Imported['secrets'][number]): boolean =>
    text.includes(JSON.stringify(`keychain:${name}`));
  const unneeded = secrets.filter((secret) => !isNeeded(secret));
  const reason = 'a key of something that is not carried over';
  return { secrets: secrets.filter(isNeeded), notes: [...notes, ...unneeded.map(({ path }) => ({ path, reason }))] };
}

/** What keeps it from being a valid configuration, with the path of each. */
export function faultsOf(config: RawConfig): readonly Pick<Remark, 'path' | 'what'>[] {
  const { value, faults } = checkValue(configShape, config);
  if (faults.length > 0) return faults;
  const merged = mergeLayers([
    { source: 'built in', config: BUILT_IN, position: () => undefined },
    { source: 'import', config: value, position: () => undefined },
  ]);
  return compileConfig({ config: merged, secrets: EVERY_KEY, version: 1 }).faults;
}

/** The configuration without the smallest thing that can go by itself: a slot, a link of a chain, a route, a name. */
function cutAt(config: Imported['config'], path: Path): { config: Imported['config']; path: Path } {
  const copy = structuredClone(config) as Record<string, unknown>;
  const [map, name, part] = path;
  const isPart = map === 'profiles' && (part === 'models' || part === 'fallback') && path.length > 3;
  const wanted = isPart ? path.slice(0, 4) : path.slice(0, name === undefined ? 1 : 2);
  for (let depth = wanted.length; depth > 0; depth--) {
    const at = wanted.slice(0, depth);
    if (remove(copy, at)) return { config: copy, path: at };
  }
  return { config: {}, path: [] };
}

function remove(root: Record<string, unknown>, path: Path): boolean {
  const last = path.at(-1);
  let here: unknown = root;
  for (const step of path.slice(0, -1)) here = (here as Record<string, unknown> | undefined)?.[step];
  if (Array.isArray(here) && typeof last === 'number') {
    if (last >= here.length) return false;
    here.splice(last, 1);
    return true;
  }
  if (typeof here !== 'object' || here === null || last === undefined) return false;
  const fields = here as Record<string, unknown>;
  const key = Object.keys(fields).find((one) => one.toLowerCase() === String(last).toLowerCase());
  if (key === undefined) return false;
  delete fields[key];
  return true;
}
