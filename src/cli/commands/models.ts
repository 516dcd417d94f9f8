import { readFileSync } from 'node:fs';
import { listModels } from '../../control/choices.ts';
import { download } from '../../control/download.ts';
import { LIST_TTL_MS, readCachedList, writeCachedList } from '../../control/model-cache.ts';
import type { LiveModel } from '../../control/model-list-format.ts';
import { fetchModelList } from '../../control/model-lists.ts';
import { describeTokens } from '../../control/wording.ts';
import { asMidswapError, MidswapError } from '../../core/errors.ts';
import { nearest } from '../../core/nearest.ts';
import type { App, Configuration } from '../app.ts';
import { describeDuration, errorLine, type Output } from '../output.ts';

export interface ModelsFlags {
  /** Ask the providers, unless what they said is fresh. */
  readonly live: boolean;
  /** Ask them in any case. */
  readonly refresh: boolean;
}

/** A list of the models of all providers that is kept by many. */
const MODEL_DATA = 'https://models.dev/api.json';

/** One model as a list shows it; null is unknown. */
interface Row {
  readonly provider: string;
  readonly model: string;
  readonly context: number | null;
  readonly output: number | null;
  readonly vision: boolean | null;
  readonly thinking: boolean | null;
  readonly tools: boolean | null;
  /** US dollars for a million tokens. */
  readonly inputPrice: number | null;
  readonly outputPrice: number | null;
  readonly profiles: readonly string[];
  /** Where the name is from. */
  readonly from: 'live' | 'known';
}

/** `models [PROVIDER] [--live] [--refresh]`, `models update [FILE|URL]` */
export async function models(app: App, out: Output, words: readonly string[], flags: ModelsFlags): Promise<number> {
  const [first, source] = words;
  if (first === 'update') return update(app, out, source);
  if (source !== undefined) throw new MidswapError('usage', `one provider is enough, not also "${source}"`);
  const configuration = await app.configuration();
  const wanted = first === undefined ? undefined : providerOf(configuration, first);
  const asks = flags.live || flags.refresh;
  const providers = wanted === undefined ? reachable(configuration) : [wanted];
  const lists = new Map<string, readonly LiveModel[]>();
  const problems: string[] = [];
  await Promise.all(
    providers.map(async (provider) => {
      const found = await modelList(app, configuration, provider, asks ? flags : undefined);
      if (found.models) lists.set(provider, found.models);
      if (found.problem !== undefined) problems.push(found.problem);
    }),
  );
  const rows = rowsOf(configuration, wanted, lists);
  if (out.json) out.data(rows);
  else print(out, rows);
  for (const problem of problems) out.note(problem);
  // What was asked for by name and is not to be had is a failure; of many, those that answer are shown.
  return asks && wanted !== undefined && !lists.has(wanted) ? 69 : 0;
}

/** A provider's list: as it was kept, or as the provider gives it now. A provider that is away leaves what was kept. */
export async function modelList(
  app: App,
  { snapshot }: Configuration,
  provider: string,
  ask: ModelsFlags | undefined,
  timeoutMs?: number,
): Promise<{ readonly models?: readonly LiveModel[]; readonly problem?: string }> {
  const endpoints = snapshot.providers.get(provider)?.endpoints;
  if (!endpoints) return {};
  const from = endpoints[0].baseUrl;
  const kept = readCachedList(app.stateDir(), provider, from);
  const ageMs = kept ? Date.now() - kept.atMs : Number.POSITIVE_INFINITY;
  if (ask === undefined || (!ask.refresh && ageMs < LIST_TTL_MS)) return kept ? { models: kept.models } : {};
  try {
    const target = snapshot.targetFor(provider, undefined);
    const found = await fetchModelList({
      target,
      endpoints,
      originOf: app.originOf,
      ...(timeoutMs !== undefined && { timeoutMs }),
    });
    writeCachedList(app.stateDir(), { provider, from, atMs: Date.now(), models: found });
    return { models: found };
  } catch (thrown) {
    const problem = errorLine(thrown);
    if (!kept) return { problem: `${problem}; what is known without it is shown` };
    return { models: kept.models, problem: `${problem}; its list of ${describeDuration(ageMs)} ago is shown` };
  }
}

/** Providers that can be asked as things are; local ones are asked by name. */
function reachable({ snapshot }: Configuration): string[] {
  return [...snapshot.providers.values()]
    .filter(({ id, endpoints }) => {
      const { kind } = snapshot.targetFor(id, undefined).credential;
      return kind === 'keys' || (kind === 'none' && !endpoints.every((endpoint) => endpoint.local));
    })
    .map(({ id }) => id);
}

