import { knownModels, type ModelTable, modelData } from '../catalogue/models.ts';
import { CATALOGUE, type Catalogue } from '../catalogue/providers.ts';
import { MidswapError } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import { isSlot } from '../core/slot.ts';
import type { Limits, Profile, Routing, Settings, Snapshot } from '../core/snapshot.ts';
import type { ModelData } from '../core/target.ts';
import { resolveReference } from '../routing/reference.ts';
import { ProfileCompiler, type WrittenProfile } from './compile-profile.ts';
import { type CompiledProvider, compileProvider } from './compile-provider.ts';
import { breakerOf, failuresOf, limitsOf, retryOf } from './compile-resilience.ts';
import { cacheOf, TOOL_DEFAULTS, webToolsOf } from './compile-tools.ts';
import type { EnvironmentProxies } from './environment-proxy.ts';
import type { Remark, Remarks } from './remarks.ts';
import type { RawConfig } from './schema.ts';
import { isSecretReference, type Secrets } from './secrets.ts';
import type { Path } from './source.ts';

/** The built-in profile that passes the client's own login through. */
export const SUBSCRIPTION = 'subscription';
/** Another word for it, where nothing else has that name. */
const SUBSCRIPTION_ALIAS = 'max';

/** What holds where nothing is said. */
export const BUILT_IN = {
  default_profile: SUBSCRIPTION,
  always_dynamic: true,
  local_answers: { model_check: true, quota_check: true },
  gateway: { host: '127.0.0.1', port: 0, max_body_bytes: 32 << 20, grace_ms: 30_000, ping_ms: 10_000 },
  ...TOOL_DEFAULTS,
} as const satisfies RawConfig;

export interface CompileInput {
  /** All layers merged. */
  readonly config: RawConfig;
  readonly secrets: Secrets;
  /** Model data that goes before what midswap was shipped with, and behind that of the configuration. */
  readonly models?: ModelTable | undefined;
  readonly version: number;
  /** For providers without a proxy of their own. */
  readonly proxies?: EnvironmentProxies;
  /** Providers that are known by name; those that midswap was shipped with where it is not said. */
  readonly catalogue?: Catalogue | undefined;
}

export interface Compiled {
  /** To be used only when there are no faults. */
  readonly snapshot: Snapshot;
  readonly faults: readonly Remark[];
  readonly warnings: readonly Remark[];
  /** Model data beside the shipped one; earlier tables win. */
  readonly tables: readonly ModelTable[];
}

const UNKNOWN_MODEL: ModelData = Object.freeze({
  contextWindow: undefined,
  maxOutputTokens: undefined,
  vision: undefined,
  thinking: undefined,
});

/** Makes the snapshot of a merged configuration. Pure, but for what `secrets` looks up. */
export function compileConfig(input: CompileInput): Compiled {
  const { config, secrets, models, version, proxies, catalogue = CATALOGUE } = input;
  const faults: Remark[] = [];
  const warnings: Remark[] = [];
  const remarks: Remarks = {
    fault: (remark) => faults.push(remark),
    warn: (remark) => warnings.push(remark),
  };
  warnOfLiteralKeys(config, remarks);
  const providers = compileProviders(config, catalogue, secrets, remarks);
  const providerId = (name: string): string | undefined => {
    const key = name.toLowerCase();
    const id = providers.has(key) ? key : catalogue.find(key)?.id;
    return id !== undefined && providers.has(id) ? id : undefined;
  };
  const aliases = lowerCased(config.aliases);
  const written = writtenProfiles(config, providers, aliases, remarks);
  if (!written.has(SUBSCRIPTION_ALIAS) && !aliases.has(SUBSCRIPTION_ALIAS) && written.has(SUBSCRIPTION)) {
    aliases.set(SUBSCRIPTION_ALIAS, SUBSCRIPTION);
  }
  const data = dataLookUp(providers, models);
  const modelNames = modelNamesOf(providers, data.tables);
  const compiler = new ProfileCompiler(
    {
      profiles: written,
      aliases,
      providers,
      providerId,
      secrets,
      proxies,
      modelData: data,
      modelNames,
    },
    remarks,
  );
  const profiles = new Map<string, Profile>();
  for (const key of written.keys()) {
    const profile = compiler.compile(key);
    if (profile) profiles.set(key, Object.freeze(profile));
  }
  const snapshot: Snapshot = Object.freeze({
    version,
    settings: settingsOf(config),
    providers: new Map([...providers].map(([id, { provider }]) => [id, Object.freeze(provider)])),
    profiles,
    aliases,
    modelMap: lowerCased(config.model_map),
    routing: routingOf(config),
    ...cacheOf(config),
    ...webToolsOf(config, secrets, remarks, proxies),
    targetFor: (provider: string, model: string | undefined, profile?: string) => {
      const target = compiler.targetFor(provider, model, profile);
      if (!target) throw new MidswapError('unknown_reference', `"${provider}" is no provider`);
      return target;
    },
    modelData: (provider: string, model: string) => data(provider, model),
    modelNames,
    providerId,
  });
  checkReferences(config, snapshot, new Set([...written.keys()].filter((key) => !profiles.has(key))), remarks);
  return { snapshot, faults, warnings, tables: data.tables };
}

