import type { Bus } from '../core/bus.ts';
import type { Secret } from '../core/secret.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { Session, SessionTable } from '../gateway/session.ts';
import type { CacheStats } from './contract.ts';
import type { SessionControl } from './sessions.ts';

/** What the control API works on. */
export interface ControlOptions {
  readonly gatewayId: string;
  readonly version: string;
  /** Opens everything; a session's own `controlSecret` opens that session. */
  readonly token: Secret;
  readonly sessions: SessionTable;
  readonly control: SessionControl;
  readonly bus: Bus;
  readonly startedAtMs: number;
  snapshot(): Snapshot;
  host(): string;
  port(): number;
  /** Exchanges under way. */
  active(): number;
  /** Why the configuration as it is now is not the one in force, if so. */
  configFault(): string | undefined;
  /** Kept answers: how many, how large, how often they were used. */
  cacheStats(): CacheStats;
  /** Forgets them; how many there were. */
  clearCache(): number;
  nowMs(): number;
  /** Ends a session that has been drained: its client, or the session alone where there is none. */
  stop(session: Session): void;
}
