import { listAliases, listProfiles } from '../../control/choices.ts';
import type { ProfileInfo } from '../../control/contract.ts';
import { describeTokens, mainSlot } from '../../control/wording.ts';
import { MidswapError } from '../../core/errors.ts';
import { nearest } from '../../core/nearest.ts';
import type { App, ClientLogin } from '../app.ts';
import type { Options } from '../commands.ts';
import type { Output } from '../output.ts';
import { whyNotReady } from '../readiness.ts';

/** `profile list | show NAME | add NAME ... | remove NAME | test [NAME] | export [NAME...] | import FILE` */
export async function profile(app: App, out: Output, words: readonly string[], flags: Options): Promise<number> {
  const [action, name, ...more] = words;
  if (more.length > 0 && action !== 'export') {
    throw new MidswapError('usage', `one name is enough, not also "${more[0]}"`);
  }
  switch (action) {
    case 'add':
      return (await import('./profile-change.ts')).addProfile(app, out, name, flags);
    case 'remove':
      return (await import('./profile-change.ts')).removeProfile(app, out, name, flags);
    case 'test':
      return (await import('./profile-change.ts')).testProfile(app, out, name);
    case 'export':
      return (await import('./profile-change.ts')).exportProfile(app, out, words.slice(1));
    case 'import':
      return (await import('./profile-change.ts')).importProfiles(app, out, name, flags);
    default:
      return look(app, out, action, name);
  }
}

async function look(app: App, out: Output, action: string | undefined, name: string | undefined): Promise<number> {
  const [{ snapshot }, login] = await Promise.all([app.configuration(), app.clientLogin()]);
  const profiles = listProfiles(snapshot).map((one) => withLogin(one, login));
  if (action === undefined || action === 'list') {
    return list(out, profiles, listAliases(snapshot), snapshot.settings.defaultProfile);
  }
  if (action !== 'show') {
    throw new MidswapError('usage', `profile does not know "${action}"`, {
      hint: 'profile list | show NAME | add NAME | remove NAME | test NAME | export NAME | import FILE',
    });
  }
  if (name === undefined)
    throw new MidswapError('usage', 'profile show needs a name', { hint: 'See: midswap profile list' });
  const found = profiles.find((one) => one.name.toLowerCase() === name.toLowerCase());
  if (found) return show(out, found);
  const near = nearest(name, snapshot.profiles.keys());
  throw new MidswapError('unknown_reference', `there is no profile "${name}"`, {
    hint: near === undefined ? 'See: midswap profile list' : `Did you mean ${near}?`,
  });
}

/** The profile as it is for this user: one that goes by the client's login is of no use without. */
function withLogin(profile: ProfileInfo, login: ClientLogin): ProfileInfo {
  return {
    ...profile,
    unusable: whyNotReady({ ...profile, unusable: profile.unusable ?? undefined }, login) ?? null,
  };
}

function list(
  out: Output,
  profiles: readonly ProfileInfo[],
  aliases: ReturnType<typeof listAliases>,
  defaultProfile: string | undefined,
): number {
  if (out.json) {
    out.data({ default: defaultProfile ?? null, profiles, aliases });
    return 0;
  }
  const isDefault = ({ name }: ProfileInfo) => name.toLowerCase() === defaultProfile?.toLowerCase();
  // What works first: a catalogue is long, and most of it has no key on any one machine.
  const sorted = [...profiles].sort((a, b) => Number(a.unusable !== null) - Number(b.unusable !== null));
  out.table(
    ['', 'PROFILE', 'PROVIDER', 'GOES TO', 'STATE'],
    sorted.map((one) => [
      isDefault(one) ? '>' : '',
      one.name,
      one.provider,
      describeMain(one),
      one.unusable === null ? out.paint('green', 'ready') : out.paint('yellow', one.unusable),
    ]),
  );
  if (aliases.length === 0) return 0;
  out.line();
  out.table(
    ['ALIAS', 'MEANS'],
    aliases.map(({ name, reference }) => [name, reference]),
  );
  return 0;
}

/** One slot stands for all in a list; `profile show` has the others. */
function describeMain({ slots }: ProfileInfo): string {
  const main = mainSlot({ slots, activeSlot: null });
  return main ? `${main.model ?? 'the model asked for'} at ${main.host}` : '-';
}

function show(out: Output, profile: ProfileInfo): number {
  if (out.json) {
    out.data(profile);
    return 0;
  }
  const facts: [string, string][] = [
    ['profile', profile.name],
    ['provider', profile.provider],
    ['credential', profile.auth],
    ['fallback', profile.fallback.join(', ') || 'none'],
  ];
  if (profile.unusable !== null) facts.push(['unusable', out.paint('yellow', profile.unusable)]);
  for (const [name, value] of facts) out.line(`${out.paint('dim', name.padEnd(14))}${value}`);
  out.line();
  out.table(
    ['SLOT', 'MODEL', 'UPSTREAM', 'WINDOW'],
    profile.slots.map(({ slot, model, host, window }) => [
      slot,
      model ?? 'as asked',
      host,
      window === null ? 'unknown' : describeTokens(window),
    ]),
  );
  return 0;
}
