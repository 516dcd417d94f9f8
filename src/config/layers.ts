import { pathText } from './faults.ts';
import type { RawConfig } from './schema.ts';
import type { Path, Position } from './source.ts';

/** One source of configuration. Later layers win. */
export interface Layer {
  readonly config: RawConfig;
  /** The file, or what the source is called. */
  readonly source: string;
  /** Where the path is written, for files. */
  position(path: Path): Position | undefined;
  /** What the source calls the path, where it is no file: the variable or the flag. */
  nameOf?(path: Path): string;
}

/** A value that is set, as people may see it, with where it came from. */
export interface OriginatedValue {
  /** `profiles.deepseek.models.opus` */
  readonly key: string;
  readonly value: unknown;
  /** `/home/u/.config/midswap/config.yaml:12`, `environment MIDSWAP_PORT`, `built in`. */
  readonly origin: string;
}

/** Maps whose names are used without regard to case. */
const NAME_MAPS: ReadonlySet<string> = new Set(['profiles', 'aliases', 'providers', 'limits', 'model_map']);
const BUILT_IN_ORIGIN = 'built in';

/** All layers as one: maps merge by key, lists and values are replaced. The spelling of a name is its first one. */
export function mergeLayers(layers: readonly Layer[]): RawConfig {
  return layers.reduce<RawConfig>((merged, layer) => merge(merged, layer.config, []) as RawConfig, {});
}

/** The layer that says what holds at the path; `undefined` when none does. */
export function layerOf(layers: readonly Layer[], path: Path): Layer | undefined {
  return layers.findLast((layer) => find(layer.config, path) !== undefined);
}

/** Where the value at the path came from. */
export function originOf(layers: readonly Layer[], path: Path): string {
  const layer = layerOf(layers, path);
  if (!layer) return BUILT_IN_ORIGIN;
  const position = layer.position(writtenPath(layer.config, path));
  if (position) return `${layer.source}:${position.line}`;
  return layer.nameOf ? `${layer.source} ${layer.nameOf(path)}` : layer.source;
}

/** The path in the spelling of the layer. */
export function writtenPath(config: RawConfig, path: Path): Path {
  const [map, name, ...rest] = path;
  if (typeof map !== 'string' || typeof name !== 'string' || !NAME_MAPS.has(map)) return path;
  return [map, keyIn((config as Record<string, object | undefined>)[map] ?? {}, name, true) ?? name, ...rest];
}

/** Every value that is set, in the order of the merged configuration. What may hold a secret is masked. */
export function originatedValues(layers: readonly Layer[]): OriginatedValue[] {
  const values: OriginatedValue[] = [];
  const walk = (value: unknown, path: Path): void => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0) {
      for (const [key, inner] of Object.entries(value)) walk(inner, [...path, key]);
      return;
    }
    if (value === undefined) return;
    values.push({ key: pathText(path), value: shown(value, path), origin: originOf(layers, path) });
  };
  walk(mergeLayers(layers), []);
  return values;
}

function merge(below: unknown, above: unknown, path: readonly string[]): unknown {
  if (above === undefined) return below;
  if (!isMap(below) || !isMap(above)) return above;
  const merged: Record<string, unknown> = { ...below };
  const anyCase = path.length === 1 && NAME_MAPS.has(path[0] as string);
  for (const [key, value] of Object.entries(above)) {
    const known = keyIn(merged, key, anyCase) ?? key;
    merged[known] = merge(merged[known], value, [...path, key]);
  }
  return merged;
}

function find(value: unknown, path: Path): unknown {
  let here = value;
  for (const [depth, step] of path.entries()) {
    if (typeof here !== 'object' || here === null) return undefined;
    const anyCase = depth === 1 && NAME_MAPS.has(String(path[0]));
    const key = Array.isArray(here) ? String(step) : keyIn(here, String(step), anyCase);
    here = key === undefined ? undefined : (here as Record<string, unknown>)[key];
  }
  return here;
}

function keyIn(map: object, key: string, anyCase: boolean): string | undefined {
  if (Object.hasOwn(map, key)) return key;
  if (!anyCase) return undefined;
  const wanted = key.toLowerCase();
  return Object.keys(map).find((candidate) => candidate.toLowerCase() === wanted);
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Keys in plain text and passwords of proxies are not for the screen. */
function shown(value: unknown, path: Path): unknown {
  const last = path.at(-1);
  const isReference = (text: unknown): boolean => typeof text === 'string' && /^(env|file|keychain):/.test(text);
  if (last === 'keys' && Array.isArray(value)) return value.map((text) => (isReference(text) ? text : '[secret]'));
  if (typeof value !== 'string' || isReference(value)) return value;
  // A password may hold the sign that ends it, where nobody wrote it as a code.
  if (last === 'proxy') return value.replace(/\/\/.*@/, '//[secret]@');
  if (last === 'key') return '[secret]';
  return value;
}
