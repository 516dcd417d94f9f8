import { DEEPCLAUDE_BACKENDS } from '../../catalogue/rival-names.ts';
import { ImportDraft } from './draft.ts';
import type { Rival } from './rival.ts';
import { notThat, readEnvText, textOf } from './source-text.ts';

const DEFAULT_BACKEND = ['DEEPCLAUDE_DEFAULT_BACKEND', 'CHEAPCLAUDE_DEFAULT_BACKEND'];

/**
 * deepclaude (aattaran/deepclaude): a script without a file of its own. Its backends are in the script, its keys and its
 * default backend in the environment, or in the shell's file that is given.
 */
export const DEEPCLAUDE: Rival = {
  id: 'deepclaude',
  title: 'deepclaude',
  places: [],
  names: ['.env'],
  needsNoFile: true,
  read({ main, files, env, options }) {
    const draft = new ImportDraft('deepclaude', options);
    const { values } = readEnvText(files.get(main) ?? '', false);
    const own = [...DEFAULT_BACKEND, ...DEEPCLAUDE_BACKENDS.flatMap(({ entry }) => entry.keyVariables)];
    if (main !== '' && !own.some((name) => values.has(name))) throw notThat(main, 'has none of its variables');
    const value = (name: string): string | undefined => textOf(values.get(name)) ?? textOf(env[name]);
    const wanted = DEFAULT_BACKEND.map(value)
      .find((text) => text !== undefined)
      ?.toLowerCase();
    let chosen: string | undefined;
    for (const { names, entry, models } of DEEPCLAUDE_BACKENDS) {
      const variable = entry.keyVariables.find((name) => textOf(values.get(name)) !== undefined);
      const key = variable && draft.key(values.get(variable), entry.id, variable);
      const upstream = draft.upstream({ name: entry.id, path: names[0] ?? entry.id, place: { entry }, key });
      if (!upstream) continue;
      const raw = { provider: upstream.provider, models: { ...models } };
      const name = draft.profile(`deepclaude-${names[0]}`, raw, `backend ${names[0]}`);
      if (names.includes(wanted ?? '')) chosen = name;
    }
    if (chosen !== undefined) draft.set('default_profile', chosen);
    draft.note('CLAUDE_CODE_EFFORT_LEVEL', "a variable of the client's, which its script sets to max: set it yourself");
    draft.note('proxy', 'its proxy and its commands for Claude Code: midswap use, @alias and !shims take their place');
    return draft.finish();
  },
};
