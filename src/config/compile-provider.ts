import type { ModelRecord, ModelTable } from '../catalogue/models.ts';
import { type CatalogueEntry, regionOfVariable } from '../catalogue/provider.ts';
import { DEFAULT_QUIRKS, mergeQuirks, type PartialQuirks, quirksByKey } from '../catalogue/quirks.ts';
import { Secret } from '../core/secret.ts';
import type { Slot } from '../core/slot.ts';
import type { Limits, Provider } from '../core/snapshot.ts';
import type { Credential, Endpoint, ProtocolId, Quirks, Timeouts } from '../core/target.ts';
import { breakerOf, retryOf } from './compile-resilience.ts';
import { endpointsOf, isLoopback, keepsLogin } from './endpoints.ts';
import type { Remarks } from './remarks.ts';
import type { RawConfig, RawProvider, RawQuirks } from './schema.ts';
import type { Secrets } from './secrets.ts';
import type { Path } from './source.ts';

/** A provider with what is not for everybody's eyes. */
export interface CompiledProvider {
  readonly provider: Provider;
  /** Spelling in the configuration. */
  readonly path: Path;
  readonly models: Partial<Readonly<Record<Slot | 'default', string>>>;
  /** Its default credential. */
  readonly credential: Credential;
  readonly proxy: Secret | undefined;
  /** Why nothing can be sent to it whatever the credential, if so. */
  readonly problem: string | undefined;
  /** Model data of the configuration. */
  readonly table: ModelTable;
  /** A provider needs a model of its own to be asked for, unless it takes the names of the client. */
  readonly needsModel: boolean;
  /** The catalogue declares that it takes the client's own login, wherever the configuration has moved it. */
  readonly declaresLogin: boolean;
  quirksOf(model: string | undefined): Quirks;
}

/** Milliseconds. The client gives up on a silent answer after 300 s and on headers after 360 s. */
const REMOTE_TIMEOUTS: Timeouts = { connectMs: 10_000, firstByteMs: 300_000, idleMs: 180_000 };
/** A model on the user's machine may read its prompt for minutes. */
const LOCAL_TIMEOUTS: Timeouts = { connectMs: 5_000, firstByteMs: 0, idleMs: 0 };

