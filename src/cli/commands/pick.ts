import { listProfiles } from '../../control/choices.ts';
import { readCachedList } from '../../control/model-cache.ts';
import { describeSlots } from '../../control/wording.ts';
import { offeredNames } from '../../core/offer.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import type { App, ClientLogin, Configuration } from '../app.ts';
import type { Output } from '../output.ts';
import { type Choice, needPerson, openQuestions } from '../questions.ts';
import { whyNotReady } from '../readiness.ts';
import { modelList } from './models.ts';

/** `pick [--use]`: the reference that was chosen, on stdout; with `--use` the running session is switched to it. */
export async function pick(app: App, out: Output, switches: boolean): Promise<number> {
  const reference = await pickReference(app, await app.configuration());
  if (switches) return (await import('./use.ts')).use(app, out, reference, {});
  if (out.json) out.data({ reference });
  else out.line(reference);
  return 0;
}

/** Nobody waits long for a list to choose from. */
const LIST_TIMEOUT_MS = 1_500;

/** Asks for a reference. Throws `usage` without a terminal, before anything else is done. */
export async function pickReference(app: App, configuration: Configuration): Promise<string> {
  needPerson(app, 'picking', 'Name a profile instead, see: midswap profile list');
  const [login] = await Promise.all([app.clientLogin(), refreshLists(app, configuration)]);
  const questions = openQuestions(app);
  try {
    return await questions.choose('Which model?', pickChoices(configuration, app.stateDir(), login));
  } finally {
    questions.close();
  }
}

/** Asks the providers that can be asked for their models, where what they said is not fresh. */
async function refreshLists(app: App, configuration: Configuration): Promise<void> {
  const { snapshot } = configuration;
  const reachable = [...snapshot.providers.keys()].filter((id) => isReachable(snapshot, id));
  const ask = { live: true, refresh: false };
  await Promise.all(reachable.map((id) => modelList(app, configuration, id, ask, LIST_TIMEOUT_MS)));
}

/**
 * Profiles that can be used, aliases, and every model of the lists that are kept, each as a reference that leads
 * somewhere. What wants a login that is not there says so: the client can be logged in in the session.
 */
export function pickChoices(configuration: Configuration, stateDir: string, login: ClientLogin): Choice[] {
  const { snapshot, knownModels } = configuration;
  const usable = listProfiles(snapshot).filter(({ unusable }) => unusable === null);
  const names = offeredNames(snapshot).flatMap((name): Choice[] => {
    const profile = usable.find((one) => one.name === name);
    if (!profile && !leadsSomewhere(configuration, name)) return [];
    const { slots = [], auth = 'key' } = profile ?? {};
    const problem = whyNotReady({ auth, unusable: undefined }, login);
    return [{ value: name, label: name, hint: problem ?? snapshot.aliases.get(name) ?? describeSlots(slots) }];
  });
  const models = [...snapshot.providers.values()].flatMap(({ id, endpoints }) => {
    // A provider without a key of its own may be reached through a profile that has one, or the login.
    const profile = usable.find(({ provider }) => provider === id);
    const head = isReachable(snapshot, id) ? id : profile?.name;
    if (head === undefined) return [];
    const kept = readCachedList(stateDir, id, endpoints[0].baseUrl)?.models.map((model) => model.id);
    const names = kept ?? (profile ? knownModels(id) : []);
    return [...new Set(names)].map((model) => ({ value: `${head}:${model}`, label: `${head}:${model}` }));
  });
  return [...names, ...models];
}

function leadsSomewhere({ resolve }: Configuration, name: string): boolean {
  try {
    return resolve(name) !== undefined;
  } catch {
    return false;
  }
}

function isReachable(snapshot: Snapshot, provider: string): boolean {
  const { kind } = snapshot.targetFor(provider, undefined).credential;
  return kind === 'keys' || kind === 'none';
}
