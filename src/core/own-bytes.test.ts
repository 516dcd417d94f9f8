import { expect, it } from 'vitest';
import { ownBytes } from './own-bytes.ts';

it('copies what would keep much more memory than it has', () => {
  const chunk = Buffer.alloc(64 << 10, 'x');
  const part = chunk.subarray(10, 1_000);
  const own = ownBytes(part);
  expect(own.equals(part)).toBe(true);
  expect(own.buffer.byteLength).toBe(990);
  const most = chunk.subarray(10);
  expect(ownBytes(most)).toBe(most);
});
