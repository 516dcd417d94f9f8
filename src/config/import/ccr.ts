import { ImportDraft, type Upstream } from './draft.ts';
import type { Rival } from './rival.ts';
import { entriesOf, type Fields, fieldsOf, listOf, readJson, rootOf, textOf } from './source-text.ts';

/** Routes of its `Router` that are routes here (README of musistudio/claude-code-router). */
const ROUTES = { background: 'background', think: 'think', webSearch: 'web_search', image: 'image' } as const;
const SERVER = "its own server: midswap's gateway needs no such setting";

/** claude-code-router: `Providers`, and a `Router` that names `provider,model` for kinds of requests. */
export const CLAUDE_CODE_ROUTER: Rival = {
  id: 'ccr',
  title: 'claude-code-router',
  places: ['.claude-code-router/config.json'],
  names: ['config.json'],
  read({ main, files, options }) {
    const draft = new ImportDraft('ccr', options);
    const root = rootOf(main, readJson(main, files.get(main) ?? ''));
    const providers = readProviders(draft, root);
    readRouter(draft, fieldsOf(root.Router) ?? {}, providers);
    for (const key of ['APIKEY', 'HOST', 'PORT', 'LOG', 'LOG_LEVEL', 'NON_INTERACTIVE_MODE', 'CLAUDE_PATH']) {
      if (root[key] !== undefined && root[key] !== '') draft.note(key, SERVER);
    }
    const known = ['Providers', 'providers', 'Router', 'PROXY_URL', 'APIKEY', 'HOST', 'PORT', 'LOG', 'LOG_LEVEL'];
    draft.leftOver(root, [...known, 'NON_INTERACTIVE_MODE', 'CLAUDE_PATH', 'transformers', 'CUSTOM_ROUTER_PATH'], '');
    draft.leftOver(
      { transformers: root.transformers, CUSTOM_ROUTER_PATH: root.CUSTOM_ROUTER_PATH },
      [],
      '',
      'code of its own is not run',
    );
    return draft.finish();
  },
};

function readProviders(draft: ImportDraft, root: Fields): Map<string, Upstream> {
  const found = new Map<string, Upstream>();
  const proxy = textOf(root.PROXY_URL);
  for (const [at, item] of listOf(root.Providers ?? root.providers).entries()) {
    const path = `Providers[${at}]`;
    const fields = fieldsOf(item);
    const name = textOf(fields?.name);
    if (!fields || name === undefined) {
      draft.note(path, 'has no name');
      continue;
    }
    draft.leftOver(fields, ['name', 'api_base_url', 'api_key', 'models', 'transformer'], path);
    const used = readTransformers(draft, fields.transformer, `${path}.transformer`);
    const upstream = draft.upstream({
      name,
      path: `${path}.api_base_url`,
      url: textOf(fields.api_base_url) ?? '',
      // Without the transformer it speaks what the address ends with.
      protocol: used.some(isPlain) ? 'anthropic-messages' : undefined,
      key: draft.key(fields.api_key, name, `${path}.api_key`),
    });
    if (!upstream) continue;
    found.set(name.toLowerCase(), upstream);
    const first = draft.model(listOf(fields.models)[0], `${path}.models[0]`);
    if (first !== undefined) draft.defaultModel(upstream, first);
    if (proxy !== undefined) draft.proxy(upstream.provider, proxy, 'PROXY_URL');
  }
  return found;
}

/** Names of the transformers for all models. What they do is told of, since midswap does it by itself or not at all. */
function readTransformers(draft: ImportDraft, value: unknown, path: string): string[] {
  const names = (list: unknown): string[] =>
    listOf(list).flatMap((one) => textOf(Array.isArray(one) ? one[0] : one)?.toLowerCase() ?? []);
  const all = fieldsOf(value);
  for (const [key, inner] of entriesOf(value)) {
    const used = names(key === 'use' ? inner : fieldsOf(inner)?.use).filter((name) => !isPlain(name));
    if (used.length > 0)
      draft.note(
        `${path}.${key}`,
        'transformers are not carried over: midswap adapts requests by what it knows of providers, and by quirks',
      );
  }
  return names(all?.use);
}

/** Its transformer for servers that speak Messages: nothing is transformed. */
function isPlain(transformer: string): boolean {
  return /^anthropic$/.test(transformer);
}

function readRouter(draft: ImportDraft, router: Fields, providers: ReadonlyMap<string, Upstream>): void {
  const known = [...Object.keys(ROUTES), 'default', 'longContext', 'longContextThreshold'];
  draft.leftOver(router, known, 'Router');
  const read = (key: string): { upstream: Upstream; model: string } | undefined => {
    const text = textOf(router[key]);
    if (text === undefined) return undefined;
    const [head = '', ...rest] = text.split(',');
    const upstream = providers.get(head.trim().toLowerCase());
    const model = draft.model(rest.join(','), `Router.${key}`);
    if (upstream && model !== undefined) return { upstream, model };
    draft.note(`Router.${key}`, 'does not name a provider and a model that were carried over');
    return undefined;
  };
  const main = read('default');
  if (main) {
    const models = { default: draft.reference(main.upstream, main.model) };
    draft.set('default_profile', draft.profile('ccr', { models }, 'Router.default'));
  }
  for (const [key, route] of Object.entries(ROUTES)) {
    const target = read(key);
    if (target) draft.route(route, draft.reference(target.upstream, target.model));
  }
  const long = read('longContext');
  const threshold = router.longContextThreshold;
  const isNumber = typeof threshold === 'number' && Number.isSafeInteger(threshold) && threshold > 0;
  if (threshold !== undefined && (!isNumber || !long))
    draft.note('Router.longContextThreshold', long ? 'is not a number of tokens' : 'there is no longContext');
  // The value that it has without one.
  if (long)
    draft.route('long_context', {
      target: draft.reference(long.upstream, long.model),
      threshold: isNumber ? threshold : 60_000,
    });
}
