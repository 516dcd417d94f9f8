import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { outputSchema, type SchemaDialect, strictParameters, toolParameters } from './tool-schema.ts';

const DIALECTS: readonly SchemaDialect[] = ['json-schema', 'openai', 'moonshot', 'gemini', 'strict', 'grammar'];

describe('tool parameters', () => {
  it.each(DIALECTS)('are an object with properties in the dialect %s', (dialect) => {
    for (const schema of [undefined, null, 'x', [], {}, { type: 'object' }, { properties: {} }, { type: 'string' }]) {
      expect(toolParameters(schema, dialect)).toMatchObject({ type: 'object', properties: {} });
    }
  });

  it('have no union at the root: properties together, required what every branch requires', () => {
    const a = { type: 'object', properties: { a: { type: 'string' }, c: { type: 'string' } }, required: ['a', 'c'] };
    const b = { type: 'object', properties: { b: { type: 'number' }, c: { type: 'number' } }, required: ['c'] };
    expect(toolParameters({ anyOf: [a, b], required: ['x'], properties: { x: {} } }, 'json-schema')).toEqual({
      type: 'object',
      properties: {
        x: {},
        a: { type: 'string' },
        c: { anyOf: [{ type: 'string' }, { type: 'number' }] },
        b: { type: 'number' },
      },
      required: ['x', 'c'],
    });
    expect(toolParameters({ allOf: [a, b] }, 'openai')).toMatchObject({ required: ['a', 'c'] });
  });

  it('say a list of types as a choice, where only one type is known', () => {
    const given = { properties: { a: { type: ['string', 'null'], description: 'd' } }, required: ['a'] };
    expect(toolParameters(given, 'strict')).toEqual({
      type: 'object',
      properties: { a: { description: 'd', anyOf: [{ type: 'string' }, { type: 'null' }] } },
      required: ['a'],
      additionalProperties: false,
    });
  });

  it('lose what a grammar says by repetition, and nothing else of their meaning', () => {
    const given = {
      properties: {
        script: { type: 'string', minLength: 1, maxLength: 65_536, pattern: '\\S', description: 'd' },
        list: { type: 'array', minItems: 1, maxItems: 100, uniqueItems: true },
        pattern: { type: 'integer', minimum: 1 },
        map: {
          type: 'object',
          additionalProperties: { type: 'string', pattern: 'x' },
          propertyNames: { pattern: 'y' },
        },
        open: { type: 'object', additionalProperties: true },
        kind: { enum: ['a', 'b'], default: 'a' },
      },
      required: ['script'],
    };
    expect(toolParameters(given, 'grammar')).toEqual({
      type: 'object',
      properties: {
        script: { type: 'string', description: 'd' },
        list: { type: 'array', items: {} },
        pattern: { type: 'integer', minimum: 1 },
        map: { type: 'object', additionalProperties: { type: 'string' } },
        open: { type: 'object', additionalProperties: true },
        kind: { enum: ['a', 'b'], default: 'a' },
      },
      required: ['script'],
    });
  });

  it('follow a reference at the root', () => {
    const schema = { $ref: '#/$defs/Q', $defs: { Q: { type: 'object', properties: { a: { type: 'string' } } } } };
    expect(toolParameters(schema, 'openai').properties).toEqual({ a: { type: 'string' } });
  });

  it('keep parameters whatever they are called', () => {
    const properties = {
      _meta: { type: 'string' },
      $filter: { type: 'string' },
      type: { type: 'string' },
      anyOf: { type: 'string' },
      ['__proto__']: { type: 'string' },
    };
    for (const dialect of DIALECTS) {
      expect(Object.keys(toolParameters({ type: 'object', properties }, dialect).properties as object)).toEqual(
        Object.keys(properties),
      );
    }
  });

  it('do not touch data that looks like a schema', () => {
    const properties = { a: { type: 'object', default: { type: 'array' }, enum: [{ type: 'array' }], properties: {} } };
    expect(toolParameters({ type: 'object', properties }, 'openai').properties).toEqual(properties);
  });

  it('complete arrays without items where they must', () => {
    const schema = { type: 'object', properties: { list: { type: 'array' } } };
    expect(toolParameters(schema, 'openai').properties).toEqual({ list: { type: 'array', items: {} } });
    expect(toolParameters(schema, 'json-schema').properties).toEqual({ list: { type: 'array' } });
    expect(toolParameters(schema, 'gemini').properties).toEqual({ list: { type: 'array', items: { type: 'string' } } });
  });

  it('have types in branches and bare references for Moonshot', () => {
    const schema = {
      properties: {
        x: { type: 'string', anyOf: [{ minLength: 1 }, { type: 'null' }] },
        y: { $ref: '#/$defs/Y', description: 'd' },
        z: { type: ['string', 'null'], description: 'z' },
        e: { enum: ['a'] },
      },
      $defs: { Y: { type: 'object', properties: {} } },
    };
    expect(toolParameters(schema, 'moonshot').properties).toEqual({
      x: { anyOf: [{ minLength: 1, type: 'string' }, { type: 'null' }] },
      y: { $ref: '#/$defs/Y' },
      z: { description: 'z', anyOf: [{ type: 'string' }, { type: 'null' }] },
      e: { enum: ['a'], type: 'string' },
    });
  });

  it('hold only what Gemini knows', () => {
    const schema = {
      $schema: 'x',
      type: 'object',
      additionalProperties: false,
      properties: {
        d: { type: 'string', format: 'uri' },
        t: { type: 'string', format: 'date-time' },
        n: { type: 'integer', enum: [1, 2] },
        c: { const: 'x' },
        u: { type: ['string', 'null'] },
        r: { $ref: '#/$defs/R' },
        o: { anyOf: [{ type: 'string' }, { type: 'null' }], description: 'o' },
        m: { allOf: [{ type: 'object', properties: { a: { type: 'string' } }, required: ['a'] }] },
      },
      required: ['d', 'gone'],
      $defs: { R: { type: 'object', properties: { a: { type: 'string' } } } },
    };
    expect(toolParameters(schema, 'gemini')).toEqual({
      type: 'object',
      properties: {
        d: { type: 'string' },
        t: { type: 'string', format: 'date-time' },
        n: { type: 'integer' },
        c: { enum: ['x'], type: 'string' },
        u: { type: 'string', nullable: true },
        r: { type: 'object', properties: { a: { type: 'string' } } },
        o: { type: 'string', description: 'o', nullable: true },
        m: { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
      },
      required: ['d'],
    });
  });

  it('have no reference that leads nowhere', () => {
    const properties = {
      a: { $ref: '#/$defs/Gone', description: 'a' },
      b: { $ref: 'https://json-schema.org/draft-07/schema#' },
      c: { $ref: '#anchor' },
      d: { $ref: '#/properties/e' },
      e: { type: 'string' },
    };
    expect(toolParameters({ type: 'object', properties }, 'openai').properties).toEqual({
      ...properties,
      a: { description: 'a' },
      b: {},
      c: {},
    });
  });

  it('have no mark of old drafts in the place of a list of required names', () => {
    const schema = { type: 'object', properties: { a: { type: 'string', required: true } }, required: 'a' };
    for (const dialect of DIALECTS) expect(toolParameters(schema, dialect)).not.toHaveProperty('required');
    for (const dialect of DIALECTS.filter((each) => each !== 'json-schema')) {
      expect(toolParameters(schema, dialect).properties).toEqual({ a: { type: 'string' } });
    }
  });

  it('give every property a type for Moonshot, whatever it is built of', () => {
    const properties = {
      any: true,
      none: false,
      words: { description: 'w' },
      list: { const: [1] },
      map: { const: { x: 1 } },
      all: { allOf: [{ type: 'object', properties: { a: { type: 'string' } } }, { $ref: '#/$defs/B' }] },
    };
    const $defs = { B: { type: 'object', properties: { b: { type: 'string' } }, required: ['b'] } };
    expect(toolParameters({ type: 'object', properties, $defs }, 'moonshot').properties).toEqual({
      any: { type: 'string' },
      none: { type: 'string' },
      words: { description: 'w', type: 'string' },
      list: { const: [1], type: 'array' },
      map: { const: { x: 1 }, type: 'object' },
      all: { type: 'object', properties: { a: { type: 'string' }, b: { type: 'string' } }, required: ['b'] },
    });
  });

  it('name the types that the values of an enumeration have, for Moonshot', () => {
    const properties = {
      wrong: { type: 'object', enum: ['move', 'copy'] },
      right: { type: 'string', enum: ['a'] },
      numbers: { type: 'number', enum: [1, 2.5] },
      mixed: { enum: ['a', 1, null], description: 'm' },
    };
    expect(toolParameters({ type: 'object', properties }, 'moonshot').properties).toEqual({
      wrong: { type: 'string', enum: ['move', 'copy'] },
      right: { type: 'string', enum: ['a'] },
      numbers: { type: 'number', enum: [1, 2.5] },
      mixed: {
        description: 'm',
        anyOf: [
          { type: 'string', enum: ['a'] },
          { type: 'integer', enum: [1] },
          { type: 'null', enum: [null] },
        ],
      },
    });
  });

  it('have no empty choice and no null for Gemini', () => {
    const properties = {
      any: true,
      none: { enum: [], type: 'string' },
      blank: { enum: ['', 'a'] },
      choice: { anyOf: [] },
      nothing: { const: null },
    };
    expect(toolParameters({ type: 'object', properties }, 'gemini').properties).toEqual({
      any: { type: 'string' },
      none: { type: 'string' },
      blank: { type: 'string', enum: ['a'] },
      choice: { type: 'string' },
      nothing: { type: 'string', nullable: true },
    });
  });

  it('end even when references loop', () => {
    const schema = {
      type: 'object',
      properties: { n: { $ref: '#/$defs/N' } },
      $defs: { N: { type: 'object', properties: { n: { $ref: '#/$defs/N' } } } },
    };
    for (const dialect of DIALECTS) expect(toolParameters(schema, dialect)).toMatchObject({ type: 'object' });
    expect(toolParameters({ $ref: '#' }, 'openai')).toMatchObject({ type: 'object' });
  });

  it('never throw and always give an object, for any JSON', () => {
    const key = fc.constantFrom(
      'type',
      'properties',
      'anyOf',
      'allOf',
      'items',
      '$ref',
      'enum',
      'const',
      'required',
      'a',
      '$defs',
    );
    const schema = fc.letrec((tie) => ({
      any: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom('object', 'array', '#/$defs/a', '#', 'null', 1, null, true),
        fc.array(tie('any'), { maxLength: 3 }),
        fc.dictionary(key, tie('any'), { maxKeys: 5 }),
      ),
    })).any;
    fc.assert(
      fc.property(schema, fc.constantFrom(...DIALECTS), (given, dialect) => {
        const before = JSON.stringify(given);
        const parameters = toolParameters(given, dialect);
        expect(parameters.type).toBe('object');
        expect(typeof parameters.properties).toBe('object');
        for (const union of ['anyOf', 'oneOf', 'allOf']) expect(parameters).not.toHaveProperty(union);
        expect(JSON.stringify(given)).toBe(before);
      }),
    );
  });
});

