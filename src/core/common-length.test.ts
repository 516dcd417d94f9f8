import fc from 'fast-check';
import { expect, it } from 'vitest';
import { commonLength } from './common-length.ts';

it('finds the first byte that differs', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 3_000 }),
      fc.uint8Array({ maxLength: 40 }),
      fc.uint8Array({ maxLength: 40 }),
      fc.nat(3_000),
      (start, first, second, most) => {
        const a = Buffer.from([...start, ...first]);
        const b = Buffer.from([...start, ...second]);
        let same = 0;
        while (same < Math.min(a.length, b.length, most) && a[same] === b[same]) same += 1;
        expect(commonLength(a, b, most)).toBe(same);
      },
    ),
  );
});
