import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Bus } from '../core/bus.ts';
import type { UpstreamFault } from '../core/failure.ts';
import type { MintId } from '../core/ids.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { CacheStats } from '../policy/response-cache.ts';
import type { BodyMemory } from '../protocols/anthropic/body-memory.ts';
import type { ChatHistoryCache } from '../protocols/openai-chat/history-cache.ts';
import type { Admission } from './admission.ts';
import type { AnswerStore } from './cache.ts';
import type { CountCache } from './count-cache.ts';
import type { IsToken } from './credential.ts';
import type { WebAccess } from './fetch-guard.ts';
import type { HealthStore } from './health.ts';
import type { ProvenanceStore } from './provenance.ts';
import type { SessionTable } from './session.ts';
import type { Ticker } from './ticker.ts';
import type { ConnectionPool } from './upstream/pool.ts';

/** Something else that is served on the gateway's port: the control API. */
export interface Mount {
  /** Begins and ends with a slash: `/control/`. */
  readonly prefix: string;
  handle(req: IncomingMessage, res: ServerResponse): void;
}

/** What the parts of the data plane share. */
export interface GatewayCore {
  readonly id: string;
  readonly version: string;
  /** It serves clients of its own, not one launched session. */
  readonly served: boolean;
  readonly snapshot: Snapshot;
  readonly bus: Bus;
  readonly sessions: SessionTable;
  readonly mounts: readonly Mount[];
  readonly connections: ConnectionPool;
  readonly ticker: Ticker;
  readonly provenance: ProvenanceStore;
  readonly bodies: BodyMemory;
  readonly chatHistory: ChatHistoryCache;
  readonly health: HealthStore;
  readonly admission: Admission;
  readonly answers: AnswerStore;
  readonly counts: CountCache;
  readonly webAccess: WebAccess;
  /** The kept answers. */
  readonly cacheStats: CacheStats;
  clearCache(): number;
  readonly mintId: MintId;
  readonly isToken: IsToken;
  originOf(baseUrl: string): Promise<string>;
  onInternalError(thrown: unknown): void;
  onUpstreamFault(fault: UpstreamFault): void;
}
