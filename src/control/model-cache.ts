import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LiveModel, readModelList } from './model-list-format.ts';

/** A provider's list as it was at some time. */
export interface CachedList {
  readonly provider: string;
  /** Base URL of the first endpoint: a list from elsewhere is not this provider's. */
  readonly from: string;
  readonly atMs: number;
  readonly models: readonly LiveModel[];
}

/** How long a list counts as what the provider has. */
export const LIST_TTL_MS = 24 * 3_600_000;

/** The list that is kept for a provider; `undefined` when there is none that can be read. */
export function readCachedList(stateDir: string, provider: string, from: string): CachedList | undefined {
  try {
    const kept = JSON.parse(readFileSync(fileOf(stateDir, provider), 'utf8')) as CachedList;
    if (kept.provider !== provider || kept.from !== from || !Number.isFinite(kept.atMs)) return undefined;
    return { provider, from, atMs: kept.atMs, models: Array.isArray(kept.models) ? kept.models.filter(isModel) : [] };
  } catch {
    return undefined;
  }
}

/** Keeps a list. What cannot be kept is asked for again the next time. */
export function writeCachedList(stateDir: string, list: CachedList): void {
  const file = fileOf(stateDir, list.provider);
  try {
    mkdirSync(join(stateDir, 'models'), { recursive: true, mode: 0o700 });
    writeFileSync(`${file}.${process.pid}.tmp`, JSON.stringify(list), { mode: 0o600 });
    renameSync(`${file}.${process.pid}.tmp`, file);
  } catch {
    // A disk that is full or not ours: the list is still shown.
  }
}

function fileOf(stateDir: string, provider: string): string {
  return join(stateDir, 'models', `${encodeURIComponent(provider)}.json`);
}

/** The file is the user's to damage. */
function isModel(value: unknown): value is LiveModel {
  const { id } = (value ?? {}) as Partial<LiveModel>;
  return typeof id === 'string' && readModelList([{ id }]).length === 1;
}
