/** One model of a provider's own list; what the list does not tell is not there. Tokens, and US dollars for a million. */
export interface LiveModel {
  readonly id: string;
  readonly context?: number;
  readonly output?: number;
  readonly vision?: boolean;
  readonly tools?: boolean;
  readonly inputPrice?: number;
  readonly outputPrice?: number;
}

type Entry = Readonly<Record<string, unknown>>;

/** No provider has so many. */
const MAX_MODELS = 20_000;

/**
 * Reads the list of either protocol: `{data: [...]}`, `{models: [...]}` or the list itself, with the fields by which
 * servers tell more than the id. Throws when it is no list of models.
 */
export function readModelList(body: unknown): readonly LiveModel[] {
  const list = Array.isArray(body) ? body : isEntry(body) ? (body.data ?? body.models) : undefined;
  if (!Array.isArray(list)) throw new Error('what it answers is no list of models');
  const models = new Map<string, LiveModel>();
  for (const entry of list.slice(0, MAX_MODELS)) {
    const model = isEntry(entry) ? readModel(entry) : undefined;
    if (model) models.set(model.id, model);
  }
  return [...models.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

function readModel(entry: Entry): LiveModel | undefined {
  const { id } = entry;
  if (typeof id !== 'string' || !/^[^\s\p{Cc}]{1,256}$/u.test(id)) return undefined;
  const top = isEntry(entry.top_provider) ? entry.top_provider : {};
  const meta = isEntry(entry.meta) ? entry.meta : {};
  const pricing = isEntry(entry.pricing) ? entry.pricing : {};
  const told = {
    context: firstCount(
      entry.context_length,
      entry.context_window,
      entry.max_context_length,
      entry.max_model_len,
      entry.max_input_tokens,
      top.context_length,
      meta.n_ctx,
    ),
    output: firstCount(entry.max_completion_tokens, entry.max_output_tokens, top.max_completion_tokens),
    vision: readVision(entry),
    tools: readTools(entry),
    inputPrice: perMillion(pricing.prompt),
    outputPrice: perMillion(pricing.completion),
  };
  const known = Object.entries(told).filter(([, value]) => value !== undefined);
  return { id: id.replace(/^models\//, ''), ...Object.fromEntries(known) };
}

function firstCount(...values: readonly unknown[]): number | undefined {
  return values.find((value): value is number => Number.isInteger(value) && (value as number) > 0);
}

function readVision(entry: Entry): boolean | undefined {
  const architecture = isEntry(entry.architecture) ? entry.architecture : {};
  const modalities = architecture.input_modalities ?? entry.input_modalities;
  if (Array.isArray(modalities)) return modalities.includes('image');
  const capabilities = isEntry(entry.capabilities) ? entry.capabilities : {};
  return typeof capabilities.vision === 'boolean' ? capabilities.vision : undefined;
}

function readTools(entry: Entry): boolean | undefined {
  if (Array.isArray(entry.supported_parameters)) return entry.supported_parameters.includes('tools');
  const capabilities = isEntry(entry.capabilities) ? entry.capabilities : {};
  return typeof capabilities.function_calling === 'boolean' ? capabilities.function_calling : undefined;
}

/** Lists that tell prices as text tell US dollars for one token; numbers are in units of each provider's own. */
function perMillion(value: unknown): number | undefined {
  if (typeof value !== 'string' || !/^\d+(\.\d+)?(e-?\d+)?$/i.test(value)) return undefined;
  return Number((Number(value) * 1_000_000).toPrecision(12));
}

function isEntry(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
