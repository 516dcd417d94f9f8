import { profileFromEnv } from './claude-env.ts';
import { ImportDraft } from './draft.ts';
import type { Rival } from './rival.ts';
import { entriesOf, type Fields, fieldsOf, readJson, readYamlText, rootOf, textOf } from './source-text.ts';

/**
 * ccode: `profiles`, each with Claude Code's variables in lower case (ccode.kronis.dev); or one set of models behind one
 * address (the launcher of the same name with `~/.ccode/config.json`).
 */
export const CCODE: Rival = {
  id: 'ccode',
  title: 'ccode',
  places: ['.config/ccode/config.yaml', '.ccode/config.yaml', '.ccode.yaml', '.ccode/config.json'],
  names: ['config.yaml', 'ccode.yaml', '.ccode.yaml', 'config.json'],
  read({ main, files, options }) {
    const draft = new ImportDraft('ccode', options);
    const text = files.get(main) ?? '';
    const root = rootOf(main, main.endsWith('.json') ? readJson(main, text) : readYamlText(main, text));
    if (root.profiles === undefined && root.base_url !== undefined) readLauncher(draft, root);
    else readProfiles(draft, root);
    return draft.finish();
  },
};

function readProfiles(draft: ImportDraft, root: Fields): void {
  const names = new Map<string, string>();
  for (const [name, value] of entriesOf(root.profiles)) {
    const path = `profiles.${name}`;
    const fields = fieldsOf(value) ?? {};
    const isVariable = (key: string): boolean => /^(?:anthropic|claude_code)_/i.test(key);
    const env = { ...fieldsOf(fields.env), ...upperCased(fields, isVariable) };
    draft.leftOver(fields, ['env', ...Object.keys(fields).filter(isVariable)], path);
    const got = profileFromEnv(draft, name, env, path);
    if (got !== undefined) names.set(name.toLowerCase(), got);
  }
  const wanted = textOf(root.default_profile);
  const chosen = wanted === undefined ? undefined : names.get(wanted.toLowerCase());
  if (chosen !== undefined) draft.set('default_profile', chosen);
  else if (wanted !== undefined) draft.note('default_profile', 'does not name a profile that was carried over');
  if (typeof root.always_dynamic === 'boolean') draft.set('always_dynamic', root.always_dynamic);
  draft.leftOver(root, ['profiles', 'default_profile', 'always_dynamic'], '');
}

function readLauncher(draft: ImportDraft, root: Fields): void {
  const models = fieldsOf(root.models) ?? {};
  const id = (slot: string): unknown => fieldsOf(models[slot])?.id;
  const env = {
    ANTHROPIC_BASE_URL: root.base_url,
    ANTHROPIC_AUTH_TOKEN: root.api_key,
    ANTHROPIC_DEFAULT_OPUS_MODEL: id('opus'),
    ANTHROPIC_DEFAULT_SONNET_MODEL: id('sonnet'),
    ANTHROPIC_DEFAULT_HAIKU_MODEL: id('haiku'),
  };
  const got = profileFromEnv(draft, 'ccode', env, 'config');
  if (got !== undefined) draft.set('default_profile', got);
  draft.leftOver(root, ['base_url', 'api_key', 'models'], '', "a variable of the client's: set it in the environment");
}

function upperCased(fields: Fields, wanted: (key: string) => boolean): Fields {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([key, value]) => (wanted(key) ? [[key.toUpperCase(), value] as const] : [])),
  );
}
