import { expect, it } from 'vitest';
import { offeredNames } from './offer.ts';
import type { Profile } from './snapshot.ts';

const profile = (name: string, more: Partial<Profile>) => [name, { name, auth: 'key', ...more } as Profile] as const;

it('what the user has written comes first, and what may not even run comes last', () => {
  const profiles = new Map([
    profile('ollama', { isBuiltIn: true, auth: 'none' }),
    profile('deepseek', { isBuiltIn: true }),
    profile('kimi', { isBuiltIn: true, unusable: 'no key' }),
    profile('Mine', {}),
    profile('broken', { unusable: 'no model' }),
    profile('local', { auth: 'none' }),
  ]);
  const aliases = new Map([['ds', 'deepseek']]);
  expect(offeredNames({ profiles, aliases })).toEqual(['Mine', 'local', 'ds', 'deepseek', 'ollama']);
});
