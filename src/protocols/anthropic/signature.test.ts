import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeOwnSignature, encodeOwnSignature, isOwnSignature, looksLikeAnthropicSignature } from './signature.ts';

/** A length-delimited field. */
function field(number: number, content: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from([(number << 3) | 2, (content.length & 0x7f) | 0x80, content.length >> 7]),
    content,
  ]);
}
const inner = field(1, Buffer.from('key-and-channel-of-the-signature'));
const genuine = field(2, Buffer.concat([inner, field(5, Buffer.alloc(300, 0xa7))])).toString('base64');

describe('an own signature', () => {
  it('carries provider and payload through characters that every API lets pass', () => {
    fc.assert(
      fc.property(fc.string(), fc.option(fc.jsonValue(), { nil: undefined }), (provider, payload) => {
        const signature = encodeOwnSignature(provider, payload);
        expect(signature).toMatch(/^[A-Za-z0-9+/=_.-]+$/);
        const decoded = decodeOwnSignature(signature);
        expect(decoded?.provider).toBe(Buffer.from(provider, 'utf8').toString('utf8'));
        expect(decoded?.payload).toEqual(payload === undefined ? undefined : JSON.parse(JSON.stringify(payload)));
      }),
    );
  });

  it('is recognised in another version and when damaged, and nothing else is', () => {
    expect(decodeOwnSignature('midswap.9.abc.def')).toEqual({ provider: undefined, payload: undefined });
    expect(decodeOwnSignature(`${encodeOwnSignature('kimi', { a: 1 })}.x`)?.provider).toBe('kimi');
    expect(decodeOwnSignature('midswap.1.a2ltaQ.%%%')).toEqual({ provider: 'kimi', payload: undefined });
    for (const other of ['', 'midswap', genuine, undefined, 7, null]) expect(isOwnSignature(other)).toBe(false);
  });

  it('never looks like one of Anthropic', () => {
    fc.assert(
      fc.property(fc.string(), fc.jsonValue(), (provider, payload) => {
        expect(looksLikeAnthropicSignature(encodeOwnSignature(provider, payload))).toBe(false);
      }),
    );
  });
});

describe('the structure of an Anthropic signature', () => {
  it('is a protobuf envelope in base64, with or without a version in front', () => {
    expect(looksLikeAnthropicSignature(genuine)).toBe(true);
    const versioned = Buffer.concat([Buffer.from([8, 4]), Buffer.from(genuine, 'base64')]).toString('base64');
    expect(versioned.startsWith('CAQS')).toBe(true);
    expect(looksLikeAnthropicSignature(versioned)).toBe(true);
  });

  it.each([
    ['nothing', ''],
    ['a UUID', '0d9a7c1e-6a8b-4a5e-9d67-0f2f3b2a1c55'],
    ['a time stamp', '1758112333123'],
    ['a time stamp of twelve digits', '175811233312'],
    ['a Fernet token', `gAAAA${'A'.repeat(95)}`],
    ['a base64url token', `${genuine.slice(0, -6)}-_-_${genuine.slice(-2)}`],
    ['a cut envelope', genuine.slice(0, -40)],
    ['a word', 'thinkingthinkingthinking'],
    ['hex', 'deadbeef'.repeat(16)],
  ])('is not %s', (_name, signature) => {
    expect(looksLikeAnthropicSignature(signature)).toBe(false);
  });

  it('does not follow from length: random bytes of any length fail', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 200, maxLength: 2000 }), (bytes) => {
        bytes[0] = 0xff;
        expect(looksLikeAnthropicSignature(Buffer.from(bytes).toString('base64'))).toBe(false);
      }),
    );
  });
});