function compileProviders(
  config: RawConfig,
  { entries, find }: Catalogue,
  secrets: Secrets,
  remarks: Remarks,
): Map<string, CompiledProvider> {
  const idOf = (name: string): string => find(name)?.id ?? name.toLowerCase();
  const written = new Map(
    Object.entries(config.providers ?? {}).map(([name, raw]) => [
      idOf(name),
      { raw, path: ['providers', name] satisfies Path },
    ]),
  );
  const limits = new Map<string, Limits>();
  const ids = new Set([...entries.map((entry) => entry.id), ...written.keys()]);
  for (const [name, raw] of Object.entries(config.limits ?? {})) {
    const id = idOf(name);
    if (ids.has(id)) limits.set(id, limitsOf(raw));
    else remarks.fault({ path: ['limits', name], what: 'is no provider', suggestion: nearest(name, ids) });
  }
  const providers = new Map<string, CompiledProvider>();
  for (const id of ids) {
    const given = { secrets, limits: limits.get(id), general: config };
    const compiled = compileProvider(id, find(id), written.get(id), given, remarks);
    if (compiled) providers.set(id, compiled);
  }
  return providers;
}

/** The profiles of the configuration, then one for each provider and one for the client's own login. */
function writtenProfiles(
  config: RawConfig,
  providers: ReadonlyMap<string, CompiledProvider>,
  aliases: ReadonlyMap<string, string>,
  remarks: Remarks,
): Map<string, WrittenProfile> {
  const written = new Map<string, WrittenProfile>();
  for (const [name, raw] of Object.entries(config.profiles ?? {})) {
    const key = name.toLowerCase();
    if (aliases.has(key)) {
      const alias = Object.keys(config.aliases ?? {}).find((one) => one.toLowerCase() === key) ?? name;
      remarks.fault({ path: ['aliases', alias], what: `is the name of a profile too, so it would be ambiguous` });
    }
    written.set(key, { name, raw, path: ['profiles', name] });
  }
  const builtIn = (name: string, raw: WrittenProfile['raw']): void => {
    if (!written.has(name) && !aliases.has(name))
      written.set(name, { name, raw, path: ['profiles', name], isBuiltIn: true });
  };
  const login = [...providers.values()].find(({ declaresLogin }) => declaresLogin);
  if (login) builtIn(SUBSCRIPTION, { provider: login.provider.id, auth: 'subscription' });
  for (const id of providers.keys()) builtIn(id, { provider: id });
  return written;
}

function dataLookUp(providers: ReadonlyMap<string, CompiledProvider>, models: ModelTable | undefined) {
  // No two of them are about the same provider, so one table does for all.
  const own: ModelTable = Object.assign({}, ...[...providers.values()].map(({ table }) => table));
  const tables = [own, ...(models ? [models] : [])].filter((table) => Object.keys(table).length > 0);
  const known = new Map<string, ModelData>();
  const look = (provider: string, model: string | undefined): ModelData => {
    if (model === undefined) return UNKNOWN_MODEL;
    const key = `${provider}\n${model}`;
    const before = known.get(key);
    if (before) return before;
    const data = Object.freeze(modelData(provider, model, ...tables));
    // Names come from clients too: what is remembered must not grow without end.
    if (known.size < 5_000) known.set(key, data);
    return data;
  };
  return Object.assign(look, { tables });
}

/** Names of a provider's models of which something is known. */
function modelNamesOf(providers: ReadonlyMap<string, CompiledProvider>, tables: readonly ModelTable[]) {
  const known = new Map<string, ReadonlySet<string>>();
  return (id: string): ReadonlySet<string> => {
    const models = providers.get(id)?.models ?? {};
    const names = known.get(id) ?? new Set([...Object.values(models), ...knownModels(id, ...tables)]);
    known.set(id, names);
    return names;
  };
}

