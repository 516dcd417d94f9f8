import { chmodSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { tempDir } from '../../test/support/temp-home.ts';
import { type ConfigEdit, changedText, editConfig } from './edit.ts';
import { editText } from './edit-text.ts';
import { faultsOf } from './faults.ts';

const FILE = `# My configuration.

default_profile: deepseek     # cheap


profiles:
  # Daily work.
  DeepSeek:
      provider: deepseek          # four more columns
      models: {opus: deepseek-reasoner,  sonnet: "deepseek-chat"}   # flow, as I like it
      fallback:
      - openrouter   # first
      - sandbox

  empty:
# At the margin.
aliases: { g5: glm:glm-5 }
`;

function edited(change: (edit: ConfigEdit) => void, text = FILE): Promise<string> {
  return changedText('config.yaml', text, change);
}

/** Lines that one text has and the other has not. */
function difference(before: string, after: string): { gone: string[]; come: string[] } {
  const [old, now] = [before.split('\n'), after.split('\n')];
  return { gone: old.filter((line) => !now.includes(line)), come: now.filter((line) => !old.includes(line)) };
}

describe('an edit changes its own lines and no others', () => {
  it.each<[string, (edit: ConfigEdit) => void, { gone: string[]; come: string[] }]>([
    [
      'another value, its comment kept',
      (edit) => edit.set(['default_profile'], 'sandbox'),
      { gone: ['default_profile: deepseek     # cheap'], come: ['default_profile: sandbox     # cheap'] },
    ],
    [
      'a value in a flow map',
      (edit) => edit.set(['profiles', 'DeepSeek', 'models', 'sonnet'], 'glm:glm-5'),
      {
        gone: ['      models: {opus: deepseek-reasoner,  sonnet: "deepseek-chat"}   # flow, as I like it'],
        come: ['      models: {opus: deepseek-reasoner,  sonnet: "glm:glm-5"}   # flow, as I like it'],
      },
    ],
    [
      'a new key in a flow map',
      (edit) => edit.set(['aliases', 'mm'], 'minimax:MiniMax-M2.5'),
      {
        gone: ['aliases: { g5: glm:glm-5 }'],
        come: ['aliases: { g5: glm:glm-5, mm: "minimax:MiniMax-M2.5" }'],
      },
    ],
    [
      'a new key in a block map, at its indentation',
      (edit) => edit.set(['profiles', 'DeepSeek', 'auth'], 'key'),
      { gone: [], come: ['      auth: key'] },
    ],
    [
      'a new profile',
      (edit) => edit.set(['profiles', 'mix'], { models: { opus: 'sandbox' } }),
      { gone: [], come: ['  mix:', '    models:', '      opus: sandbox'] },
    ],
    [
      'a value below a key that was empty',
      (edit) => edit.set(['profiles', 'empty', 'provider'], 'sandbox'),
      { gone: [], come: ['    provider: sandbox'] },
    ],
    ['a new section', (edit) => edit.set(['gateway', 'port'], 8080), { gone: [], come: ['gateway:', '  port: 8080'] }],
    [
      'a list as a whole',
      (edit) => edit.set(['profiles', 'DeepSeek', 'fallback'], ['sandbox']),
      { gone: ['      fallback:', '      - openrouter   # first', '      - sandbox'], come: ['        - sandbox'] },
    ],
    [
      'a removed key',
      (edit) => edit.remove(['profiles', 'DeepSeek', 'fallback']),
      { gone: ['      fallback:', '      - openrouter   # first', '      - sandbox'], come: [] },
    ],
    [
      'a removed key of a flow map',
      (edit) => edit.remove(['profiles', 'DeepSeek', 'models', 'opus']),
      {
        gone: ['      models: {opus: deepseek-reasoner,  sonnet: "deepseek-chat"}   # flow, as I like it'],
        come: ['      models: {sonnet: "deepseek-chat"}   # flow, as I like it'],
      },
    ],
    [
      'a name in another case',
      (edit) => edit.set(['profiles', 'deepseek', 'provider'], 'sandbox'),
      {
        gone: ['      provider: deepseek          # four more columns'],
        come: ['      provider: sandbox          # four more columns'],
      },
    ],
  ])('%s', async (_, change, expected) => {
    const after = await edited(change);
    const found = difference(FILE, after);
    expect(found.gone.filter((line) => !expected.gone.includes(line))).toEqual([]);
    expect(found.come.filter((line) => !expected.come.includes(line))).toEqual([]);
    expect(after).not.toBe(FILE);
  });

  it('every comment stays, whatever is set or removed elsewhere', () => {
    const comments = FILE.split('\n').flatMap((line) => /#.*$/.exec(line) ?? []);
    const key = fc.constantFrom(
      'default_profile',
      'profiles',
      'aliases',
      'gateway',
      'DeepSeek',
      'models',
      'port',
      'x-1',
    );
    const value = fc.oneof(
      fc.stringMatching(/^[ -~]{0,12}$/),
      fc.integer(),
      fc.boolean(),
      fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.string({ maxLength: 5 }), { maxKeys: 3 }),
      fc.array(fc.stringMatching(/^[a-z: #]{0,6}$/), { maxLength: 3 }),
    );
    fc.assert(
      fc.property(fc.uniqueArray(key, { minLength: 1, maxLength: 4 }), value, (path, put) => {
        const expected = parse(FILE);
        let inner = expected;
        for (const step of path.slice(0, -1)) {
          inner[step] ??= {};
          inner = inner[step];
          // No value can be put below one that is no map.
          fc.pre(typeof inner === 'object');
        }
        inner[path.at(-1) as string] = put;
        const after = editText(FILE, path, put);
        expect(parse(after)).toEqual(expected);
        const target = path.join('.');
        const survivors = comments.filter((comment) => !coveredBy(comment, target));
        for (const comment of survivors) expect(after, `${target}: ${comment}`).toContain(comment);
      }),
      { numRuns: 600 },
    );
  });

  it('set and removed again leaves the text as it was', () => {
    const path = fc.constantFrom(
      ['gateway', 'port'],
      ['profiles', 'mix'],
      ['aliases', 'z'],
      ['profiles', 'DeepSeek', 'auth'],
    );
    fc.assert(
      fc.property(path, fc.stringMatching(/^[ -~]{1,20}$/), (at, value) => {
        const back = editText(editText(FILE, at, value), at, undefined);
        expect(parse(back)).toEqual(at[0] === 'gateway' ? { ...parse(FILE), gateway: null } : parse(FILE));
        expect(difference(FILE, back).gone).toEqual([]);
      }),
    );
  });

  it('an anchor does not stop it', async () => {
    const text = 'profiles:\n  a: &base # one\n    provider: sandbox\n  b: *base\n';
    const after = await edited((edit) => edit.set(['profiles', 'a', 'auth'], 'none'), text);
    expect(parse(after).profiles.a).toEqual({ provider: 'sandbox', auth: 'none' });
    expect(after).toContain('# one');
  });
});

/** Comments that lie inside of what a path replaces. */
function coveredBy(comment: string, target: string): boolean {
  const inside: Record<string, readonly string[]> = {
    profiles: ['# Daily work.', '# four more columns', '# flow, as I like it', '# first', '# At the margin.'],
    'profiles.DeepSeek': ['# four more columns', '# flow, as I like it', '# first'],
    'profiles.DeepSeek.models': ['# flow, as I like it'],
    default_profile: ['# cheap'],
  };
  return Object.entries(inside).some(([at, covered]) => {
    const replaced = target === at || target.startsWith(`${at}.`);
    return replaced && covered.includes(comment) && !target.startsWith('profiles.DeepSeek.models.');
  });
}

describe('a file that is edited', () => {
  it('is made with its directory, for its owner alone, with the schema beside it', async () => {
    const file = join(tempDir(), 'a', 'b', 'config.yaml');
    expect(await editConfig(file, 'linux', (edit) => edit.set(['default_profile'], 'sandbox'))).toBe(true);
    expect(readFileSync(file, 'utf8')).toBe(
      '# yaml-language-server: $schema=./config.schema.json\ndefault_profile: sandbox\n',
    );
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(file, '..')).mode & 0o777).toBe(0o700);
    const schema = JSON.parse(readFileSync(join(file, '..', 'config.schema.json'), 'utf8'));
    expect(Object.keys(schema.properties)).toContain('profiles');
  });

  it('stays as it was when the result would be wrong', async () => {
    const file = join(tempDir(), 'config.yaml');
    writeFileSync(file, FILE);
    const wrong = editConfig(file, 'linux', (edit) => edit.set(['profiles', 'DeepSeek', 'modles'], {}));
    await expect(wrong).rejects.toMatchObject({ code: 'config_invalid' });
    const error = await wrong.catch((thrown: unknown) => thrown);
    expect(faultsOf(error)[0]).toMatchObject({ path: 'profiles.DeepSeek.modles', suggestion: 'models' });
    expect(readFileSync(file, 'utf8')).toBe(FILE);
  });

  it('keeps what somebody else wrote meanwhile', async () => {
    const file = join(tempDir(), 'config.yaml');
    writeFileSync(file, 'default_profile: sandbox\n');
    let calls = 0;
    await editConfig(file, 'linux', (edit) => {
      if (++calls === 1) writeFileSync(file, 'default_profile: sandbox # mine\nalways_dynamic: false\n');
      edit.set(['gateway', 'port'], 4000);
    });
    expect(calls).toBe(2);
    expect(parse(readFileSync(file, 'utf8'))).toEqual({
      default_profile: 'sandbox',
      always_dynamic: false,
      gateway: { port: 4000 },
    });
    expect(readFileSync(file, 'utf8')).toContain('# mine');
  });

  it('is given up, untouched, when it never rests', async () => {
    const file = join(tempDir(), 'config.yaml');
    let calls = 0;
    const edit = editConfig(file, 'linux', (one) => {
      writeFileSync(file, `gateway: { port: ${++calls} }\n`);
      one.set(['always_dynamic'], true);
    });
    await expect(edit).rejects.toMatchObject({ code: 'cannot_write' });
    expect(readFileSync(file, 'utf8')).toBe(`gateway: { port: ${calls} }\n`);
  });

  it('two edits at once both hold', async () => {
    const file = join(tempDir(), 'config.yaml');
    await Promise.all(
      ['a', 'b', 'c'].map((name) => editConfig(file, 'linux', (edit) => edit.set(['aliases', name], 'sandbox'))),
    );
    expect(parse(readFileSync(file, 'utf8')).aliases).toEqual({ a: 'sandbox', b: 'sandbox', c: 'sandbox' });
  });

  it('is followed through a symbolic link, which stays one', async () => {
    const dir = tempDir();
    writeFileSync(join(dir, 'dotfiles.yaml'), '# kept elsewhere\n');
    symlinkSync(join(dir, 'dotfiles.yaml'), join(dir, 'config.yaml'));
    await editConfig(join(dir, 'config.yaml'), 'linux', (edit) => edit.set(['always_dynamic'], false));
    expect(readFileSync(join(dir, 'dotfiles.yaml'), 'utf8')).toBe('# kept elsewhere\nalways_dynamic: false\n');
  });

  it('tells when it cannot be written', async () => {
    const dir = tempDir();
    writeFileSync(join(dir, 'file'), '');
    const edit = editConfig(join(dir, 'file', 'config.yaml'), 'linux', (one) => one.set(['always_dynamic'], true));
    await expect(edit).rejects.toMatchObject({ code: 'cannot_write', exit: 73 });
    chmodSync(join(dir, 'file'), 0o600);
  });
});
