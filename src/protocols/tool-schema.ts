import type { ChatQuirks } from '../core/target.ts';

export type SchemaDialect = ChatQuirks['schemaDialect'];

type Schema = Record<string, unknown>;

/** Schemas nest as deep as people write them, references as deep as they loop. */
const MAX_DEPTH = 64;

/**
 * A tool's `input_schema` as `function.parameters`: always an object schema with `properties` and without a union at
 * the root, the rest levelled down to what the dialect is documented to take. Never throws.
 */
export function toolParameters(schema: unknown, dialect: SchemaDialect): Schema {
  const root = objectRoot(isSchema(schema) ? schema : {});
  switch (dialect) {
    case 'json-schema':
      return root;
    case 'openai':
      return walked(root, [completeArray]);
    case 'moonshot':
      return walked(root, [splitTypeList, typesIntoBranches, bareReference, completeArray, inferType]);
    case 'gemini':
      return geminiRoot(root);
    case 'strict':
      return walked(root, [completeArray, dropUnsupportedByStrict, closeObject]);
  }
}

/** Whether `strict: true` keeps the meaning: every object closed and every property required already. */
export function isStrictExpressible(schema: unknown): boolean {
  return everySchema(schema, (node) => {
    if (node.type !== 'object' && !isSchema(node.properties)) return true;
    const { additionalProperties, properties } = node;
    if (additionalProperties !== undefined && additionalProperties !== false) return false;
    if (!isSchema(properties)) return false;
    const required = new Set(Array.isArray(node.required) ? node.required : []);
    return Object.keys(properties).every((name) => required.has(name));
  });
}

/**
 * A schema for `response_format`: with `strict` every object is closed and all of its properties are required, as the
 * strict mode of the API demands. An open map cannot be closed; then the schema stays as it is and is not strict.
 */
