import { describe, expect, it } from 'vitest';
import { isDomainAllowed } from './domains.ts';

const allowed = (url: string, ...lists: string[][]) => isDomainAllowed(new URL(url), { allowed: lists, blocked: [] });
const blocked = (url: string, ...entries: string[]) =>
  !isDomainAllowed(new URL(url), { allowed: [], blocked: entries });

describe('a domain in a list', () => {
  it.each([
    ['https://example.com/', 'example.com'],
    ['https://docs.example.com/a', 'example.com'],
    ['https://EXAMPLE.com./', 'Example.COM'],
    ['https://example.com/', 'https://example.com/'],
    ['https://a.example.com/', '*.example.com'],
    ['https://bücher.example/', 'bücher.example'],
    ['https://example.com/blog/2026', 'example.com/blog'],
    ['https://example.com/blog', 'example.com/blog/'],
    ['https://example.com/blog/x', 'example.com/blog/*'],
  ])('%s is covered by %s', (url, entry) => {
    expect(allowed(url, [entry])).toBe(true);
    expect(blocked(url, entry)).toBe(true);
  });

  it.each([
    ['https://example.com/', 'docs.example.com'],
    ['https://notexample.com/', 'example.com'],
    ['https://example.com.evil.net/', 'example.com'],
    ['https://example.com/blogs', 'example.com/blog'],
    ['https://example.com/', 'exa mple'],
  ])('%s is not covered by %s', (url, entry) => {
    expect(allowed(url, [entry])).toBe(false);
    expect(blocked(url, entry)).toBe(false);
  });

  it('has to be in every list that is not empty', () => {
    expect(allowed('https://a.com/', ['a.com', 'b.com'], [])).toBe(true);
    expect(allowed('https://a.com/', ['a.com'], ['b.com'])).toBe(false);
  });

  it('is refused by the blocked ones whatever is allowed', () => {
    const rules = { allowed: [['example.com']], blocked: ['bad.example.com'] };
    expect(isDomainAllowed(new URL('https://example.com'), rules)).toBe(true);
    expect(isDomainAllowed(new URL('https://bad.example.com'), rules)).toBe(false);
  });
});
