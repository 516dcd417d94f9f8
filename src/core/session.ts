import type { Slot } from './slot.ts';

/**
 * What a client without a login is given as its credential: it starts no turn without one. It opens nothing, and the
 * gateway never takes it for a login.
 */
export const PLACEHOLDER_TOKEN = 'midswap';

/** What a session is pointed at. Immutable: `use` swaps the whole value, an exchange pins the one it started with. */
export interface Selection {
  /** Reference as the user wrote it, normalised: `deepseek`, `minimax:MiniMax-M2.5`. */
  readonly reference: string;
  /** Overrides of single slots by `use --slot`. */
  readonly slots: Partial<Readonly<Record<Slot, string>>>;
  /** Wall clock, milliseconds. */
  readonly sinceMs: number;
}

/** One line of a session's counters, as the control API shows it. */
export interface SessionCounters {
  requests: number;
  errors: number;
  inputTokens: number;
  outputTokens: number;
  active: number;
  lastRoute: string | undefined;
  lastAtMs: number | undefined;
}
