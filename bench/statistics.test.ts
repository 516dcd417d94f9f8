import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { median, ratio, rotate } from './statistics.ts';

describe('median', () => {
  it('is the middle of an odd count and the mean of the two middle ones of an even count', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 3, 10])).toBe(3.5);
    expect(median([])).toBeUndefined();
  });

  it('has as many values below as above, in any order of the values', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1 }), (values) => {
        const middle = median(values) ?? Number.NaN;
        const below = values.filter((value) => value < middle).length;
        const above = values.filter((value) => value > middle).length;
        expect(Math.max(below, above)).toBeLessThanOrEqual(values.length / 2);
        expect(median([...values].reverse())).toBe(middle);
      }),
    );
  });
});

it('a ratio to nothing, or to a difference below zero, is no figure', () => {
  expect(ratio(3, 2)).toBe(1.5);
  expect(ratio(3, 0)).toBeUndefined();
  expect(ratio(3, -1)).toBeUndefined();
  expect(ratio(undefined, 2)).toBeUndefined();
});

it('over as many rounds as there are targets each target has every place once', () => {
  const targets = ['a', 'b', 'c'];
  const places = targets.map((_, round) => rotate(targets, round));
  for (const place of [0, 1, 2]) expect(places.map((order) => order[place]).sort()).toEqual(targets);
});