export function outputSchema(schema: unknown): { readonly schema: Schema; readonly strict: boolean } {
  const root = isSchema(schema) ? schema : { type: 'object', properties: {} };
  const closable = everySchema(root, (node) => {
    if (node.type !== 'object' && !isSchema(node.properties)) return true;
    return isSchema(node.properties) && !isSchema(node.additionalProperties) && node.additionalProperties !== true;
  });
  if (!closable) return { schema: root, strict: false };
  return { schema: walked(root, [completeArray, closeObject, requireAll]), strict: true };
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const UNIONS = ['anyOf', 'oneOf', 'allOf'] as const;

/** "must not have 'enum' or 'not' at the top level"; the others say nothing about an object. */
const NOT_AT_THE_ROOT = new Set(['$schema', '$id', '$ref', 'const', 'enum', 'not', 'items']);

/** The root as one plain object: a reference resolved, unions flattened, `type` and `properties` present. */
function objectRoot(given: Schema): Schema {
  const root = followed(given, given, 0);
  const rest = without(root, NOT_AT_THE_ROOT);
  const hasUnion = UNIONS.some((key) => rest[key] !== undefined);
  const flat = hasUnion ? flattened(rest, given, 0) : rest;
  return { ...flat, type: 'object', properties: isSchema(flat.properties) ? flat.properties : {} };
}

/** The schema a `#/...` reference of `schema` leads to, or the schema itself. Siblings of the reference win. */
function followed(schema: Schema, root: Schema, depth: number): Schema {
  const reference = schema.$ref;
  if (typeof reference !== 'string' || depth > 8) return schema;
  const found = lookUp(reference, root);
  if (found === undefined) return schema;
  const { $ref: _reference, ...siblings } = schema;
  return followed({ ...found, ...siblings }, root, depth + 1);
}

function lookUp(reference: string, root: Schema): Schema | undefined {
  if (!reference.startsWith('#')) return undefined;
  let at: unknown = root;
  for (const part of reference.slice(1).split('/').slice(1)) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = Reflect.get(at, decodedPart(part));
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

/** One object with the properties of all branches. What `allOf` requires is required, what every branch of a choice
 * requires is required, the rest is optional. */
function flattened(schema: Schema, root: Schema, depth: number): Schema {
  const { anyOf: _any, oneOf: _one, allOf: _all, ...own } = schema;
  const properties = new Map<string, unknown>(isSchema(own.properties) ? Object.entries(own.properties) : []);
  const required = new Set(names(own.required));
  for (const key of UNIONS) {
    const branches = Array.isArray(schema[key]) ? schema[key].filter(isSchema) : [];
    let common: Set<string> | undefined;
    for (const branch of branches) {
      const target = followed(branch, root, 0);
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

function names(value: unknown): string[] {
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

type Rule = (node: Schema) => Schema;

/** Applies the rules to every schema of the tree, the inner ones first. */
function walked(schema: Schema, rules: readonly Rule[], depth = 0): Schema {
  if (depth > MAX_DEPTH) return {};
  const out = mapChildren(schema, (child) => walked(child, rules, depth + 1));
  return rules.reduce((node, rule) => rule(node), out);
}

function mapChildren(schema: Schema, apply: (child: Schema) => Schema): Schema {
  const one = (value: unknown): unknown => (isSchema(value) ? apply(value) : value === true ? {} : value);
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

function everySchema(schema: unknown, test: (node: Schema) => boolean, depth = 0): boolean {
  if (!isSchema(schema)) return true;
  if (depth > MAX_DEPTH || !test(schema)) return false;
  let holds = true;
  mapChildren(schema, (child) => {
    holds &&= everySchema(child, test, depth + 1);
    return child;
  });
  return holds;
}

/** "array schema missing items" otherwise. */
function completeArray(node: Schema): Schema {
  const isArray = node.type === 'array' || (Array.isArray(node.type) && node.type.includes('array'));
  return isArray && node.items === undefined && node.prefixItems === undefined ? { ...node, items: {} } : node;
}

function closeObject(node: Schema): Schema {
  if (node.type !== 'object' && !isSchema(node.properties)) return node;
  return isSchema(node.additionalProperties) ? node : { ...node, additionalProperties: false };
}

function requireAll(node: Schema): Schema {
  return isSchema(node.properties) ? { ...node, required: Object.keys(node.properties) } : node;
}

const NOT_STRICT = new Set([
  'default',
  'minLength',
  'maxLength',
  'pattern',
  'format',
  'minItems',
  'maxItems',
  'uniqueItems',
  'minProperties',
  'maxProperties',
  'patternProperties',
  'propertyNames',
]);

function dropUnsupportedByStrict(node: Schema): Schema {
  return without(node, NOT_STRICT);
}

function without(node: Schema, keys: ReadonlySet<string>): Schema {
  return Object.keys(node).some((key) => keys.has(key))
    ? Object.fromEntries(Object.entries(node).filter(([key]) => !keys.has(key)))
    : node;
}

/** `type: ["string", "null"]` as a choice of single types. */
function splitTypeList(node: Schema): Schema {
  const { type, ...rest } = node;
  if (!Array.isArray(type)) return node;
  if (type.length === 1) return { ...rest, type: type[0] };
  const { description, title, ...shape } = rest;
  const branches = type.map((each) => (each === 'null' ? { type: each } : { ...shape, type: each }));
  return {
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    anyOf: branches,
  };
}

/** "when using anyOf, type should be defined in anyOf items instead of the parent schema" */
function typesIntoBranches(node: Schema): Schema {
  const { oneOf, type, ...rest } = node;
  const branches = Array.isArray(node.anyOf) ? node.anyOf : Array.isArray(oneOf) ? oneOf : undefined;
  if (branches === undefined) return node;
  const typed = branches.map((branch) =>
    isSchema(branch) && branch.type === undefined && branch.$ref === undefined && !Array.isArray(branch.anyOf)
      ? { ...branch, type: type ?? inferredType(branch) ?? 'string' }
      : branch,
  );
  // A property map beside the union is legal only with the parent's type, which has to go: it moves into the branches.
  return { ...rest, anyOf: typed };
}

function bareReference(node: Schema): Schema {
  return typeof node.$ref === 'string' ? { $ref: node.$ref } : node;
}

function inferType(node: Schema): Schema {
  if (node.type !== undefined || node.$ref !== undefined) return node;
  if (Array.isArray(node.anyOf) || Array.isArray(node.allOf)) return node;
  const type = inferredType(node);
  return type === undefined ? node : { ...node, type };
}

function inferredType(node: Schema): string | undefined {
  if (isSchema(node.properties)) return 'object';
  if (node.items !== undefined) return 'array';
  const sample = Array.isArray(node.enum) ? node.enum[0] : node.const;
  if (sample === null) return 'null';
  if (typeof sample === 'number') return Number.isInteger(sample) ? 'integer' : 'number';
  if (typeof sample === 'string' || typeof sample === 'boolean') return typeof sample;
  return undefined;
}

const GEMINI_KEYS = new Set([
  'type',
  'format',
  'title',
  'description',
  'nullable',
  'enum',
  'items',
  'minItems',
  'maxItems',
  'properties',
  'required',
  'minProperties',
  'maxProperties',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'pattern',
  'anyOf',
  'default',
]);
const GEMINI_FORMATS = new Set(['enum', 'date-time']);

function geminiRoot(root: Schema): Schema {
  return gemini(root, root, 0);
}

/** The OpenAPI subset that Gemini takes: references inlined, one type per schema, string enumerations. */
function gemini(given: Schema, root: Schema, depth: number): Schema {
  if (depth > MAX_DEPTH / 4) return { type: 'object' };
  const target = followed(given, root, 0);
  const merged = Array.isArray(target.allOf)
    ? flattened({ ...target, anyOf: undefined, oneOf: undefined }, root, 0)
    : target;
  const node: Schema = { ...merged };
  const choice = Array.isArray(target.anyOf) ? target.anyOf : target.oneOf;
  if (node.const !== undefined && node.enum === undefined) node.enum = [node.const];
  if (Array.isArray(node.type)) {
    const types = node.type.filter((type) => type !== 'null');
    if (types.length < node.type.length) node.nullable = true;
    node.type = types[0] ?? 'string';
  }
  if (Array.isArray(choice)) {
    const branches = choice.filter(isSchema);
    const real = branches.filter((branch) => branch.type !== 'null');
    const nullable = real.length < branches.length ? { nullable: true } : {};
    const [only] = real;
    if (real.length === 1 && only !== undefined) {
      const { anyOf: _any, oneOf: _one, type: _type, ...rest } = node;
      return gemini({ ...only, ...rest, ...nullable }, root, depth + 1);
    }
    node.anyOf = real;
    Object.assign(node, nullable);
  }
  if (Array.isArray(node.enum)) {
    const strings = node.enum.every((value) => typeof value === 'string');
    if (!strings) delete node.enum;
    else node.type = 'string';
  }
  if (typeof node.format === 'string' && !GEMINI_FORMATS.has(node.format)) delete node.format;
  if (node.type === undefined && node.anyOf === undefined)
    node.type = inferredType(node) ?? (depth === 0 ? 'object' : 'string');
  if (node.type === 'array' && !isSchema(node.items)) node.items = { type: 'string' };
  if (Array.isArray(node.required)) {
    const known = isSchema(node.properties) ? node.properties : {};
    node.required = names(node.required).filter((name) => Object.hasOwn(known, name));
    if (names(node.required).length === 0) delete node.required;
  }
  const kept = Object.fromEntries(Object.entries(node).filter(([key]) => GEMINI_KEYS.has(key)));
  return mapChildren(kept, (child) => gemini(child, root, depth + 1));
}
