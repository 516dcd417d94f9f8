import { join } from 'node:path';
import type { ModelRecord, ModelTable } from '../catalogue/models.ts';
import { CATALOGUE, type Catalogue } from '../catalogue/providers.ts';
import { MidswapError } from '../core/errors.ts';
import { readRegularFile } from './read-source.ts';
import { writePrivateFile } from './write-file.ts';

type Entry = Readonly<Record<string, unknown>>;

const LIMIT = 32 << 20;
const MODEL_NAME = /^[^\s\p{Cc}]{1,256}$/u;
const FORMS = "midswap's own, that of models.dev/api.json, or LiteLLM's model_prices_and_context_window.json";

/** Model data that the user has fetched: it goes before what midswap was shipped with. */
export function modelTableFile(stateDir: string): string {
  return join(stateDir, 'models.json');
}

/** The fetched table; `undefined` without one. `warning` says why one that is there cannot be used. */
export function readModelTable(
  stateDir: string,
  platform: string,
  catalogue: Catalogue = CATALOGUE,
): { readonly table: ModelTable | undefined; readonly warning: string | undefined } {
  const file = modelTableFile(stateDir);
  try {
    const text = readRegularFile(file, LIMIT, platform)?.text;
    if (text === undefined) return { table: undefined, warning: undefined };
    return { table: readOwn((JSON.parse(text) as Entry).models, new TableBuilder(catalogue)), warning: undefined };
  } catch {
    return { table: undefined, warning: `${file}: cannot be read; fetch it again with "midswap models update"` };
  }
}

/** Takes over a table of model data. Throws `invalid_request` for anything else, and `cannot_write`. */
export function updateModelTable(
  stateDir: string,
  text: string,
  source: string,
): { readonly file: string; readonly providers: number; readonly models: number } {
  const table = parseModelTable(text);
  const providers = Object.values(table);
  const models = providers.reduce((sum, entries) => sum + Object.keys(entries).length, 0);
  if (models === 0) throw notATable('it names no model of a provider that midswap knows');
  const file = modelTableFile(stateDir);
  writePrivateFile(file, `${JSON.stringify({ source, models: table })}\n`);
  return { file, providers: providers.length, models };
}

/** Reads any of the known forms. Fields that are not of their type are left out: unknown, not guessed. */
export function parseModelTable(text: string, catalogue: Catalogue = CATALOGUE): ModelTable {
  const table = new TableBuilder(catalogue);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw notATable('it is not JSON');
  }
  if (!isEntry(value)) throw notATable('it is not an object');
  if (isEntry(value.models)) return readOwn(value.models, table);
  const entries = Object.values(value).filter(isEntry);
  if (entries.some(({ litellm_provider: provider }) => typeof provider === 'string')) return readLiteLlm(value, table);
  if (entries.some(({ models }) => isEntry(models))) return readModelsDev(value, table);
  throw notATable('it has another form');
}

function notATable(why: string): MidswapError {
  return new MidswapError('invalid_request', `that is no table of models: ${why}`, { hint: `Known forms: ${FORMS}` });
}

class TableBuilder {
  readonly #table = new Map<string, Map<string, ModelRecord>>();
  readonly #whole = new Map<string, Readonly<Record<string, ModelRecord>>>();
  readonly #catalogue: Catalogue;

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  add(provider: string, model: string, record: ModelRecord): void {
    const id = this.#catalogue.find(provider)?.id;
    if (id === undefined || !MODEL_NAME.test(model) || Object.keys(record).length === 0) return;
    const models = this.#table.get(id) ?? new Map<string, ModelRecord>();
    this.#table.set(id, models.set(model, record));
  }

  /** Models of which nothing has to be left out, as they are. */
  addWhole(provider: string, models: Readonly<Record<string, ModelRecord>>): void {
    const id = this.#catalogue.find(provider)?.id;
    if (id !== undefined) this.#whole.set(id, { ...this.#whole.get(id), ...models });
  }

