import { CHAT_PROVIDERS } from './chat-providers.ts';
import { HOSTING_PROVIDERS } from './hosting-providers.ts';
import { LOCAL_PROVIDERS } from './local-providers.ts';
import { MESSAGES_PROVIDERS } from './messages-providers.ts';
import type { CatalogueEntry } from './provider.ts';

/** Providers that are known by name. Presets, prompts, tables and completions are derived from such a list. */
export interface Catalogue {
  readonly entries: readonly CatalogueEntry[];
  /** The entry by its id or one of its other ids, in any case. */
  find(name: string): CatalogueEntry | undefined;
}

export function catalogueOf(entries: readonly CatalogueEntry[]): Catalogue {
  const byName = new Map(entries.flatMap((entry) => [entry.id, ...(entry.aliases ?? [])].map((name) => [name, entry])));
  return { entries, find: (name) => byName.get(name.toLowerCase()) };
}

/** Every provider that midswap was shipped with. */
export const PROVIDERS: readonly CatalogueEntry[] = [
  ...MESSAGES_PROVIDERS,
  ...CHAT_PROVIDERS,
  ...HOSTING_PROVIDERS,
  ...LOCAL_PROVIDERS,
];

export const CATALOGUE = catalogueOf(PROVIDERS);

/** The shipped entry by its id or one of its other ids, in any case. */
export const findProvider = CATALOGUE.find;
