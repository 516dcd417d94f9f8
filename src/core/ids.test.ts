import fc from 'fast-check';
import { expect, it } from 'vitest';
import { idMinter, pooledRandom, secretToken, shortId } from './ids.ts';

const counting = () => {
  let next = 0;
  return (count: number) => Uint8Array.from({ length: count }, () => next++ % 251);
};

it('a pool gives every byte once and in order, and large demands go past it', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 }), (counts) => {
      const drawn: number[][] = [];
      const source = counting();
      const random = pooledRandom((count) => {
        const bytes = source(count);
        drawn.push([...bytes]);
        return bytes;
      }, 32);
      const given = counts.map((count) => [...random(count)]);
      expect(given.map(({ length }) => length)).toEqual(counts);
      // Nothing twice: what came out is found in what was drawn, each byte of the source at its own place.
      const places = given.filter(({ length }) => length <= 32).flat();
      const pooled = drawn.filter(({ length }) => length === 32).flat();
      let at = -1;
      for (const byte of places) {
        at = pooled.indexOf(byte, at + 1);
        expect(at).toBeGreaterThanOrEqual(0);
      }
    }),
  );
});

it('ids have their prefix and only letters and digits, and differ', () => {
  const mint = idMinter(pooledRandom((count) => crypto.getRandomValues(new Uint8Array(count))));
  const ids = Array.from({ length: 2000 }, () => mint('msg'));
  expect(ids.every((id) => /^msg_[A-Za-z0-9]{24}$/.test(id))).toBe(true);
  expect(new Set(ids).size).toBe(2000);
});

it('a session id begins with a letter; a secret is 43 characters that need no escape in a path', () => {
  const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
  for (let i = 0; i < 200; i++) expect(shortId(random)).toMatch(/^[a-z][a-z0-9]{3}$/);
  expect(secretToken(random)).toMatch(/^[A-Za-z0-9_-]{43}$/);
});