function rowsOf(
  configuration: Configuration,
  wanted: string | undefined,
  lists: ReadonlyMap<string, readonly LiveModel[]>,
): Row[] {
  const rows = new Map<string, Row>();
  const named = listModels(configuration.snapshot).filter(
    ({ provider }) => wanted === undefined || provider === wanted,
  );
  for (const { provider, model, profiles } of named) {
    const live = lists.get(provider)?.find(({ id }) => id === model);
    rows.set(`${provider}:${model}`, rowOf(configuration, provider, model, live, profiles));
  }
  const known =
    wanted === undefined ? [] : configuration.knownModels(wanted).map((id): [string, LiveModel] => [wanted, { id }]);
  const live = [...lists].flatMap(([provider, list]) => list.map((one): [string, LiveModel] => [provider, one]));
  for (const [provider, one] of [...live, ...(wanted !== undefined && lists.has(wanted) ? [] : known)]) {
    const key = `${provider}:${one.id}`;
    const isLive = lists.get(provider)?.includes(one) ? one : undefined;
    if (!rows.has(key)) rows.set(key, rowOf(configuration, provider, one.id, isLive, []));
  }
  return [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
}

/** What midswap goes by comes first; a provider's list fills in what it does not know. */
function rowOf(
  configuration: Configuration,
  provider: string,
  model: string,
  live: LiveModel | undefined,
  profiles: readonly string[],
): Row {
  const { context, output, vision, thinking, tools, price } = configuration.modelRecord(provider, model);
  return {
    provider,
    model,
    context: context ?? live?.context ?? null,
    output: output ?? live?.output ?? null,
    vision: vision ?? live?.vision ?? null,
    thinking: thinking ?? null,
    tools: tools ?? live?.tools ?? null,
    inputPrice: price?.input ?? live?.inputPrice ?? null,
    outputPrice: price?.output ?? live?.outputPrice ?? null,
    profiles,
    from: live ? 'live' : 'known',
  };
}

function print(out: Output, rows: readonly Row[]): void {
  const unknown = out.paint('dim', 'unknown');
  const tokens = (count: number | null) => (count === null ? unknown : describeTokens(count));
  const price = ({ inputPrice, outputPrice }: Row) =>
    inputPrice === null && outputPrice === null ? unknown : `$${inputPrice ?? '?'} / $${outputPrice ?? '?'}`;
  const takes = ({ vision, thinking, tools }: Row) =>
    [
      vision === null ? 'text, images?' : vision ? 'text, images' : 'text',
      ...(thinking === null ? ['thinking?'] : thinking ? ['thinking'] : []),
      // Nearly all do: only one that does not is of note.
      ...(tools === false ? ['no tools'] : []),
    ].join(', ');
  out.table(
    ['MODEL', 'WINDOW', 'OUTPUT', 'PRICE IN / OUT', 'TAKES', 'PROFILES'],
    rows.map((row) => [
      `${row.provider}:${row.model}`,
      tokens(row.context),
      tokens(row.output),
      price(row),
      takes(row),
      row.profiles.join(', '),
    ]),
  );
}

async function update(app: App, out: Output, source = MODEL_DATA): Promise<number> {
  const result = await app.updateModels(await readSource(app, out, source), source);
  if (out.json) out.data(result);
  else out.line(`${result.models} models of ${result.providers} providers, kept in ${result.file}`);
  return 0;
}

async function readSource({ machine: { env } }: App, out: Output, source: string): Promise<string> {
  if (/^https?:\/\//i.test(source)) {
    const url = URL.parse(source);
    if (!url) throw new MidswapError('usage', `"${source}" is no address`);
    return download(url, { env, onWarning: (warning) => out.note(`midswap: ${warning}`) });
  }
  try {
    return readFileSync(source, 'utf8');
  } catch (cause) {
    throw new MidswapError('not_found', `cannot read ${source}: ${asMidswapError(cause).message}`, { cause });
  }
}

function providerOf(configuration: Configuration, name: string): string {
  const id = configuration.providerId(name);
  if (id !== undefined) return id;
  const near = nearest(name, configuration.snapshot.providers.keys());
  throw new MidswapError('unknown_reference', `there is no provider "${name}"`, {
    hint: near === undefined ? 'See: midswap providers' : `Did you mean ${near}?`,
  });
}
