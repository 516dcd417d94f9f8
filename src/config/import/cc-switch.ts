import { profileFromEnv } from './claude-env.ts';
import { ImportDraft } from './draft.ts';
import type { Rival } from './rival.ts';
import { entriesOf, type Fields, fieldsOf, listOf, notThat, readJson, rootOf, textOf } from './source-text.ts';
import { rowsOfTable } from './sql-rows.ts';

interface Entry {
  readonly app: string;
  readonly name: string;
  readonly settings: unknown;
  readonly current: boolean;
  readonly path: string;
}

/** cc-switch: providers of Claude Code, each a settings file; in its database, its SQL export, or before that in JSON. */
export const CC_SWITCH: Rival = {
  id: 'cc-switch',
  title: 'cc-switch',
  places: ['.cc-switch/cc-switch.db', '.cc-switch/config.json'],
  names: ['cc-switch.db', 'config.json'],
  read({ main, files, options }) {
    const draft = new ImportDraft('cc-switch', options);
    const text = files.get(main) ?? '';
    const entries = /^\s*[{[]/.test(text) ? fromJson(draft, main, text) : fromSql(main, text);
    for (const { app, name, settings, current, path } of entries) {
      if (app !== 'claude') {
        draft.note(path, 'belongs to another program than Claude Code');
        continue;
      }
      const fields = fieldsOf(typeof settings === 'string' ? parsed(settings) : settings);
      if (!fields) {
        draft.note(path, 'its settings are not JSON');
        continue;
      }
      draft.leftOver(fields, ['env', '$schema'], path, "a setting of the client's, which keeps its own settings");
      const got = profileFromEnv(draft, name, fieldsOf(fields.env) ?? {}, `${path}: env`);
      if (current && got !== undefined) draft.set('default_profile', got);
    }
    return draft.finish();
  },
};

/** `{ claude: { providers, current }, codex: ... }`; of the first version `{ providers, current }`. */
function fromJson(draft: ImportDraft, file: string, text: string): Entry[] {
  const root = rootOf(file, readJson(file, text));
  const apps = fieldsOf(root.providers) || Array.isArray(root.providers) ? { claude: root } : root;
  const known = Object.keys(apps).filter((app) => fieldsOf((apps as Fields)[app])?.providers !== undefined);
  draft.leftOver(root, [...known, 'version', 'providers', 'current'], '', 'not a provider');
  return known.flatMap((app) => {
    const { providers, current } = fieldsOf((apps as Fields)[app]) ?? {};
    const items = Array.isArray(providers)
      ? listOf(providers).map((item, at) => [String(at), item] as const)
      : entriesOf(providers);
    return items.map(([id, item], at): Entry => {
      const fields = fieldsOf(item) ?? {};
      const key = textOf(fields.id) ?? id;
      return {
        app,
        name: textOf(fields.name) ?? `provider-${at + 1}`,
        settings: fields.settingsConfig ?? fields.settings_config,
        current: key === current,
        path: `${app}.providers.${key}`,
      };
    });
  });
}

function fromSql(file: string, text: string): Entry[] {
  const rows = rowsOfTable(text, 'providers');
  if (rows.length === 0) throw notThat(file, 'has no providers of cc-switch');
  return rows.map((row, at) => ({
    app: row.get('app_type') ?? '',
    name: row.get('name') ?? `provider-${at + 1}`,
    settings: row.get('settings_config') ?? '',
    current: ['1', 'true'].includes((row.get('is_current') ?? '').toLowerCase()),
    path: `providers ${row.get('id') ?? at + 1}`,
  }));
}

function parsed(text: string): unknown {
  try {
    return readJson('settings', text);
  } catch {
    return undefined;
  }
}
