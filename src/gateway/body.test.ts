import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readBody } from './body.ts';

const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'read',
    (error) => error.code,
  );

describe('reading a body', () => {
  it('gives the same bytes however they were split', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 }), async (parts) => {
        const stream = new PassThrough();
        const whole = readBody(stream, { maxBytes: 10_000, idleMs: 0 });
        for (const part of parts) stream.write(part);
        stream.end();
        expect((await whole).equals(Buffer.concat(parts))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('refuses an announced length over the limit before a byte is read', async () => {
    expect(await code(readBody(new PassThrough(), { maxBytes: 10, idleMs: 0, expected: 11 }))).toBe('body_too_large');
  });

  it('refuses a body that grows over the limit', async () => {
    const stream = new PassThrough();
    const reading = code(readBody(stream, { maxBytes: 10, idleMs: 0 }));
    stream.write(Buffer.alloc(11));
    expect(await reading).toBe('body_too_large');
  });

  it('refuses a body that stops arriving', async () => {
    const stream = new PassThrough();
    stream.write('{');
    expect(await code(readBody(stream, { maxBytes: 10, idleMs: 20 }))).toBe('body_timeout');
  });

  it('refuses a body that is cut off', async () => {
    const stream = new PassThrough();
    const reading = code(readBody(stream, { maxBytes: 10, idleMs: 0 }));
    stream.destroy();
    expect(await reading).toBe('invalid_request');
  });
});
