import { describe, expect, it } from 'vitest';
import { loadText } from './config.fixture.ts';

describe('what the configuration says of failures', () => {
  it('reaches the snapshot, the narrower over the wider over what is built in', async () => {
    const { snapshot, warnings } = await loadText(
      `
retry: { limit: 5, max_ms: 2000 }
breaker: { failures: 3, open_ms: 400000 }
fallback_on: [overloaded, timeout]
limits: { deepseek: { concurrency: 2, per_key: true } }
providers:
  deepseek:
    retry: { base_ms: 10 }
    breaker: { window_ms: 5 }
    auth: { keys: ["env:A", "env:B"], rotate_after: 20 }
profiles:
  mine: { provider: deepseek, fallback: [openrouter], fallback_on: [quota, broken, context_overflow] }
`,
      { A: 'key-a-0123456789', B: 'key-b-0123456789' },
    );
    expect(warnings).toEqual([]);
    expect(snapshot.settings).toMatchObject({
      retry: { limit: 5, baseMs: 400, maxMs: 2000 },
      breaker: { threshold: 3, windowMs: 60_000, openMs: 400_000, maxOpenMs: 400_000 },
      fallbackOn: ['overloaded', 'timeout_connect', 'timeout_first_byte', 'timeout_idle'],
    });
    expect(snapshot.providers.get('deepseek')).toMatchObject({
      retry: { limit: 5, baseMs: 10, maxMs: 2000 },
      breaker: { threshold: 3, windowMs: 5, openMs: 400_000 },
      rotateAfter: 20,
      limits: { concurrency: 2, perKey: true },
    });
    expect(snapshot.profiles.get('mine')?.fallbackOn).toEqual([
      'quota',
      'empty',
      'malformed',
      'truncated',
      'context_overflow',
      'too_large',
    ]);
  });

  it('of HTTP/2 reaches every target of the provider', async () => {
    const { snapshot } = await loadText('providers: { deepseek: { http2: false } }');
    expect(snapshot.targetFor('deepseek', 'deepseek-chat').http2).toBe(false);
    expect(snapshot.targetFor('openrouter', 'any').http2).toBeUndefined();
  });

  it('names keys in plain text by their place, so that each is known by itself', async () => {
    const { snapshot } = await loadText(
      'providers: { deepseek: { auth: { keys: ["sk-one-0123456789", "env:B", "sk-two-0123456789"] } } }',
      { B: 'key-b-0123456789' },
    );
    const { credential } = snapshot.targetFor('deepseek', 'deepseek-chat');
    const keys = credential.kind === 'keys' ? credential.keys : [];
    expect(keys.map(({ origin }) => origin)).toEqual([
      'providers.deepseek.auth.keys[0]',
      'env:B',
      'providers.deepseek.auth.keys[2]',
    ]);
  });

  it('and of questions that are answered here reaches the settings', async () => {
    expect((await loadText('')).snapshot.settings.localAnswers).toEqual({ modelCheck: true, quotaCheck: true });
    const { snapshot } = await loadText('local_answers: { quota_check: false }');
    expect(snapshot.settings.localAnswers).toEqual({ modelCheck: true, quotaCheck: false });
  });

  it('is nothing where nothing is said', async () => {
    const { snapshot } = await loadText('');
    expect(snapshot.settings).not.toHaveProperty('retry');
    expect(snapshot.settings).not.toHaveProperty('fallbackOn');
    expect(snapshot.providers.get('deepseek')).not.toHaveProperty('breaker');
  });

  it.each([
    ['fallback_on: [bad_luck]', 'fallback_on'],
    ['fallback_on: [invalid_request]', 'fallback_on'],
    ['retry: { limit: -1 }', 'retry.limit'],
    ['breaker: { failures: 0 }', 'breaker.failures'],
    ['profiles: { a: { provider: deepseek, fallback_on: quota } }', 'profiles.a.fallback_on'],
  ])('%s is refused with its place', async (text, place) => {
    await expect(loadText(text)).rejects.toThrow(place);
  });
});