function settingsOf(config: RawConfig): Settings {
  const { default_profile, always_dynamic, gateway = {}, retry, breaker, fallback_on, local_answers = {} } = config;
  return Object.freeze({
    defaultProfile: default_profile ?? BUILT_IN.default_profile,
    alwaysDynamic: always_dynamic ?? BUILT_IN.always_dynamic,
    maxBodyBytes: gateway.max_body_bytes ?? BUILT_IN.gateway.max_body_bytes,
    graceMs: gateway.grace_ms ?? BUILT_IN.gateway.grace_ms,
    pingMs: gateway.ping_ms ?? BUILT_IN.gateway.ping_ms,
    host: gateway.host ?? BUILT_IN.gateway.host,
    port: gateway.port ?? BUILT_IN.gateway.port,
    ...(retry ? { retry: retryOf(retry) } : {}),
    ...(breaker ? { breaker: breakerOf(breaker) } : {}),
    ...(fallback_on ? { fallbackOn: failuresOf(fallback_on) } : {}),
    localAnswers: {
      modelCheck: local_answers.model_check ?? BUILT_IN.local_answers.model_check,
      quotaCheck: local_answers.quota_check ?? BUILT_IN.local_answers.quota_check,
    },
  });
}

function routingOf({ routing = {} }: RawConfig): Routing {
  const { background, think, image, compaction, classifier } = routing;
  const plain = { background, think, image, compaction, classifier, webSearch: routing.web_search };
  const set = Object.entries(plain).filter(([, text]) => text !== undefined);
  return Object.freeze({
    ...(Object.fromEntries(set) as Partial<Record<keyof typeof plain, string>>),
    ...(routing.long_context ? { longContext: routing.long_context } : {}),
    subagents: new Map(Object.entries(routing.subagents ?? {})),
  });
}

/**
 * Every reference leads somewhere. One whose key is missing does: it is told when it is used. What names a profile that
 * is faulty itself is not told again.
 */
function checkReferences(config: RawConfig, snapshot: Snapshot, faulty: ReadonlySet<string>, remarks: Remarks): void {
  // Many profiles name the same few references.
  const looked = new Map<string, Omit<Remark, 'path'> | undefined>();
  const check = (path: Path, reference: string | undefined, slotsToo: boolean): void => {
    if (reference === undefined) return;
    const key = reference.toLowerCase();
    if (slotsToo && isSlot(key)) return;
    if (snapshot.profiles.has(key) && !snapshot.aliases.has(key)) return;
    if (faulty.has(key.split(':', 1)[0] as string)) return;
    if (!looked.has(reference)) looked.set(reference, whatIsWrong(snapshot, reference));
    const wrong = looked.get(reference);
    if (wrong) remarks.fault({ path, ...wrong });
  };
  check(['default_profile'], config.default_profile, false);
  for (const [name, text] of Object.entries(config.aliases ?? {})) check(['aliases', name], text, false);
  for (const [name, text] of Object.entries(config.model_map ?? {})) check(['model_map', name], text, true);
  const { long_context, subagents, ...routes } = config.routing ?? {};
  for (const [name, text] of Object.entries(routes)) check(['routing', name], text, true);
  check(['routing', 'long_context', 'target'], long_context?.target, true);
  for (const [name, text] of Object.entries(subagents ?? {})) check(['routing', 'subagents', name], text, true);
  for (const [name, { fallback }] of Object.entries(config.profiles ?? {})) {
    for (const [at, text] of (fallback ?? []).entries()) check(['profiles', name, 'fallback', at], text, false);
  }
}

function whatIsWrong(snapshot: Snapshot, reference: string): Omit<Remark, 'path'> | undefined {
  try {
    resolveReference(snapshot, reference);
  } catch (error) {
    if (!(error instanceof MidswapError)) throw error;
    if (error.code === 'no_credential') return undefined;
    return { what: error.message, suggestion: /^Did you mean "(.+)"\?$/.exec(error.hint ?? '')?.[1] };
  }
  return undefined;
}

/** A key in the file is read by everything that reads the file, and ends up in backups and repositories. */
function warnOfLiteralKeys(config: RawConfig, remarks: Remarks): void {
  const check = (path: Path, keys: readonly string[] | undefined): void => {
    for (const [at, text] of (keys ?? []).entries()) {
      if (isSecretReference(text)) continue;
      const what = 'is a key in plain text: keep it with "midswap keys set" and write keychain:NAME or env:NAME here';
      remarks.warn({ path: [...path, at], what });
    }
  };
  for (const [name, { auth }] of Object.entries(config.providers ?? {}))
    check(['providers', name, 'auth', 'keys'], auth?.keys);
  for (const [name, { keys }] of Object.entries(config.profiles ?? {})) check(['profiles', name, 'keys'], keys);
  const key = config.web_tools?.search?.key;
  check(['web_tools', 'search', 'key'], key === undefined ? undefined : [key]);
}

function lowerCased(map: Readonly<Record<string, string>> | undefined): Map<string, string> {
  return new Map(Object.entries(map ?? {}).map(([name, text]) => [name.toLowerCase(), text]));
}
