import { CHAT_PROVIDERS } from './chat-providers.ts';
import { HOSTING_PROVIDERS } from './hosting-providers.ts';
import { LOCAL_PROVIDERS } from './local-providers.ts';
import { MESSAGES_PROVIDERS } from './messages-providers.ts';
import type { CatalogueEntry } from './provider.ts';

/** Every provider that is known by name. Presets, prompts, tables and completions are derived from this list. */
export const PROVIDERS: readonly CatalogueEntry[] = [
  ...MESSAGES_PROVIDERS,
  ...CHAT_PROVIDERS,
  ...HOSTING_PROVIDERS,
  ...LOCAL_PROVIDERS,
];

/** The entry by its id or one of its other ids, in any case. */
export const findProvider = finderOf(PROVIDERS);

/** A look-up over a list of entries by every name that they have. */
export function finderOf(entries: readonly CatalogueEntry[]): (name: string) => CatalogueEntry | undefined {
  const byName = new Map(entries.flatMap((entry) => [entry.id, ...(entry.aliases ?? [])].map((name) => [name, entry])));
  return (name) => byName.get(name.toLowerCase());
}
