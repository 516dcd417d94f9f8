import type { CatalogueEntry } from '../../catalogue/provider.ts';
import { isCompatiblePrefix, providerCalled, providerOfPlainModel } from '../../catalogue/rival-names.ts';
import { ImportDraft, nameOf, type Upstream, type UpstreamWish } from './draft.ts';
import type { Rival } from './rival.ts';
import { entriesOf, type Fields, fieldsOf, listOf, readYamlText, rootOf, textOf } from './source-text.ts';

const SERVER = 'of its server and its router: midswap has its own limits, retries and records';

/** LiteLLM's proxy: `model_list` with deployments by public name, fallbacks between names. */
export const LITELLM: Rival = {
  id: 'litellm',
  title: 'LiteLLM',
  places: ['litellm_config.yaml', '.litellm/config.yaml'],
  names: ['litellm_config.yaml', 'config.yaml', 'litellm.yaml'],
  read({ main, files, options }) {
    const draft = new ImportDraft('litellm', options);
    const root = rootOf(main, readYamlText(main, files.get(main) ?? ''));
    const variables = new Map(
      entriesOf(root.environment_variables).flatMap(([name, value]) =>
        textOf(value) === undefined ? [] : [[name, textOf(value)]],
      ),
    );
    const groups = new Map<string, string[]>();
    const used = new Set<string>();
    for (const [at, item] of listOf(root.model_list).entries()) {
      const read = readDeployment(draft, fieldsOf(item), `model_list[${at}]`, variables, used);
      if (read) groups.set(read.name, [...(groups.get(read.name) ?? []), read.reference]);
    }
    addNames(draft, groups, fallbacksOf(draft, root));
    for (const name of variables.keys()) {
      if (!used.has(name)) draft.note(`environment_variables.${name}`, 'no model that was carried over refers to it');
    }
    draft.leftOver(root, ['model_list', 'environment_variables', 'router_settings', 'litellm_settings'], '', SERVER);
    return draft.finish();
  },
};

const KNOWN_PARAMS = ['model', 'api_base', 'base_url', 'api_key', 'custom_llm_provider'];

function readDeployment(
  draft: ImportDraft,
  item: Fields | undefined,
  path: string,
  variables: ReadonlyMap<string, string | undefined>,
  used: Set<string>,
): { name: string; reference: string } | undefined {
  const name = textOf(item?.model_name);
  const params = fieldsOf(item?.litellm_params);
  const written = textOf(params?.model);
  if (!item || !params || name === undefined || written === undefined) {
    draft.note(path, 'has no model_name, or no model in litellm_params');
    return undefined;
  }
  draft.leftOver(item, ['model_name', 'litellm_params'], path);
  draft.leftOver(params, KNOWN_PARAMS, `${path}.litellm_params`);
  if (/\*/.test(name + written)) {
    draft.note(path, 'a pattern for several models: name them by provider:model');
    return undefined;
  }
  const upstream = deploymentUpstream(draft, written, params, `${path}.litellm_params`, variables, used);
  const model = upstream && draft.model(upstream.model, `${path}.litellm_params.model`);
  return model === undefined || !upstream ? undefined : { name, reference: draft.reference(upstream.upstream, model) };
}

function deploymentUpstream(
  draft: ImportDraft,
  written: string,
  params: Fields,
  path: string,
  variables: ReadonlyMap<string, string | undefined>,
  used: Set<string>,
): { upstream: Upstream; model: string } | undefined {
  const own = textOf(params.custom_llm_provider);
  const slash = written.indexOf('/');
  const head = own ?? (slash > 0 ? written.slice(0, slash) : '');
  const named = providerCalled(head);
  const known = named ?? (head === '' ? providerOfPlainModel(written) : undefined);
  const isPrefix = slash > 0 && written.startsWith(`${head}/`) && named !== undefined;
  const model = isPrefix ? written.slice(slash + 1) : written;
  const url = variable(textOf(params.api_base) ?? textOf(params.base_url), variables, used);
  if (url?.startsWith('os.environ/')) {
    draft.note(`${path}.api_base`, 'is in a variable: midswap wants the address itself');
    return undefined;
  }
  if (!known) {
    draft.note(`${path}.model`, 'is of a provider that midswap does not know');
    return undefined;
  }
  const key = draft.key(variable(textOf(params.api_key), variables, used), known.id, `${path}.api_key`);
  const upstream = draft.upstream({ ...wishAt(known, url), path, key });
  return upstream && { upstream, model };
}

