import type { ModelData } from '../core/target.ts';
import shipped from './models.json' with { type: 'json' };

/** US dollars for a million tokens; `undefined` is "unknown". */
export interface ModelPrice {
  readonly input: number | undefined;
  readonly output: number | undefined;
  readonly cacheRead: number | undefined;
  readonly cacheWrite: number | undefined;
}

/** One line of the model data, as it is stored: what is missing is unknown. Tokens, and US dollars for a million. */
export interface ModelRecord {
  readonly context?: number;
  readonly output?: number;
  readonly vision?: boolean;
  readonly thinking?: boolean;
  /** Calls tools. */
  readonly tools?: boolean;
  readonly price?: {
    readonly input?: number;
    readonly output?: number;
    readonly cacheRead?: number;
    readonly cacheWrite?: number;
  };
}

/** Provider id, then model id as the provider spells it. */
export type ModelTable = Readonly<Record<string, Readonly<Record<string, ModelRecord>>>>;

/** What midswap was shipped with. A refreshed or the user's own table goes before it, see `modelRecord`. */
export const SHIPPED_MODELS: ModelTable = shipped.models;

const NOTHING: ModelRecord = Object.freeze({});

/** All that is known of a model; fields of earlier tables win one by one. Model names are compared without case. */
export function modelRecord(provider: string, model: string, ...tables: readonly ModelTable[]): ModelRecord {
  let merged = recordIn(SHIPPED_MODELS, provider, model) ?? NOTHING;
  for (let at = tables.length - 1; at >= 0; at--) {
    const found = recordIn(tables[at] as ModelTable, provider, model);
    if (found) merged = { ...merged, ...found, price: { ...merged.price, ...found.price } };
  }
  return merged;
}

export function modelData(provider: string, model: string, ...tables: readonly ModelTable[]): ModelData {
  const record = modelRecord(provider, model, ...tables);
  return {
    contextWindow: record.context,
    maxOutputTokens: record.output,
    vision: record.vision,
    thinking: record.thinking,
  };
}

export function modelPrice(provider: string, model: string, ...tables: readonly ModelTable[]): ModelPrice {
  const { price } = modelRecord(provider, model, ...tables);
  return {
    input: price?.input,
    output: price?.output,
    cacheRead: price?.cacheRead,
    cacheWrite: price?.cacheWrite,
  };
}

/** Names of a provider's models that something is known of. */
export function knownModels(provider: string, ...tables: readonly ModelTable[]): readonly string[] {
  const names = [...tables, SHIPPED_MODELS].flatMap((table) => Object.keys(ownTable(table, provider) ?? {}));
  return [...new Set(names)];
}

function recordIn(table: ModelTable, provider: string, model: string): ModelRecord | undefined {
  const models = ownTable(table, provider);
  if (!models) return undefined;
  if (Object.hasOwn(models, model)) return models[model];
  const name = spellingsOf(models).get(model.toLowerCase());
  return name === undefined ? undefined : models[name];
}

/** By its lower case the first name of a table that is spelled so; made once, as tables have thousands of models. */
const spellings = new WeakMap<object, ReadonlyMap<string, string>>();

function spellingsOf(models: Readonly<Record<string, ModelRecord>>): ReadonlyMap<string, string> {
  const known = spellings.get(models);
  if (known) return known;
  const made = new Map<string, string>();
  for (const name of Object.keys(models).reverse()) made.set(name.toLowerCase(), name);
  spellings.set(models, made);
  return made;
}

function ownTable(table: ModelTable, provider: string): Readonly<Record<string, ModelRecord>> | undefined {
  return Object.hasOwn(table, provider) ? table[provider] : undefined;
}
