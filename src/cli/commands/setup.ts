import { MidswapError } from '../../core/errors.ts';
import type { App, ClientLogin, Configuration, PlannedChange } from '../app.ts';
import type { Output } from '../output.ts';
import { type Choice, openQuestions, type Questions } from '../questions.ts';
import { describeLogin, LOGIN_HINT } from '../readiness.ts';
import { printDiff } from '../text-diff.ts';
import { modelList } from './models.ts';

/** What the questions came to. */
interface Answers {
  readonly provider: string;
  readonly baseUrl: string | undefined;
  /** Where its key is of; the ordinary place without one. */
  readonly region: string | undefined;
  /** Typed just now; one that is there already is not asked for. */
  readonly key: string | undefined;
  readonly model: string | undefined;
}

const MODELS_SHOWN = 500;
const USUAL = 'default';

/**
 * `setup`: from nothing to a session. Every file is shown before it is changed, the key is tried before it is kept, and
 * nothing is changed when the user breaks off.
 */
export async function setup(app: App, out: Output): Promise<number> {
  const say = (text = '') => (out.json ? out.note(text) : out.line(text));
  const questions = openQuestions(app);
  try {
    await greet(app, say);
    const [configuration, clientLogin] = await Promise.all([app.configuration(), app.clientLogin()]);
    const provider = await chooseProvider(configuration, clientLogin, questions);
    const login = loginProfile(configuration);
    const isLogin = login !== undefined && provider === login;
    if (isLogin) say(`Your Claude login: ${describeLogin(clientLogin)}`);
    const asked = isLogin ? undefined : await askForProvider(app, configuration, questions, provider, say);
    const name = isLogin ? login : await questions.text('Name of the profile', provider);
    const byDefault = await questions.agree(`Start sessions with "${name}" when none is named?`, true);
    const planned = (answers: Answers | undefined) => plan(app, configuration, name, answers, byDefault);
    const answers = asked && (await tryOut(app, questions, asked, planned, name, say));
    const change = await planned(answers);
    const written = await write(app, out, questions, change, answers, say);
    if (out.json) out.data({ profile: name, file: change.file, changed: written });
    const isReady = !isLogin || clientLogin.found;
    say(
      `${isReady ? 'Ready. Start' : `First ${LOGIN_HINT}. Then start`} Claude Code with: midswap${byDefault ? '' : ` ${name}`}`,
    );
    return 0;
  } finally {
    questions.close();
  }
}

async function greet(app: App, say: (text?: string) => void): Promise<void> {
  try {
    const { path, version } = await app.findClient();
    say(`Claude Code${version === undefined ? '' : ` ${version}`}: ${path}`);
  } catch (thrown) {
    if (!(thrown instanceof MidswapError)) throw thrown;
    say(`${thrown.message}. ${thrown.hint ?? ''}`);
  }
}

/** The client's own login, then what is ready, then everything else. */
async function chooseProvider(
  configuration: Configuration,
  clientLogin: ClientLogin,
  questions: Questions,
): Promise<string> {
  const { snapshot } = configuration;
  const login = loginProfile(configuration);
  const providers = [...snapshot.providers.values()].map(({ id, name, endpoints }) => {
    const { kind } = snapshot.targetFor(id, undefined).credential;
    const isLocal = endpoints.every((endpoint) => endpoint.local);
    const hint = isLocal ? 'on this machine' : kind === 'keys' ? 'its key is there' : undefined;
    const rank = isLocal ? 2 : kind === 'keys' ? 0 : 1;
    return { value: id, label: name, rank, ...(hint !== undefined && { hint }) };
  });
  const hint = clientLogin.found ? 'found, no key needed' : `none found; ${LOGIN_HINT}`;
  const own: Choice[] = login === undefined ? [] : [{ value: login, label: 'Your own Claude login', hint }];
  const sorted = providers.toSorted((a, b) => a.rank - b.rank).map(({ rank: _, ...choice }) => choice);
  const first = providers.find(({ rank }) => rank === 0)?.value ?? login;
  return questions.choose('Which provider?', [...own, ...sorted], first);
}

/** The profile that passes the client's own login through. */
function loginProfile({ snapshot, isWritten }: Configuration): string | undefined {
  const found = [...snapshot.profiles.values()].find(
    ({ auth, name }) => auth === 'subscription' && !isWritten(['profiles', name]),
  );
  return found?.name;
}

