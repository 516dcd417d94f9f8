import type { Catalogue } from '../catalogue/providers.ts';
import { nearest } from '../core/nearest.ts';
import { type Flags, modelVariables, OVERRIDES, type Override } from './environment.ts';
import { type ConfigFault, configInvalid } from './faults.ts';
import type { Layer } from './layers.ts';
import type { Env } from './paths.ts';
import type { RawConfig, RawProfile } from './schema.ts';

const PREFIX = 'MIDSWAP_';
/** Endings of what is read elsewhere. */
const OTHERS = ['HOME', 'CLAUDE', 'SESSION', 'TOKEN'];

/** The profile that `MODEL`, `MODEL_OPUS` and the like describe. */
export const ENVIRONMENT_PROFILE = 'environment';

export interface ModelLayerOptions {
  /** What the layers before it say. */
  readonly below: RawConfig;
  /** The profile that would be the default; `undefined` when nobody chose one. */
  readonly base: string | undefined;
  /** What is the default then. */
  readonly builtIn: string;
  readonly catalogue: Catalogue;
}

/** What `MIDSWAP_*` variables set. Throws `config_invalid` for a value of the wrong form. Blank ones are not set. */
export function environmentLayer(env: Env): Layer {
  return overrideLayer('environment', ({ variable }) => [variable, env[variable]?.trim() || undefined]);
}

/** Variables that are near the name of one that sets something, one line each: what is mistyped would do nothing. */
export function strayVariables(env: Env): string[] {
  const endings = OVERRIDES.map(({ variable }) => variable.slice(PREFIX.length));
  return Object.keys(env).flatMap((name) => {
    const ending = name.slice(PREFIX.length);
    if (!name.startsWith(PREFIX) || endings.includes(ending) || OTHERS.includes(ending)) return [];
    const near = nearest(ending, endings);
    return near === undefined ? [] : [`environment: ${name}: is not known; did you mean "${PREFIX}${near}"?`];
  });
}

/** What the command line sets. Throws `config_invalid`. */
export function flagLayer(flags: Flags): Layer {
  return overrideLayer('command line', ({ flag }) => {
    const value = flag && flags[flag];
    return [`--${flag}`, value === undefined ? undefined : String(value)];
  });
}

/**
 * `MODEL`, `MODEL_OPUS`, `MODEL_SONNET`, `MODEL_HAIKU` as a profile of their own, and that profile as the default. A
 * blank one inherits: a slot from `MODEL`, `MODEL` from the profile that would be the default without them.
 */
export function modelLayer(env: Env, { below, base, builtIn, catalogue }: ModelLayerOptions): Layer | undefined {
  const given = modelVariables(env);
  if (given.length === 0) return undefined;
  const isProfile = (text: string): boolean =>
    hasKey(below.profiles, text) || hasKey(below.providers, text) || catalogue.find(text) !== undefined;
  /** A name alone is a model of the profile that was chosen, unless it names something itself. */
  const placed = (reference: string): string => {
    const isName = /[:/]/.test(reference) || isProfile(reference) || hasKey(below.aliases, reference);
    return base === undefined || isName || !isProfile(base) ? reference : `${base}:${reference}`;
  };
  const models: Record<string, string> = { default: base ?? builtIn };
  for (const { slot, reference } of given) models[slot] = placed(reference);
  const variables = new Map<string, string>(given.map(({ slot, variable }) => [slot, variable]));
  return {
    source: 'environment',
    config: { default_profile: ENVIRONMENT_PROFILE, profiles: { [ENVIRONMENT_PROFILE]: { models } as RawProfile } },
    position: () => undefined,
    nameOf: (path) => variables.get(String(path.at(-1))) ?? [...variables.values()].join(', '),
  };
}

function hasKey(map: object | undefined, name: string): boolean {
  return Object.keys(map ?? {}).some((key) => key.toLowerCase() === name.toLowerCase());
}

function overrideLayer(
  source: string,
  given: (override: Override) => [name: string, value: string | undefined],
): Layer {
  const config: Record<string, unknown> = {};
  const names = new Map<string, string>();
  const faults: ConfigFault[] = [];
  for (const override of OVERRIDES) {
    const [name, text] = given(override);
    if (text === undefined) continue;
    const value = override.read(text);
    if (value === undefined) {
      const suggestion = override.form === 'true or false' ? nearest(text, ['true', 'false']) : undefined;
      faults.push({ file: source, position: undefined, path: name, what: `must be ${override.form}`, suggestion });
      continue;
    }
    const [key, inner] = override.path;
    config[key] = inner === undefined ? value : { ...(config[key] as object | undefined), [inner]: value };
    names.set(override.path.join('.'), name);
  }
  const [first, ...others] = faults;
  if (first) throw configInvalid([first, ...others]);
  return {
    source,
    config: config as RawConfig,
    position: () => undefined,
    nameOf: (path) => names.get(path.join('.')) ?? '',
  };
}
