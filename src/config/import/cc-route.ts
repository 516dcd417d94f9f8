import { ccRoutePreset } from '../../catalogue/rival-names.ts';
import { ImportDraft, type Upstream } from './draft.ts';
import type { Rival } from './rival.ts';
import { entriesOf, type Fields, fieldsOf, readJson, rootOf, textOf } from './source-text.ts';
import { knownPlace, readUrl } from './upstream.ts';

/** cc-route: `modelRoutes`, each with a preset or a base URL, a key and aliases. */
export const CC_ROUTE: Rival = {
  id: 'cc-route',
  title: 'cc-route',
  places: ['.claude/settings.cc-route.json', '.claude/settings.likecode.json'],
  names: ['settings.cc-route.json', 'settings.likecode.json'],
  read({ main, files, options }) {
    const draft = new ImportDraft('cc-route', options);
    const root = rootOf(main, readJson(main, files.get(main) ?? ''));
    draft.leftOver(root, ['modelRoutes'], '');
    for (const [name, value] of entriesOf(root.modelRoutes))
      readRoute(draft, name, fieldsOf(value), `modelRoutes.${name}`);
    return draft.finish();
  },
};

const KNOWN = ['alias', 'preset', 'baseURL', 'authToken', 'apiKey', 'providerModelId'];

function readRoute(draft: ImportDraft, name: string, route: Fields | undefined, path: string): void {
  if (!route) return draft.note(path, 'is not a route');
  draft.leftOver(route, KNOWN, path);
  if (name.includes('*')) return draft.note(path, 'a pattern for several models: name them by provider:model');
  const model = draft.model(textOf(route.providerModelId) ?? name, path);
  const upstream = model === undefined ? undefined : routeUpstream(draft, name, route, path);
  if (!upstream || model === undefined) return;
  const reference = draft.reference(upstream, model);
  draft.defaultModel(upstream, model);
  const aliases = (Array.isArray(route.alias) ? route.alias : [route.alias]).flatMap((one) => textOf(one) ?? []);
  for (const alias of aliases) draft.alias(alias, reference, `${path}.alias`);
  if (aliases.length === 0) draft.alias(name, reference, path);
}

function routeUpstream(draft: ImportDraft, name: string, route: Fields, path: string): Upstream | undefined {
  const preset = textOf(route.preset);
  const url = textOf(route.baseURL);
  const place = preset === undefined ? undefined : ccRoutePreset(preset);
  if (preset !== undefined && !place) draft.note(`${path}.preset`, 'is not a provider that midswap knows');
  const token = textOf(route.authToken);
  const key = draft.key(
    token ?? route.apiKey,
    preset ?? name,
    `${path}.${token === undefined ? 'apiKey' : 'authToken'}`,
  );
  if (place && url === undefined) return draft.upstream({ name: preset ?? name, path, place, key });
  if (url === undefined) {
    draft.note(path, 'has neither a preset nor a base URL');
    return undefined;
  }
  return draft.upstream({
    name: preset ?? name,
    path: `${path}.baseURL`,
    url,
    protocol: protocolAt(draft, url, path),
    key,
  });
}

/** The file does not say which protocol an address speaks: the catalogue knows, or the end of the path hints at it. */
function protocolAt(draft: ImportDraft, text: string, path: string): 'anthropic-messages' | 'openai-chat' | undefined {
  const written = readUrl(text);
  if (!written || written.protocol !== undefined || knownPlace('', written.baseUrl, undefined))
    return written?.protocol;
  const guess = written.baseUrl.endsWith('/v1') ? 'openai-chat' : 'anthropic-messages';
  draft.note(
    `${path}.baseURL`,
    `the file does not say which protocol it speaks: taken as ${guess}, correct "protocol" if it is the other`,
  );
  return guess;
}
