import { z } from 'zod';
import { nearest } from '../core/nearest.ts';
import { type ConfigFault, pathText } from './faults.ts';
import { configSchema, type RawConfig } from './schema.ts';
import { type Path, plainValue, positionOf, type Source } from './source.ts';

type Issue = z.core.$ZodIssue;

/** Keys whose entries may be left empty: `deepseek:` with nothing behind it is the profile with all defaults. */
const NAMED = new Set(['profiles', 'providers']);
/** Maps whose names are used without regard to case, so that two of them must not differ by case alone. */
const NAME_MAPS = ['profiles', 'aliases', 'providers', 'limits', 'model_map'] as const;
const WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map of keys',
  record: 'a map of names',
};

/**
 * Checks the shape of one file: keys, types, forms. Names that point elsewhere are checked when everything is known.
 * `config` is undefined when there are faults.
 */
export function checkShape(source: Source): { config: RawConfig | undefined; faults: ConfigFault[] } {
  const value = settled(plainValue(source.root), []) ?? {};
  const result = configSchema.safeParse(value);
  const faults = result.success ? caseClashes(source, result.data) : issueFaults(source, value, result.error.issues);
  faults.sort((a, b) => (a.position?.line ?? 0) - (b.position?.line ?? 0));
  return { config: result.success && faults.length === 0 ? result.data : undefined, faults };
}

/** Known keys without a value say nothing. Anything else without one is a mistake and stays for the schema to find. */
function settled(value: unknown, path: Path): unknown {
  if (value === null) return path.length === 2 && NAMED.has(String(path[0])) ? {} : null;
  if (typeof value !== 'object' || Array.isArray(value)) return value;
  const kept: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    if (inner === null && keysAt(configSchema, path).includes(key)) continue;
    kept[key] = settled(inner, [...path, key]);
  }
  return kept;
}

function issueFaults(source: Source, value: unknown, issues: readonly Issue[]): ConfigFault[] {
  return issues.flatMap((issue) =>
    read(issue, value).map(({ path, what, suggestion, atKey }) => ({
      file: source.file,
      position: positionOf(source, path, atKey ? 'key' : 'value'),
      path: pathText(path),
      what,
      suggestion,
    })),
  );
}

interface Reading {
  readonly path: Path;
  readonly what: string;
  readonly suggestion: string | undefined;
  readonly atKey: boolean;
}

/** A fault of the schema library in our words. Values are told only where they cannot be a secret. */
function read(issue: Issue, value: unknown): Reading[] {
  const path = issue.path as Path;
  const one = (what: string, suggestion?: string, atKey = false): Reading[] => [{ path, what, suggestion, atKey }];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => {
        const keys = keysAt(configSchema, path).filter((known) => known !== key);
        return { path: [...path, key], ...unknownKey(path, key, keys), atKey: true };
      });
    case 'invalid_key':
      return one(issue.issues[0]?.message ?? 'is not a valid name', undefined, true);
    case 'invalid_value': {
      const values = issue.values.map(String);
      const written = valueAt(value, path);
      const near = typeof written === 'string' ? nearest(written, values) : undefined;
      return one(`must be ${orList(values)}`, near);
    }
    case 'invalid_type':
      return valueAt(value, path) === undefined
        ? one('is missing')
        : one(`must be ${WORDS[issue.expected] ?? issue.expected}`);
    case 'too_small':
      return one(
        `must be ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}${unit(issue.origin)}`,
      );
    case 'too_big':
      return one(
        `must be ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}${unit(issue.origin)}`,
      );
    default:
      return one(issue.message);
  }
}

function unknownKey(
  path: Path,
  key: string,
  keys: readonly string[],
): { what: string; suggestion: string | undefined } {
  if (path[0] === 'profiles' && path.length === 2 && (key === 'base_url' || key === 'endpoints' || key === 'proxy')) {
    return { what: 'belongs to a provider: declare one under "providers" and name it here', suggestion: undefined };
  }
  const grouped = path.at(-1) === 'quirks' && keysOfGroups(path).filter((known) => known.endsWith(`.${key}`));
  if (grouped && grouped.length > 1) {
    return { what: `can be ${orList(grouped)}: write it below its group`, suggestion: undefined };
  }
  return { what: 'unknown key', suggestion: nearest(key, keys) };
}

function keysOfGroups(path: Path): string[] {
  return ['messages', 'chat'].flatMap((group) =>
    keysAt(configSchema, [...path, group]).map((key) => `${group}.${key}`),
  );
}

/** Keys that the schema knows at a path; empty where names are free. */
function keysAt(schema: z.ZodType, path: Path): string[] {
  let here: z.ZodType | undefined = schema;
  for (const step of path) {
    here = unwrap(here);
    if (here instanceof z.ZodObject) here = (here.shape as Record<string, z.ZodType>)[String(step)];
    else if (here instanceof z.ZodRecord) here = here.valueType as z.ZodType;
    else if (here instanceof z.ZodArray) here = here.element as z.ZodType;
    else return [];
  }
  here = unwrap(here);
  return here instanceof z.ZodObject ? Object.keys(here.shape) : [];
}

function unwrap(schema: z.ZodType | undefined): z.ZodType | undefined {
  let here = schema;
  while (here instanceof z.ZodOptional || here instanceof z.ZodDefault || here instanceof z.ZodLazy) {
    here = here.unwrap() as z.ZodType;
  }
  return here;
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

function valueAt(value: unknown, path: Path): unknown {
  let here = value;
  for (const step of path) {
    if (typeof here !== 'object' || here === null) return undefined;
    here = Object.hasOwn(here, step) ? (here as Record<string | number, unknown>)[step] : undefined;
  }
  return here;
}

function unit(origin: string): string {
  return origin === 'string' ? ' characters long' : '';
}

function orList(values: readonly string[]): string {
  if (values.length <= 1) return values.join('');
  return `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
}
