import type { CatalogueEntry } from '../../catalogue/provider.ts';
import { findProvider } from '../../catalogue/providers.ts';
import { providerCalled } from '../../catalogue/rival-names.ts';
import { excerpt } from '../../core/redact.ts';
import { Secret } from '../../core/secret.ts';
import { isSlot } from '../../core/slot.ts';
import type { Endpoint, ProtocolId } from '../../core/target.ts';
import { isLoopback } from '../endpoints.ts';
import type { RawProfile, RawProvider } from '../schema.ts';
import type { DraftOptions, Imported, ImportedSecret, ImportNote } from './rival.ts';
import type { Fields } from './source-text.ts';
import { baseUrlFor, knownPlace, readUrl } from './upstream.ts';

/** Where requests are to go, as the other tool says it. */
export interface UpstreamWish {
  /** Its own name for it. */
  readonly name: string;
  /** Where it is said, for notes. */
  readonly path: string;
  readonly url?: string | undefined;
  /** What the tool speaks there, whatever the URL ends with. */
  readonly protocol?: ProtocolId | undefined;
  /** Known without a URL, or in spite of it. */
  readonly place?: { readonly entry: CatalogueEntry; readonly region?: string; readonly url?: string } | undefined;
  /** Header of the key at a place that the catalogue does not know. */
  readonly header?: Endpoint['auth'] | undefined;
  /** A reference to its key; see `key`. */
  readonly key?: string | undefined;
}

/** A provider that was imported, or a profile that stands for it with another key. */
export interface Upstream {
  readonly provider: string;
  /** What a reference to one of its models begins with. */
  readonly head: string;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Routing = NonNullable<Imported['config']['routing']>;

const MODEL = /^[^\s\p{Cc}]{1,200}$/u;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
/** What stands in examples, and where a server on the own machine wants any key at all. */
const PLACEHOLDER =
  /your[-_ ]|_here\b|<.*>|\.\.\.|\*{3}|^(?:sk-)?(?:x{3,}|)$|^(?:ollama|none|null|dummy\S*|not-needed|no-key|empty|lm-?studio|fake\S*|test|placeholder|changeme)$/i;

/** Collects what is read from another tool's files. Nothing in here throws, and no note holds a value. */
export class ImportDraft {
  readonly #rival: string;
  readonly #options: DraftOptions;
  readonly #config: Mutable<Imported['config']> = {};
  readonly #notes: ImportNote[] = [];
  readonly #secrets = new Map<string, ImportedSecret>();
  readonly #names = new Set<string>();
  readonly #heads = new Set<string>();
  /** Where each provider is, so that two wishes for one place meet. */
  readonly #places = new Map<string, string>();
  readonly #providers: Record<string, RawProvider> = {};
  readonly #profiles: Record<string, RawProfile> = {};
  readonly #aliases: Record<string, string> = {};
  readonly #modelMap: Record<string, string> = {};
  readonly #keys = new Map<string, string>();

  constructor(rival: string, options: DraftOptions) {
    this.#rival = rival;
    this.#options = options;
  }

  note(path: string, reason: string): void {
    const shown = shownPath(path);
    if (!this.#notes.some((one) => one.path === shown && one.reason === reason)) {
      this.#notes.push({ path: shown, reason });
    }
  }

  /** Tells of every key but the known ones. */
  leftOver(fields: Fields, known: readonly string[], path: string, reason = 'midswap has no such setting'): void {
    for (const [key, value] of Object.entries(fields)) {
      const isSaid = value !== null && value !== undefined && value !== '' && !isEmpty(value);
      if (!known.includes(key) && isSaid) this.note(path === '' ? key : `${path}.${key}`, reason);
    }
  }

  /** The name of a model, without the client's mark of a long window; `undefined`, and told, for what is none. */
  model(value: unknown, path: string): string | undefined {
    if (typeof value !== 'string' || value.trim() === '') return undefined;
    const text = value.trim();
    const plain = text.replace(/\[\d+[mk]\]$/i, '');
    if (plain !== text) this.note(path, 'the mark of a long window is left out: midswap knows the windows of models');
    if (MODEL.test(plain)) return plain;
    this.note(path, 'is not the name of a model');
    return undefined;
  }

