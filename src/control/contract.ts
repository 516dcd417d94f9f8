import type { ExchangeRecord } from '../core/events.ts';
import type { SessionCounters } from '../core/session.ts';
import type { Slot } from '../core/slot.ts';

/** The control API's wire types: what `/control/v1` answers and takes, for the command line and every screen. */

/** Prefix of every route; a change that breaks a reader gets a new number. */
export const CONTROL_PREFIX = '/control/v1';

/** Variable of a launched client that names its session; hooks, shims and `use` find their gateway by it. */
export const SESSION_VARIABLE = 'MIDSWAP_SESSION';

export interface GatewayInfo {
  readonly gateway: string;
  readonly version: string;
  readonly pid: number;
  readonly host: string;
  readonly port: number;
  readonly startedAtMs: number;
  readonly uptimeMs: number;
  /** Exchanges under way. */
  readonly active: number;
  readonly sessions: number;
  /** Version of the compiled configuration: grows with every reload. */
  readonly configVersion: number;
  /** Why the configuration as it is now is not the one in force, if so. */
  readonly configFault: string | null;
}

/** `GET /admin/cache`: the answers that the gateway keeps. */
export interface CacheStats {
  /** False where no request has used it yet, or the configuration switches it off. */
  readonly enabled: boolean;
  readonly entries: number;
  readonly bytes: number;
  readonly hits: number;
  readonly misses: number;
  readonly stored: number;
}

/** `DELETE /admin/cache`. */
export interface CacheCleared {
  readonly cleared: number;
}

/** Where a slot goes at the moment. `model: null` sends the name that the client asked for. */
export interface SlotInfo {
  readonly slot: Slot;
  readonly profile: string;
  readonly provider: string;
  readonly model: string | null;
  /** Upstream host, with its port where it is not the scheme's own. */
  readonly host: string;
  /** Tokens; null is unknown. */
  readonly window: number | null;
  /** Set by `use --slot`, not by the session's reference. */
  readonly override: boolean;
}

export interface SessionInfo {
  readonly id: string;
  readonly gateway: string;
  /** Name of the profile it was launched with. */
  readonly label: string;
  /** What it is pointed at now, as `use` takes it. */
  readonly reference: string;
  /** Slot overrides on top of the reference. */
  readonly overrides: Partial<Readonly<Record<Slot, string>>>;
  readonly slots: readonly SlotInfo[];
  /** Why the reference cannot be used now, if so. */
  readonly unusable: string | null;
  readonly mode: 'dynamic' | 'fixed';
  readonly pid: number | null;
  readonly port: number;
  readonly cwd: string;
  readonly startedAtMs: number;
  readonly uptimeMs: number;
  /** When the present selection was made. */
  readonly sinceMs: number;
  readonly canUndo: boolean;
  /** Where it goes at its next compaction, if a switch waits for that. */
  readonly waiting: string | null;
  /** When it goes back to what was selected before, if it does by itself. */
  readonly untilMs: number | null;
  /** Slot of the last main request. Null before the first. */
  readonly activeSlot: Slot | null;
  /** What the conversation weighs: input and output tokens of the last main request. Null before the first. */
  readonly contextTokens: number | null;
  /** Millionths of a US dollar; null is unknown. */
  readonly costMicros: number | null;
  readonly counters: WireCounters;
  /** Upstream failures of the last requests, newest first. */
  readonly failures: readonly FailureInfo[];
  /** Who answers while the first choice does not; null while it does. */
  readonly detour: DetourInfo | null;
  /** Keys of this gateway that are not used at the moment, by where they come from. */
  readonly restingKeys: readonly RestingKey[];
}

export interface FailureInfo {
  readonly atMs: number;
  readonly provider: string;
  readonly model: string;
  /** A failure class: `overloaded`, `quota`, `network` and so on. */
  readonly failure: string;
  readonly status: number | null;
  readonly message: string | null;
  /** `provider/model` that answered the request in the end; null when nobody did. */
  readonly answeredBy: string | null;
}

export interface DetourInfo {
  readonly from: string;
  readonly to: string;
  /** Why the first choice was left, where that is known. */
  readonly failure: string | null;
}