/** A provider of the catalogue, of the configuration, or of both. `undefined` when it cannot be one; then it is told. */
export function compileProvider(
  id: string,
  entry: CatalogueEntry | undefined,
  written: { readonly raw: RawProvider; readonly path: Path } | undefined,
  given: {
    readonly secrets: Secrets;
    readonly limits: Limits | undefined;
    readonly general: Pick<RawConfig, 'retry' | 'breaker'>;
  },
  remarks: Remarks,
): CompiledProvider | undefined {
  const raw = written?.raw ?? {};
  const path = written?.path ?? ['providers', id];
  const region = raw.region ?? regionOfKey(entry, raw, given.secrets);
  const endpoints = endpointsOf(id, entry, region === undefined ? raw : { ...raw, region }, path, remarks);
  const [first, ...others] = endpoints;
  if (!first) return undefined;
  const own = raw.quirks ? partialQuirks(raw.quirks) : undefined;
  const login: PartialQuirks | undefined = keepsLogin(entry, endpoints) ? undefined : { acceptsClientLogin: false };
  const quirks = mergeQuirks(DEFAULT_QUIRKS, entry?.quirks, own, login);
  const keyVariables = entry?.keyVariables ?? [`${id.toUpperCase().replace(/[^A-Z0-9]/g, '_')}_API_KEY`];
  const models = {
    ...entry?.models,
    ...(raw.models ? withoutUndefined(raw.models) : {}),
  } as CompiledProvider['models'];
  const { default: _, ...slotModels } = models;
  const isLocal = endpoints.every((endpoint) => endpoint.local);
  const base = isLocal ? LOCAL_TIMEOUTS : REMOTE_TIMEOUTS;
  const proxy = raw.proxy === undefined ? undefined : proxyOf(raw.proxy, given.secrets);
  warnOfOpenTransport(endpoints, path, remarks);
  const provider: Provider = {
    id,
    name: raw.name ?? entry?.name ?? id,
    endpoints: [first, ...others],
    keyVariables,
    models: slotModels,
    quirks,
    docs: raw.docs ?? entry?.docs,
    ...(entry?.regions && region === undefined && raw.base_url === undefined && !raw.endpoints
      ? { regions: regionsOf(entry, first.protocol) }
      : {}),
    timeouts: {
      connectMs: raw.timeouts?.connect_ms ?? base.connectMs,
      firstByteMs: raw.timeouts?.first_byte_ms ?? base.firstByteMs,
      idleMs: raw.timeouts?.idle_ms ?? base.idleMs,
    },
    patches: entry?.patches ?? [],
    ...(given.limits ? { limits: given.limits } : {}),
    ...(raw.retry ? { retry: retryOf(raw.retry, given.general.retry) } : {}),
    ...(raw.breaker ? { breaker: breakerOf(raw.breaker, given.general.breaker) } : {}),
    ...(raw.auth?.rotate_after === undefined ? {} : { rotateAfter: raw.auth.rotate_after }),
    ...(raw.http2 === undefined ? {} : { http2: raw.http2 }),
  };
  const missingProxy = proxy && 'missing' in proxy ? `its proxy is not known: ${proxy.missing}` : undefined;
  return {
    provider,
    path,
    models,
    credential: defaultCredential(provider, raw, path, isLocal, entry, given.secrets, remarks),
    proxy: proxy && 'secret' in proxy ? proxy.secret : undefined,
    problem: missingBaseUrl(id, entry, raw) ?? missingProxy,
    table: raw.model_data ? { [id]: mapValues(raw.model_data, modelRecordOf) } : {},
    needsModel: !quirks.anthropicGenuine && entry?.takesClientNames !== true,
    declaresLogin: entry?.quirks.acceptsClientLogin === true,
    quirksOf: (model) => {
      const special = model === undefined ? undefined : entry?.modelQuirks?.[model];
      return special ? mergeQuirks(DEFAULT_QUIRKS, entry?.quirks, special, own, login) : quirks;
    },
  };
}

/** The credential that a list of references gives. Those that lead nowhere are left out and told. */
export function keyCredential(
  references: readonly string[],
  secrets: Secrets,
  path: Path,
  remarks: Remarks,
): Credential {
  const found = references.map((reference) => secrets.resolve(reference));
  const keys = found.flatMap((one, at) => ('secret' in one ? [named(one.secret, `${path.join('.')}[${at}]`)] : []));
  const missing = found.flatMap((one) => ('missing' in one ? [one.missing] : []));
  const [first, ...others] = keys;
  if (!first) return { kind: 'missing', reason: `no key: ${missing.join('; ') || 'the list of keys is empty'}` };
  for (const what of missing) remarks.warn({ path, what: `${what}; this key is left out` });
  return { kind: 'keys', keys: [first, ...others] };
}

/** Keys that stand in the file itself have no name: then it is their place. */
function named(secret: Secret, place: string): Secret {
  return secret.origin === 'config' ? new Secret(secret.reveal(), place) : secret;
}

function defaultCredential(
  provider: Provider,
  raw: RawProvider,
  path: Path,
  isLocal: boolean,
  entry: CatalogueEntry | undefined,
  secrets: Secrets,
  remarks: Remarks,
): Credential {
  if (raw.auth?.type === 'none') return { kind: 'none' };
  if (raw.auth?.keys) return keyCredential(raw.auth.keys, secrets, [...path, 'auth', 'keys'], remarks);
  const key = secrets.variable(provider.keyVariables) ?? secrets.stored(provider.id);
  if (key) return { kind: 'keys', keys: [key] };
  if (entry ? entry.keyVariables.length === 0 : isLocal) return { kind: 'none' };
  const variables = provider.keyVariables.join(' or ');
  return { kind: 'missing', reason: `no key: set ${variables}, or run "midswap keys set ${provider.id}"` };
}

