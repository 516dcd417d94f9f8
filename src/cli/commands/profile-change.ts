import { readFileSync } from 'node:fs';
import { MidswapError } from '../../core/errors.ts';
import { SLOTS } from '../../core/slot.ts';
import type { App, Configuration, PlannedChange } from '../app.ts';
import type { Options } from '../commands.ts';
import type { Output } from '../output.ts';
import { needPerson, openQuestions } from '../questions.ts';
import { diffLines, printDiff } from '../text-diff.ts';
import { readAll } from './hook.ts';

/** `profile add NAME [--provider P] [--model M] [--opus M] ... [--base-url URL --protocol P] [--default]` */
export async function addProfile(app: App, out: Output, name: string | undefined, flags: Options): Promise<number> {
  const configuration = await app.configuration();
  const wanted = needName(name, 'profile add');
  refuseTaken(configuration, wanted, flags.force === true);
  const profile = readProfile(configuration, wanted, flags);
  const provider = readProvider(flags);
  const change = await app.planChange((edit) => {
    if (provider) edit.set(['providers', profile.provider as string], provider);
    edit.set(['profiles', wanted], profile);
    if (flags.default === true) edit.set(['default_profile'], wanted);
  });
  await carryOut(out, change, flags.dryRun === true);
  const unusable = change.configuration.snapshot.profiles.get(wanted.toLowerCase())?.unusable;
  if (unusable !== undefined && !out.json) out.note(`midswap: ${wanted} is not ready: ${unusable}`);
  return 0;
}

/** `profile remove NAME` */
export async function removeProfile(app: App, out: Output, name: string | undefined, flags: Options): Promise<number> {
  const wanted = needName(name, 'profile remove');
  let found = false;
  const change = await app.planChange((edit) => {
    found = edit.remove(['profiles', wanted]);
  });
  if (!found) {
    const isBuiltIn = (await app.configuration()).snapshot.profiles.has(wanted.toLowerCase());
    throw new MidswapError(
      'not_found',
      isBuiltIn ? `the profile "${wanted}" is built in` : `no profile "${wanted}" is written in ${change.file}`,
      { hint: 'See: midswap config show --origin' },
    );
  }
  await carryOut(out, change, flags.dryRun === true);
  return 0;
}

/** `profile export [NAME]`: to stdout, without keys. */
export async function exportProfile(app: App, out: Output, names: readonly string[]): Promise<number> {
  const { text, data, leftOut } = await (await app.configuration()).exportProfiles(names);
  if (out.json) out.data(data);
  else out.line(text.trimEnd());
  for (const path of leftOut) out.note(`midswap: ${path} is left out: it is for you alone`);
  return 0;
}

/** `profile import FILE [--force] [--yes]`: shown, and then agreed to. */
export async function importProfiles(app: App, out: Output, file: string | undefined, flags: Options): Promise<number> {
  if (file === undefined) {
    throw new MidswapError('usage', 'profile import needs a file', { hint: 'profile import FILE, or - for stdin' });
  }
  if (file === '-' && flags.yes !== true && flags.dryRun !== true) {
    throw new MidswapError('usage', 'what comes by stdin cannot be asked about', { hint: 'Add --yes or --dry-run' });
  }
  const text = file === '-' ? await readAll(app.streams.in) : readText(file);
  const { isWritten } = await app.configuration();
  const entries = await app.readShared(file === '-' ? 'stdin' : file, text);
  if (flags.force !== true) {
    const taken = entries.filter(
      ({ path: [section, name] }) =>
        (section === 'profiles' || section === 'aliases') && isWritten([section, String(name)]),
    );
    if (taken.length > 0) {
      const names = taken.map(({ path }) => path.join('.')).join(', ');
      throw new MidswapError('usage', `already there: ${names}`, { hint: 'Add --force to write over it' });
    }
  }
  const change = await app.planChange((edit) => {
    for (const { path, value } of entries) edit.set(path, value);
  });
  const dryRun = flags.dryRun === true;
  if (dryRun || flags.yes === true) {
    await carryOut(out, change, dryRun);
    return 0;
  }
  needPerson(app, 'profile import', 'Look with --dry-run first, then add --yes');
  printDiff(out, change.file, change.before, change.after);
  // What others wrote may say where keys go: a person looks at it first.
  if (!(await openQuestions(app).agree('Write this?', false)))
    throw new MidswapError('cancelled', 'nothing is changed');
  await change.apply();
  return 0;
}

