import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LAYERS, PROJECT_ROOT } from '../scripts/layers.ts';
import { PROVIDERS_PAGE, withProviders } from '../scripts/provider-table.ts';
import { findProvider, PROVIDERS } from '../src/catalogue/providers.ts';
import { COMMANDS, findCommand } from '../src/cli/commands.ts';
import { testMachine } from '../src/config/config.fixture.ts';

const PAGES = [
  ...readdirSync(PROJECT_ROOT).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(PROJECT_ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
].map((path) => ({ path, text: readFileSync(join(PROJECT_ROOT, path), 'utf8') }));

const LAUNCH_FLAGS = ['--dynamic', '--no-dynamic', '--pick', '--port', '--help', '-h'];
const COMMON_FLAGS = ['--json', '--help', '-h'];
/** Profiles that the pages make up, beside those that are built in. */
const EXAMPLE_PROFILES = ['subscription', 'max', 'corp', 'work'];

describe('the documentation', () => {
  it('has the providers of this version (node scripts/provider-table.ts writes them)', () => {
    const page = readFileSync(PROVIDERS_PAGE, 'utf8');
    expect(withProviders(page)).toBe(page);
    for (const { id } of PROVIDERS) expect(page).toContain(`### ${id}\n`);
  });

  it.each(PAGES.map(({ path, text }) => [path, text]))('%s names commands and flags that exist', (_, text) => {
    expect(commandLines(text).flatMap((line) => faultsOf(line).map((fault) => `${line}: ${fault}`))).toEqual([]);
  });

  it('has a place for every command', () => {
    const all = PAGES.map(({ text }) => text).join('\n');
    for (const { name } of COMMANDS) expect(all).toContain(`midswap ${name}`);
  });

  it('shows the start line as it is', () => {
    const [, model] = /profile "deepseek" -> api\.deepseek\.com \((\S+)\)/.exec(pageOf('README.md')) ?? [];
    expect(model).toBe(findProvider('deepseek')?.models.opus);
  });

  it('has every folder of the sources on the map, with what it may import', () => {
    const map = pageOf('CONTRIBUTING.md');
    const folders = readdirSync(join(PROJECT_ROOT, 'src'), { withFileTypes: true }).filter((one) => one.isDirectory());
    for (const { name } of folders) {
      const [, allowed = ''] = new RegExp(`^\\| \`src/${name}\` \\|.*\\| ([^|]+) \\|$`, 'm').exec(map) ?? [];
      const built = (LAYERS[name] ?? []).filter((layer) => folders.some((folder) => folder.name === layer));
      expect([name, allowed.replace('nothing', '')]).toEqual([name, built.join(', ')]);
    }
    for (const [, path] of map.matchAll(/^\| `([^`]+)`.*\|.*\|$/gm)) {
      if (path?.startsWith('src/')) expect(existsSync(join(PROJECT_ROOT, path))).toBe(true);
    }
  });

  it('is checked at enough commands', () => {
    expect(PAGES.flatMap(({ text }) => commandLines(text)).length).toBeGreaterThan(100);
  });

  it.each([
    ['midswap frobnicate', 1],
    ['midswap use deepseek --everywhere', 1],
    ['midswap keys show', 1],
    ['midswap sessions k3f9 stop', 1],
    ['midswap deepseek --continue', 0],
    ['midswap use deepseek:deepseek-v4-pro --slot opus   # one slot', 0],
    ['midswap profile export work > work.yaml', 0],
  ])('the check itself: %s has %d faults', (line, count) => {
    expect(faultsOf(line)).toHaveLength(count);
  });

  it.each(yamlExamples())('%s: the example loads: %s', async (_, __, text) => {
    const env = Object.fromEntries([...text.matchAll(/env:([A-Z0-9_]+)/g)].map(([, name]) => [name as string, 'k']));
    const { warnings } = await testMachine(text).load({ env });
    expect(warnings.filter((line) => !line.includes('this system has no keychain'))).toEqual([]);
  });

  it.each(PAGES.map(({ path, text }) => [path, text]))('%s links to what is there', (path, text) => {
    expect(brokenLinks(path, text)).toEqual([]);
  });

  it.each(PAGES.map(({ path, text }) => [path, text]))('%s speaks of no machine and of no registry', (_, text) => {
    const forbidden = [/(?<![\w.])\/(work|tmp|root|home\/\w+|Users\/\w+)\//, /registry\.|artifactory|verdaccio/i];
    for (const pattern of forbidden) expect(pattern.exec(text)?.[0]).toBeUndefined();
    for (const own of [homedir(), hostname()].filter((name) => name.length > 6)) expect(text).not.toContain(own);
  });
});

function pageOf(path: string): string {
  return readFileSync(join(PROJECT_ROOT, path), 'utf8');
}

/** Everything that calls midswap: lines of code blocks and code in the text. */
function commandLines(text: string): string[] {
  const blocks = [...text.matchAll(/^```(?:sh|console)?\n([\s\S]*?)^```/gm)].flatMap(([, body]) =>
    (body as string).split('\n').map((line) => line.replace(/^\$ /, '')),
  );
  const inline = [...text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/`([^`\n]+)`/g)].map(([, code]) => code as string);
  // A colon or an arrow makes it something that midswap says.
  return [...blocks, ...inline].filter((line) => /^midswap [^\s]/.test(line) && !/->/.test(line));
}

function faultsOf(line: string): string[] {
  const words = line
    .replace(/\s#.*$/, '')
    .replace(/\s[|<>].*$/, '')
    .replaceAll('\\|', '|')
    .replace(/\[|\]|,|\.\.\./g, ' ')
    .trim()
    .split(/\s+/)
    .slice(1);
  const [first = ''] = words;
  const command = findCommand(first);
  if (!command) return launchFaults(first);
  if (command.name === 'claude') return [];
  const known = (command.options ?? []).flatMap(([flags]) => flags.match(/--?[a-z][a-z-]*/g) ?? []);
  const unknown = words.filter((word) => word.startsWith('-') && word !== '-' && word !== '--');
  const faults = unknown
    .flatMap((word) => word.split('|'))
    .filter((word) => ![...known, ...COMMON_FLAGS].includes(word.replace(/=.*$/, '')))
    .map((word) => `no flag ${word}`);
  return [...faults, ...actionFaults(command.name, words.slice(1))];
}

/** What may stand where a command takes an action; read off its examples, which other tests run. */
function actionFaults(name: string, words: readonly string[]): string[] {
  const at = name === 'sessions' ? 1 : 0;
  const command = findCommand(name);
  const takesAction = name === 'sessions' || name === 'keys' || command?.args?.startsWith('[action]') === true;
  const given = words[at];
  if (!takesAction || given === undefined || given.startsWith('-')) return [];
  const actions = (command?.examples ?? []).map((example) => example.split(' ')[at + 1]);
  const more = ['list', 'show', 'set-profile'];
  const named = given.split('|');
  const missing = named.filter((word) => ![...actions, ...(name === 'keys' ? ['list'] : more)].includes(word));
  return missing.map((word) => `${name} does not know ${word}`);
}

function launchFaults(first: string): string[] {
  if (/^[A-Z]+$/.test(first) || ['help', '--', 'COMMAND'].includes(first)) return [];
  const name = first.replace(/^--/, '').split(':')[0] as string;
  const isFlag = LAUNCH_FLAGS.includes(first);
  const isProfile = findProvider(name) !== undefined || EXAMPLE_PROFILES.includes(name);
  return isFlag || isProfile ? [] : [`no command, flag or profile ${first}`];
}

function yamlExamples(): [path: string, head: string, text: string][] {
  return PAGES.filter(({ path }) => path !== join('docs', 'configuration.md')).flatMap(({ path, text }) =>
    [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, body]): [string, string, string] => {
      const example = body as string;
      return [path, example.split('\n').slice(0, 2).join(' '), example];
    }),
  );
}

function brokenLinks(path: string, text: string): string[] {
  const links = [...text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)];
  return links.flatMap(([, link]) => {
    const [file = '', anchor] = (link as string).split('#');
    const target = file === '' ? path : relative(PROJECT_ROOT, join(PROJECT_ROOT, dirname(path), file));
    if (!existsSync(join(PROJECT_ROOT, target))) return [link as string];
    if (anchor === undefined) return [];
    const page = readFileSync(join(PROJECT_ROOT, target), 'utf8');
    const anchors = [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading as string));
    return anchors.includes(anchor) ? [] : [link as string];
  });
}

function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w -]/g, '')
    .replaceAll(' ', '-');
}
