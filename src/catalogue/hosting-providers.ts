import type { CatalogueEntry } from './provider.ts';

/** Companies that serve other people's models. */
export const HOSTING_PROVIDERS: readonly CatalogueEntry[] = [];
