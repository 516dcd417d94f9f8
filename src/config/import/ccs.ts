import { basename, dirname, join, resolve } from 'node:path';
import { profileFromEnv } from './claude-env.ts';
import { ImportDraft } from './draft.ts';
import type { Rival } from './rival.ts';
import { entriesOf, type Fields, fieldsOf, readJson, readYamlText, rootOf, textOf } from './source-text.ts';

const ACCOUNT = 'a Claude account in a configuration directory of its own: log in there with the client itself';
const OAUTH = 'runs behind the OAuth proxy of CCS, which has the login: point a provider at that proxy to use it';

/** CCS (kaitranntt/ccs): profiles that lead to settings files of Claude Code, in YAML, before that in JSON. */
export const CCS: Rival = {
  id: 'ccs',
  title: 'CCS',
  places: ['.ccs/config.yaml', '.ccs/config.json'],
  names: ['config.yaml', 'config.json'],
  references: (text, file, home) =>
    entriesOf(readAny(file, text).profiles).flatMap(([, value]) => settingsPath(value, file, home) ?? []),
  read({ main, files, home, options }) {
    const draft = new ImportDraft('ccs', options);
    const root = readAny(main, files.get(main) ?? '');
    const names = new Map<string, string>();
    if (main.endsWith('.settings.json')) {
      const name = basename(main, '.settings.json');
      readSettings(draft, names, name, root, '');
    } else {
      readProfiles(draft, names, root, (path) => files.get(path), main, home);
      for (const name of Object.keys(fieldsOf(root.accounts) ?? {})) draft.note(`accounts.${name}`, ACCOUNT);
      for (const [name] of entriesOf(fieldsOf(root.cliproxy)?.variants ?? root.cliproxy))
        draft.note(`cliproxy.${name}`, OAUTH);
      draft.leftOver(root, ['version', 'setup_completed', 'default', 'accounts', 'profiles', 'cliproxy'], '');
    }
    const wanted = textOf(root.default);
    const chosen = wanted === undefined ? undefined : names.get(wanted.toLowerCase());
    if (chosen !== undefined) draft.set('default_profile', chosen);
    else if (wanted !== undefined) draft.note('default', 'does not name a profile that was carried over');
    return draft.finish();
  },
};

function readProfiles(
  draft: ImportDraft,
  names: Map<string, string>,
  root: Fields,
  textAt: (path: string) => string | undefined,
  main: string,
  home: string,
): void {
  for (const [name, value] of entriesOf(root.profiles)) {
    const path = `profiles.${name}`;
    const file = settingsPath(value, main, home);
    const fields = fieldsOf(value);
    if (fields) draft.leftOver(fields, ['type', 'settings', 'settings_file'], path);
    if (file === undefined) {
      draft.note(path, 'names no settings file');
      continue;
    }
    const text = textAt(file);
    if (text === undefined) {
      draft.note(path, 'its settings file is not there or cannot be read');
      continue;
    }
    try {
      readSettings(draft, names, name, rootOf(file, readJson(file, text)), path);
    } catch {
      draft.note(path, 'its settings file is not JSON');
    }
  }
}

function readSettings(
  draft: ImportDraft,
  names: Map<string, string>,
  name: string,
  settings: Fields,
  path: string,
): void {
  const at = path === '' ? 'env' : `${path}: env`;
  draft.leftOver(settings, ['env', '$schema'], path, "a setting of the client's, which keeps its own settings");
  const got = profileFromEnv(draft, name, fieldsOf(settings.env) ?? {}, at);
  if (got !== undefined) names.set(name.toLowerCase(), got);
}

/** `~/.ccs/glm.settings.json`, told as text (JSON), or as `settings` (YAML; `settings_file` in its documentation). */
function settingsPath(value: unknown, main: string, home: string): string | undefined {
  const fields = fieldsOf(value);
  const text = textOf(fields ? (fields.settings ?? fields.settings_file) : value);
  if (text === undefined) return undefined;
  return text.startsWith('~/') ? join(home, text.slice(2)) : resolve(dirname(main), text);
}

function readAny(file: string, text: string): Fields {
  return rootOf(file, file.endsWith('.json') ? readJson(file, text) : readYamlText(file, text));
}
