import type { Snapshot } from './snapshot.ts';

/**
 * Names to choose a model by, in the order in which people look for them: usable profiles that the user has written,
 * aliases, then the built-in profiles, and last those that need no key, since nobody has said that they are there.
 */
export function offeredNames({ profiles, aliases }: Pick<Snapshot, 'profiles' | 'aliases'>): string[] {
  const usable = [...profiles.values()].filter(({ unusable }) => unusable === undefined);
  const namesOf = (wanted: (profile: (typeof usable)[number]) => boolean) =>
    usable.filter(wanted).map(({ name }) => name);
  return [
    ...namesOf(({ isBuiltIn }) => !isBuiltIn),
    ...aliases.keys(),
    ...namesOf(({ isBuiltIn, auth }) => isBuiltIn === true && auth !== 'none'),
    ...namesOf(({ isBuiltIn, auth }) => isBuiltIn === true && auth === 'none'),
  ];
}
