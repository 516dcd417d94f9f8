import type { RequestClass } from './facts.ts';
import type { FailureClass } from './failure.ts';
import type { Slot } from './slot.ts';
import type { RouteReason } from './target.ts';
import type { Usage } from './usage.ts';

/** One upstream try. */
export interface AttemptRecord {
  readonly provider: string;
  readonly model: string;
  readonly host: string;
  readonly durationMs: number;
  readonly status: number | undefined;
  readonly failure: FailureClass | undefined;
  readonly message: string | undefined;
  /** What was left out or replaced because the target cannot take it, one line each. */
  readonly notes?: readonly string[];
}

/** How an exchange ended. `ok`: the upstream's own end was delivered. */
export type Outcome = 'ok' | 'error' | 'truncated' | 'aborted' | 'local';

/** Everything that is known of one request when it is over. Emitted exactly once for every request on the data plane. */
export interface ExchangeRecord {
  readonly requestId: string;
  readonly session: string;
  readonly atMs: number;
  readonly path: string;
  readonly class: RequestClass | undefined;
  readonly slot: Slot | undefined;
  readonly agentType: string | undefined;
  readonly promptId: string | undefined;
  readonly requestedModel: string | undefined;
  readonly profile: string | undefined;
  readonly provider: string | undefined;
  readonly model: string | undefined;
  readonly reason: RouteReason | undefined;
  /** The plan's first target, where it is not the one that was tried last. */
  readonly firstChoice?: { readonly provider: string; readonly model: string };
  readonly stream: boolean;
  readonly status: number;
  readonly outcome: Outcome;
  readonly failure: FailureClass | undefined;
  readonly message: string | undefined;
  readonly attempts: readonly AttemptRecord[];
  /** A kept answer was given: no upstream was asked, and nothing was used. */
  readonly cached: boolean;
  readonly usage: Usage;
  readonly requestBytes: number;
  readonly firstTokenMs: number | undefined;
  readonly durationMs: number;
}

export type GatewayEvent =
  | { readonly type: 'exchange.started'; readonly session: string; readonly requestId: string; readonly atMs: number }
  | { readonly type: 'exchange.ended'; readonly record: ExchangeRecord }
  | {
      readonly type: 'session.switched';
      readonly session: string;
      readonly from: string;
      readonly to: string;
      readonly atMs: number;
    }
  | { readonly type: 'session.opened'; readonly session: string; readonly atMs: number }
  | { readonly type: 'session.closed'; readonly session: string; readonly atMs: number }
  | { readonly type: 'config.reloaded'; readonly version: number; readonly atMs: number }
  | { readonly type: 'config.refused'; readonly message: string; readonly atMs: number };
