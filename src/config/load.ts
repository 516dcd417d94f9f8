import { existsSync } from 'node:fs';
import type { ModelTable } from '../catalogue/models.ts';
import { CATALOGUE, type Catalogue } from '../catalogue/providers.ts';
import { MidswapError } from '../core/errors.ts';
import type { Snapshot } from '../core/snapshot.ts';
import { BUILT_IN, type Compiled, compileConfig } from './compile.ts';
import type { Flags } from './environment.ts';
import { environmentProxies } from './environment-proxy.ts';
import { type ConfigFault, configInvalid, faultsOf, faultText, pathText } from './faults.ts';
import { signsOf } from './file-signs.ts';
import type { Keychain } from './keychain.ts';
import {
  type Layer,
  layerOf,
  mergeLayers,
  type OriginatedValue,
  originatedValues,
  originOf,
  writtenPath,
} from './layers.ts';
import { modelTableFile, readModelTable } from './model-table.ts';
import { environmentLayer, flagLayer, modelLayer, strayVariables } from './override-layers.ts';
import { type ConfigPaths, configPaths, type Machine } from './paths.ts';
import { checkProject, PROJECT_LIMIT, projectCandidates } from './project.ts';
import { parseSource, readRegularFile } from './read-source.ts';
import type { Remark } from './remarks.ts';
import type { RawConfig } from './schema.ts';
import { type OpenSecrets, openSecrets } from './secrets.ts';
import { type Path, positionOf, type Source } from './source.ts';
import { checkShape } from './validate.ts';

export interface LoadOptions extends Machine {
  /** Where the session runs; without it no project file is looked for. */
  readonly cwd?: string;
  /** Another file than the user's own. It has to be there. */
  readonly configFile?: string;
  /** What the user's file would say, instead of what it says: to see what a change would come to. */
  readonly configText?: string;
  readonly flags?: Flags;
  readonly version?: number;
  /** Without it there is no keychain. */
  readonly keychain?: () => Promise<Keychain | undefined>;
  /** Providers that are known by name; those that midswap was shipped with where it is not said. */
  readonly catalogue?: Catalogue;
}

export interface LoadedConfig {
  readonly snapshot: Snapshot;
  /** Model data beside the shipped one; earlier tables win. */
  readonly tables: readonly ModelTable[];
  /** All layers merged, as they are written. */
  readonly config: RawConfig;
  readonly paths: ConfigPaths;
  /** The user's file, whether or not it is there. */
  readonly file: string;
  readonly hasFile: boolean;
  /** The project's file, where there is one. */
  readonly projectFile: string | undefined;
  /** Every file that a change of would change this, whether or not it is there. */
  readonly files: readonly string[];
  /** What told these files from another state of them before they were read. */
  readonly signs: string;
  /** What was ignored or is unsafe, and is no reason to stop. One line each. */
  readonly warnings: readonly string[];
  /** Where the value at a path came from; the path as a list or with dots. */
  originOf(path: Path | string): string;
  /** Whether a variable for a key is set, in the environment or the user's own `.env`. */
  hasVariable(name: string): boolean;
  /** Every value that is set, with its origin; secrets masked. */
  values(): readonly OriginatedValue[];
}

const CONFIG_LIMIT = 4 << 20;
const BUILT_IN_LAYER: Layer = { source: 'built in', config: BUILT_IN, position: () => undefined };

/**
 * Reads every layer and compiles the snapshot: built-in values, the user's file, the project's file, the environment,
 * the command line. A project file, and models named by the environment, that cannot be used as a whole are left out as a
 * whole, with a warning.
 *
 * Throws `config_invalid` (file, line and column of each fault; see `faultsOf`) and `config_unreadable`.
 */
