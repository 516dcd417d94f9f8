import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findProvider, type MatchLogic, type ModelInfo, type ModelPrice } from '@pydantic/genai-prices';
import type { ModelRecord, ModelTable } from '../src/catalogue/models.ts';
import { PROVIDERS } from '../src/catalogue/providers.ts';

export const MODELS_FILE = fileURLToPath(new URL('../src/catalogue/models.json', import.meta.url));
const FACTS_FILE = new URL('./model-facts.json', import.meta.url);

/** Our providers by the name that the package has for them. Others are not in it, or have our name. */
const NAMES_IN_PACKAGE: Readonly<Record<string, string>> = {
  gemini: 'google',
  glm: 'zai',
  kimi: 'moonshotai',
  xai: 'x-ai',
};

/** What is kept by hand of one provider's models. */
export interface ProviderFacts {
  /** What the package does not say, from the documentation of the provider. A name alone takes the model into the table. */
  readonly models: Readonly<Record<string, ModelRecord>>;
  /** What is so of all of them, where `models` says nothing else. */
  readonly every?: ModelRecord;
  /** Other names of models here, which are the same in everything. */
  readonly names?: Readonly<Record<string, string>>;
  /** What the package says otherwise than the provider, with the reason. */
  readonly corrections?: Readonly<Record<string, ModelRecord & { readonly because: string }>>;
}

export type Facts = Readonly<Record<string, ProviderFacts>>;

export function readFacts(): Facts {
  return JSON.parse(readFileSync(FACTS_FILE, 'utf8')) as Facts;
}

/** The text of `models.json`, as of a day (`2026-11-20`): prices that begin later are not in it. */
export function modelsText(day: string, facts: Facts = readFacts()): string {
  return `${JSON.stringify({ compiled: day, models: modelTable(day, facts) }, undefined, 2)}\n`;
}

/**
 * The models that the catalogue and the facts name, with what the package says of them; the facts fill what it leaves
 * open. Throws where the facts repeat the package, so that they stay few and a newer package is noticed.
 */
export function modelTable(day: string, facts: Facts): ModelTable {
  const unknown = Object.keys(facts).filter((id) => PROVIDERS.every((entry) => entry.id !== id));
  if (unknown.length > 0) throw new Error(`no such provider: ${unknown.join(', ')}`);
  const tables = PROVIDERS.map((entry) => {
    const { models = {}, every = {}, names = {}, corrections = {} } = facts[entry.id] ?? {};
    const asked = [...Object.keys(models), ...Object.values(entry.models), ...Object.keys(entry.modelQuirks ?? {})];
    const known = new Map<string, ModelRecord>();
    for (const model of new Set(asked)) {
      if (names[model] !== undefined) continue;
      const where = `${entry.id}:${model}`;
      const { because: _, ...correction } = corrections[model] ?? { because: '' };
      const told = overlay(packageRecord(entry.id, model, day), correction);
      known.set(model, fill(told, { ...every, ...models[model] }, where));
    }
    for (const [name, model] of Object.entries(names)) known.set(name, known.get(model) ?? {});
    return [entry.id, Object.fromEntries([...known].filter(([, record]) => Object.keys(record).length > 0))] as const;
  });
  return Object.fromEntries(tables.filter(([, models]) => Object.keys(models).length > 0));
}

/** What the package says of a model. It has neither limits of the output nor abilities. */
export function packageRecord(provider: string, model: string, day: string): ModelRecord {
  const id = NAMES_IN_PACKAGE[provider] ?? provider;
  const found = findProvider({ providerId: id });
  const models = found?.id === id ? found.models : [];
  const named = (name: string) => models.find((candidate) => isNamed(candidate, name));
  const info = named(model) ?? named(model.replace(/-20\d{6}$/, ''));
  if (info === undefined) return {};
  const price = pricesOf(priceOn(info.prices, day));
  return {
    ...(info.context_window !== undefined && { context: info.context_window }),
    ...(Object.keys(price).length > 0 && { price }),
  };
}

/**
 * The package matches by prefix, which takes `claude-sonnet-5-5` for a Sonnet 5: here a model is meant only where one of
 * the names is the whole of it.
 */
function isNamed({ id, match }: ModelInfo, model: string): boolean {
  return [id, ...namesIn(match)].some((name) => name.toLowerCase() === model.toLowerCase());
}

function namesIn(match: MatchLogic): readonly string[] {
  if ('or' in match) return match.or.flatMap(namesIn);
  if ('equals' in match) return [match.equals];
  return 'starts_with' in match ? [match.starts_with] : [];
}

/** Of prices that change with the hour the dearest: an estimate may be too high, but not by half too low. */
function priceOn(prices: ModelInfo['prices'], day: string): ModelPrice {
  if (!Array.isArray(prices)) return prices;
  const begun = prices.filter(({ constraint: rule }) => rule?.type !== 'start_date' || rule.start_date <= day);
  const standard = begun.findLastIndex(({ constraint }) => constraint?.type !== 'time_of_date');
  const current = begun.slice(Math.max(standard, 0)).map((entry) => entry.prices);
  return current.toSorted((a, b) => (baseOf(b.output_mtok) ?? 0) - (baseOf(a.output_mtok) ?? 0))[0] ?? {};
}

function pricesOf(price: ModelPrice): NonNullable<ModelRecord['price']> {
  const [input, output] = [baseOf(price.input_mtok), baseOf(price.output_mtok)];
  const [cacheRead, cacheWrite] = [baseOf(price.cache_read_mtok), baseOf(price.cache_write_mtok)];
  return {
    ...(input !== undefined && { input }),
    ...(output !== undefined && { output }),
    ...(cacheRead !== undefined && { cacheRead }),
    ...(cacheWrite !== undefined && { cacheWrite }),
  };
}

/** Where long requests cost more, the price of the others. */
function baseOf(price: ModelPrice[string]): number | undefined {
  return typeof price === 'object' ? price.base : price;
}

function overlay(below: ModelRecord, above: ModelRecord): ModelRecord {
  const price = { ...below.price, ...above.price };
  return inOrder({ ...below, ...above, ...(Object.keys(price).length > 0 && { price }) });
}

function fill(told: ModelRecord, facts: ModelRecord, where: string): ModelRecord {
  const { price: toldPrice = {}, ...toldRest } = told;
  const { price = {}, ...rest } = facts;
  const twice = [
    ...Object.keys(rest).filter((field) => Object.hasOwn(toldRest, field)),
    ...Object.keys(price).filter((field) => Object.hasOwn(toldPrice, field)),
  ];
  if (twice.length > 0) {
    const way = 'take it out of "models" in model-facts.json, or say in "corrections" why the package is wrong';
    throw new Error(`${where}: the package knows ${twice.join(', ')} by now; ${way}`);
  }
  return overlay(told, facts);
}

function inOrder({ context, output, vision, thinking, tools, price }: ModelRecord): ModelRecord {
  return {
    ...(context !== undefined && { context }),
    ...(output !== undefined && { output }),
    ...(vision !== undefined && { vision }),
    ...(thinking !== undefined && { thinking }),
    ...(tools !== undefined && { tools }),
    ...(price !== undefined && { price }),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(MODELS_FILE, modelsText(new Date().toISOString().slice(0, 10)));
}
