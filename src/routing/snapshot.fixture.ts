import { knownModels, modelData } from '../catalogue/models.ts';
import type { CatalogueEntry } from '../catalogue/provider.ts';
import { modelQuirksOf } from '../catalogue/provider.ts';
import { findProvider, PROVIDERS } from '../catalogue/providers.ts';
import { DEFAULT_QUIRKS, mergeQuirks } from '../catalogue/quirks.ts';
import { MidswapError } from '../core/errors.ts';
import type { RequestFacts } from '../core/facts.ts';
import { skimObject } from '../core/json-skim.ts';
import type { Envelope, MessagesRequest } from '../core/messages.ts';
import type { Selection } from '../core/session.ts';
import type { Slot } from '../core/slot.ts';
import type { Profile, Provider, Routing, Snapshot } from '../core/snapshot.ts';
import type { Credential, Target } from '../core/target.ts';
import { classify } from './classify.ts';

const TIMEOUTS = { connectMs: 10_000, firstByteMs: 60_000, idleMs: 120_000 };

/** A profile in the fewest words: models as `model` of its provider, or `provider:model` of another. */
export interface ProfileSketch {
  readonly provider: string;
  readonly models?: Partial<Record<Slot, string>>;
  readonly fallback?: readonly string[];
  readonly unusable?: string;
}

export interface SnapshotSketch {
  readonly profiles?: Readonly<Record<string, ProfileSketch>>;
  readonly aliases?: Readonly<Record<string, string>>;
  readonly modelMap?: Readonly<Record<string, string>>;
  readonly routing?: Partial<Omit<Routing, 'subagents'>> & { readonly subagents?: Readonly<Record<string, string>> };
  /** Providers without a key. */
  readonly keyless?: readonly string[];
}

/** A snapshot without files and secrets, compiled from the real catalogue. */
export function sketchSnapshot(sketch: SnapshotSketch = {}): Snapshot {
  const providers = new Map(PROVIDERS.map((entry) => [entry.id, provider(entry)]));
  const targetFor: Snapshot['targetFor'] = (id, model, profile) => {
    const found = providers.get(id);
    const entry = findProvider(id);
    if (!found || !entry) throw new MidswapError('unknown_reference', `no provider "${id}"`);
    return {
      provider: id,
      endpoint: found.endpoints[0],
      model,
      credential: credential(entry, sketch.keyless ?? []),
      quirks: mergeQuirks(found.quirks, modelQuirksOf(entry, model)),
      data: modelData(id, model ?? ''),
      patches: [],
      profile: profile ?? id,
      timeouts: TIMEOUTS,
    };
  };
  const { subagents, ...routes } = sketch.routing ?? {};
  return {
    version: 1,
    settings: {
      defaultProfile: undefined,
      alwaysDynamic: true,
      maxBodyBytes: 1 << 25,
      graceMs: 5_000,
      pingMs: 10_000,
      host: '127.0.0.1',
      port: 0,
    },
    providers,
    profiles: new Map(
      Object.entries(sketch.profiles ?? {}).map(([name, each]) => [name.toLowerCase(), profile(name, each, targetFor)]),
    ),
    aliases: lowerKeys(sketch.aliases),
    modelMap: lowerKeys(sketch.modelMap),
    routing: { ...routes, subagents: new Map(Object.entries(subagents ?? {})) },
    targetFor,
    modelData: (id, model) => modelData(id, model),
    modelNames: (id) => [...Object.values(providers.get(id)?.models ?? {}), ...knownModels(id)],
    providerId: (name) => findProvider(name)?.id,
  };
}

export function sketchSelection(reference: string, slots: Selection['slots'] = {}): Selection {
  return { reference, slots, sinceMs: 0 };
}

/** Facts of a main request for `opus`, but for what is given. */
export function sketchFacts(given: Partial<RequestFacts> & { tokens?: number; images?: boolean } = {}): RequestFacts {
  const { tokens = 1_000, images = false, ...rest } = given;
  return {
    session: 'test',
    class: 'main',
    slot: undefined,
    agentType: undefined,
    promptId: undefined,
    model: 'claude-opus-5-5',
    stream: true,
    thinking: false,
    hasTools: true,
    selector: undefined,
    tokensEstimate: () => tokens,
    hasImages: () => images,
    ...rest,
  };
}

export function sketchEnvelope(
  body: Partial<MessagesRequest> & Record<string, unknown>,
  headers: Readonly<Record<string, string>> = {},
  path = '/v1/messages?beta=true',
): Envelope {
  const raw = Buffer.from(JSON.stringify({ model: 'claude-opus-5-5', messages: [], ...body }), 'utf8');
  const parsed = JSON.parse(raw.toString('utf8')) as MessagesRequest;
  const spans = skimObject(raw);
  if (!spans) throw new Error('the body of the test is no plain JSON object');
  return {
    raw,
    spans,
    model: parsed.model,
    stream: parsed.stream === true,
    path,
    headers: Object.entries(headers).flat(),
    body: () => parsed,
  };
}

export function classifyBody(
  body: Partial<MessagesRequest> & Record<string, unknown>,
  headers: Readonly<Record<string, string>> = {},
  path?: string,
): RequestFacts {
  const envelope = sketchEnvelope(body, headers, path);
  return classify({ headers: envelope.headers, envelope, session: 'test' });
}

function provider(entry: CatalogueEntry): Provider {
  return {
    id: entry.id,
    name: entry.name,
    endpoints: entry.endpoints,
    keyVariables: entry.keyVariables,
    models: entry.models,
    quirks: mergeQuirks(DEFAULT_QUIRKS, entry.quirks),
    docs: entry.docs,
    timeouts: TIMEOUTS,
    patches: [],
  };
}

function profile(name: string, sketch: ProfileSketch, targetFor: Snapshot['targetFor']): Profile {
  const slots: Partial<Record<Slot, Target>> = {};
  for (const [slot, text] of Object.entries(sketch.models ?? {})) {
    const at = text.indexOf(':');
    const elsewhere = at > 0 ? findProvider(text.slice(0, at)) : undefined;
    slots[slot as Slot] = elsewhere
      ? targetFor(elsewhere.id, text.slice(at + 1), name)
      : targetFor(sketch.provider, text, name);
  }
  const first = slots.sonnet ?? slots.opus ?? slots.haiku;
  return {
    name,
    provider: sketch.provider,
    auth: 'key',
    slots,
    fallbackTarget: first ?? targetFor(sketch.provider, undefined, name),
    unusable: sketch.unusable,
    fallback: sketch.fallback ?? [],
  };
}

function credential(entry: CatalogueEntry, keyless: readonly string[]): Credential {
  return keyless.includes(entry.id) ? { kind: 'missing', reason: `set ${entry.keyVariables[0]}` } : { kind: 'none' };
}

function lowerKeys(record: Readonly<Record<string, string>> | undefined): ReadonlyMap<string, string> {
  return new Map(Object.entries(record ?? {}).map(([key, value]) => [key.toLowerCase(), value]));
}
