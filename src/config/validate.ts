import { checkValue, keysAt, orList, type ShapeFault, UNKNOWN_KEY } from './check-shape.ts';
import { type ConfigFault, pathText } from './faults.ts';
import { configShape, type RawConfig } from './schema.ts';
import { type Path, plainValue, positionOf, type Source } from './source.ts';

/** Maps whose names are used without regard to case, so that two of them must not differ by case alone. */
const NAME_MAPS = ['profiles', 'aliases', 'providers', 'limits', 'model_map'] as const;

/**
 * Checks the shape of one file: keys, types, forms. Names that point elsewhere are checked when everything is known.
 * `config` is undefined when there are faults.
 */
export function checkShape(source: Source): { config: RawConfig | undefined; faults: ConfigFault[] } {
  const { value, faults: found } = checkValue(configShape, plainValue(source.root) ?? {});
  const faults = found.length === 0 ? caseClashes(source, value) : found.map((one) => placed(source, one));
  faults.sort((a, b) => (a.position?.line ?? 0) - (b.position?.line ?? 0));
  return { config: faults.length === 0 ? value : undefined, faults };
}

function placed(source: Source, { path, what, suggestion, atKey }: ShapeFault): ConfigFault {
  const said = what === UNKNOWN_KEY ? elsewhere(path) : undefined;
  return {
    file: source.file,
    position: positionOf(source, path, atKey ? 'key' : 'value'),
    path: pathText(path),
    what: said ?? what,
    suggestion: said === undefined ? suggestion : undefined,
  };
}

/** Where an unknown key belongs, if it is known somewhere else. */
function elsewhere(path: Path): string | undefined {
  const key = String(path.at(-1));
  if (path[0] === 'profiles' && path.length === 3 && ['base_url', 'endpoints', 'proxy'].includes(key)) {
    return 'belongs to a provider: declare one under "providers" and name it here';
  }
  if (path.at(-2) !== 'quirks') return undefined;
  const inGroups = ['messages', 'chat'].filter((group) =>
    keysAt(configShape, [...path.slice(0, -1), group]).includes(key),
  );
  if (inGroups.length < 2) return undefined;
  return `can be ${orList(inGroups.map((group) => `${group}.${key}`))}: write it below its group`;
}

function caseClashes(source: Source, config: RawConfig): ConfigFault[] {
  return NAME_MAPS.flatMap((map) => {
    const seen = new Map<string, string>();
    return Object.keys(config[map] ?? {}).flatMap((name) => {
      const earlier = seen.get(name.toLowerCase());
      seen.set(name.toLowerCase(), name);
      if (earlier === undefined) return [];
      const path = [map, name];
      const position = positionOf(source, path, 'key');
      const what = `is there twice: case does not count, and "${earlier}" is above`;
      return [{ file: source.file, position, path: pathText(path), what, suggestion: undefined }];
    });
  });
}
