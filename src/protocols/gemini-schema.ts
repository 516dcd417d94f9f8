import {
  flattened,
  followed,
  inferredType,
  isSchema,
  MAX_DEPTH,
  mapChildren,
  names,
  type Schema,
} from './json-schema.ts';

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

/** The OpenAPI subset that Gemini takes: references inlined, one type per schema, string enumerations. `root`: an object
 * schema without a union. */
export function geminiSchema(root: Schema): Schema {
  return gemini(root, root, 0);
}

function gemini(given: Schema, root: Schema, depth: number): Schema {
  if (depth > MAX_DEPTH / 4) return { type: 'object' };
  const target = followed(given, root);
  const merged = Array.isArray(target.allOf)
    ? flattened({ ...target, anyOf: undefined, oneOf: undefined }, root)
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
    delete node.anyOf;
    const branches = choice.filter(isSchema);
    const real = branches.filter((branch) => branch.type !== 'null');
    const nullable = real.length < branches.length ? { nullable: true } : {};
    const [only] = real;
    if (real.length === 1 && only !== undefined) {
      const { anyOf: _any, oneOf: _one, type: _type, ...rest } = node;
      return gemini({ ...only, ...rest, ...nullable }, root, depth + 1);
    }
    if (real.length > 0) node.anyOf = real;
    Object.assign(node, nullable);
  }
  if (Array.isArray(node.enum)) {
    const words = node.enum.filter((value) => value !== '');
    if (words.length === 0 || words.some((value) => typeof value !== 'string')) delete node.enum;
    else Object.assign(node, { enum: words, type: 'string' });
  }
  if (typeof node.format === 'string' && !GEMINI_FORMATS.has(node.format)) delete node.format;
  if (node.type === undefined && node.anyOf === undefined)
    node.type = inferredType(node) ?? (depth === 0 ? 'object' : 'string');
  if (node.type === 'null') Object.assign(node, { type: 'string', nullable: true });
  if (node.type === 'array' && !isSchema(node.items)) node.items = { type: 'string' };
  if (!Array.isArray(node.required)) delete node.required;
  else {
    const known = isSchema(node.properties) ? node.properties : {};
    node.required = names(node.required).filter((name) => Object.hasOwn(known, name));
    if (names(node.required).length === 0) delete node.required;
  }
  const kept = Object.fromEntries(Object.entries(node).filter(([key]) => GEMINI_KEYS.has(key)));
  return mapChildren(kept, (child) => gemini(child, root, depth + 1));
}
