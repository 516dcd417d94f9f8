import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROJECT_ROOT } from '../../scripts/layers.ts';
import { EXAMPLES, KEY } from '../../src/config/import/import.fixture.ts';
import { RIVALS } from '../../src/config/import/index.ts';
import { commandLine } from '../support/command-line.ts';
import { listFiles, writeFiles } from '../support/temp-home.ts';

const page = readFileSync(join(PROJECT_ROOT, 'docs', 'import.md'), 'utf8');
const commands = [...page.matchAll(/^\$ midswap (import.*)$/gm)].map(([, words]) => words as string);

/** A command line in a home that has the files of the first example of each tool, at the default places and the page's. */
function furnished(config?: string) {
  const line = commandLine(config);
  for (const { files } of [...EXAMPLES].reverse()) writeFiles(line.home, files);
  const text = (name: string) => readFileSync(join(line.home, name), 'utf8');
  writeFiles(line.home, { 'litellm_config.yaml': text('litellm.yaml'), 'free-claude-code/.env': text('.fcc/.env') });
  return line;
}

describe('import from the command line', { timeout: 60_000 }, () => {
  it.each(commands)('the page’s example runs: %s', async (words) => {
    const { home, run } = furnished();
    const argv = words.split(' ').map((word) => word.replace(/^~/, home));
    const result = await run(argv);
    expect(result.code, result.stderr).toBe(0);
    expect(result.stdout + result.stderr).not.toMatch(KEY);
  });

  it('the page tells of every tool and its places', () => {
    expect(commands.length).toBeGreaterThan(4);
    for (const { id, places } of RIVALS) {
      const row = page.split('\n').find((line) => line.startsWith(`| \`${id}\``));
      expect(row, id).toBeDefined();
      const [first] = places;
      if (first !== undefined) expect(row).toContain(`~/${first}`);
    }
  });

  it('a dry run changes nothing, and says what it would', async () => {
    const { home, run } = furnished('# mine\n');
    const before = listFiles(home);
    const result = await run(['import', 'ccr', '--dry-run']);
    expect(result.stdout).toMatch(/^ {2}\+ default_profile: ccr$/m);
    expect(result.stdout).toMatch(/CUSTOM_ROUTER_PATH +code of its own is not run/);
    expect(listFiles(home)).toEqual(before);
    expect(readFileSync(join(home, 'midswap/config.yaml'), 'utf8')).toBe('# mine\n');
  });

  it('imports what it has shown, and its keys work', async () => {
    const { run, read } = furnished('# mine\n');
    const result = await run(['import', 'ccs', '--yes', '--json']);
    expect(result.json()).toMatchObject({
      changed: true,
      stored: [{ name: 'ccs-glm', kept: 'file' }, { name: 'ccs-km' }],
    });
    expect(read('config.yaml')).toMatch(/^# mine$/m);
    const { profiles } = (await run(['profile', 'list', '--json'])).json() as {
      profiles: { name: string; unusable: unknown }[];
    };
    expect(profiles.filter(({ name }) => name === 'glm' || name === 'km').map(({ unusable }) => unusable)).toEqual([
      null,
      null,
    ]);
    expect((await run(['import', 'ccs', '--yes', '--json'])).json()).toMatchObject({
      changed: false,
      stored: [],
      secrets: [],
    });
  });

  it('tells what has nothing for it from what is there already', async () => {
    const { home, run } = furnished('# mine\n');
    writeFiles(home, { 'empty.json': '{"Providers": [], "LOG": true}' });
    const empty = await run(['import', 'ccr', 'empty.json', '--yes']);
    expect([empty.code, empty.stderr]).toEqual([0, 'midswap: nothing of it can be carried over\n']);
    await run(['import', 'ccs', '--yes']);
    expect((await run(['import', 'ccs', '--yes'])).stderr).toBe('midswap: everything is there already\n');
  });

  it.each([
    ['without a terminal and without --yes', ['ccr'], 64, /--dry-run first, then add --yes/],
    [
      'a name that is taken',
      ['ccr', '--yes'],
      64,
      /profiles\.ccr is there already.*--rename/,
      'profiles: { ccr: { provider: sandbox } }\n',
    ],
    ['a tool that is not known', ['ccrr'], 64, /Did you mean ccr\?/],
    ['a file that is not there', ['litellm', 'nowhere'], 78, /nowhere is not a file/],
  ])('%s: refused, and nothing is changed', async (_, words, code, message, config = '# mine\n') => {
    const { home, run } = furnished(config);
    const before = listFiles(home);
    const result = await run(['import', ...words]);
    expect([result.code, result.stderr]).toEqual([code, expect.stringMatching(message)]);
    expect(listFiles(home)).toEqual(before);
    expect(readFileSync(join(home, 'midswap/config.yaml'), 'utf8')).toBe(config);
  });
});