/** `profile test NAME`: one small request, the way a session's requests go. */
export async function testProfile(app: App, out: Output, name: string | undefined): Promise<number> {
  const configuration = await app.configuration();
  const reference = name ?? configuration.snapshot.settings.defaultProfile;
  if (reference === undefined) throw new MidswapError('usage', 'profile test needs a name');
  const trial = await app.trial(configuration, reference);
  if (out.json) out.data({ reference, ...trial });
  else {
    const where = trial.provider === null ? '' : ` from ${trial.provider}/${trial.model} at ${trial.host ?? '-'}`;
    if (trial.ok) out.line(`${reference}: "${trial.text}"${where} in ${trial.durationMs} ms`);
    else out.note(`midswap: ${reference}: ${trial.text}`);
  }
  return trial.ok ? 0 : 69;
}

/** `alias add NAME REFERENCE`, `alias remove NAME`, `alias list` */
export async function alias(app: App, out: Output, words: readonly string[], flags: Options): Promise<number> {
  const [action = 'list', name, reference] = words;
  if (action === 'list') {
    const { aliases } = (await app.configuration()).snapshot;
    if (out.json) out.data(Object.fromEntries(aliases));
    else out.table(['ALIAS', 'MEANS'], [...aliases]);
    return 0;
  }
  const wanted = needName(name, `alias ${action}`);
  if (action === 'add') {
    if (reference === undefined) {
      throw new MidswapError('usage', 'alias add needs a name and what it means', {
        hint: 'alias add NAME PROVIDER:MODEL',
      });
    }
    refuseTaken(await app.configuration(), wanted, flags.force === true);
    await carryOut(out, await app.planChange((edit) => edit.set(['aliases', wanted], reference)), false);
    return 0;
  }
  if (action !== 'remove') {
    throw new MidswapError('usage', `alias does not know "${action}"`, {
      hint: 'alias add NAME REFERENCE | remove NAME | list',
    });
  }
  let found = false;
  const change = await app.planChange((edit) => {
    found = edit.remove(['aliases', wanted]);
  });
  if (!found) throw new MidswapError('not_found', `no alias "${wanted}" is written in ${change.file}`);
  await carryOut(out, change, false);
  return 0;
}

/** Shows the change, and makes it unless it is only to be shown. */
async function carryOut(out: Output, change: PlannedChange, dryRun: boolean): Promise<void> {
  const { file, before, after } = change;
  if (!dryRun && before !== after) await change.apply();
  if (out.json) out.data({ file, changed: !dryRun && before !== after, diff: diffLines(before ?? '', after) });
  else printDiff(out, file, before, after);
}

function readProfile(configuration: Configuration, name: string, flags: Options): Record<string, unknown> {
  const models = Object.fromEntries(
    [...SLOTS, 'default'].flatMap((slot) => {
      const model = flags[slot === 'default' ? 'model' : slot];
      return typeof model === 'string' ? [[slot, model]] : [];
    }),
  );
  const fallback = words(flags.fallback);
  const own = flags.baseUrl === undefined ? undefined : name;
  const provider = typeof flags.provider === 'string' ? flags.provider : (own ?? configuration.providerId(name));
  return {
    ...(provider !== undefined && { provider: configuration.providerId(provider) ?? provider }),
    ...(typeof flags.auth === 'string' && { auth: flags.auth }),
    ...(Object.keys(models).length > 0 && { models }),
    ...(fallback.length > 0 && { fallback }),
    ...(typeof flags.description === 'string' && { description: flags.description }),
  };
}

/** A provider of the user's own, made along with its profile. */
function readProvider({ baseUrl, protocol }: Options): Record<string, unknown> | undefined {
  if (typeof baseUrl !== 'string') return undefined;
  return { protocol: typeof protocol === 'string' ? protocol : 'openai-chat', base_url: baseUrl };
}

function words(text: string | boolean | undefined): string[] {
  return typeof text === 'string' ? text.split(',').flatMap((word) => word.trim() || []) : [];
}

function needName(name: string | undefined, command: string): string {
  if (name !== undefined && name !== '') return name;
  throw new MidswapError('usage', `${command} needs a name`, { hint: `See: midswap ${command.split(' ')[0]} --help` });
}

function refuseTaken({ snapshot, isWritten }: Configuration, name: string, force: boolean): void {
  if (force || !(isWritten(['profiles', name]) || isWritten(['aliases', name]))) return;
  const what = snapshot.aliases.has(name.toLowerCase()) ? 'an alias' : 'a profile';
  throw new MidswapError('usage', `"${name}" is already ${what}`, { hint: 'Add --force to write over it' });
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new MidswapError('not_found', `cannot read ${file}: ${why}`, { cause });
  }
}
