import { configShape } from './schema.ts';
import type { Key, NumberShape, Shape, TextShape } from './shape.ts';

type JsonSchema = Readonly<Record<string, unknown>>;

/** The JSON Schema that editors complete the file with (draft 2020-12). Checks that are functions are not in it. */
export function configJsonSchema(): JsonSchema {
  return {
    title: 'Configuration of midswap',
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    ...schemaOf(configShape),
  };
}

function schemaOf(shape: Shape): JsonSchema {
  switch (shape.kind) {
    case 'text':
      return textSchema(shape);
    case 'number':
      return numberSchema(shape);
    case 'flag':
      return { type: 'boolean' };
    case 'choice':
      return { type: 'string', enum: shape.values };
    case 'list':
      return { type: 'array', items: schemaOf(shape.item) };
    case 'object': {
      const keys = Object.entries(shape.keys);
      const required = keys.filter(([, { isNeeded }]) => isNeeded).map(([name]) => name);
      return {
        type: 'object',
        properties: Object.fromEntries(keys.map(([name, key]) => [name, keySchema(key)])),
        ...(required.length > 0 && { required }),
        additionalProperties: false,
      };
    }
    case 'names':
      return { type: 'object', propertyNames: textSchema(shape.name), additionalProperties: schemaOf(shape.value) };
    case 'either':
      return { anyOf: shape.options.map(schemaOf) };
    case 'later':
      return schemaOf(shape.make());
  }
}

function keySchema({ shape, doc, preset }: Key): JsonSchema {
  return {
    ...(preset !== undefined && { default: preset }),
    ...(doc !== undefined && { description: doc }),
    ...schemaOf(shape),
  };
}

function textSchema({ rules, min, max }: TextShape): JsonSchema {
  const pattern = rules.map(([test]) => test).find((test) => test instanceof RegExp);
  return {
    type: 'string',
    ...(min > 0 && { minLength: min }),
    ...(Number.isFinite(max) && { maxLength: max }),
    ...(pattern && { pattern: pattern.source }),
  };
}

function numberSchema({ isWhole, min, max, above }: NumberShape): JsonSchema {
  return {
    type: isWhole ? 'integer' : 'number',
    [above ? 'exclusiveMinimum' : 'minimum']: min,
    ...(Number.isFinite(max) && { maximum: max }),
  };
}
