import { nearest } from '../core/nearest.ts';
import { FAMILY_SLOTS, isSlot, SLOTS, type Slot } from '../core/slot.ts';
import type { Profile } from '../core/snapshot.ts';
import type { Credential, Endpoint, ModelData, ProtocolId, Target, ThinkingChoice } from '../core/target.ts';
import { type CompiledProvider, keyCredential } from './compile-provider.ts';
import { failuresOf } from './compile-resilience.ts';
import type { EnvironmentProxies } from './environment-proxy.ts';
import type { Remarks } from './remarks.ts';
import type { RawProfile } from './schema.ts';
import type { Secrets } from './secrets.ts';
import type { Path } from './source.ts';

/** A profile as it is written, or as it is built in. */
export interface WrittenProfile {
  readonly name: string;
  readonly raw: RawProfile;
  readonly path: Path;
  readonly isBuiltIn?: boolean;
}

/** All that profiles are compiled from; names are lower case. */
export interface ProfileSources {
  readonly profiles: ReadonlyMap<string, WrittenProfile>;
  readonly aliases: ReadonlyMap<string, string>;
  readonly providers: ReadonlyMap<string, CompiledProvider>;
  /** The id of a provider by any of its names, in any case. */
  providerId(name: string): string | undefined;
  readonly secrets: Secrets;
  readonly proxies: EnvironmentProxies | undefined;
  modelData(provider: string, model: string | undefined): ModelData;
  /** Names of a provider's models of which something is known. */
  modelNames(provider: string): ReadonlySet<string>;
}

/** A profile and the ways in which targets are made through it. */
interface Draft {
  readonly profile: Profile;
  /** A target for any model of its own provider, with its credential. */
  targetFor(model: string | undefined): Target;
}

/** What a slot is set to leads nowhere. */
class DeadEnd {
  readonly what: string;
  readonly suggestion: string | undefined;

  constructor(what: string, suggestion?: string) {
    this.what = what;
    this.suggestion = suggestion;
  }
}

const DEFAULT = 'default';
type ModelKey = Slot | typeof DEFAULT;

/** Compiles profiles on demand: a slot may live at another one. Each is compiled once, and circles are found. */
export class ProfileCompiler {
  readonly #sources: ProfileSources;
  readonly #remarks: Remarks;
  readonly #drafts = new Map<string, Draft | DeadEnd>();
  readonly #open: string[] = [];

  constructor(sources: ProfileSources, remarks: Remarks) {
    this.#sources = sources;
    this.#remarks = remarks;
  }

  /** The profile, or `undefined` when it cannot be one; then it has been told. */
  compile(name: string): Profile | undefined {
    const draft = this.#draft(name);
    return draft instanceof DeadEnd ? undefined : draft.profile;
  }

  /** A target for a model of the provider, through the profile where its provider is that one. */
  targetFor(provider: string, model: string | undefined, profile: string | undefined): Target | undefined {
    const draft = profile === undefined ? undefined : this.#drafts.get(profile.toLowerCase());
    if (draft && !(draft instanceof DeadEnd) && draft.profile.provider === provider) return draft.targetFor(model);
    const compiled = this.#sources.providers.get(provider);
    return compiled && this.#target(compiled, model, { profile: profile ?? provider });
  }