/** With an address the provider is the one that is there; the prefix tells the protocol. */
function wishAt(known: CatalogueEntry, url: string | undefined): Omit<UpstreamWish, 'path' | 'key'> {
  if (url === undefined) return { name: known.id, place: { entry: known } };
  if (known.needsBaseUrl) return { name: known.id, place: { entry: known, url: azureBase(url) } };
  const hasChat = known.endpoints.some((endpoint) => endpoint.protocol === 'openai-chat');
  return {
    name: isCompatiblePrefix(known) ? (URL.parse(url)?.hostname ?? known.id) : known.id,
    url,
    protocol: hasChat ? 'openai-chat' : 'anthropic-messages',
  };
}

/** The value that the file itself gives a variable, which is then a text like any other. */
function variable(
  text: string | undefined,
  variables: ReadonlyMap<string, string | undefined>,
  used: Set<string>,
): string | undefined {
  const name = text === undefined ? undefined : /^os\.environ\/(.+)$/.exec(text)?.[1];
  if (name === undefined || !variables.has(name)) return text;
  used.add(name);
  return variables.get(name);
}

/** The resource's address serves models by their deployments below this path. */
function azureBase(url: string): string {
  const base = url.replace(/\/+$/, '');
  return /\/openai(?:\/v1)?$/.test(base) ? base.replace(/\/openai(?:\/v1)?$/, '/openai/v1') : `${base}/openai/v1`;
}

function fallbacksOf(draft: ImportDraft, root: Fields): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const section of ['router_settings', 'litellm_settings']) {
    const fields = fieldsOf(root[section]) ?? {};
    for (const item of listOf(fields.fallbacks)) {
      for (const [name, list] of entriesOf(item)) {
        const names = listOf(list).flatMap((one) => textOf(one) ?? []);
        found.set(name, [...(found.get(name) ?? []), ...names]);
      }
    }
    draft.leftOver(fields, ['fallbacks'], section, SERVER);
  }
  return found;
}

/** A name with one place is an alias; one with several, or with fallbacks, is a profile. */
function addNames(
  draft: ImportDraft,
  groups: ReadonlyMap<string, readonly string[]>,
  fallbacks: ReadonlyMap<string, readonly string[]>,
): void {
  for (const [name, [first, ...others]] of groups) {
    if (first === undefined) continue;
    const further = (fallbacks.get(name) ?? []).flatMap((other) => {
      const reference = groups.get(other)?.[0];
      if (reference === undefined) draft.note(`fallbacks.${name}`, 'names a model that was not carried over');
      return reference ?? [];
    });
    const fallback = [...new Set([...others, ...further])].filter((one) => one !== first);
    if (others.length > 0) draft.note(`model_list: ${name}`, 'its deployments are tried in order, not in turn');
    if (fallback.length > 0) {
      const got = draft.profile(name, { models: { default: first }, fallback }, `model_list: ${name}`);
      if (got !== name) draft.mapModel(name, got, `model_list: ${name}`);
    } else if (nameOf(name) === name && !/^claude-/.test(name)) draft.alias(name, first, `model_list: ${name}`);
    // What the client itself asks for, and names that are no names here.
    else draft.mapModel(name, first, `model_list: ${name}`);
  }
  for (const name of fallbacks.keys()) {
    if (!groups.has(name)) draft.note(`fallbacks.${name}`, 'names a model that was not carried over');
  }
}