export async function loadConfig(options: LoadOptions): Promise<LoadedConfig> {
  const paths = configPaths(options);
  const { catalogue = CATALOGUE } = options;
  const file = options.configFile ?? paths.configFile;
  const candidates = options.cwd === undefined ? [] : projectCandidates(options.cwd, options.home);
  const files = [file, paths.envFile, paths.secretsFile, modelTableFile(paths.stateDir), ...candidates];
  const signs = signsOf(files);
  const warnings = strayVariables(options.env);
  const user = await userLayer(file, options);
  const environment = environmentLayer(options.env);
  const flags = flagLayer(options.flags ?? {});
  const firm = { below: [BUILT_IN_LAYER, ...(user ? [user] : [])], above: [environment, flags] };
  const secrets = await openSecrets(
    options,
    paths,
    referencesIn(mergeLayers(firm.below)),
    options.keychain ?? (async () => undefined),
  );
  const fetched = readModelTable(paths.stateDir, options.platform, catalogue);
  if (fetched.warning !== undefined) warnings.push(fetched.warning);
  const proxies = environmentProxies(options.env);
  const compile = (layers: readonly Layer[]): Attempt => ({
    layers,
    compiled: compileConfig({
      config: mergeLayers(layers),
      secrets,
      models: fetched.table,
      version: options.version ?? 1,
      proxies,
      catalogue,
    }),
  });

  const projectFile = candidates.find((candidate) => existsSync(candidate));
  const names = (): Compiled => compile(firm.below).compiled;
  const project = projectFile === undefined ? undefined : await projectLayer(projectFile, options, names, warnings);
  const { layers, compiled } = settle(firm, project, { env: options.env, catalogue }, compile, warnings);
  const [first, ...others] = compiled.faults.map((remark) => placed(remark, layers));
  if (first) throw configInvalid([first, ...others]);

  warnings.push(
    ...compiled.warnings.map((remark) => faultText(placed(remark, layers))),
    ...secretWarnings(secrets),
    ...proxies.warnings,
  );
  return {
    snapshot: compiled.snapshot,
    tables: compiled.tables,
    config: mergeLayers(layers),
    paths,
    file,
    hasFile: user !== undefined,
    projectFile,
    files,
    signs,
    warnings,
    originOf: (path) => originOf(layers, typeof path === 'string' ? path.split('.') : path),
    hasVariable: (name) => secrets.variable([name]) !== undefined,
    values: () => originatedValues(layers),
  };
}

interface Attempt {
  readonly layers: readonly Layer[];
  readonly compiled: Compiled;
}

/** With everything, or without what is to blame: the environment's models first, then the project's file. */
function settle(
  firm: { readonly below: readonly Layer[]; readonly above: readonly Layer[] },
  project: Layer | undefined,
  given: { readonly env: LoadOptions['env']; readonly catalogue: Catalogue },
  compile: (layers: readonly Layer[]) => Attempt,
  warnings: string[],
): Attempt {
  const withProject = (kept: Layer | undefined): readonly Layer[] => [...firm.below, ...(kept ? [kept] : [])];
  const [environment, flags] = firm.above as [Layer, Layer];
  const all = (kept: Layer | undefined, withModels: boolean): readonly Layer[] => {
    const below = [...withProject(kept), environment];
    const chosen = below.findLast(({ config }) => config.default_profile !== undefined);
    const base = chosen === BUILT_IN_LAYER ? undefined : chosen?.config.default_profile;
    const models = withModels
      ? modelLayer(given.env, {
          below: mergeLayers(below),
          base,
          builtIn: BUILT_IN.default_profile,
          catalogue: given.catalogue,
        })
      : undefined;
    return [...below, ...(models ? [models] : []), flags];
  };
  let attempt = compile(all(project, true));
  if (attempt.compiled.faults.length === 0) return attempt;
  const without = (layers: readonly Layer[], consequence: string): boolean => {
    if (layers.length === attempt.layers.length) return false;
    const next = compile(layers);
    const blamed = attempt.compiled.faults.filter(
      (fault) => !next.compiled.faults.some((one) => sameRemark(one, fault)),
    );
    if (blamed.length === 0) return false;
    for (const remark of blamed) warnings.push(`${faultText(placed(remark, attempt.layers))}; ${consequence}`);
    attempt = next;
    return true;
  };
  const droppedModels = without(all(project, false), 'the models of the environment are left out');
  if (project) without(all(undefined, !droppedModels), 'the project file is left out');
  return attempt;
}

