import type { ChatQuirks } from '../core/target.ts';
import { geminiSchema } from './gemini-schema.ts';
import {
  everySchema,
  flattened,
  followed,
  inferredType,
  isSchema,
  lookUp,
  names,
  type Rule,
  type Schema,
  UNIONS,
  walked,
  without,
} from './json-schema.ts';

export type SchemaDialect = ChatQuirks['schemaDialect'];

/**
 * A tool's `input_schema` as `function.parameters`: always an object schema with `properties` and without a union at
 * the root, the rest levelled down to what the dialect is documented to take. Never throws.
 */
export function toolParameters(schema: unknown, dialect: SchemaDialect): Schema {
  const root = objectRoot(isSchema(schema) ? schema : {});
  const resolve = resolved(root);
  switch (dialect) {
    case 'json-schema':
      return root;
    case 'openai':
      return walked(root, [resolve, listRequired, completeArray]);
    case 'moonshot': {
      const flatten: Rule = (node) => (Array.isArray(node.allOf) ? flattened(node, root) : node);
      return walked(root, [
        resolve,
        listRequired,
        flatten,
        typesOfEnum,
        splitTypeList,
        typesIntoBranches,
        bareReference,
        completeArray,
        inferType,
      ]);
    }
    case 'gemini':
      return geminiSchema(root);
    case 'strict':
      return walked(root, [resolve, listRequired, completeArray, dropUnsupportedByStrict, splitTypeList, closeObject]);
    case 'grammar':
      return walked(root, [resolve, listRequired, completeArray, dropRepetition]);
  }
}

/** The same for `strict: true`, where that keeps the meaning: every property is required already, no object is open, and
 * nothing is said that the strict mode does not know. */
export function strictParameters(parameters: Schema): Schema | undefined {
  return isStrict(parameters) ? walked(parameters, [closeObject]) : undefined;
}

/**
 * A schema for `response_format`: with `strict` every object is closed and all of its properties are required, as the
 * strict mode of the API demands; what that mode cannot check is left out of it. An open map cannot be closed: then the
 * schema stays as it is and is not strict. `undefined` for one that is not of an object: no `response_format` takes it.
 */
export function outputSchema(given: unknown): { readonly schema: Schema; readonly strict: boolean } | undefined {
  if (!isSchema(given) || UNIONS.some((key) => given[key] !== undefined)) return undefined;
  if (given.type !== 'object' && !(given.type === undefined && isSchema(given.properties))) return undefined;
  const schema = given.type === 'object' ? given : { ...given, type: 'object' };
  const isClosable = everySchema(schema, ({ additionalProperties: more }) => more === undefined || more === false);
  if (!isClosable) return { schema, strict: false };
  const closed = walked(schema, [completeArray, choiceOfAny, dropUnsupportedByStrict, closeObject, requireAll]);
  return isStrict(closed) ? { schema: closed, strict: true } : { schema, strict: false };
}

/** Keywords of the strict mode: platform.openai.com/docs/guides/structured-outputs. */
const STRICT_KEYS = new Set([
  'type',
  'title',
  'description',
  'properties',
  'required',
  'additionalProperties',
  'items',
  'enum',
  'const',
  'anyOf',
  '$ref',
  '$defs',
  'definitions',
]);

function isStrict(schema: Schema): boolean {
  return everySchema(schema, (node) => {
    if (Object.keys(node).some((key) => !STRICT_KEYS.has(key))) return false;
    const { type, anyOf, additionalProperties, properties } = node;
    if (typeof node.$ref !== 'string' && type === undefined && !Array.isArray(anyOf)) return false;
    if (type === 'array' && !isSchema(node.items)) return false;
    if (type !== 'object' && !isSchema(properties)) return true;
    if (additionalProperties !== undefined && additionalProperties !== false) return false;
    if (!isSchema(properties)) return false;
    const required = new Set(names(node.required));
    return Object.keys(properties).every((name) => required.has(name));
  });
}

/** "must not have 'enum' or 'not' at the top level"; the others say nothing about an object. */
const NOT_AT_THE_ROOT = new Set(['$schema', '$id', '$ref', 'const', 'enum', 'not', 'items']);

/** The root as one plain object: a reference resolved, unions flattened, `type` and `properties` present. */
function objectRoot(given: Schema): Schema {
  const root = followed(given, given);
  const rest = without(root, NOT_AT_THE_ROOT);
  const hasUnion = UNIONS.some((key) => rest[key] !== undefined);
  const flat = hasUnion ? flattened(rest, given) : rest;
  return listRequired({ ...flat, type: 'object', properties: isSchema(flat.properties) ? flat.properties : {} });
}

/** A reference that leads nowhere in this document is refused with the whole request: anything goes in its place. */
function resolved(root: Schema): Rule {
  return (node) =>
    typeof node.$ref === 'string' && lookUp(node.$ref, root) === undefined ? without(node, REFERENCE) : node;
}

const REFERENCE = new Set(['$ref']);
const REQUIRED = new Set(['required']);

/** Old drafts mark single properties by `required: true`. */
function listRequired(node: Schema): Schema {
  return node.required === undefined || Array.isArray(node.required) ? node : without(node, REQUIRED);
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

/** The strict mode knows one kind of choice. */
function choiceOfAny(node: Schema): Schema {
  const { oneOf, ...rest } = node;
  return Array.isArray(oneOf) && node.anyOf === undefined ? { ...rest, anyOf: oneOf } : node;
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

/** What is spelled out letter by letter in a grammar: one long text, or many short ones together, is beyond the limits of
 * the compiler, and no request with such a tool is answered. */
const REPETITION = new Set([
  'minLength',
  'maxLength',
  'pattern',
  'minItems',
  'maxItems',
  'uniqueItems',
  'propertyNames',
]);

function dropRepetition(node: Schema): Schema {
  return without(node, REPETITION);
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

/** "enum value (move) does not match any type in [object]": the values say which types they have. */
function typesOfEnum(node: Schema): Schema {
  if (!Array.isArray(node.enum) || node.enum.length === 0) return node;
  const { enum: values, type, ...rest } = node;
  const groups = new Map<string, unknown[]>();
  for (const value of values) {
    const kind = inferredType({ const: value }) ?? 'object';
    groups.set(kind, [...(groups.get(kind) ?? []), value]);
  }
  const declared = new Set(Array.isArray(type) ? type : [type]);
  if (declared.has('number')) declared.add('integer');
  if ([...groups.keys()].every((kind) => declared.has(kind))) return node;
  const [only] = groups.keys();
  if (groups.size === 1) return { ...rest, enum: values, type: only };
  return { ...rest, anyOf: [...groups].map(([kind, enumeration]) => ({ type: kind, enum: enumeration })) };
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

/** A property without a type is refused too. */
function inferType(node: Schema): Schema {
  if (node.type !== undefined || node.$ref !== undefined) return node;
  if (Array.isArray(node.anyOf)) return node;
  return { ...node, type: inferredType(node) ?? 'string' };
}
