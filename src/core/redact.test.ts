import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { excerpt, redact } from './redact.ts';

describe('what looks like a credential is taken out', () => {
  it.each([
    ['authorization: Bearer abcdefgh12345678', 'authorization: [redacted] [redacted]'],
    ['Bearer  abcdefgh12345678 was refused', 'Bearer [redacted] was refused'],
    ['the key sk-ant-api03-abcdefgh is wrong', 'the key sk-[redacted] is wrong'],
    ['{"api_key": "abcdefgh"}', '{"api_key": "[redacted]"}'],
    ['socks5://me:hunter2@proxy:1080', 'socks5://me:[redacted]@proxy:1080'],
    ['a key of no shape: plainvalue', 'a key of no shape: [redacted]'],
  ])('%s', (text, expected) => {
    expect(redact(text, ['plainvalue'])).toBe(expected);
  });

  it('and what stands on the next line stays: a diff of a configuration has it', () => {
    const text = 'auth:\n  type: bearer\nprofiles:\n  password:\n    something: 1\n';
    expect(redact(text)).toBe(text);
  });

  it('a line at a time, so that no line goes missing', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('type: bearer', 'api_key:', 'profiles:', 'secret: abcdefgh', 'x'), { maxLength: 8 }),
        (lines) => {
          expect(redact(lines.join('\n')).split('\n')).toHaveLength(Math.max(1, lines.length));
        },
      ),
    );
  });

  it('before a text is cut, so that no half of a key is left', () => {
    expect(excerpt(`${'x'.repeat(290)} sk-ant-api03-abcdefghijklmnop`)).not.toContain('abcdef');
  });
});