async function userLayer(file: string, options: LoadOptions): Promise<Layer | undefined> {
  if (options.configText !== undefined) return layerOfSource(await parseSource(file, options.configText));
  const read = readRegularFile(file, CONFIG_LIMIT, options.platform);
  if (!read) {
    if (options.configFile === undefined) return undefined;
    throw new MidswapError('config_unreadable', `${file} is not there`, {
      hint: 'Give the path of a configuration file.',
    });
  }
  return layerOfSource(await parseSource(file, read.text));
}

/** The project's file as a layer; `undefined`, with a warning for each fault, when any part of it is refused. */
async function projectLayer(
  file: string,
  options: LoadOptions,
  withoutIt: () => Compiled,
  warnings: string[],
): Promise<Layer | undefined> {
  try {
    const read = readRegularFile(file, PROJECT_LIMIT, options.platform);
    if (!read) return undefined;
    if (options.uid !== undefined && read.owner !== options.uid && read.owner !== 0) {
      warnings.push(`${file}: belongs to another user; the project file is left out`);
      return undefined;
    }
    const source = await parseSource(file, read.text);
    const { profiles, aliases } = withoutIt().snapshot;
    const known = { profiles: new Set(profiles.keys()), aliases: new Set(aliases.keys()) };
    const [first, ...others] = checkProject(source, known);
    if (first) throw configInvalid([first, ...others]);
    return layerOfSource(source);
  } catch (error) {
    if (!(error instanceof MidswapError)) throw error;
    const faults = faultsOf(error).map(faultText);
    for (const line of faults.length > 0 ? faults : [error.message]) {
      warnings.push(`${line}; the project file is left out`);
    }
    return undefined;
  }
}

function layerOfSource(source: Source): Layer {
  const { config, faults } = checkShape(source);
  const [first, ...others] = faults;
  if (first) throw configInvalid([first, ...others]);
  return { source: source.file, config: config ?? {}, position: (path) => positionOf(source, path) };
}

/** What is wrong with the place where it is written: the layer that says it, or says the nearest thing around it. */
function placed(remark: Remark, layers: readonly Layer[]): ConfigFault {
  const { what, suggestion } = remark;
  for (let path: Path = remark.path; path.length > 0; path = path.slice(0, -1)) {
    const layer = layerOf(layers, path);
    if (!layer) continue;
    const position = layer.position(writtenPath(layer.config, remark.path));
    const name = layer.nameOf ? layer.nameOf(remark.path) : pathText(remark.path);
    return { file: layer.source, position, path: name, what, suggestion };
  }
  return { file: BUILT_IN_LAYER.source, position: undefined, path: pathText(remark.path), what, suggestion };
}

function sameRemark(a: Remark, b: Remark): boolean {
  return a.what === b.what && pathText(a.path) === pathText(b.path);
}

function referencesIn(config: RawConfig): string[] {
  const providers = Object.values(config.providers ?? {});
  const ofProviders = providers.flatMap(({ auth, proxy }) => [...(auth?.keys ?? []), ...(proxy ? [proxy] : [])]);
  const { proxy: toolProxy, search } = config.web_tools ?? {};
  const ofProfiles = Object.values(config.profiles ?? {}).flatMap(({ keys }) => keys ?? []);
  return [...ofProviders, ...ofProfiles, toolProxy, search?.key].filter((reference) => reference !== undefined);
}

function secretWarnings({ warnings }: OpenSecrets): string[] {
  return warnings.map(({ file, line, what }) => `${line === undefined ? file : `${file}:${line}`}: ${what}`);
}