/** Asks for what is missing, and for nothing else. */
async function askForProvider(
  app: App,
  configuration: Configuration,
  questions: Questions,
  provider: string,
  say: (text?: string) => void,
): Promise<Answers> {
  const { snapshot } = configuration;
  const { credential } = snapshot.targetFor(provider, undefined);
  let answers: Answers = { provider, baseUrl: undefined, region: undefined, key: undefined, model: undefined };
  if (/^no base URL/.test(problemOf(configuration, provider) ?? '')) {
    answers = { ...answers, baseUrl: await questions.text('Base URL of yours') };
  }
  if (credential.kind === 'keys') say(`The key is there: ${credential.keys[0].origin}`);
  if (credential.kind === 'missing') {
    const { docs } = snapshot.providers.get(provider) ?? {};
    if (docs !== undefined) say(`Where keys come from: ${docs}`);
    answers = { ...answers, region: await chooseRegion(configuration, questions, provider) };
    answers = { ...answers, key: await questions.secret(`Key of ${provider} (not shown)`) };
  }
  const draft = await plan(app, configuration, provider, answers, false);
  if (!/^no model/.test(problemOf(draft.configuration, provider) ?? '')) return answers;
  const found = await modelList(app, draft.configuration, provider, { live: true, refresh: true });
  if (found.problem !== undefined) say(found.problem);
  const choices = (found.models ?? []).slice(0, MODELS_SHOWN).map(({ id }) => ({ value: id, label: id }));
  const model =
    questions.interactive && choices.length > 0
      ? await questions.choose('Which model?', choices)
      : await questions.text('Which model?', choices[0]?.value);
  return { ...answers, model };
}

/** A key works in the region that gave it only. */
async function chooseRegion(
  { snapshot }: Configuration,
  questions: Questions,
  provider: string,
): Promise<string | undefined> {
  const { regions = [], endpoints } = snapshot.providers.get(provider) ?? {};
  if (regions.length === 0) return undefined;
  const usual = { value: USUAL, label: USUAL, hint: endpoints ? new URL(endpoints[0].baseUrl).host : '' };
  const others = regions.map(({ name, host }) => ({ value: name, label: name, hint: host }));
  const chosen = await questions.choose('Where is your account?', [usual, ...others], USUAL);
  return chosen === USUAL ? undefined : chosen;
}

function problemOf({ snapshot }: Configuration, profile: string): string | undefined {
  return snapshot.profiles.get(profile.toLowerCase())?.unusable;
}

function plan(
  app: App,
  { snapshot }: Configuration,
  name: string,
  answers: Answers | undefined,
  byDefault: boolean,
): Promise<PlannedChange> {
  const variable = answers && snapshot.providers.get(answers.provider)?.keyVariables[0];
  const variables = variable !== undefined && answers?.key !== undefined ? { [variable]: answers.key } : {};
  return app.planChange((edit) => {
    if (answers) {
      const { provider, baseUrl, region, model } = answers;
      if (region !== undefined) edit.set(['providers', provider, 'region'], region);
      if (baseUrl !== undefined) edit.set(['providers', provider, 'base_url'], baseUrl);
      edit.set(['profiles', name, 'provider'], provider);
      if (model !== undefined) edit.set(['profiles', name, 'models', 'default'], model);
    }
    if (byDefault) edit.set(['default_profile'], name);
  }, variables);
}

/** The key and the model are tried before anything is kept; a person may correct the key. Gives what is to be kept. */
async function tryOut(
  app: App,
  questions: Questions,
  answers: Answers,
  planned: (answers: Answers) => Promise<PlannedChange>,
  name: string,
  say: (text?: string) => void,
): Promise<Answers> {
  const { configuration } = await planned(answers);
  const problem = problemOf(configuration, name);
  const trial = problem === undefined ? await app.trial(configuration, name) : undefined;
  if (trial?.ok) {
    say(`It works: ${trial.provider}/${trial.model} answered in ${trial.durationMs} ms`);
    return answers;
  }
  say(`It does not work yet: ${problem ?? trial?.text}`);
  if (questions.interactive && answers.key !== undefined && (await questions.agree('Try another key?', true))) {
    const key = await questions.secret(`Key of ${answers.provider} (not shown)`);
    return tryOut(app, questions, { ...answers, key }, planned, name, say);
  }
  if (await questions.agree('Keep it all the same?', false)) return answers;
  throw new MidswapError('upstream_failed', `the test of "${name}" failed, and nothing is changed`, {
    hint: 'Run midswap setup again with another key or model',
  });
}

/** Shows every file, asks once, and writes: the key first, so that the profile never stands without it. */
async function write(
  app: App,
  out: Output,
  questions: Questions,
  change: PlannedChange,
  answers: Answers | undefined,
  say: (text?: string) => void,
): Promise<readonly string[]> {
  const store = await app.keyStore();
  const changed: string[] = [];
  say('This will be written:');
  if (answers?.key !== undefined) {
    const place = (await store.place()) === 'keychain' ? 'the keychain of this system' : store.file;
    say(`  the key of ${answers.provider}, to ${place}, for you alone`);
    changed.push(place);
  }
  if (change.before !== change.after) {
    if (!out.json) printDiff(out, change.file, change.before, change.after);
    changed.push(change.file);
  }
  if (changed.length === 0) {
    say('  nothing: it is there already');
    return changed;
  }
  if (!(await questions.agree('Write this?', true))) throw new MidswapError('cancelled', 'nothing is changed');
  if (answers?.key !== undefined) await store.set(answers.provider, answers.key);
  await change.apply();
  return changed;
}
