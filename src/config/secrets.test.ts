import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { tempDir, writeFiles } from '../../test/support/temp-home.ts';
import { MidswapError } from '../core/errors.ts';
import type { Keychain } from './keychain.ts';
import { configPaths, type Env } from './paths.ts';
import { listSecrets, openSecrets, removeSecret, storeSecret } from './secrets.ts';

function place(files: Readonly<Record<string, string>> = {}, mode = 0o600) {
  const home = tempDir('midswap-secrets');
  const paths = configPaths({ env: { MIDSWAP_HOME: home }, platform: 'linux', home });
  writeFiles(home, files);
  for (const name of Object.keys(files)) chmodSync(join(home, name), mode);
  const open = (env: Env = {}, references: string[] = [], keychain?: Keychain) =>
    openSecrets({ env, platform: 'linux', home }, paths, references, async () => keychain);
  return { home, paths, open };
}

function memoryKeychain(entries: Record<string, string> = {}): Keychain & { readonly entries: Record<string, string> } {
  return {
    entries,
    exists: async () => true,
    read: async (names) => ({ values: new Map(Object.entries(entries).filter(([name]) => names.includes(name))) }),
    set: async (name, value) => {
      entries[name] = value;
      return true;
    },
    remove: async (name) => {
      delete entries[name];
    },
  };
}

const keyIn = (found: object): string =>
  'secret' in found ? (found.secret as { reveal(): string }).reveal() : inspect(found);

describe('a reference', () => {
  it('to a variable is found in the environment, then in the own .env; blank is not set', async () => {
    const { open } = place({ '.env': 'A=from-file\nB=from-file\nC=from-file\n' });
    const secrets = await open({ A: 'from-env', B: '  ' });
    expect(['A', 'B', 'C'].map((name) => keyIn(secrets.resolve(`env:${name}`)))).toEqual([
      'from-env',
      'from-file',
      'from-file',
    ]);
    expect(secrets.resolve('env:D')).toEqual({ missing: 'D is not set' });
    expect(secrets.variable(['D', 'C'])?.reveal()).toBe('from-file');
    expect(secrets.variable(['D'])).toBeUndefined();
  });

  it('to a file is its text, without the line break', async () => {
    const { home, open } = place({ key: 'abc-123\n', spaces: 'not a key', empty: '\n' });
    const secrets = await open();
    expect(keyIn(secrets.resolve(`file:${join(home, 'key')}`))).toBe('abc-123');
    expect(keyIn(secrets.resolve('file:~/key'))).toBe('abc-123');
    expect(secrets.warnings).toEqual([]);
    expect(secrets.resolve('file:~/nothing')).toEqual({ missing: 'file:~/nothing is not there' });
    expect(secrets.resolve('file:key')).toEqual({ missing: 'file:key is not an absolute path' });
    expect(secrets.resolve('file:~/empty')).toEqual({ missing: 'file:~/empty is empty' });
    expect(inspect(secrets.resolve('file:~/spaces'))).not.toContain('not a key');
    mkdirSync(join(home, 'directory'));
    expect(secrets.resolve('file:~/directory')).toEqual({
      missing: expect.stringContaining('is not a regular file'),
    });
  });

  it.each(['.env', 'secrets.yaml', 'key'])('to %s that others can read works, with a warning', async (name) => {
    const { home, open } = place({ [name]: name === 'secrets.yaml' ? 'x: "y"\n' : 'KEY=value' }, 0o644);
    const secrets = await open();
    secrets.resolve('file:~/key');
    secrets.resolve('file:~/key');
    const file = join(home, name);
    const what = `others on this machine may read its keys: chmod 600 ${file}`;
    expect(secrets.warnings).toEqual([{ file, line: undefined, what }]);
  });

  it('to the keychain opens it only then', async () => {
    const { home, paths } = place();
    let opened = 0;
    const keychain = async () => {
      opened++;
      return memoryKeychain({ corp: 'chained' });
    };
    const machine = { env: {}, platform: 'linux', home };
    await openSecrets(machine, paths, ['env:A', 'file:/x'], keychain);
    expect(opened).toBe(0);
    const secrets = await openSecrets(machine, paths, ['keychain:corp'], keychain);
    expect(opened).toBe(1);
    expect(keyIn(secrets.resolve('keychain:corp'))).toBe('chained');
    expect(secrets.resolve('keychain:other')).toEqual({ missing: 'keychain:other is not there' });
  });

  it('to the keychain of a system without one is what is stored in the file', async () => {
    const { open } = place({ 'secrets.yaml': 'corp: "kept"\nmoved: "keychain:moved"\n' });
    const secrets = await open({}, ['keychain:corp']);
    expect(keyIn(secrets.resolve('keychain:corp'))).toBe('kept');
    expect(secrets.resolve('keychain:moved')).toEqual({ missing: 'keychain:moved: this system has no keychain' });
    expect(secrets.stored('moved')).toBeUndefined();
  });

  it('that is none is the key itself', async () => {
    const { open } = place();
    expect(keyIn((await open()).resolve('abc123'))).toBe('abc123');
  });
});

