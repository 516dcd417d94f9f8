import { isExactNumber } from './exact-numbers.ts';

/** A JSON schema as it came: open, and not always one. */
export type Schema = Record<string, unknown>;

/** Schemas nest as deep as people write them, references as deep as they loop. */
export const MAX_DEPTH = 64;

export function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isExactNumber(value);
}

/** The schema a `#/...` reference of `schema` leads to, or the schema itself. Siblings of the reference win. */
export function followed(schema: Schema, root: Schema, depth = 0): Schema {
  const reference = schema.$ref;
  if (typeof reference !== 'string' || depth > 8) return schema;
  const found = lookUp(reference, root);
  if (found === undefined) return schema;
  const { $ref: _reference, ...siblings } = schema;
  return followed({ ...found, ...siblings }, root, depth + 1);
}

/** What a reference inside of the same document leads to. */
export function lookUp(reference: string, root: Schema): Schema | undefined {
  if (reference !== '#' && !reference.startsWith('#/')) return undefined;
  let at: unknown = root;
  for (const part of reference.slice(1).split('/').slice(1)) {
    const key = decodedPart(part);
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined;
    at = Reflect.get(at, key);
  }
  return isSchema(at) ? at : undefined;
}

function decodedPart(part: string): string {
  const plain = part.replaceAll('~1', '/').replaceAll('~0', '~');
  try {
    return decodeURIComponent(plain);
  } catch {
    return plain;
  }
}

export const UNIONS = ['anyOf', 'oneOf', 'allOf'] as const;

/** One object with the properties of all branches. What `allOf` requires is required, what every branch of a choice
 * requires is required, the rest is optional. */
export function flattened(schema: Schema, root: Schema, depth = 0): Schema {
  const { anyOf: _any, oneOf: _one, allOf: _all, ...own } = schema;
  const properties = new Map<string, unknown>(isSchema(own.properties) ? Object.entries(own.properties) : []);
  const required = new Set(names(own.required));
  for (const key of UNIONS) {
    const branches = Array.isArray(schema[key]) ? schema[key].filter(isSchema) : [];
    let common: Set<string> | undefined;
    for (const branch of branches) {
      const target = followed(branch, root);
      const flat = depth > 8 ? target : flattened(target, root, depth + 1);
      if (isSchema(flat.properties)) {
        for (const [name, value] of Object.entries(flat.properties)) mergeProperty(properties, name, value);
      }
      const wanted = names(flat.required);
      if (key === 'allOf') for (const name of wanted) required.add(name);
      else common = new Set(common === undefined ? wanted : wanted.filter((name) => common?.has(name)));
    }
    for (const name of common ?? []) required.add(name);
  }
  const { required: _required, ...rest } = own;
  const out: Schema = { ...rest, properties: Object.fromEntries(properties) };
  if (required.size > 0) out.required = [...required];
  return out;
}

function mergeProperty(properties: Map<string, unknown>, name: string, value: unknown): void {
  const known = properties.get(name);
  if (known === undefined) properties.set(name, value);
  else if (JSON.stringify(known) !== JSON.stringify(value)) properties.set(name, { anyOf: [known, value] });
}

export function names(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}

/** Keys whose value is a schema, a list of schemas, or a map of names to schemas. Everything else is data and never
 * entered: `default`, `enum`, `const`, `examples` may look like schemas. */
const ONE = new Set([
  'items',
  'additionalProperties',
  'contains',
  'not',
  'if',
  'then',
  'else',
  'propertyNames',
  'additionalItems',
]);
const LIST = new Set(['anyOf', 'oneOf', 'allOf', 'prefixItems']);
const MAP = new Set(['properties', '$defs', 'definitions', 'patternProperties', 'dependentSchemas']);

export type Rule = (node: Schema) => Schema;

/** Applies the rules to every schema of the tree, the inner ones first. */
export function walked(schema: Schema, rules: readonly Rule[], depth = 0): Schema {
  const out = depth > MAX_DEPTH ? {} : mapChildren(schema, (child) => walked(child, rules, depth + 1));
  return rules.reduce((node, rule) => rule(node), out);
}

export function mapChildren(schema: Schema, apply: (child: Schema) => Schema): Schema {
  // `true` and `false` are schemas too, which no dialect here knows.
  const one = (value: unknown): unknown =>
    isSchema(value) ? apply(value) : typeof value === 'boolean' ? apply({}) : value;
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => {
      // A closed or open object is told by a boolean, which stays one.
      if (key === 'additionalProperties') return [key, isSchema(value) ? apply(value) : value];
      if (ONE.has(key)) return [key, Array.isArray(value) ? value.map(one) : one(value)];
      if (LIST.has(key) && Array.isArray(value)) return [key, value.map(one)];
      if (MAP.has(key) && isSchema(value)) {
        return [key, Object.fromEntries(Object.entries(value).map(([name, child]) => [name, one(child)]))];
      }
      return [key, value];
    }),
  );
}

export function everySchema(schema: unknown, test: (node: Schema) => boolean, depth = 0): boolean {
  if (!isSchema(schema)) return true;
  if (depth > MAX_DEPTH || !test(schema)) return false;
  let holds = true;
  mapChildren(schema, (child) => {
    holds &&= everySchema(child, test, depth + 1);
    return child;
  });
  return holds;
}

export function without(node: Schema, keys: ReadonlySet<string>): Schema {
  return Object.keys(node).some((key) => keys.has(key))
    ? Object.fromEntries(Object.entries(node).filter(([key]) => !keys.has(key)))
    : node;
}

export function inferredType(node: Schema): string | undefined {
  if (isSchema(node.properties)) return 'object';
  if (node.items !== undefined) return 'array';
  const sample = Array.isArray(node.enum) ? node.enum[0] : node.const;
  if (sample === null) return 'null';
  if (isExactNumber(sample)) return 'number';
  if (typeof sample === 'object') return Array.isArray(sample) ? 'array' : 'object';
  if (typeof sample === 'number') return Number.isInteger(sample) ? 'integer' : 'number';
  if (typeof sample === 'string' || typeof sample === 'boolean') return typeof sample;
  return undefined;
}
