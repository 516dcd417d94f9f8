import type { CatalogueEntry } from '../../catalogue/provider.ts';
import { PROVIDERS } from '../../catalogue/providers.ts';
import { providerCalled } from '../../catalogue/rival-names.ts';
import type { ProtocolId } from '../../core/target.ts';

/** A URL as another tool writes it, taken apart. */
export interface WrittenUrl {
  /** Without the protocol's own path. */
  readonly baseUrl: string;
  /** What its end says; `undefined` where it says nothing. */
  readonly protocol: ProtocolId | undefined;
}

/** A place of the catalogue. */
export interface KnownPlace {
  readonly entry: CatalogueEntry;
  readonly region: string | undefined;
  /** Of the same server, at another path. */
  readonly elsewhere: boolean;
}

/** Paths of single requests, which these tools put into their base URLs. */
const ENDS: readonly (readonly [RegExp, ProtocolId])[] = [
  [/\/v1\/messages$/, 'anthropic-messages'],
  [/\/messages$/, 'anthropic-messages'],
  [/\/chat\/completions$/, 'openai-chat'],
];

/** `undefined` for what is no URL or carries what a base URL must not: a user, a query. */
export function readUrl(text: string): WrittenUrl | undefined {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash)
    return undefined;
  const path = url.pathname.replace(/\/+$/, '');
  const end = ENDS.find(([pattern]) => pattern.test(path));
  const rest = end ? path.replace(end[0], '') : path;
  return { baseUrl: url.origin + rest.replace(/\/+$/, ''), protocol: end?.[1] };
}

/** The base URL in the form that the protocol's own path is added to. */
export function baseUrlFor(protocol: ProtocolId, baseUrl: string): string {
  return protocol === 'anthropic-messages' ? baseUrl.replace(/\/v1$/, '') : baseUrl;
}

/** The provider of the catalogue at this address. Where several share it, the one that has the name. */
export function knownPlace(name: string, baseUrl: string, protocol: ProtocolId | undefined): KnownPlace | undefined {
  const called = providerCalled(name);
  const exact = PROVIDERS.flatMap((entry) => placesOf(entry, baseUrl, protocol));
  const chosen = exact.find(({ entry }) => entry === called) ?? (sameEntry(exact) ? exact[0] : undefined);
  if (chosen) return { ...chosen, elsewhere: false };
  const near = PROVIDERS.filter((entry) => !entry.needsBaseUrl && originsOf(entry).has(new URL(baseUrl).origin));
  const entry = near.find((one) => one === called) ?? (near.length === 1 ? near[0] : undefined);
  return entry && { entry, region: undefined, elsewhere: true };
}

function placesOf(
  entry: CatalogueEntry,
  baseUrl: string,
  protocol: ProtocolId | undefined,
): { entry: CatalogueEntry; region: string | undefined }[] {
  if (entry.needsBaseUrl) return [];
  const wanted = comparable(baseUrl);
  const isHere = (at: ProtocolId, url: string | undefined): boolean =>
    url !== undefined && (protocol === undefined || at === protocol) && comparable(url) === wanted;
  if (entry.endpoints.some((endpoint) => isHere(endpoint.protocol, endpoint.baseUrl))) {
    return [{ entry, region: undefined }];
  }
  return Object.entries(entry.regions ?? {})
    .filter(([, { baseUrls }]) => Object.entries(baseUrls).some(([at, url]) => isHere(at as ProtocolId, url)))
    .slice(0, 1)
    .map(([region]) => ({ entry, region }));
}

function originsOf(entry: CatalogueEntry): Set<string> {
  const regions = Object.values(entry.regions ?? {}).flatMap(({ baseUrls }) => Object.values(baseUrls));
  return new Set(
    [...entry.endpoints.map((endpoint) => endpoint.baseUrl), ...regions].map((url) => new URL(url).origin),
  );
}

/** With and without the version at the end is the same place: one tool adds it, the other writes it. */
function comparable(url: string): string {
  return url.replace(/\/+$/, '').replace(/\/v1$/, '').toLowerCase();
}

function sameEntry(places: readonly { readonly entry: CatalogueEntry }[]): boolean {
  return new Set(places.map(({ entry }) => entry)).size === 1;
}
