import { describe, expect, it } from 'vitest';
import { Secret } from '../../core/secret.ts';
import type { Imported } from './rival.ts';
import { faultsOf, settle } from './settle.ts';

function settled(config: Imported['config'], secrets: Imported['secrets'] = []) {
  return settle({ config, secrets, notes: [], heads: [] });
}

describe('what was read, without what cannot be', () => {
  it.each<[string, Imported['config'], Imported['config'], string[]]>([
    [
      'a slot that leads nowhere',
      { profiles: { mix: { models: { opus: 'nobody:x', haiku: 'sandbox:h' } } } },
      { profiles: { mix: { models: { haiku: 'sandbox:h' } } } },
      ['profiles.mix.models.opus'],
    ],
    [
      'a link of a chain',
      { profiles: { p: { provider: 'sandbox', fallback: ['nobody:x', 'sandbox'] } } },
      { profiles: { p: { provider: 'sandbox', fallback: ['sandbox'] } } },
      ['profiles.p.fallback[0]'],
    ],
    [
      'a profile of no provider, and what names it',
      {
        profiles: { p: { provider: 'nobody' } },
        aliases: { a: 'p' },
        default_profile: 'a',
        routing: { think: 'p:x', image: 'sandbox' },
      },
      { profiles: {}, aliases: {}, routing: { image: 'sandbox' } },
      ['profiles.p', 'aliases.a', 'default_profile', 'routing.think'],
    ],
    [
      'an alias that leads back to itself',
      { aliases: { a: 'b', b: 'a' } },
      { aliases: {} },
      ['aliases.a', 'aliases.b'],
    ],
    [
      'a provider without a protocol',
      { providers: { corp: { base_url: 'https://x.test' } } },
      { providers: {} },
      ['providers.corp'],
    ],
    [
      'a value of another form',
      { profiles: { 'a b': {} } } as Imported['config'],
      { profiles: {} },
      ['profiles."a b"'],
    ],
  ])('%s', (_, config, expected, left) => {
    const { config: got, notes } = settled(config);
    expect(faultsOf(got)).toEqual([]);
    expect(got).toEqual(expected);
    expect(new Set(notes.map(({ path }) => path))).toEqual(new Set(left));
  });

  it('has only the keys that something refers to', () => {
    const secret = (name: string) => ({ name, value: new Secret('value', name), path: `at.${name}` });
    const profiles = { p: { provider: 'sandbox', keys: ['keychain:used'] } };
    const { secrets, notes } = settled({ profiles }, [secret('used'), secret('use')]);
    expect(secrets.map(({ name }) => name)).toEqual(['used']);
    expect(notes).toEqual([{ path: 'at.use', reason: expect.stringContaining('not carried over') }]);
  });
});
