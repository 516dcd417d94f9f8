import { MidswapError } from '../../core/errors.ts';
import { nearest } from '../../core/nearest.ts';
import type { App, Configuration, KeyStore } from '../app.ts';
import type { Output } from '../output.ts';
import { openQuestions } from '../questions.ts';
import { readAll } from './hook.ts';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** One key that is known of. Never a value. */
interface KnownKey {
  readonly name: string;
  /** Where it comes from, for people. */
  readonly from: string;
  /** It is what requests to the provider of that name carry. */
  readonly inUse: boolean;
}

/** `keys set NAME`, `keys list`, `keys remove NAME` */
export function keys(app: App, out: Output, words: readonly string[]): Promise<number> {
  const [action = 'list', name, ...more] = words;
  switch (action) {
    case 'list':
      return list(app, out);
    case 'set':
      return set(app, out, name, more);
    case 'remove':
      return remove(app, out, name);
    default:
      throw new MidswapError('usage', `keys does not know "${action}"`, { hint: 'keys set NAME | list | remove NAME' });
  }
}

async function set(app: App, out: Output, given: string | undefined, more: readonly string[]): Promise<number> {
  if (more.length > 0) {
    throw new MidswapError('usage', 'a key does not belong on the command line: every program can read it there', {
      hint: `Run "midswap keys set ${given}" and paste it, or give it by a pipe.`,
    });
  }
  const configuration = await configurationOf(app);
  const name = readName(given, configuration);
  const key = await readKey(app, name);
  const store = await app.keyStore();
  const kept = await store.set(name, key);
  const place = kept === 'keychain' ? 'the keychain of this system' : `${store.file}, readable by you alone`;
  if (out.json) out.data({ name, kept });
  else out.line(`the key "${name}" is kept in ${place}`);
  const provider = configuration?.snapshot.providers.get(name);
  const before = configuration?.keys().find((entry) => entry.provider === name)?.found[0];
  if (before !== undefined) out.note(`midswap: ${before} is set in the environment or in .env and goes before it`);
  if (configuration && !provider) out.note(`midswap: no provider is called "${name}": refer to it as keychain:${name}`);
  return 0;
}

/** Hidden in a terminal; from a pipe everything there is. */
async function readKey(app: App, name: string): Promise<string> {
  if (app.streams.in.isTTY !== true) return (await readAll(app.streams.in)).trim();
  const questions = openQuestions(app);
  if (!questions.interactive) {
    throw new MidswapError('usage', 'the key cannot be hidden while it is typed: stderr is no terminal', {
      hint: `Give it by a pipe: midswap keys set ${name} < FILE`,
    });
  }
  return questions.secret(`Key for ${name}`);
}

async function remove(app: App, out: Output, given: string | undefined): Promise<number> {
  const store = await app.keyStore();
  const kept = (await store.list()).map(({ name }) => name);
  const exact = kept.find((name) => name === given);
  const name = exact ?? (await configurationOf(app))?.providerId(given ?? '') ?? readName(given, undefined);
  if (!(await store.remove(name))) {
    const near = nearest(name, kept);
    throw new MidswapError('not_found', `no key "${name}" is kept here`, {
      hint: near === undefined ? 'See: midswap keys list' : `Did you mean ${near}?`,
    });
  }
  if (out.json) out.data({ name, removed: true });
  else out.line(`the key "${name}" is forgotten`);
  return 0;
}

async function list(app: App, out: Output): Promise<number> {
  const { snapshot } = await app.configuration();
  const store = await app.keyStore();
  const kept = await store.list();
  const used = [...snapshot.providers.keys()].flatMap((name): KnownKey[] => {
    const { credential } = snapshot.targetFor(name, undefined);
    if (credential.kind !== 'keys') return [];
    return credential.keys.map(({ origin }) => ({ name, from: describeOrigin(store, origin, kept), inUse: true }));
  });
  const named = new Set(used.map(({ name, from }) => `${name}\n${from}`));
  const others = kept
    .map(({ name, kept: where }) => ({ name, from: describePlace(store, where), inUse: false }))
    .filter(({ name, from }) => !named.has(`${name}\n${from}`));
  const all = [...used, ...others];
  if (out.json) {
    out.data(all);
    return 0;
  }
  if (all.length === 0) {
    out.line('no key is set; set one with: midswap keys set NAME');
    return 0;
  }
  out.table(
    ['NAME', 'FROM', ''],
    all.map(({ name, from, inUse }) => [name, from, inUse ? '' : out.paint('dim', 'by reference only')]),
  );
  return 0;
}

/** Where the configuration found a key, as a person would look for it. */
function describeOrigin(store: KeyStore, origin: string, kept: Awaited<ReturnType<KeyStore['list']>>): string {
  const [, kind, name] = /^(env|stored):(.*)$/s.exec(origin) ?? [];
  if (kind === 'env') return `environment ${name}`;
  if (kind === 'stored') return describePlace(store, kept.find((one) => one.name === name)?.kept ?? 'file');
  if (origin.startsWith('keychain:')) return describePlace(store, 'keychain');
  return origin === 'config' ? 'written in the configuration' : origin;
}

function describePlace({ file }: KeyStore, kept: 'keychain' | 'file'): string {
  return kept === 'keychain' ? 'keychain' : file;
}

/** A broken configuration must not keep a key from being set. */
async function configurationOf(app: App): Promise<Configuration | undefined> {
  try {
    return await app.configuration();
  } catch {
    return undefined;
  }
}

/** A provider by any of its names, or a name of the user's own; a slip of a provider's name is refused. */
function readName(given: string | undefined, configuration: Configuration | undefined): string {
  if (given === undefined) {
    throw new MidswapError('usage', 'keys needs the name of a provider', { hint: 'See: midswap providers' });
  }
  if (!NAME.test(given)) {
    throw new MidswapError('usage', 'that is not a name: letters, digits, dots, dashes and underscores, 64 at most', {
      hint: 'keys set NAME asks for the key itself',
    });
  }
  if (!configuration) return given;
  const id = configuration.providerId(given);
  if (id !== undefined) return id;
  const near = nearest(given, configuration.snapshot.providers.keys());
  if (near === undefined) return given;
  throw new MidswapError('unknown_reference', `there is no provider "${given}"`, { hint: `Did you mean ${near}?` });
}
