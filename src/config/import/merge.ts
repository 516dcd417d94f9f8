import { isDeepStrictEqual } from 'node:util';
import type { ConfigEdit } from '../edit.ts';
import { pathText } from '../faults.ts';
import type { RawConfig } from '../schema.ts';
import type { Path } from '../source.ts';
import type { Imported, ImportNote } from './rival.ts';

export interface Change {
  readonly path: Path;
  readonly value: unknown;
}

export interface Merge {
  readonly changes: readonly Change[];
  /** Names that mean something else in the user's own file. */
  readonly conflicts: readonly ImportNote[];
  /** Settings of the user's that stay as they are. */
  readonly notes: readonly ImportNote[];
}

/** Names whose entries are taken or left as a whole: half of one profile and half of another is neither. */
const WHOLE = ['profiles', 'aliases', 'model_map'] as const;

/**
 * What has to change in the user's configuration. What is there already and is the same is no change; what is there and
 * is something else is a conflict, and with `force` it is replaced. Settings without a name stay the user's own.
 */
export function mergeImport(
  own: RawConfig,
  { config, heads }: Imported,
  { force, renamed }: { readonly force: boolean; readonly renamed: boolean },
): Merge {
  const changes: Change[] = [];
  const conflicts: ImportNote[] = [];
  const notes: ImportNote[] = [];
  const put = (path: Path, before: unknown, value: unknown, isName: boolean): void => {
    if (isDeepStrictEqual(before, value)) return;
    if (before === undefined || force) changes.push({ path, value });
    else if (isName) conflicts.push({ path: pathText(path), reason: 'is there already and says something else' });
    else notes.push({ path: pathText(path), reason: 'your own setting stays: --force replaces it' });
  };
  for (const [name, raw] of Object.entries(config.providers ?? {})) {
    const mine = entryOf(own.providers, name);
    if (mine === undefined) changes.push({ path: ['providers', name], value: raw });
    else
      for (const [path, value] of leavesOf(raw, []))
        put(['providers', name, ...path], valueAt(mine, path), value, true);
  }
  for (const map of WHOLE) {
    // What the client asks for has its names from the client: another one would mean nothing.
    for (const [name, value] of Object.entries(config[map] ?? {}))
      put([map, name], entryOf(own[map], name), value, map !== 'model_map' || !renamed);
  }
  for (const [key, value] of Object.entries(config.routing ?? {})) {
    put(['routing', key], (own.routing as Readonly<Record<string, unknown>> | undefined)?.[key], value, false);
  }
  put(['default_profile'], own.default_profile, config.default_profile ?? own.default_profile, false);
  put(['always_dynamic'], own.always_dynamic, config.always_dynamic ?? own.always_dynamic, false);
  if (!force) {
    for (const [name] of Object.entries(config.profiles ?? {})) clash(own.aliases, 'aliases', name, conflicts);
    for (const [name] of Object.entries(config.aliases ?? {})) clash(own.profiles, 'profiles', name, conflicts);
  }
  for (const head of heads) {
    const mine = entryOf(own.profiles, head);
    const leadsElsewhere = mine !== undefined && (mine.provider ?? head).toLowerCase() !== head;
    if (leadsElsewhere && entryOf(config.profiles, head) === undefined) {
      const reason = `your profile of this name does not lead to the provider "${head}", which references name`;
      conflicts.push({ path: pathText(['profiles', head]), reason });
    }
  }
  return { changes, conflicts, notes };
}

export function applyChanges(edit: ConfigEdit, changes: readonly Change[]): void {
  for (const { path, value } of changes) edit.set(path, value);
}

function clash(map: object | undefined, title: string, name: string, conflicts: ImportNote[]): void {
  if (entryOf(map, name) === undefined) return;
  conflicts.push({ path: pathText([title, name]), reason: 'has the name of something that is imported' });
}

/** The entry of a name, in any spelling. */
function entryOf<V>(map: Readonly<Record<string, V>> | undefined, name: string): V | undefined;
function entryOf(map: object | undefined, name: string): unknown;
function entryOf(map: object | undefined, name: string): unknown {
  const key = Object.keys(map ?? {}).find((one) => one.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : (map as Readonly<Record<string, unknown>>)[key];
}

function* leavesOf(value: object, path: readonly string[]): Generator<[string[], unknown]> {
  for (const [key, inner] of Object.entries(value)) {
    if (typeof inner === 'object' && inner !== null && !Array.isArray(inner)) yield* leavesOf(inner, [...path, key]);
    else yield [[...path, key], inner];
  }
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Readonly<Record<string, unknown>> | undefined)?.[key], value);
}