describe('stored keys', () => {
  it('go to a file of the owner alone where there is no keychain, and come back', async () => {
    const { paths, open } = place();
    expect(await storeSecret(paths, 'linux', 'deepseek', ' key-1 \n', undefined)).toBe('file');
    expect(await storeSecret(paths, 'linux', 'a"b: #', 'key-2', undefined)).toBe('file');
    expect(statSync(paths.secretsFile).mode & 0o777).toBe(0o600);
    const secrets = await open();
    expect(secrets.stored('deepseek')?.reveal()).toBe('key-1');
    expect(secrets.stored('a"b: #')?.reveal()).toBe('key-2');
    expect(await listSecrets(paths, 'linux')).toEqual([
      { name: 'deepseek', kept: 'file' },
      { name: 'a"b: #', kept: 'file' },
    ]);
    expect(await removeSecret(paths, 'linux', 'deepseek', undefined)).toBe(true);
    expect(await removeSecret(paths, 'linux', 'deepseek', undefined)).toBe(false);
    expect((await open()).stored('deepseek')).toBeUndefined();
  });

  it('go to the keychain where there is one, and the file only says so', async () => {
    const { paths, open } = place();
    const keychain = memoryKeychain();
    expect(await storeSecret(paths, 'linux', 'deepseek', 'key-1', keychain)).toBe('keychain');
    expect(readFileSync(paths.secretsFile, 'utf8')).not.toContain('key-1');
    expect((await open({}, [], keychain)).stored('deepseek')?.reveal()).toBe('key-1');
    await removeSecret(paths, 'linux', 'deepseek', keychain);
    expect(keychain.entries).toEqual({});
  });

  it('in the file go before what the keychain has of that name: they were stored when it was not to be had', async () => {
    const { paths, open } = place();
    const keychain = memoryKeychain();
    await storeSecret(paths, 'linux', 'corp', 'old', keychain);
    await storeSecret(paths, 'linux', 'corp', 'new', undefined);
    const secrets = await open({}, ['keychain:corp'], keychain);
    expect(keyIn(secrets.resolve('keychain:corp'))).toBe('new');
    expect(secrets.stored('corp')?.reveal()).toBe('new');
  });

  it('go to the file where the keychain turns out not to be there', async () => {
    const { paths, open } = place();
    expect(await storeSecret(paths, 'linux', 'corp', 'key', { ...memoryKeychain(), set: async () => false })).toBe(
      'file',
    );
    expect((await open()).stored('corp')?.reveal()).toBe('key');
  });

  it('change nowhere when the file or the keychain does not take the change', async () => {
    const { paths } = place();
    const keychain = memoryKeychain();
    await storeSecret(paths, 'linux', 'corp', 'old', keychain);
    const refuses = async () => {
      throw new MidswapError('cannot_write', 'locked');
    };
    const locked = { ...keychain, set: refuses, remove: refuses };
    const before = readFileSync(paths.secretsFile, 'utf8');
    const changes = [storeSecret(paths, 'linux', 'corp', 'new', locked), removeSecret(paths, 'linux', 'corp', locked)];
    for (const change of changes) await expect(change).rejects.toMatchObject({ code: 'cannot_write' });
    await expect(removeSecret(paths, 'linux', 'corp', undefined)).rejects.toThrow(/keychain, which is switched off/);
    expect(readFileSync(paths.secretsFile, 'utf8')).toBe(before);
    writeFileSync(paths.secretsFile, 'corp: [');
    await expect(storeSecret(paths, 'linux', 'corp', 'new', keychain)).rejects.toMatchObject({
      code: 'config_invalid',
    });
    expect(keychain.entries).toEqual({ corp: 'old' });
  });

  it('of the wrong form are refused, and nothing is written', async () => {
    const { paths } = place();
    await expect(storeSecret(paths, 'linux', 'x', 'two words', undefined)).rejects.toMatchObject({ code: 'usage' });
    expect(await listSecrets(paths, 'linux')).toEqual([]);
  });

  it('in a file that is no YAML are not told with what is wrong', async () => {
    const { open } = place({ 'secrets.yaml': 'x: ok\na: *hunter2hunter2\n' });
    const error: unknown = await open().catch((thrown: unknown) => thrown);
    expect(inspect(error)).toContain('secrets.yaml:2: cannot be read as YAML');
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('hunter2');
  });

  it('are not written over when the file cannot be understood', async () => {
    const { paths, open } = place({ 'secrets.yaml': 'a: [1\n' });
    await expect(storeSecret(paths, 'linux', 'b', 'key', undefined)).rejects.toMatchObject({ code: 'config_invalid' });
    expect(readFileSync(paths.secretsFile, 'utf8')).toBe('a: [1\n');
    await expect(open()).rejects.toMatchObject({ code: 'config_invalid' });
    writeFileSync(paths.secretsFile, 'a: { b: c }\n');
    await expect(open()).rejects.toThrow('must be a map of names to keys in quotes');
  });
});

describe('nothing prints a value', () => {
  it('neither a secret, nor what was not found, nor a warning', async () => {
    const { open } = place({
      '.env': 'A=hunter2hunter2\nbroken hunter2hunter2\n',
      'secrets.yaml': 'x: "hunter2hunter2"\n',
    });
    const secrets = await open({ B: 'hunter2hunter2 and more' });
    const told = [secrets.resolve('env:A'), secrets.resolve('env:B'), secrets.stored('x'), secrets.warnings];
    const text = told.map((one) => inspect(one, { depth: 9 }) + JSON.stringify(one) + String(one)).join('\n');
    expect(text).not.toContain('hunter2');
    expect(secrets.warnings).toHaveLength(1);
  });
});
