import { preferredProvider } from '../../catalogue/rival-names.ts';
import type { RawProfile } from '../schema.ts';
import { ImportDraft } from './draft.ts';
import type { Rival } from './rival.ts';
import { notThat, readEnvText, textOf } from './source-text.ts';

const NAME = 'claude-code-proxy';
/** One of its two kinds calls it so, the other so. */
const URLS = ['OPENAI_BASE_URL', 'OPENAI_API_BASE_URL', 'OPENAI_API_BASE'];

/**
 * claude-code-proxy: a `.env` with a big, a middle and a small model of one provider. Two programs have the name:
 * 1rgs/claude-code-proxy (`PREFERRED_PROVIDER`) and fuergaosi233/claude-code-proxy (`MIDDLE_MODEL`, `OPENAI_BASE_URL`).
 */
export const CLAUDE_CODE_PROXY: Rival = {
  id: NAME,
  title: NAME,
  places: [],
  names: ['.env'],
  read({ main, files, options }) {
    const draft = new ImportDraft(NAME, options);
    const { values, notes } = readEnvText(files.get(main) ?? '', true);
    for (const { path, reason } of notes) draft.note(path, reason);
    const known = new Set(['PREFERRED_PROVIDER', 'BIG_MODEL', 'MIDDLE_MODEL', 'SMALL_MODEL']);
    const finish = () => {
      draft.leftOver(Object.fromEntries([...values].filter(([name]) => !known.has(name))), [], '');
      return draft.finish();
    };
    const preferred = preferredProvider(values.get('PREFERRED_PROVIDER'));
    const own = [...known, ...URLS, ...(preferredProvider(undefined)?.keyVariables ?? [])];
    if (!own.some((name) => values.has(name))) throw notThat(main, `has none of the variables of ${NAME}`);
    if (!preferred) {
      draft.note('PREFERRED_PROVIDER', 'is not a provider that midswap knows');
      return finish();
    }
    const isDefault = preferred === preferredProvider(undefined);
    const urlVariable = isDefault ? URLS.find((name) => textOf(values.get(name)) !== undefined) : undefined;
    if (urlVariable !== undefined) known.add(urlVariable);
    const url = urlVariable === undefined ? undefined : textOf(values.get(urlVariable));
    if (url !== undefined && /\/openai\/deployments\//.test(url)) {
      draft.note(
        urlVariable ?? '',
        'an address of one deployment: give the resource as base_url of azure-openai instead',
      );
      return finish();
    }
    const variable = preferred.keyVariables.find((name) => textOf(values.get(name)) !== undefined);
    if (variable !== undefined) known.add(variable);
    const upstream = draft.upstream({
      name: NAME,
      path: urlVariable ?? 'PREFERRED_PROVIDER',
      ...(url === undefined ? { place: { entry: preferred } } : { url, protocol: 'openai-chat' as const }),
      key: variable === undefined ? undefined : draft.key(values.get(variable), preferred.id, variable),
    });
    if (!upstream) return finish();
    const models: NonNullable<RawProfile['models']> = {};
    const put = (slot: 'opus' | 'sonnet' | 'haiku', ...names: string[]): void => {
      const name = names.find((one) => textOf(values.get(one)) !== undefined);
      // Prefixes of the library that it calls: it adds them where they are missing.
      const text = name && textOf(values.get(name))?.replace(/^(?:openai|gemini|anthropic)\//, '');
      const model = name === undefined ? undefined : draft.model(text, name);
      if (model !== undefined) models[slot] = model;
      else
        draft.note(
          names[0] ?? '',
          `is not set, so the model of ${slot} is that of midswap's profile, not the other tool's`,
        );
    };
    put('opus', 'BIG_MODEL');
    put('sonnet', 'MIDDLE_MODEL', 'BIG_MODEL');
    put('haiku', 'SMALL_MODEL');
    const first = Object.values(models)[0];
    if (first !== undefined) draft.defaultModel(upstream, first);
    const raw: RawProfile = { provider: upstream.provider, ...(Object.keys(models).length > 0 && { models }) };
    draft.set('default_profile', draft.profile(NAME, raw, 'BIG_MODEL'));
    return finish();
  },
};
