import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nearest } from './nearest.ts';

describe('nearest', () => {
  it.each([
    ['depseek', 'deepseek'],
    ['deepsekk', 'deepseek'],
    ['deespeek', 'deepseek'],
    ['DEEPSEEK', 'deepseek'],
    ['minmax', 'minimax'],
    ['sesions', 'sessions'],
  ])('%s was meant to be %s', (word, name) => {
    expect(nearest(word, ['anthropic', 'deepseek', 'minimax', 'sessions'])).toBe(name);
  });

  it.each(['variables', 'x', 'go', 'deep', ''])('%j is near nothing', (word) => {
    expect(nearest(word, ['anthropic', 'deepseek', 'minimax', 'g5'])).toBeUndefined();
  });

  it('one dropped character of a long name is found again', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z]{5,12}$/), fc.nat(), (name, seed) => {
        const at = seed % name.length;
        expect(nearest(name.slice(0, at) + name.slice(at + 1), [name])).toBe(name);
      }),
    );
  });
});