  #draft(name: string): Draft | DeadEnd {
    const key = name.toLowerCase();
    const known = this.#drafts.get(key);
    if (known) return known;
    if (this.#open.includes(key)) {
      return new DeadEnd(`leads back to itself: ${[...this.#open.slice(this.#open.indexOf(key)), key].join(' -> ')}`);
    }
    const written = this.#sources.profiles.get(key);
    if (!written) return new DeadEnd(`"${name}" is no profile`);
    this.#open.push(key);
    try {
      const draft = this.#make(written);
      this.#drafts.set(key, draft);
      return draft;
    } finally {
      this.#open.pop();
    }
  }

  #make(written: WrittenProfile): Draft | DeadEnd {
    const { name, raw, path } = written;
    const provider = this.#providerOf(written);
    if (provider instanceof DeadEnd) return provider;
    const credential = provider ? this.#credentialOf(written, provider) : undefined;
    const endpoint = provider ? this.#endpointOf(written, provider) : undefined;
    const own = (model: string | undefined): Target =>
      this.#target(provider as CompiledProvider, model, { profile: name, credential, endpoint });

    const resolve = (key: ModelKey, text: string, slot: Slot | undefined): Target | undefined => {
      const found = this.#slotTarget(written, provider, own, text, slot, []);
      if (!(found instanceof DeadEnd)) return found;
      this.#remarks.fault({ path: [...path, 'models', key], what: found.what, suggestion: found.suggestion });
      return undefined;
    };
    const models = raw.models ?? {};
    const defaults = provider?.models ?? {};
    const slots: Partial<Record<Slot, Target>> = {};
    for (const slot of SLOTS) {
      const text = models[slot];
      const isFamily = (FAMILY_SLOTS as readonly string[]).includes(slot);
      let target: Target | undefined;
      if (text !== undefined) target = resolve(slot, text, slot);
      else if (models.default !== undefined && isFamily) target = resolve(DEFAULT, models.default, slot);
      else if (models.default === undefined && provider) {
        const model = defaults[slot] ?? (isFamily ? defaults.default : undefined);
        target = model === undefined ? undefined : own(model);
      }
      if (target) slots[slot] = reachedThrough(target, name, raw.thinking?.[slot] ?? raw.thinking?.default);
    }
    const rest = this.#restTarget(written, provider, own, slots, resolve);
    if (!rest) return new DeadEnd(`profile "${name}" leads nowhere`);
    const fallbackTarget = reachedThrough(rest, name, raw.thinking?.default);
    const targets = [...Object.values(slots), fallbackTarget];
    const profile: Profile = {
      name,
      provider: provider?.provider.id ?? fallbackTarget.provider,
      auth: authOf(targets, credential),
      ...(written.isBuiltIn && { isBuiltIn: true }),
      slots,
      fallbackTarget,
      unusable: this.#whyUnusable(provider, slots, fallbackTarget),
      fallback: raw.fallback ?? [],
      ...(raw.fallback_on ? { fallbackOn: failuresOf(raw.fallback_on) } : {}),
    };
    return { profile, targetFor: provider ? own : (model) => this.#beside(fallbackTarget, model, name) };
  }

  /** Another model at the place of a target. */
  #beside({ provider, credential, endpoint }: Target, model: string | undefined, profile: string): Target {
    const compiled = this.#sources.providers.get(provider) as CompiledProvider;
    return this.#target(compiled, model, { profile, credential, endpoint });
  }

  /** Where names go that no slot covers. */
  #restTarget(
    written: WrittenProfile,
    provider: CompiledProvider | undefined,
    own: (model: string | undefined) => Target,
    slots: Partial<Record<Slot, Target>>,
    resolve: (key: ModelKey, text: string, slot: Slot | undefined) => Target | undefined,
  ): Target | undefined {
    const { raw, path, name } = written;
    if (raw.models?.default !== undefined) return resolve(DEFAULT, raw.models.default, undefined);
    const model = provider?.models.default;
    if (model !== undefined) return own(model);
    const first = slots.sonnet ?? slots.opus ?? slots.haiku ?? slots.fable ?? Object.values(slots)[0];
    if (first) return first;
    if (provider) return own(undefined);
    const hadModels = Object.values(raw.models ?? {}).some((text) => text !== undefined);
    if (!hadModels) this.#remarks.fault({ path, what: `"${name}" is no provider, so it needs a provider or models` });
    return undefined;
  }

  #providerOf(written: WrittenProfile): CompiledProvider | undefined | DeadEnd {
    const { name, raw, path } = written;
    if (raw.provider === undefined) return this.#provider(name);
    const provider = this.#provider(raw.provider);
    if (provider) return provider;
    const names = this.#sources.providers.keys();
    const what = `"${raw.provider}" is no provider`;
    this.#remarks.fault({ path: [...path, 'provider'], what, suggestion: nearest(raw.provider, names) });
    return new DeadEnd(what);
  }

  #provider(name: string): CompiledProvider | undefined {
    const id = this.#sources.providerId(name);
    return id === undefined ? undefined : this.#sources.providers.get(id);
  }

  #credentialOf({ raw, path }: WrittenProfile, provider: CompiledProvider): Credential {
    const auth = [...path, 'auth'];
    if (raw.auth === 'none') return { kind: 'none' };
    if (raw.auth === 'subscription') {
      if (provider.provider.quirks.acceptsClientLogin) return { kind: 'client' };
      if (provider.declaresLogin) {
        const reason = `the client's own login does not go to ${provider.provider.endpoints[0].baseUrl}: use a key there`;
        return { kind: 'missing', reason };
      }
      const what = `${provider.provider.id} is not declared to take the client's own login`;
      this.#remarks.fault({ path: auth, what });
      return { kind: 'missing', reason: what };
    }
    if (raw.keys) return keyCredential(raw.keys, this.#sources.secrets, [...path, 'keys'], this.#remarks);
    const { credential } = provider;
    if (raw.auth !== 'key' || credential.kind !== 'none') return credential;
    return { kind: 'missing', reason: `no key: set providers.${provider.provider.id}.auth.keys` };
  }

  #endpointOf({ raw, path }: WrittenProfile, { provider }: CompiledProvider): Endpoint {
    const { protocol } = raw;
    if (protocol === undefined) return provider.endpoints[0];
    const found = provider.endpoints.find((endpoint) => endpoint.protocol === protocol);
    if (found) return found;
    const has: ProtocolId[] = provider.endpoints.map((endpoint) => endpoint.protocol);
    this.#remarks.fault({
      path: [...path, 'protocol'],
      what: `${provider.id} has no endpoint for ${protocol}; it has ${has.join(', ')}`,
    });
    return provider.endpoints[0];
  }

  /**
   * What a slot is set to. `NAME:model` is a place elsewhere when NAME is a profile or a provider. In a profile with a
   * provider everything else but the name of a profile or alias is a model of that provider, slashes included:
   * aggregators have models called `vendor/model`.
   */
  #slotTarget(
    written: WrittenProfile,
    provider: CompiledProvider | undefined,
    own: (model: string | undefined) => Target,
    text: string,
    slot: Slot | undefined,
    trail: readonly string[],
  ): Target | DeadEnd {
    if (provider && this.#sources.modelNames(provider.provider.id).has(text)) return own(text);
    const elsewhere = this.#atPlace(written, provider, own, text, ':', slot);
    if (elsewhere) return elsewhere;
    const key = text.toLowerCase();
    if (isSlot(key) && key !== slot) {
      const other = written.raw.models?.[key] ?? provider?.models[key];
      if (other !== undefined && other.toLowerCase() !== key && !trail.includes(key)) {
        return this.#slotTarget(written, provider, own, other, key, [...trail, key]);
      }
      return new DeadEnd(`the slot "${key}" of this profile leads nowhere`);
    }
    const alias = this.#sources.aliases.get(key);
    if (alias !== undefined) {
      if (trail.includes(key)) return new DeadEnd(`leads back to itself: ${[...trail, key].join(' -> ')}`);
      return this.#slotTarget(written, undefined, own, alias, slot, [...trail, key]);
    }
    if (key !== written.name.toLowerCase() && this.#sources.profiles.has(key)) {
      const draft = this.#draft(key);
      return draft instanceof DeadEnd ? draft : targetOf(draft.profile, slot);
    }
    if (provider) return own(text);
    return this.#atPlace(written, provider, own, text, '/', slot) ?? this.#byModel(text) ?? this.#unknown(text);
  }

  /** `profile:model`, `provider:model`, `provider/model/name`: the text before the first separator is a known name. */
  #atPlace(
    written: WrittenProfile,
    provider: CompiledProvider | undefined,
    own: (model: string | undefined) => Target,
    text: string,
    separator: ':' | '/',
    slot: Slot | undefined,
  ): Target | DeadEnd | undefined {
    const at = text.indexOf(separator);
    if (at <= 0 || at === text.length - 1) return undefined;
    const head = text.slice(0, at).toLowerCase();
    const model = text.slice(at + 1);
    if (head === written.name.toLowerCase() && provider) return own(model);
    if (separator === ':' && this.#sources.profiles.has(head)) {
      const draft = this.#draft(head);
      if (draft instanceof DeadEnd) return draft;
      const word = model.toLowerCase();
      return isSlot(word) ? targetOf(draft.profile, word) : draft.targetFor(model);
    }
    const other = this.#provider(head);
    if (!other) return this.#aliasAsPlace(provider, head, separator + model);
    if (slot !== undefined && model.toLowerCase() === slot) {
      const known = other.models[slot];
      if (known !== undefined) return this.#target(other, known, { profile: other.provider.id });
    }
    return this.#target(other, model, { profile: other.provider.id });
  }

  /** Only profiles and providers have models. What looks like an alias may still be a model called `alias:tag`. */
  #aliasAsPlace(provider: CompiledProvider | undefined, name: string, rest: string): DeadEnd | undefined {
    const meaning = this.#sources.aliases.get(name);
    if (meaning === undefined) return undefined;
    const [place = meaning] = meaning.split(/[:/]/, 1);
    if (provider && place !== meaning) return undefined;
    return new DeadEnd(
      `"${name}" is an alias of "${meaning}", and only a profile or a provider has models`,
      place + rest,
    );
  }

  /** A plain model id that exactly one profile with a provider names. */
  #byModel(text: string): Target | DeadEnd | undefined {
    const key = text.toLowerCase();
    const found: Profile[] = [];
    for (const [name, { raw }] of this.#sources.profiles) {
      if (this.#open.includes(name)) continue;
      const own = Object.values(raw.models ?? {}).some((model) => model?.toLowerCase() === key);
      if (!own) continue;
      const profile = this.compile(name);
      if (profile) found.push(profile);
    }
    const [only, second] = found;
    if (!only) return undefined;
    if (second) return new DeadEnd(`"${text}" can mean ${found.map((one) => `${one.name}:${text}`).join(' or ')}`);
    return [...Object.values(only.slots), only.fallbackTarget].find((target) => target.model?.toLowerCase() === key);
  }

  #unknown(text: string): DeadEnd {
    const { profiles, aliases, providers } = this.#sources;
    const [head = text] = text.split(/[:/]/, 1);
    const near = nearest(head, [...profiles.keys(), ...aliases.keys(), ...providers.keys()]);
    const suggestion = near === undefined || head === text ? near : near + text.slice(head.length);
    return new DeadEnd(`"${text}" is no profile, alias or provider:model`, suggestion);
  }

  #target(
    { provider, credential, proxy: own, problem, quirksOf }: CompiledProvider,
    model: string | undefined,
    through: {
      readonly profile: string;
      readonly credential?: Credential | undefined;
      readonly endpoint?: Endpoint | undefined;
    },
  ): Target {
    const used = through.credential ?? credential;
    const endpoint = through.endpoint ?? provider.endpoints[0];
    const proxy = own ?? this.#sources.proxies?.proxyFor(endpoint);
    return Object.freeze({
      provider: provider.id,
      endpoint,
      model,
      credential: problem === undefined ? used : { kind: 'missing' as const, reason: problem },
      quirks: quirksOf(model),
      data: this.#sources.modelData(provider.id, model),
      patches: provider.patches,
      profile: through.profile,
      timeouts: provider.timeouts,
      ...(proxy ? { proxy } : {}),
      ...(provider.http2 === undefined ? {} : { http2: provider.http2 }),
    });
  }

  #whyUnusable(
    provider: CompiledProvider | undefined,
    slots: Partial<Readonly<Record<Slot, Target>>>,
    rest: Target,
  ): string | undefined {
    const main = missingReason(rest);
    if (main !== undefined) return main;
    for (const slot of SLOTS) {
      const reason = slots[slot] && missingReason(slots[slot]);
      if (reason !== undefined) return `slot ${slot} (${slots[slot]?.provider}): ${reason}`;
    }
    if (provider?.needsModel && rest.model === undefined) {
      const { id } = provider.provider;
      return `no model: set one under models of the profile, or providers.${id}.models.default`;
    }
    return undefined;
  }
}

function targetOf(profile: Profile, slot: Slot | undefined): Target {
  return (slot === undefined ? undefined : profile.slots[slot]) ?? profile.fallbackTarget;
}

function missingReason({ credential }: Target): string | undefined {
  return credential.kind === 'missing' ? credential.reason : undefined;
}

/** A session needs the client's login as soon as one of its slots does. */
function authOf(targets: readonly Target[], credential: Credential | undefined): Profile['auth'] {
  if (targets.some((target) => target.credential.kind === 'client')) return 'subscription';
  const kind = (credential ?? targets[0]?.credential)?.kind;
  return kind === 'none' ? 'none' : 'key';
}

/** The target as it is reached through this profile. */
function reachedThrough(target: Target, profile: string, choice: boolean | ThinkingChoice | undefined): Target {
  if (choice === undefined) return target.profile === profile ? target : Object.freeze({ ...target, profile });
  const thinking = choice === true ? 'on' : choice === false ? 'off' : choice;
  return Object.freeze({ ...target, profile, thinking });
}