function regionsOf({ regions = {} }: CatalogueEntry, protocol: ProtocolId): { name: string; host: string }[] {
  return Object.entries(regions).flatMap(([name, { baseUrls }]) => {
    const url = baseUrls[protocol] ?? Object.values(baseUrls)[0];
    return url === undefined ? [] : [{ name, host: new URL(url).host }];
  });
}

/** A key of one region is of no use in another, and is not to be sent there: its variable says which one it is. */
function regionOfKey(entry: CatalogueEntry | undefined, raw: RawProvider, secrets: Secrets): string | undefined {
  if (!entry?.regions || raw.base_url !== undefined || raw.endpoints !== undefined) return undefined;
  const [first] = raw.auth?.keys ?? [];
  const variable =
    first === undefined
      ? entry.keyVariables.find((name) => secrets.variable([name]) !== undefined)
      : /^env:(.+)$/.exec(first)?.[1];
  return variable === undefined ? undefined : regionOfVariable(entry, variable);
}

function warnOfOpenTransport(endpoints: readonly Endpoint[], path: Path, remarks: Remarks): void {
  const open = endpoints.find(({ baseUrl, local }) => baseUrl.startsWith('http://') && !local && !isLoopback(baseUrl));
  if (open)
    remarks.warn({ path, what: `${open.baseUrl} is not encrypted: key and conversation can be read on the way` });
}

function missingBaseUrl(id: string, entry: CatalogueEntry | undefined, raw: RawProvider): string | undefined {
  if (!entry?.needsBaseUrl || raw.base_url !== undefined || raw.endpoints !== undefined) return undefined;
  return `no base URL: set providers.${id}.base_url (it looks like ${entry.endpoints[0].baseUrl})`;
}

/** A proxy as it is written or referred to. */
export function proxyOf(text: string, secrets: Secrets): { readonly secret: Secret } | { readonly missing: string } {
  const found = secrets.resolve(text);
  if ('missing' in found) return found;
  const url = URL.parse(found.secret.reveal());
  if (url && /^(https?|socks5h?|socks4a?):$/.test(url.protocol) && url.hostname !== '') return found;
  return { missing: `${found.secret.origin} is not a proxy URL` };
}

/** The configuration's spelling of quirks as the catalogue's. */
function partialQuirks(raw: RawQuirks): PartialQuirks {
  const partial: Record<string, unknown> = {};
  const put = (name: string, value: unknown): void => {
    const [group, key] = name.split('.') as [string, string | undefined];
    if (key === undefined) partial[group] = value;
    else partial[group] = { ...(partial[group] as object | undefined), [key]: value };
  };
  for (const [key, value] of Object.entries(raw)) {
    const isGroup = typeof value === 'object' && value !== null && (key === 'messages' || key === 'chat');
    const entries = isGroup ? Object.entries(value).map(([inner, v]) => [`${key}.${inner}`, v]) : [[key, value]];
    for (const [name, inner] of entries) {
      const [row] = quirksByKey(name as string);
      if (row) put(row.name, inner);
    }
  }
  return partial as PartialQuirks;
}

function modelRecordOf(raw: NonNullable<RawProvider['model_data']>[string]): ModelRecord {
  const { context_window: context, max_output_tokens: output, vision, thinking, tools, price } = raw;
  return withoutUndefined({
    context,
    output,
    vision,
    thinking,
    tools,
    price:
      price &&
      withoutUndefined({
        input: price.input,
        output: price.output,
        cacheRead: price.cache_read,
        cacheWrite: price.cache_write,
      }),
  }) as ModelRecord;
}

/** What is not said must not hide what is known. */
function withoutUndefined(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