describe('output schemas', () => {
  it('are closed and wholly required, at every level', () => {
    const schema = {
      type: 'object',
      properties: { a: { type: 'array', items: { type: 'object', properties: { b: { type: 'string' } } } } },
    };
    expect(outputSchema(schema)).toEqual({
      strict: true,
      schema: {
        type: 'object',
        properties: {
          a: {
            type: 'array',
            items: {
              type: 'object',
              properties: { b: { type: 'string' } },
              additionalProperties: false,
              required: ['b'],
            },
          },
        },
        additionalProperties: false,
        required: ['a'],
      },
    });
  });

  it('say what the strict mode can check, and keep quiet about the rest', () => {
    const schema = {
      type: 'object',
      properties: { a: { type: 'string', minLength: 1 }, b: { oneOf: [{ type: 'string' }, { type: 'number' }] } },
    };
    expect(outputSchema(schema)).toEqual({
      strict: true,
      schema: {
        type: 'object',
        properties: { a: { type: 'string' }, b: { anyOf: [{ type: 'string' }, { type: 'number' }] } },
        additionalProperties: false,
        required: ['a', 'b'],
      },
    });
    const merged = { type: 'object', properties: { a: { allOf: [{ type: 'string' }] } } };
    expect(outputSchema(merged)).toEqual({ schema: merged, strict: false });
  });

  it('are of objects', () => {
    for (const schema of [undefined, 'x', {}, { type: 'array', items: {} }, { type: 'object', anyOf: [{}] }]) {
      expect(outputSchema(schema)).toBeUndefined();
    }
  });

  it('are of objects too when only the properties say so', () => {
    const schema = { properties: { a: { type: 'string' } } };
    expect(outputSchema(schema)).toEqual({
      strict: true,
      schema: { ...schema, type: 'object', additionalProperties: false, required: ['a'] },
    });
  });

  it('stay as they are when they hold an open map', () => {
    const schema = { type: 'object', properties: { a: { type: 'object', additionalProperties: { type: 'string' } } } };
    expect(outputSchema(schema)).toEqual({ schema, strict: false });
  });
});

describe('strict tools', () => {
  const object = (properties: object, more: object = {}) => ({
    type: 'object',
    properties,
    required: Object.keys(properties),
    ...more,
  });

  it('are those whose properties are all required already, and they are closed', () => {
    const a = { a: { type: 'string' }, deep: object({ b: { type: 'number' } }) };
    expect(strictParameters(object(a))).toEqual({
      ...object({ ...a, deep: { ...object({ b: { type: 'number' } }), additionalProperties: false } }),
      additionalProperties: false,
    });
    expect(strictParameters({ ...object(a), required: ['a'] })).toBeUndefined();
    expect(strictParameters(object({}, { additionalProperties: true }))).toBeUndefined();
  });

  it.each([
    ['a value of any type', { description: 'anything' }],
    ['an open map', { type: 'object', additionalProperties: { type: 'string' } }],
    ['a format', { type: 'string', format: 'uri' }],
    ['a default', { type: 'string', default: 'x' }],
    ['a choice that the mode does not know', { oneOf: [{ type: 'string' }, { type: 'number' }] }],
    ['an array of anything', { type: 'array', items: {} }],
  ])('are none with %s', (_, property) => {
    expect(strictParameters(object({ a: property }))).toBeUndefined();
  });
});