  /**
   * A reference to a key: to the variable that the tool reads, or to the secret that its text becomes. `undefined`, and
   * told, where there is none or it is not to be kept.
   */
  key(value: unknown, label: string, path: string): string | undefined {
    if (typeof value !== 'string' || value.trim() === '') return undefined;
    const text = value.trim();
    const variable = /^(?:\$\{([^}:]+)\}|\$([A-Za-z_]\w*)|os\.environ\/(.+)|\{env:([^}]+)\})$/.exec(text);
    if (variable) {
      const name = (variable[1] ?? variable[2] ?? variable[3] ?? variable[4] ?? '').trim();
      if (VARIABLE.test(name)) return `env:${name}`;
      this.note(path, 'does not name a variable');
      return undefined;
    }
    if (PLACEHOLDER.test(text)) {
      this.note(path, 'is a placeholder and no key');
      return undefined;
    }
    return this.secret(text, label, path);
  }

  /** Keeps a text as a secret, and gives the reference to it. */
  secret(text: string, label: string, path: string): string | undefined {
    if (!/^[\x21-\x7e]{1,4096}$/.test(text)) {
      this.note(path, 'holds spaces or characters that no key has');
      return undefined;
    }
    if (!this.#options.keys) {
      this.note(path, 'a key in plain text, which was not to be kept: set it with "midswap keys set"');
      return undefined;
    }
    const same = [...this.#secrets.values()].find(({ value }) => value.reveal() === text);
    if (same) return `keychain:${same.name}`;
    const wanted = nameOf(`${this.#options.prefix ?? this.#rival}-${label}`);
    const name = unused(wanted, (one) => this.#secrets.has(one.toLowerCase()));
    this.#secrets.set(name.toLowerCase(), {
      name,
      value: new Secret(text, `${this.#rival}: ${path}`),
      path: shownPath(path),
    });
    return `keychain:${name}`;
  }

  /** The provider for a wish; `undefined`, and told, where it cannot be one. */
  upstream(wish: UpstreamWish): Upstream | undefined {
    const written = wish.url === undefined ? undefined : readUrl(wish.url);
    const given = wish.url ?? wish.place?.url;
    if (given !== undefined && !readUrl(given)) {
      this.note(wish.path, 'its address is not a base URL: http:// or https://, without user, password and query');
      return undefined;
    }
    const protocol = wish.protocol ?? written?.protocol;
    const found =
      wish.place ??
      (written && (knownPlace(wish.name, written.baseUrl, protocol) ?? ownMachine(wish.name, written.baseUrl)));
    const provider = found
      ? this.#known(wish, found, written?.baseUrl, protocol)
      : this.#own(wish, written?.baseUrl, protocol);
    return provider === undefined ? undefined : this.#withKey(provider, wish);
  }

  /** Keeps a proxy for a provider that is not on this machine; as a secret where it holds a password. */
  proxy(provider: string, text: string, path: string): void {
    const url = URL.parse(text);
    const place = this.#providers[provider];
    const entry = findProvider(provider);
    if (place?.base_url === undefined ? entry && isLocal(entry) : isLoopback(place.base_url)) return;
    const reference = url?.username || url?.password ? this.secret(text, 'proxy', path) : text;
    if (reference === undefined) return;
    if (this.#options.prefix !== undefined && !this.#providers[provider]) {
      this.note(path, `a proxy belongs to the provider "${provider}", which is not touched`);
      return;
    }
    this.#providers[provider] = { ...this.#providers[provider], proxy: reference };
  }

  /** What a reference to the provider's model is. */
  reference({ head }: Upstream, model: string): string {
    this.#heads.add(head.toLowerCase());
    return `${head}:${model}`;
  }

  /** Model for the provider's slots that have none: only of those that the catalogue does not know. */
  defaultModel({ provider }: Upstream, model: string): void {
    const raw = this.#providers[provider];
    if (raw && !findProvider(provider) && raw.models === undefined) raw.models = { default: model };
  }

  /** Adds a profile; gives the name that it has got. */
  profile(name: string, raw: RawProfile, path: string): string {
    const wanted = this.#prefixed(name);
    const leadsElsewhere = (one: string): boolean => {
      const id = this.#providerNamed(one);
      return id !== undefined && id !== raw.provider;
    };
    const base = leadsElsewhere(wanted) ? nameOf(`${wanted}-${this.#rival}`) : wanted;
    const got = unused(base, (one) => this.#names.has(one.toLowerCase()));
    if (got !== name) this.note(path, `the profile is called "${got}" here`);
    this.#names.add(got.toLowerCase());
    this.#profiles[got] = raw;
    return got;
  }

  alias(name: string, reference: string, path: string): void {
    const wanted = this.#prefixed(name);
    const base = isSlot(wanted.toLowerCase()) ? nameOf(`${wanted}-${this.#rival}`) : wanted;
    const got = unused(base, (one) => this.#names.has(one.toLowerCase()));
    if (got !== name) this.note(path, `the alias is called "${got}" here`);
    this.#names.add(got.toLowerCase());
    this.#aliases[got] = reference;
  }

  mapModel(name: string, reference: string, path: string): void {
    if (!/^[A-Za-z0-9]\S{0,255}$/.test(name)) this.note(path, 'is not the name of a model');
    else if (!Object.keys(this.#modelMap).some((one) => one.toLowerCase() === name.toLowerCase())) {
      this.#modelMap[name] = reference;
    }
  }

  route<K extends keyof Routing>(key: K, value: Routing[K]): void {
    this.#config.routing = { ...this.#config.routing, [key]: value };
  }

  set<K extends 'default_profile' | 'always_dynamic'>(key: K, value: Imported['config'][K]): void {
    this.#config[key] = value;
  }

  finish(): Imported {
    const maps = {
      providers: this.#providers,
      profiles: this.#profiles,
      aliases: this.#aliases,
      model_map: this.#modelMap,
    };
    const said = Object.entries(maps).filter(([, map]) => Object.keys(map).length > 0);
    return {
      config: { ...this.#config, ...Object.fromEntries(said) },
      secrets: [...this.#secrets.values()],
      notes: this.#notes,
      heads: [...this.#heads],
    };
  }

  #known(
    wish: UpstreamWish,
    found: {
      readonly entry: CatalogueEntry;
      readonly region?: string | undefined;
      readonly url?: string;
      readonly elsewhere?: boolean;
    },
    baseUrl: string | undefined,
    protocol: ProtocolId | undefined,
  ): string | undefined {
    const { entry, region } = found;
    const moved = found.url ?? (found.elsewhere || entry.needsBaseUrl ? baseUrl : undefined);
    if (moved !== undefined && protocol === undefined && found.elsewhere) {
      this.note(wish.path, `its address speaks a protocol of its own; ${entry.name} is reached where midswap does`);
    }
    const at = moved !== undefined && (protocol ?? (found.url ? ('openai-chat' as const) : undefined));
    const raw = overrideOf(entry, region, moved, at || undefined);
    const place = JSON.stringify(raw);
    const before = this.#places.get(entry.id);
    if (before === place) return entry.id;
    const isUsual = place === '{}';
    if (before === undefined && (isUsual || this.#options.prefix === undefined)) {
      this.#places.set(entry.id, place);
      if (!isUsual) this.#providers[entry.id] = { ...raw };
      return entry.id;
    }
    const [first] = entry.endpoints;
    const there = at ? moved : region === undefined ? first.baseUrl : entry.regions?.[region]?.baseUrls[first.protocol];
    this.note(
      wish.path,
      `${entry.name} at a second address: a provider of its own, without what is known of ${entry.name}`,
    );
    return this.#own({ ...wish, header: wish.header ?? first.auth }, there, at || first.protocol);
  }

  /** A provider that is told by its address and protocol alone. */
  #own(wish: UpstreamWish, baseUrl: string | undefined, protocol: ProtocolId | undefined): string | undefined {
    if (baseUrl === undefined || protocol === undefined) {
      const what =
        baseUrl === undefined
          ? 'no known provider, and no address is given'
          : 'its address does not say which protocol it speaks';
      this.note(wish.path, what);
      return undefined;
    }
    const base_url = baseUrlFor(protocol, baseUrl);
    const type = wish.header ?? (protocol === 'anthropic-messages' ? 'x-api-key' : 'bearer');
    const place = JSON.stringify([protocol, base_url, type]);
    const same = [...this.#places].find(([, one]) => one === place);
    if (same) return same[0];
    const wanted = this.#prefixed(wish.name);
    const free = findProvider(wanted) ? nameOf(`${wanted}-${this.#rival}`) : wanted;
    const name = unused(free, (one) => this.#providerNamed(one) !== undefined || this.#names.has(one.toLowerCase()));
    this.#places.set(name, place);
    this.#providers[name] = { protocol, base_url, auth: { type } };
    return name;
  }

  /** The provider with the key, or a profile for it where it has another one already. */
  #withKey(provider: string, { key, path }: UpstreamWish): Upstream {
    const entry = findProvider(provider);
    const before = this.#keys.get(provider);
    const isOwnVariable = key?.startsWith('env:') === true && entry?.keyVariables.includes(key.slice('env:'.length));
    if (key === undefined || key === before) return { provider, head: provider };
    const touches = this.#options.prefix === undefined || !entry;
    if (before === undefined && (touches || isOwnVariable)) {
      this.#keys.set(provider, key);
      if (!isOwnVariable) {
        const raw = this.#providers[provider] ?? {};
        this.#providers[provider] = { ...raw, auth: { ...raw.auth, keys: [key] } };
      }
      return { provider, head: provider };
    }
    const same = Object.entries(this.#profiles).find(
      ([, raw]) =>
        raw.provider === provider && raw.keys?.[0] === key && raw.keys.length === 1 && raw.models === undefined,
    );
    return { provider, head: same?.[0] ?? this.profile(`${provider}-key`, { provider, keys: [key] }, path) };
  }

  #providerNamed(name: string): string | undefined {
    const key = name.toLowerCase();
    return findProvider(key)?.id ?? Object.keys(this.#providers).find((one) => one.toLowerCase() === key);
  }

  #prefixed(name: string): string {
    const { prefix } = this.#options;
    return nameOf(prefix === undefined ? name : `${prefix}-${name}`);
  }
}

/** A runtime of the user's own on another machine or port: its name says what it is. */
function ownMachine(name: string, baseUrl: string): { entry: CatalogueEntry; url: string } | undefined {
  const entry = providerCalled(name);
  return entry && isLocal(entry) && /^(?:\/v1)?$/.test(new URL(baseUrl).pathname.replace(/\/+$/, ''))
    ? { entry, url: baseUrl }
    : undefined;
}

/** What the configuration has to say of a provider of the catalogue that is at this place. */
function overrideOf(
  entry: CatalogueEntry,
  region: string | undefined,
  moved: string | undefined,
  at: ProtocolId | undefined,
): RawProvider {
  if (moved !== undefined && isLocal(entry)) {
    const { origin } = new URL(moved);
    return entry.endpoints.every(({ baseUrl }) => new URL(baseUrl).origin === origin) ? {} : { base_url: origin };
  }
  if (moved !== undefined && at) return { protocol: at, endpoints: { [at]: { base_url: baseUrlFor(at, moved) } } };
  return region === undefined ? {} : { region };
}

function isLocal({ endpoints }: CatalogueEntry): boolean {
  return endpoints.every((endpoint) => endpoint.local);
}

/** A path of somebody else's file, as it may be printed. */
function shownPath(path: string): string {
  return excerpt(path.replace(/\p{Cc}+/gu, ' '), 160);
}

/** The text as a name of the configuration: letters, digits, dots, dashes and underscores. */
export function nameOf(text: string): string {
  const plain = text
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+|[-._]+$/g, '')
    .slice(0, 56)
    .replace(/[-._]+$/, '');
  return plain === '' ? 'imported' : plain.toLowerCase() === 'claude' ? `${plain}-imported` : plain;
}

function unused(name: string, isTaken: (name: string) => boolean): string {
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? name : `${name}-${number}`;
    if (!isTaken(candidate)) return candidate;
  }
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