  build(): ModelTable {
    const single = [...this.#table].map(([id, models]): [string, ModelTable[string]] => [
      id,
      { ...this.#whole.get(id), ...Object.fromEntries(models) },
    ]);
    return Object.fromEntries([...this.#whole, ...single]);
  }
}

function readOwn(value: unknown, table: TableBuilder): ModelTable {
  for (const [provider, models] of entriesOf(value)) {
    // What was written here is as it should be: a start has no time to copy thousands of records.
    if (areRecords(models)) {
      table.addWhole(provider, models);
      continue;
    }
    for (const [model, entry] of entriesOf(models)) {
      const price = isEntry(entry.price) ? entry.price : {};
      const record = recordOf({
        context: entry.context,
        output: entry.output,
        vision: entry.vision,
        thinking: entry.thinking,
        tools: entry.tools,
        prices: [price.input, price.output, price.cacheRead, price.cacheWrite],
      });
      table.add(provider, model, record);
    }
  }
  return table.build();
}

/** `{PROVIDER: {models: {ID: {limit, cost, modalities, reasoning}}}}`; prices for a million tokens. */
function readModelsDev(value: Entry, table: TableBuilder): ModelTable {
  for (const [provider, { models }] of entriesOf(value)) {
    for (const [model, entry] of entriesOf(models)) {
      const [limit, cost] = [asEntry(entry.limit), asEntry(entry.cost)];
      const inputs = asEntry(entry.modalities).input;
      const record = recordOf({
        context: limit.context,
        output: limit.output,
        vision: Array.isArray(inputs) ? inputs.includes('image') : undefined,
        thinking: entry.reasoning,
        tools: entry.tool_call,
        prices: [cost.input, cost.output, cost.cache_read, cost.cache_write],
      });
      table.add(provider, model, record);
    }
  }
  return table.build();
}

/** `{"PROVIDER/ID": {litellm_provider, max_input_tokens, input_cost_per_token, ...}}`; prices for one token. */
function readLiteLlm(value: Entry, table: TableBuilder): ModelTable {
  for (const [key, entry] of entriesOf(value)) {
    const provider = entry.litellm_provider;
    if (typeof provider !== 'string') continue;
    const model = key.startsWith(`${provider}/`) ? key.slice(provider.length + 1) : key;
    const million = (price: unknown) => (typeof price === 'number' ? round(price * 1_000_000) : undefined);
    const record = recordOf({
      context: entry.max_input_tokens ?? entry.max_tokens,
      output: entry.max_output_tokens,
      vision: entry.supports_vision,
      thinking: entry.supports_reasoning,
      tools: entry.supports_function_calling,
      prices: [
        million(entry.input_cost_per_token),
        million(entry.output_cost_per_token),
        million(entry.cache_read_input_token_cost),
        million(entry.cache_creation_input_token_cost),
      ],
    });
    table.add(provider, model, record);
  }
  return table.build();
}

interface Told {
  readonly context: unknown;
  readonly output: unknown;
  readonly vision: unknown;
  readonly thinking: unknown;
  readonly tools: unknown;
  /** Input, output, read from the cache, written to it. */
  readonly prices: readonly [unknown, unknown, unknown, unknown];
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0;
}

function isFlag(value: unknown): value is boolean {
  return typeof value === 'boolean';
}

function isPrice(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < 1e6;
}

type Fields = Readonly<Record<string, (value: unknown) => boolean>>;
const PRICE_FIELDS: Fields = { input: isPrice, output: isPrice, cacheRead: isPrice, cacheWrite: isPrice };
const FIELDS: Fields = {
  context: isCount,
  output: isCount,
  vision: isFlag,
  thinking: isFlag,
  tools: isFlag,
  price: (value) => hasOnly(value, PRICE_FIELDS),
};

function areRecords(models: Entry): models is Readonly<Record<string, ModelRecord>> {
  const names = Object.keys(models);
  return names.length > 0 && names.every((name) => MODEL_NAME.test(name) && hasOnly(models[name], FIELDS));
}

/** Whether a value is a map of such fields, at least one of them, and nothing else. */
function hasOnly(value: unknown, fields: Fields): boolean {
  if (!isEntry(value)) return false;
  let count = 0;
  for (const name in value) {
    if (!Object.hasOwn(fields, name) || !fields[name]?.(value[name])) return false;
    count++;
  }
  return count > 0;
}

function recordOf({ context, output, vision, thinking, tools, prices }: Told): ModelRecord {
  const names = ['input', 'output', 'cacheRead', 'cacheWrite'] as const;
  const price = names.flatMap((name, at) => (isPrice(prices[at]) ? [[name, prices[at]] as const] : []));
  return {
    ...(isCount(context) && { context }),
    ...(isCount(output) && { output }),
    ...(isFlag(vision) && { vision }),
    ...(isFlag(thinking) && { thinking }),
    ...(isFlag(tools) && { tools }),
    ...(price.length > 0 && { price: Object.fromEntries(price) }),
  };
}

function round(value: number): number {
  return Number(value.toPrecision(12));
}

function entriesOf(value: unknown): [string, Entry][] {
  return Object.entries(asEntry(value)).filter((pair): pair is [string, Entry] => isEntry(pair[1]));
}

function asEntry(value: unknown): Entry {
  return isEntry(value) ? value : {};
}

function isEntry(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