export interface RestingKey {
  readonly provider: string;
  /** `env:DEEPSEEK_API_KEY`; never the key. */
  readonly origin: string;
  /** `parked`: it failed authentication, and is not used until the configuration changes. */
  readonly state: 'resting' | 'parked';
  readonly restsForMs: number | null;
}

export type WireCounters = {
  readonly [Key in keyof SessionCounters]: undefined extends SessionCounters[Key]
    ? Exclude<SessionCounters[Key], undefined> | null
    : SessionCounters[Key];
};

export interface UseRequest {
  /** Profile, alias or `profile:model`; left out with `undo`. */
  readonly reference?: string;
  /** One slot only. */
  readonly slot?: Slot;
  /** Back to what was selected before. */
  readonly undo?: boolean;
  /** Tells what a switch would mean and changes nothing. */
  readonly dryRun?: boolean;
  /** Not now but when the client compacts the conversation. */
  readonly atCompaction?: boolean;
  /** Back to what was selected before after these milliseconds. */
  readonly forMs?: number;
}

export interface UseResult {
  readonly session: string;
  readonly dryRun: boolean;
  /** `false` where the session was already pointed there. */
  readonly changed: boolean;
  readonly from: string;
  readonly to: string;
  readonly slots: readonly SlotInfo[];
  readonly effect: SwitchEffect;
  /** Where the session goes at its next compaction; then `changed` is false and `to` is that. */
  readonly waiting: string | null;
  /** When it goes back by itself. */
  readonly untilMs: number | null;
  /** `undo` took back a switch that waited, and nothing else. */
  readonly takenBack?: string;
}

/** What is known of a switch's consequences; null is unknown, never guessed. */
export interface SwitchEffect {
  readonly contextTokens: number | null;
  /** Smallest window among the slots that carry the conversation. */
  readonly window: number | null;
  /** The conversation so far is within `window`. */
  readonly fits: boolean | null;
  /** The upstream changes, so that its prompt cache knows nothing of the conversation. */
  readonly coldCache: boolean;
}

export interface UseAllResult {
  readonly results: readonly ({ readonly session: string } & (
    | { readonly ok: true; readonly result: UseResult }
    | { readonly ok: false; readonly error: WireError }
  ))[];
}

export interface StopResult {
  readonly session: string;
  /** Exchanges that were cut because they did not end in time. */
  readonly cut: number;
}

export interface ProfileInfo {
  readonly name: string;
  readonly provider: string;
  readonly auth: 'subscription' | 'key' | 'none';
  readonly slots: readonly SlotInfo[];
  readonly fallback: readonly string[];
  readonly unusable: string | null;
}

export interface AliasInfo {
  readonly name: string;
  readonly reference: string;
}

/** Where a session points and what it can be pointed at. */
export interface Choices {
  readonly session: SessionInfo;
  readonly profiles: readonly ProfileInfo[];
  readonly aliases: readonly AliasInfo[];
}

/** One model that a profile or provider names. */
export interface ModelInfo {
  readonly provider: string;
  readonly model: string;
  readonly window: number | null;
  /** Profiles that send something to it. */
  readonly profiles: readonly string[];
}

export interface StatuslineInfo {
  /** One line, no colour. */
  readonly text: string;
  readonly session: SessionInfo;
}

/** Answer to the client's `UserPromptSubmit` hook; empty lets the prompt go on. */
export type HookAnswer = Record<string, never> | { readonly continue: false; readonly stopReason: string };

/** Events of `GET .../events`, each as one SSE event whose name is `type`. */
export type ControlEvent =
  | { readonly type: 'exchange.started'; readonly session: string; readonly requestId: string; readonly atMs: number }
  | { readonly type: 'exchange.ended'; readonly record: ExchangeRecord }
  | {
      readonly type: 'session.switched';
      readonly session: string;
      readonly from: string;
      readonly to: string;
      readonly atMs: number;
    }
  | { readonly type: 'session.opened' | 'session.closed'; readonly session: string; readonly atMs: number }
  | { readonly type: 'config.reloaded'; readonly version: number; readonly atMs: number }
  | { readonly type: 'config.refused'; readonly message: string; readonly atMs: number };

export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
}

/** Every answer that is not 2xx. */
export interface ErrorAnswer {
  readonly error: WireError;
}
