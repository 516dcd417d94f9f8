import { MidswapError } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import { configInvalid } from './faults.ts';
import type { LoadedConfig } from './load.ts';
import { parseSource } from './read-source.ts';
import type { RawProfile, RawProvider } from './schema.ts';
import { isSecretReference } from './secrets.ts';
import { type Path, plainValue } from './source.ts';
import { checkShape } from './validate.ts';

/** Profiles with the providers of the user's own that they need, for somebody else. */
export interface SharedProfiles {
  readonly profiles: Readonly<Record<string, RawProfile>>;
  readonly providers?: Readonly<Record<string, RawProvider>>;
}

/** What may be in such a document. */
const SHARED = ['profiles', 'providers', 'aliases'] as const;

/**
 * Profiles of the configuration as a document without keys: references to keys stay, keys and proxies do not. Throws
 * `unknown_reference` for a name that the configuration does not write.
 */
export async function exportProfiles(
  { config, snapshot }: Pick<LoadedConfig, 'config' | 'snapshot'>,
  names: readonly string[],
): Promise<{ readonly text: string; readonly data: SharedProfiles; readonly leftOut: readonly string[] }> {
  const written = config.profiles ?? {};
  const idOf = (name: string): string => snapshot.providerId(name) ?? name.toLowerCase();
  const wanted = names.length === 0 ? Object.keys(written) : names.map((name) => spelled(written, name));
  const leftOut: string[] = [];
  const profiles: Record<string, RawProfile> = {};
  const providers: Record<string, RawProvider> = {};
  for (const name of wanted) {
    const profile = written[name] as RawProfile;
    profiles[name] = withoutKeys(profile, `profiles.${name}`, leftOut);
    for (const id of providersIn(profile, name)) {
      const found = Object.entries(config.providers ?? {}).find(([key]) => idOf(key) === idOf(id));
      if (!found) continue;
      const [key, provider] = found;
      const { proxy, ...rest } = provider;
      if (proxy !== undefined && !leftOut.includes(`providers.${key}.proxy`)) leftOut.push(`providers.${key}.proxy`);
      const auth = rest.auth && withoutKeys(rest.auth, `providers.${key}.auth`, leftOut);
      providers[key] = { ...rest, ...(auth && { auth }) };
    }
  }
  const data = { profiles, ...(Object.keys(providers).length > 0 && { providers }) };
  const { stringify } = await import('yaml');
  return { text: stringify(data, { lineWidth: 0 }), data, leftOut };
}

/**
 * The entries of such a document as paths of the configuration. Throws `config_invalid` with file and line, also for
 * anything that is more than profiles, aliases and providers.
 */
export async function readShared(
  file: string,
  text: string,
): Promise<readonly { readonly path: Path; readonly value: unknown }[]> {
  const source = await parseSource(file, text);
  const [first, ...others] = checkShape(source).faults;
  if (first) throw configInvalid([first, ...others]);
  const document = plainValue(source.root);
  const sections = Object.entries(typeof document === 'object' && document !== null ? document : {});
  const other = sections.find(([name]) => !(SHARED as readonly string[]).includes(name));
  if (other) {
    throw new MidswapError('config_invalid', `${file}: "${other[0]}" is not a part of shared profiles`, {
      hint: `Only ${SHARED.join(', ')} are taken over.`,
    });
  }
  return sections.flatMap(([section, entries]) =>
    Object.entries((entries ?? {}) as object).map(([name, value]) => ({ path: [section, name], value: value ?? {} })),
  );
}

function spelled(written: Readonly<Record<string, unknown>>, name: string): string {
  const found = Object.keys(written).find((key) => key.toLowerCase() === name.toLowerCase());
  if (found !== undefined) return found;
  const near = nearest(name, Object.keys(written));
  throw new MidswapError('unknown_reference', `no profile "${name}" is written in the configuration`, {
    hint: near === undefined ? 'Built-in profiles are everywhere the same.' : `Did you mean ${near}?`,
  });
}

/** Names of providers that a profile may mean: its own, and what stands before the colon of its models. */
function providersIn({ provider, models, fallback }: RawProfile, name: string): string[] {
  const references = [...Object.values(models ?? {}), ...(fallback ?? [])].filter((text) => text !== undefined);
  const left = references.map((text) => text.split(/[:/]/, 1)[0] as string);
  return [...new Set([provider ?? name, ...left])];
}

function withoutKeys<Part extends { keys?: string[] | undefined }>(part: Part, path: string, leftOut: string[]): Part {
  const { keys, ...rest } = part;
  if (keys === undefined) return part;
  const kept = keys.filter(isSecretReference);
  if (kept.length < keys.length && !leftOut.includes(`${path}.keys`)) leftOut.push(`${path}.keys`);
  return { ...rest, ...(kept.length > 0 && { keys: kept }) } as Part;
}
