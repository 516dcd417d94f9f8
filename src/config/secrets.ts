import { isAbsolute, join } from 'node:path';
import { MidswapError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { parseEnvFile } from './environment.ts';
import { faultsOf } from './faults.ts';
import type { Keychain, KeychainReading } from './keychain.ts';
import type { ConfigPaths, Machine } from './paths.ts';
import { parseSource, readRegularFile } from './read-source.ts';
import { plainValue, type Source } from './source.ts';
import { writePrivateFile } from './write-file.ts';

/** A secret, or why there is none, for people: `env:CORP_KEY is not set`. */
export type Found = { readonly secret: Secret } | { readonly missing: string };

/** Where secrets come from while a configuration is compiled. Nothing here prints a value. */
export interface Secrets {
  /** What a reference leads to: `env:NAME`, `file:/path`, `keychain:name`, or the key itself. */
  resolve(reference: string): Found;
  /** The first of these variables that is set, in the environment or the user's own `.env`. */
  variable(names: readonly string[]): Secret | undefined;
  /** The key that `midswap keys set NAME` stored. */
  stored(name: string): Secret | undefined;
}

export interface OpenSecrets extends Secrets {
  /** What is unsafe or unreadable, one line each. Never a value. */
  readonly warnings: readonly { readonly file: string; readonly line: number | undefined; readonly what: string }[];
}

const FILE_LIMIT = 1 << 20;
const KEPT = 'keychain:';
const REFERENCE = /^(env|file|keychain):(.+)$/s;

/** Whether the text is a reference, and not a key itself. */
export function isSecretReference(text: string): boolean {
  return REFERENCE.test(text);
}

/**
 * Reads `.env` and the secrets file of the user's own configuration directory, as far as they are there. The keychain is
 * opened only if a reference or a stored key needs it.
 */
export async function openSecrets(
  machine: Machine,
  paths: ConfigPaths,
  references: Iterable<string>,
  keychain: () => Promise<Keychain | undefined>,
): Promise<OpenSecrets> {
  const warnings: { file: string; line: number | undefined; what: string }[] = [];
  const variables = readVariables(machine, paths, warnings);
  const stored = await parseStored(paths.secretsFile, tryRead(paths.secretsFile, machine.platform, warnings));
  const chain = await readKeychain([...references, ...stored.values()], keychain);

  const fromFile = (written: string): Found => {
    const file = written.startsWith('~/') ? join(machine.home, written.slice(2)) : written;
    if (!isAbsolute(file)) return { missing: `file:${written} is not an absolute path` };
    try {
      const read = readRegularFile(file, FILE_LIMIT, machine.platform);
      if (!read) return { missing: `file:${written} is not there` };
      if (read.isOpen && !warnings.some((warning) => warning.file === file)) {
        warnings.push({ file, line: undefined, what: openWarning(file) });
      }
      return secretOf(read.text, `file:${written}`);
    } catch (error) {
      return { missing: error instanceof MidswapError ? error.message : `file:${written} cannot be read` };
    }
  };
  const fromKeychain = (name: string): Found => {
    const kept = stored.get(name);
    // It was written when the keychain was not to be had: what the keychain may have is older.
    if (kept !== undefined && !kept.startsWith('keychain:')) return secretOf(kept, `stored:${name}`);
    const value = chain.values.get(name);
    if (value !== undefined) return secretOf(value, `keychain:${name}`);
    return { missing: chain.problem ? `keychain:${name}: ${chain.problem}` : `keychain:${name} is not there` };
  };
  const resolve = (reference: string): Found => {
    const [, kind, rest = ''] = REFERENCE.exec(reference) ?? [];
    if (kind === 'env') {
      const variable = variables.get(rest);
      return variable ? secretOf(variable.value, variable.origin) : { missing: `${rest} is not set` };
    }
    if (kind === 'file') return fromFile(rest);
    if (kind === 'keychain') return fromKeychain(rest);
    return secretOf(reference, 'config');
  };

  return {
    resolve,
    variable: (names) => {
      for (const name of names) {
        const found = resolve(`env:${name}`);
        if ('secret' in found) return found.secret;
      }
      return undefined;
    },
    stored: (name) => {
      const text = stored.get(name);
      if (text === undefined) return undefined;
      const isKept = text.startsWith('keychain:');
      const found = isKept ? fromKeychain(text.slice('keychain:'.length)) : secretOf(text, `stored:${name}`);
      return 'secret' in found ? found.secret : undefined;
    },
    warnings,
  };
}

/** What the keychain has of the names that these texts refer to. It is opened only if there are any. */
async function readKeychain(
  texts: readonly string[],
  keychain: () => Promise<Keychain | undefined>,
): Promise<KeychainReading> {
  const names = texts.filter((text) => text.startsWith(KEPT)).map((text) => text.slice(KEPT.length));
  if (names.length === 0) return { values: new Map() };
  const opened = await keychain();
  return opened ? opened.read([...new Set(names)]) : { values: new Map(), problem: 'this system has no keychain' };
}

/** Keeps a key under a name, in the keychain where there is one, else in the 0600 secrets file. Says where. */
export async function storeSecret(
  paths: ConfigPaths,
  platform: string,
  name: string,
  value: string,
  keychain: Keychain | undefined,
): Promise<'keychain' | 'file'> {
  const found = secretOf(value, `the key for "${name}"`);
  if ('missing' in found) throw new MidswapError('usage', `${found.missing}: nothing is kept`);
  const stored = await readStored(paths, platform);
  const isInKeychain = (await keychain?.set(name, found.secret.reveal())) ?? false;
  stored.set(name, isInKeychain ? KEPT + name : found.secret.reveal());
  writeStored(paths, stored);
  return isInKeychain ? 'keychain' : 'file';
}

/** Forgets a stored key. False when there was none. */
export async function removeSecret(
  paths: ConfigPaths,
  platform: string,
  name: string,
  keychain: Keychain | undefined,
): Promise<boolean> {
  const stored = await readStored(paths, platform);
  const text = stored.get(name);
  if (text === undefined) return false;
  if (text.startsWith(KEPT)) {
    if (!keychain) {
      throw new MidswapError('cannot_write', `the key "${name}" is in the keychain, which is switched off`, {
        hint: `Unset MIDSWAP_KEYCHAIN, or take the line out of ${paths.secretsFile} and the entry out of the keychain.`,
      });
    }
    await keychain.remove(text.slice(KEPT.length));
  }
  stored.delete(name);
  writeStored(paths, stored);
  return true;
}

/** Names of the stored keys and where each is kept. */
export async function listSecrets(
  paths: ConfigPaths,
  platform: string,
): Promise<{ readonly name: string; readonly kept: 'keychain' | 'file' }[]> {
  const stored = await readStored(paths, platform);
  return [...stored].map(([name, text]) => ({ name, kept: text.startsWith('keychain:') ? 'keychain' : 'file' }));
}

interface Variable {
  readonly value: string;
  readonly origin: string;
}

/** The environment, and below it the user's own `.env`. Blank variables are not set. */
function readVariables(
  { env, platform }: Machine,
  { envFile }: ConfigPaths,
  warnings: { file: string; line: number | undefined; what: string }[],
): Map<string, Variable> {
  const variables = new Map<string, Variable>();
  const add = (name: string, value: string | undefined, origin: string): void => {
    if (value !== undefined && value.trim() !== '') variables.set(name, { value, origin });
  };
  const read = tryRead(envFile, platform, warnings);
  if (read !== undefined) {
    const { values, faults } = parseEnvFile(read);
    for (const [name, value] of values) add(name, value, `${envFile}: ${name}`);
    for (const { line, what } of faults) warnings.push({ file: envFile, line, what: `${what}; the line is left out` });
  }
  for (const [name, value] of Object.entries(env)) add(name, value, `env:${name}`);
  return variables;
}

/** What is stored now. Throws where the file is there and cannot be read: it must not be written over. */
async function readStored({ secretsFile }: ConfigPaths, platform: string): Promise<Map<string, string>> {
  return parseStored(secretsFile, readRegularFile(secretsFile, FILE_LIMIT, platform)?.text);
}

/** The secrets file: names to keys, or to `keychain:NAME`. */
async function parseStored(secretsFile: string, text: string | undefined): Promise<Map<string, string>> {
  if (text === undefined) return new Map();
  const value = plainValue((await parseSecrets(secretsFile, text)).root);
  if (value === null) return new Map();
  const entries = typeof value === 'object' && !Array.isArray(value) ? Object.entries(value) : [];
  const bad = entries.find(([, inner]) => typeof inner !== 'string');
  if (bad || Array.isArray(value) || typeof value !== 'object') {
    throw new MidswapError('config_invalid', `${secretsFile}: must be a map of names to keys in quotes`, {
      hint: 'Set the keys again with "midswap keys set NAME".',
    });
  }
  return new Map(entries as [string, string][]);
}

/** What is wrong with this file is told by its line alone: the words around it are keys. */
async function parseSecrets(secretsFile: string, text: string): Promise<Source> {
  try {
    return await parseSource(secretsFile, text);
  } catch (error) {
    const line = faultsOf(error)[0]?.position?.line;
    if (line === undefined) throw error;
    throw new MidswapError('config_invalid', `${secretsFile}:${line}: cannot be read as YAML`, {
      hint: 'Write each key as NAME: "KEY", or remove the file and set the keys again.',
    });
  }
}

function writeStored({ secretsFile }: ConfigPaths, stored: ReadonlyMap<string, string>): void {
  const lines = [...stored].map(([name, text]) => `${JSON.stringify(name)}: ${JSON.stringify(text)}\n`);
  writePrivateFile(secretsFile, `# Keys of midswap. Readable by you alone; keep it that way.\n${lines.join('')}`);
}

/** The text, with a warning when others may read it; `undefined`, with a warning, when it cannot be read. */
function tryRead(
  file: string,
  platform: string,
  warnings: { file: string; line: number | undefined; what: string }[],
): string | undefined {
  try {
    const read = readRegularFile(file, FILE_LIMIT, platform);
    if (read?.isOpen) warnings.push({ file, line: undefined, what: openWarning(file) });
    return read?.text;
  } catch (error) {
    if (!(error instanceof MidswapError)) throw error;
    warnings.push({ file, line: undefined, what: error.message });
    return undefined;
  }
}

function openWarning(file: string): string {
  return `others on this machine may read its keys: chmod 600 ${file}`;
}

/** A key is one line of printable ASCII: anything else cannot stand in a header and was pasted wrong. */
function secretOf(text: string, origin: string): Found {
  const value = text.trim();
  if (value === '') return { missing: `${origin} is empty` };
  if (!/^[\x21-\x7e]+$/.test(value)) return { missing: `${origin} holds spaces or characters that no key has` };
  return { secret: new Secret(value, origin) };
}
