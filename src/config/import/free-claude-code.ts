import { freeClaudeCodeNames, freeClaudeCodePlace, type RivalPlace } from '../../catalogue/rival-names.ts';
import { ImportDraft, type Upstream } from './draft.ts';
import type { Rival } from './rival.ts';
import { notThat, readEnvText, textOf } from './source-text.ts';

const MODELS = {
  MODEL: 'default',
  MODEL_OPUS: 'opus',
  MODEL_SONNET: 'sonnet',
  MODEL_HAIKU: 'haiku',
  MODEL_FABLE: 'fable',
} as const;
const NAME = 'free-claude-code';

/** free-claude-code: a `.env` with `provider/model` for each family, and a key for each provider. */
export const FREE_CLAUDE_CODE: Rival = {
  id: NAME,
  title: NAME,
  places: ['.fcc/.env'],
  names: ['.env'],
  read({ main, files, options }) {
    const draft = new ImportDraft(NAME, options);
    const { values, notes } = readEnvText(files.get(main) ?? '', true);
    for (const { path, reason } of notes) draft.note(path, reason);
    const providers = new Providers(draft, values);
    const read = (text: string, path: string): string | undefined => {
      const slash = text.indexOf('/');
      const upstream = slash > 0 ? providers.get(text.slice(0, slash), path) : undefined;
      const model = slash > 0 ? draft.model(text.slice(slash + 1), path) : undefined;
      if (upstream && model !== undefined) return draft.reference(upstream, model);
      draft.note(path, 'does not name a provider that midswap knows, and a model of it');
      return undefined;
    };
    const models: Partial<Record<(typeof MODELS)[keyof typeof MODELS], string>> = {};
    for (const [variable, slot] of Object.entries(MODELS)) {
      const text = textOf(values.get(variable));
      const reference = text === undefined ? undefined : read(text, variable);
      if (reference !== undefined) models[slot] = reference;
    }
    const fallback = (values.get('MODEL_FALLBACKS') ?? '')
      .split(',')
      .flatMap((text) => (text.trim() === '' ? [] : (read(text.trim(), 'MODEL_FALLBACKS') ?? [])));
    providers.addOthers();
    if (providers.read.size === 0 && ![...Object.keys(MODELS), 'MODEL_FALLBACKS'].some((name) => values.has(name))) {
      throw notThat(main, `has none of the variables of ${NAME}`);
    }
    if (Object.keys(models).length > 0) {
      const raw = { models, ...(fallback.length > 0 && { fallback }) };
      draft.set('default_profile', draft.profile(NAME, raw, 'MODEL'));
    }
    const known = new Set([...Object.keys(MODELS), 'MODEL_FALLBACKS', ...providers.read]);
    draft.leftOver(Object.fromEntries([...values].filter(([name]) => !known.has(name))), [], '');
    return draft.finish();
  },
};

/** The providers of the file, by its own names for them. */
class Providers {
  readonly #draft: ImportDraft;
  readonly #values: ReadonlyMap<string, string>;
  readonly #found = new Map<string, Upstream | undefined>();
  /** Variables that were understood. */
  readonly read = new Set<string>();

  constructor(draft: ImportDraft, values: ReadonlyMap<string, string>) {
    this.#draft = draft;
    this.#values = values;
  }

  get(name: string, path: string): Upstream | undefined {
    const key = name.toLowerCase();
    if (!this.#found.has(key)) this.#found.set(key, this.#make(key, path));
    return this.#found.get(key);
  }

  /** Those that have a key or a place of their own and no model: they are wanted when the user switches. */
  addOthers(): void {
    const used = new Set(this.read);
    for (const name of freeClaudeCodeNames()) {
      const place = freeClaudeCodePlace(name);
      if (!place) continue;
      const variable = this.#variable(place) ?? (isLocal(place) ? this.#first(name, 'BASE_URL')[0] : undefined);
      if (variable !== undefined && !used.has(variable)) this.get(name, variable);
    }
  }

  #make(name: string, path: string): Upstream | undefined {
    const place = freeClaudeCodePlace(name);
    if (!place) return undefined;
    const variable = this.#variable(place);
    const key = variable && this.#draft.key(this.#values.get(variable), name, variable);
    const [base, url] = this.#first(name, 'BASE_URL');
    const upstream = this.#draft.upstream({
      name,
      path: base ?? path,
      place: url === undefined || !(isLocal(place) || place.entry.needsBaseUrl) ? place : { ...place, url },
      key,
    });
    const [proxy, proxyUrl] = this.#first(name, 'PROXY');
    if (upstream && proxy !== undefined && proxyUrl !== undefined)
      this.#draft.proxy(upstream.provider, proxyUrl, proxy);
    return upstream;
  }

  #variable({ entry, variable }: RivalPlace): string | undefined {
    const names = variable === undefined ? entry.keyVariables : [variable];
    const found = names.find((name) => textOf(this.#values.get(name)) !== undefined);
    if (found !== undefined) this.read.add(found);
    return found;
  }

  /** `LM_STUDIO_BASE_URL`, `LMSTUDIO_PROXY`: the name is written with and without its parts. */
  #first(name: string, end: string): readonly [string, string] | readonly [undefined, undefined] {
    const plain = name.replace(/[^a-z0-9]/g, '');
    for (const [variable, value] of this.#values) {
      const isIt =
        variable.endsWith(`_${end}`) && variable.slice(0, -end.length).replaceAll('_', '').toLowerCase() === plain;
      const text = isIt ? textOf(value) : undefined;
      if (text === undefined) continue;
      this.read.add(variable);
      return [variable, text];
    }
    return [undefined, undefined];
  }
}

function isLocal({ entry }: RivalPlace): boolean {
  return entry.endpoints.every((endpoint) => endpoint.local);
}
