import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkValue, keysAt } from './check-shape.ts';
import { configShape } from './schema.ts';
import { damages, documents } from './shape.fixture.ts';
import { either, flag, key, keyWithDefault, names, neededKey, object, text, whole } from './shape.ts';

describe('the check of a value against a shape', () => {
  it('lets every document of the shape through as it is, but for defaults', () => {
    fc.assert(
      fc.property(documents(configShape), (document) => {
        const { value, faults } = checkValue(configShape, document);
        expect(faults).toEqual([]);
        expect(value).toMatchObject(document as object);
      }),
      { numRuns: 200 },
    );
  });

  it('finds whatever is wrong, there where it is and nowhere else', () => {
    fc.assert(
      fc.property(documents(configShape), fc.nat(), (document, choice) => {
        const all = damages(configShape, document);
        const { path, atKey, document: damaged } = all[choice % all.length] as (typeof all)[number];
        const [first, ...others] = checkValue(configShape, damaged()).faults;
        expect(first).toMatchObject({ path, atKey });
        expect(others).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('changes nothing that it was given', () => {
    fc.assert(
      fc.property(documents(configShape), (document) => {
        const before = structuredClone(document);
        checkValue(configShape, document);
        expect(document).toEqual(before);
      }),
      { numRuns: 50 },
    );
  });

  it('takes a known key without a value for one that is not there', () => {
    const shape = object({ a: key(flag()), b: keyWithDefault(whole(), 7, ''), c: neededKey(text(), '') });
    expect(checkValue(shape, { a: null, b: null, c: 'x' })).toEqual({ value: { b: 7, c: 'x' }, faults: [] });
    expect(checkValue(shape, { c: null }).faults).toMatchObject([{ path: ['c'], what: 'is missing' }]);
  });

  it('takes a name without a value for an empty entry where that is told, and for a mistake elsewhere', () => {
    const entry = object({ a: key(flag()) });
    expect(checkValue(names(text(), entry, { mayBeBlank: true }), { x: null })).toEqual({
      value: { x: {} },
      faults: [],
    });
    expect(checkValue(names(text(), entry), { x: null }).faults).toMatchObject([{ path: ['x'] }]);
  });

  it('tells what is wrong in the words of the option that the value is about', () => {
    const shape = either([flag(), whole(1024)], 'must be true, false or a number of at least 1024');
    expect(checkValue(shape, 5).faults).toMatchObject([{ what: 'must be at least 1024' }]);
    expect(checkValue(shape, 'x').faults).toMatchObject([{ what: 'must be true, false or a number of at least 1024' }]);
  });

  it('puts keys in the order of the shape, whatever the order of the file', () => {
    const shape = object({ a: key(flag()), b: key(flag()) });
    expect(Object.keys(checkValue(shape, { b: true, a: true }).value)).toEqual(['a', 'b']);
  });

  it('lets nobody name an entry __proto__', () => {
    const given = JSON.parse('{"__proto__": {"a": true}}') as unknown;
    const { value, faults } = checkValue(names(text(), object({ a: key(flag()) })), given);
    expect(faults).toMatchObject([{ path: ['__proto__'], atKey: true }]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });
});

describe('the keys that a shape knows', () => {
  it('are told at any depth, and none where names are free', () => {
    expect(keysAt(configShape, ['routing', 'long_context'])).toEqual(['target', 'threshold']);
    expect(keysAt(configShape, ['providers', 'any', 'quirks', 'chat'])).toContain('max_tokens_field');
    expect(keysAt(configShape, ['profiles'])).toEqual([]);
    expect(keysAt(configShape, ['nowhere', 'at', 'all'])).toEqual([]);
  });
});
