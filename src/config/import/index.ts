import { statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { MidswapError } from '../../core/errors.ts';
import { nearest } from '../../core/nearest.ts';
import { redact } from '../../core/redact.ts';
import type { Secret } from '../../core/secret.ts';
import { changedText, editConfig, NEW_FILE } from '../edit.ts';
import { configInvalid } from '../faults.ts';
import type { Keychain } from '../keychain.ts';
import { type ConfigPaths, configPaths, type Machine } from '../paths.ts';
import { parseSource, readRegularFile } from '../read-source.ts';
import type { RawConfig } from '../schema.ts';
import { isSecretReference, listSecrets, openSecrets, removeSecret, storeSecret } from '../secrets.ts';
import { CC_ROUTE } from './cc-route.ts';
import { CC_SWITCH } from './cc-switch.ts';
import { CCODE } from './ccode.ts';
import { CLAUDE_CODE_ROUTER } from './ccr.ts';
import { CCS } from './ccs.ts';
import { CLAUDE_CODE_PROXY } from './claude-code-proxy.ts';
import { dumpTable, isDatabase } from './database-dump.ts';
import { DEEPCLAUDE } from './deepclaude.ts';
import { FREE_CLAUDE_CODE } from './free-claude-code.ts';
import { LITELLM } from './litellm.ts';
import { applyChanges, type Change, mergeImport } from './merge.ts';
import type { ImportedSecret, ImportNote, Rival } from './rival.ts';
import { faultsOf, settle } from './settle.ts';

/** The tools whose configuration can be imported. */
export const RIVALS: readonly Rival[] = [
  CLAUDE_CODE_ROUTER,
  CCS,
  CC_ROUTE,
  FREE_CLAUDE_CODE,
  CLAUDE_CODE_PROXY,
  DEEPCLAUDE,
  CCODE,
  CC_SWITCH,
  LITELLM,
];

export interface ImportOptions extends Machine {
  readonly cwd: string;
  /** One of `RIVALS`, by id. */
  readonly rival: string;
  /** Its file, or the directory that has it; where it keeps it by default without one. */
  readonly path?: string | undefined;
  /** Keep keys that stand in plain text in the other file as secrets; otherwise they are left out. */
  readonly keys?: boolean;
  /** Replace what is there already. */
  readonly force?: boolean;
  /** Put before every name that is imported. */
  readonly rename?: string | undefined;
  readonly keychain?: () => Promise<Keychain | undefined>;
}

/** What an import would do. Nothing has been changed. */
export interface ImportPlan {
  readonly rival: string;
  readonly title: string;
  /** The files that were read; none of them is ever written. */
  readonly sources: readonly string[];
  readonly file: string;
  /** The configuration file as it is, to be shown: keys in it are masked. `undefined` where there is none. */
  readonly before: string | undefined;
  /** The same as it would be. */
  readonly after: string;
  readonly changes: boolean;
  /** Something of it can be carried over, or is there already. */
  readonly usable: boolean;
  /** Keys that would be stored, by the name of each and where it was found. Never a value. */
  readonly secrets: readonly { readonly name: string; readonly path: string }[];
  /** Names that mean something else already: nothing is applied while there are any. */
  readonly conflicts: readonly ImportNote[];
  /** What is not carried over, and why. */
  readonly notes: readonly ImportNote[];
  /** Applies all of it, or nothing. Throws `usage` for conflicts, `cannot_write` when the file has changed since. */
  apply(): Promise<ImportResult>;
}

export interface ImportResult {
  readonly changed: boolean;
  readonly stored: readonly { readonly name: string; readonly kept: 'keychain' | 'file' }[];
}

const LIMIT = 4 << 20;
const PREFIX = /^[A-Za-z0-9][A-Za-z0-9._-]{0,23}$/;

/**
 * Reads another tool's configuration and works out what it comes to here. Throws `usage` (unknown tool, no path),
 * `config_unreadable`, `config_invalid` (either file).
 */
export async function planImport(options: ImportOptions): Promise<ImportPlan> {
  const rival = rivalCalled(options.rival);
  const { rename } = options;
  if (rename !== undefined && !PREFIX.test(rename)) {
    throw new MidswapError('usage', `"${rename}" cannot stand before names`, {
      hint: 'Letters, digits, dots, dashes and underscores, 24 at most.',
    });
  }
  const { main, files } = await readFiles(rival, options);
  const imported = settle(
    rival.read({
      main,
      files,
      home: options.home,
      env: options.env,
      options: { keys: options.keys ?? true, ...(rename !== undefined && { prefix: rename }) },
    }),
  );
  const paths = configPaths(options);
  const file = paths.configFile;
  const before = readRegularFile(file, LIMIT, options.platform)?.text;
  const own = await ownConfig(file, before);
  const merge = mergeImport(own, imported, { force: options.force === true, renamed: rename !== undefined });
  const start = before ?? NEW_FILE;
  const after = await changedText(file, start, (edit) => applyChanges(edit, merge.changes));
  const masked = (text: string): string => redact(text, literalsOf(own));
  const merged = merge.conflicts.length > 0 ? undefined : await ownConfig(file, after);
  const broken = merged && faultsOf(merged).filter(({ what }) => !faultsOf(own).some((one) => one.what === what));
  const conflicts = [
    ...merge.conflicts,
    ...(broken ?? []).map(({ path, what }) => ({ path: path.join('.'), reason: what })),
  ];
  const { wanted, taken } = await newSecrets(options, paths, imported.secrets);
  if (!options.force)
    conflicts.push(
      ...taken.map(({ name }) => ({ path: `keychain:${name}`, reason: 'another key is stored under this name' })),
    );
  return {
    rival: rival.id,
    title: rival.title,
    sources: [...files.keys()],
    file,
    before: before === undefined ? undefined : masked(before),
    after: after === start ? (before ?? '') : masked(after),
    changes: after !== start,
    usable: Object.keys(imported.config).length > 0,
    secrets: wanted.map(({ name, path }) => ({ name, path })),
    conflicts,
    notes: [...imported.notes, ...merge.notes],
    apply: () =>
      apply(options, paths, {
        before,
        changes: merge.changes,
        conflicts,
        secrets: wanted,
        changed: after !== start,
      }),
  };
}

function rivalCalled(id: string): Rival {
  const key = id.toLowerCase();
  const rival = RIVALS.find((one) => one.id === key || one.title.toLowerCase() === key);
  if (rival) return rival;
  const ids = RIVALS.map((one) => one.id);
  const near = nearest(id, ids);
  throw new MidswapError('usage', `"${id}" is no tool that can be imported from`, {
    hint: near === undefined ? `One of ${ids.join(', ')}` : `Did you mean ${near}?`,
  });
}

async function readFiles(
  rival: Rival,
  { path, home, cwd, platform }: ImportOptions,
): Promise<{ main: string; files: Map<string, string> }> {
  const files = new Map<string, string>();
  const main = path === undefined ? defaultFile(rival, home) : givenFile(rival, fromHome(path, home, cwd));
  if (main === undefined) return { main: '', files };
  files.set(main, await textOf(main, platform));
  for (const further of rival.references?.(files.get(main) ?? '', main, home) ?? []) {
    if (files.size > 500) break;
    try {
      const text = readRegularFile(further, LIMIT, platform)?.text;
      if (text !== undefined) files.set(further, text);
    } catch {
      // The reader tells of what is not there.
    }
  }
  return { main, files };
}

function defaultFile(rival: Rival, home: string): string | undefined {
  const candidates = rival.places.map((place) => join(home, place));
  const found = candidates.find(isFile);
  if (found !== undefined || rival.needsNoFile) return found;
  const looked = candidates.length === 0 ? 'it has no place of its own' : `none of ${candidates.join(', ')} is there`;
  throw new MidswapError('usage', `no configuration of ${rival.title} was found: ${looked}`, {
    hint: `Give its path: midswap import ${rival.id} PATH`,
  });
}

function givenFile(rival: Rival, path: string): string {
  if (isFile(path)) return path;
  const inside = rival.names.map((name) => join(path, name)).find(isFile);
  if (inside !== undefined) return inside;
  throw new MidswapError('config_unreadable', `${path} is not a file, and has no ${rival.names.join(' or ')} in it`, {
    hint: `Give the path of ${rival.title}'s configuration.`,
  });
}

function fromHome(path: string, home: string, cwd: string): string {
  if (path === '~' || path.startsWith('~/')) return join(home, path.slice(2));
  return isAbsolute(path) ? path : resolve(cwd, path);
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

async function textOf(file: string, platform: string): Promise<string> {
  if (isFile(file) && isDatabase(file)) return dumpTable(file, 'providers');
  const read = readRegularFile(file, LIMIT, platform);
  if (read) return read.text;
  throw new MidswapError('config_unreadable', `${file} is not there`, { hint: 'Give the path of a file.' });
}

async function ownConfig(file: string, text: string | undefined): Promise<RawConfig> {
  if (text === undefined) return {};
  const { checkShape } = await import('../validate.ts');
  const { config, faults } = checkShape(await parseSource(file, text));
  const [first, ...others] = faults;
  if (first) throw configInvalid([first, ...others]);
  return config ?? {};
}

/** A key to be stored, and the one that is there under its name. */
interface StoredSecret extends ImportedSecret {
  readonly before: Secret | undefined;
}

/** Those that are not stored yet, and those whose name has another key. */
async function newSecrets(
  options: ImportOptions,
  paths: ConfigPaths,
  secrets: readonly ImportedSecret[],
): Promise<{ wanted: StoredSecret[]; taken: StoredSecret[] }> {
  if (secrets.length === 0) return { wanted: [], taken: [] };
  const known = new Set((await listSecrets(paths, options.platform)).map(({ name }) => name));
  const stored = await openSecrets(options, paths, [], options.keychain ?? (async () => undefined));
  const wanted = secrets
    .map((secret) => ({ ...secret, before: stored.stored(secret.name) }))
    .filter(({ value, before }) => before?.reveal() !== value.reveal());
  return { wanted, taken: wanted.filter(({ name }) => known.has(name)) };
}

async function apply(
  options: ImportOptions,
  paths: ConfigPaths,
  plan: {
    readonly before: string | undefined;
    readonly changes: readonly Change[];
    readonly conflicts: readonly ImportNote[];
    readonly secrets: readonly StoredSecret[];
    readonly changed: boolean;
  },
): Promise<ImportResult> {
  const [conflict] = plan.conflicts;
  if (conflict) {
    const more = plan.conflicts.length > 1 ? `, and ${plan.conflicts.length - 1} more` : '';
    throw new MidswapError('usage', `nothing was imported: ${conflict.path} ${conflict.reason}${more}`, {
      hint: 'Say --rename PREFIX to import under other names, or --force to replace what is there.',
    });
  }
  if (readRegularFile(paths.configFile, LIMIT, options.platform)?.text !== plan.before) {
    throw new MidswapError('cannot_write', `${paths.configFile} has changed since it was read`, {
      hint: 'Run the import again.',
    });
  }
  const keychain = plan.secrets.length > 0 ? await options.keychain?.() : undefined;
  const stored: { name: string; kept: 'keychain' | 'file' }[] = [];
  try {
    // Keys first: a configuration that refers to keys which are not there would be half of an import.
    for (const { name, value } of plan.secrets) {
      stored.push({ name, kept: await storeSecret(paths, options.platform, name, value.reveal(), keychain) });
    }
    const changed =
      plan.changed &&
      (await editConfig(paths.configFile, options.platform, (edit) => applyChanges(edit, plan.changes)));
    return { changed, stored };
  } catch (thrown) {
    for (const { name, before } of plan.secrets.slice(0, stored.length)) {
      const undone = before
        ? storeSecret(paths, options.platform, name, before.reveal(), keychain)
        : removeSecret(paths, options.platform, name, keychain);
      await undone.catch(() => false);
    }
    throw thrown;
  }
}

/** Keys and passwords in the user's own file, which the lines around a change may show. */
function literalsOf({ providers, profiles }: RawConfig): string[] {
  const keys = [
    ...Object.values(providers ?? {}).flatMap(({ auth, proxy }) => [...(auth?.keys ?? []), ...(proxy ? [proxy] : [])]),
    ...Object.values(profiles ?? {}).flatMap(({ keys }) => keys ?? []),
  ];
  return keys.filter((text) => !isSecretReference(text) && !/^[a-z0-9]+:\/\/[^@]*$/i.test(text));
}
