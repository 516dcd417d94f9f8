import type { FailureClass } from './failure.ts';
import type { Secret } from './secret.ts';
import type { Slot } from './slot.ts';
import type { Endpoint, ModelData, Quirks, Target, Timeouts } from './target.ts';

/** A provider as compiled from catalogue and configuration. */
export interface Provider {
  readonly id: string;
  readonly name: string;
  readonly endpoints: readonly [Endpoint, ...Endpoint[]];
  readonly keyVariables: readonly string[];
  readonly models: Partial<Readonly<Record<Slot, string>>>;
  readonly quirks: Quirks;
  readonly docs: string | undefined;
  /** Where else it is, for who has a key of there; absent where that is settled. */
  readonly regions?: readonly { readonly name: string; readonly host: string }[];
  readonly timeouts: Timeouts;
  readonly patches: readonly string[];
  readonly limits?: Limits;
  /** Absent: that of the settings. */
  readonly retry?: RetrySettings;
  readonly breaker?: BreakerSettings;
  /** Successes after which the next key of a pool is used; absent or 0 stays on a key while it works. */
  readonly rotateAfter?: number;
  /** `false`: HTTP/2 is not offered. */
  readonly http2?: boolean;
}

/** Repeats to the same target while nothing was sent to the client. */
export interface RetrySettings {
  /** Repeats after the first try. */
  readonly limit: number;
  readonly baseMs: number;
  /** Longest wait, also for an upstream's `Retry-After`: above it the client is told, whose own waiting is visible. */
  readonly maxMs: number;
}

/** When a target that fails is left alone, and for how long. */
export interface BreakerSettings {
  /** Failures in a row, within `windowMs`, that open it. */
  readonly threshold: number;
  readonly windowMs: number;
  /** How long it stays open before one try is let through. Doubles with every failed try, up to `maxOpenMs`. */
  readonly openMs: number;
  readonly maxOpenMs: number;
}

/** What is sent to a provider at most; an absent one is no limit. Requests queue before they are refused. */
export interface Limits {
  /** Requests per second, on average. */
  readonly rps?: number;
  /** Requests that may be sent at once after a pause. */
  readonly burst?: number;
  /** Requests in flight. */
  readonly concurrency?: number;
  /** They hold for each key of a pool by itself. */
  readonly perKey?: boolean;
}

/** A named choice. Targets are compiled: a slot may live at another provider. */
export interface Profile {
  readonly name: string;
  readonly provider: string;
  readonly auth: 'subscription' | 'key' | 'none';
  /** Nobody has written it: every provider has one of its own name. */
  readonly isBuiltIn?: boolean;
  readonly slots: Partial<Readonly<Record<Slot, Target>>>;
  /** For a name that no slot covers. */
  readonly fallbackTarget: Target;
  /** Why it cannot be used now (`no key: set DEEPSEEK_API_KEY ...`), if so. */
  readonly unusable: string | undefined;
  /** Ordered profile or alias names to move on to. */
  readonly fallback: readonly string[];
  /** Failures that move on along `fallback`; absent: those of the settings, else those of the table of failures. */
  readonly fallbackOn?: readonly FailureClass[];
}

export interface Settings {
  readonly defaultProfile: string | undefined;
  readonly alwaysDynamic: boolean;
  /** Bytes of request body that are accepted. */
  readonly maxBodyBytes: number;
  /** Silence before the upstream's first usable event after which 200 and pings are sent. */
  readonly graceMs: number;
  /** Interval of pings in silence. */
  readonly pingMs: number;
  readonly host: string;
  readonly port: number;
  readonly retry?: RetrySettings;
  readonly breaker?: BreakerSettings;
  readonly fallbackOn?: readonly FailureClass[];
  /** Probes of the client that are answered here; absent: all that are safe. */
  readonly localAnswers?: LocalAnswers;
}

export interface LocalAnswers {
  /** Whether a name that was typed is a model. */
  readonly modelCheck?: boolean;
  /** The look at the limits at the client's start, where they are not those of a subscription. */
  readonly quotaCheck?: boolean;
}

/** Answers that are kept for requests which say that they want the same one again. */
export interface CacheSettings {
  readonly maxEntries: number;
  /** Of all answers together. */
  readonly maxBytes: number;
  readonly ttlMs: number;
}

/** Server tools that the gateway runs where the endpoint does not. */
export interface WebTools {
  /** Absent: no searches. */
  readonly search?: WebSearch;
  /** Absent: nothing is fetched. */
  readonly fetch?: WebFetch;
  /** Domains that may be searched and fetched; all where there are none. */
  readonly allowedDomains: readonly string[];
  readonly blockedDomains: readonly string[];
  /** Calls of one request, whatever it asks for. */
  readonly maxUses: number;
}

export type SearchEngine = 'searxng' | 'brave' | 'tavily' | 'exa' | 'duckduckgo';

export interface WebSearch {
  readonly engine: SearchEngine;
  /** Without a trailing slash. */
  readonly baseUrl: string;
  readonly key?: Secret;
  readonly maxResults: number;
  readonly timeoutMs: number;
  readonly proxy?: Secret;
}

export interface WebFetch {
  /** Only URLs that the conversation or an earlier result holds. */
  readonly knownUrlsOnly: boolean;
  /** Ports beside 80 and 443. */
  readonly ports: readonly number[];
  readonly maxBytes: number;
  /** Characters of a page that the model gets. */
  readonly maxChars: number;
  readonly timeoutMs: number;
  /** Through whom this URL is reached; `undefined` directly. */
  readonly proxyFor?: (url: string) => Secret | undefined;
  /** A proxy is given names, not addresses that were checked here. */
  readonly proxyResolves: boolean;
}

/**
 * The whole configuration, compiled. Immutable and swapped atomically: an exchange pins the one it started with.
 * Names are lower case in the maps; `Profile.name` keeps the user's spelling.
 */
export interface Snapshot {
  /** Grows with every reload. */
  readonly version: number;
  readonly settings: Settings;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly profiles: ReadonlyMap<string, Profile>;
  /** Alias to reference text. */
  readonly aliases: ReadonlyMap<string, string>;
  readonly modelMap: ReadonlyMap<string, string>;
  readonly routing: Routing;
  /** Absent: no answer is kept. */
  readonly cache?: CacheSettings;
  /** Absent: no tool is run here. */
  readonly webTools?: WebTools;
  /** A target for any model of any provider: references such as `provider:model` end here. */
  targetFor(provider: string, model: string | undefined, profile?: string): Target;
  modelData(provider: string, model: string): ModelData;
  /** Names of a provider's models of which something is known, as the provider spells them. */
  modelNames(provider: string): Iterable<string>;
  /** The id of a provider by any of its names, in any case. */
  providerId(name: string): string | undefined;
}

/** Routing section: references as text, resolved when the plan is made. */
export interface Routing {
  readonly background?: string;
  readonly think?: string;
  readonly longContext?: { readonly target: string; readonly threshold: number };
  readonly webSearch?: string;
  readonly image?: string;
  readonly compaction?: string;
  readonly classifier?: string;
  readonly subagents: ReadonlyMap<string, string>;
}
