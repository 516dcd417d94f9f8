import { listAliases, listProfiles } from '../../control/choices.ts';
import { readCachedList } from '../../control/model-cache.ts';
import { describeSlots } from '../../control/wording.ts';
import type { App, ClientLogin, Configuration } from '../app.ts';
import type { Output } from '../output.ts';
import { type Choice, needPerson, openQuestions } from '../questions.ts';
import { whyNotReady } from '../readiness.ts';

/** `pick [--use]`: the reference that was chosen, on stdout; with `--use` the running session is switched to it. */
export async function pick(app: App, out: Output, switches: boolean): Promise<number> {
  const reference = await pickReference(app, await app.configuration());
  if (switches) return (await import('./use.ts')).use(app, out, reference, {});
  if (out.json) out.data({ reference });
  else out.line(reference);
  return 0;
}

/** Asks for a reference. Throws `usage` without a terminal, before anything else is done. */
export async function pickReference(app: App, configuration: Configuration): Promise<string> {
  needPerson(app, 'picking', 'Name a profile instead, see: midswap profile list');
  const questions = openQuestions(app);
  try {
    return await questions.choose('Which model?', pickChoices(configuration, app.stateDir(), await app.clientLogin()));
  } finally {
    questions.close();
  }
}

/**
 * Profiles that can be used, aliases, and every model of the lists that are kept, each as a reference. What wants a
 * login that is not there says so: the client can be logged in in the session.
 */
export function pickChoices({ snapshot, knownModels }: Configuration, stateDir: string, login: ClientLogin): Choice[] {
  const usable = listProfiles(snapshot).filter(({ unusable }) => unusable === null);
  const profiles = usable.map(({ name, slots, auth }) => {
    const problem = whyNotReady({ auth, unusable: undefined }, login);
    return { value: name, label: name, hint: problem ?? describeSlots(slots) };
  });
  const aliases = listAliases(snapshot).map(({ name, reference }) => ({ value: name, label: name, hint: reference }));
  const models = [...new Set(usable.map(({ provider }) => provider))].flatMap((id) => {
    const provider = snapshot.providers.get(id);
    if (!provider) return [];
    const kept = readCachedList(stateDir, id, provider.endpoints[0].baseUrl)?.models.map((model) => model.id);
    return [...new Set(kept ?? knownModels(id))].map((model) => ({ value: `${id}:${model}`, label: `${id}:${model}` }));
  });
  return [...profiles, ...aliases, ...models];
}
