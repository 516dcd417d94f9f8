import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Bus } from '../core/bus.ts';
import type { UpstreamFault } from '../core/failure.ts';
import { idMinter, type MintId, pooledRandom, shortId } from '../core/ids.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { CacheStats } from '../policy/response-cache.ts';
import { BodyMemory } from '../protocols/anthropic/body-memory.ts';
import { ChatHistoryCache } from '../protocols/openai-chat/history-cache.ts';
import { Admission } from './admission.ts';
import { AnswerStore } from './cache.ts';
import { CountCache } from './count-cache.ts';
import type { WebAccess } from './fetch-guard.ts';
import type { GatewayCore, Mount } from './gateway-core.ts';
import { HealthStore } from './health.ts';
import { ProvenanceStore } from './provenance.ts';
import { createServer, type GatewayServer } from './server.ts';
import { SessionTable } from './session.ts';
import { Ticker } from './ticker.ts';
import { ConnectionPool } from './upstream/pool.ts';

/** Host of endpoints that the built-in provider serves; replaced by its address at run time. */
export const BUILT_IN_HOST = 'sandbox.invalid';

export interface GatewayOptions {
  readonly snapshot: Snapshot;
  readonly bus: Bus;
  readonly mounts: readonly Mount[];
  readonly version: string;
  /** It serves clients of its own, not one launched session: they may look after what it keeps. */
  readonly served?: boolean;
  /** Where the memory of conversations is kept; in memory only without it. */
  readonly stateDir?: string;
  /** Starts the built-in provider on first use and gives its origin: `http://127.0.0.1:41234`. */
  readonly sandboxOrigin?: () => Promise<string>;
  /** How pages of the internet are reached and read. */
  readonly webAccess?: WebAccess;
  /** A fault of midswap itself. */
  readonly onInternalError?: (thrown: unknown) => void;
  /** An upstream that broke its protocol; the message is redacted. */
  readonly onUpstreamFault?: (fault: UpstreamFault) => void;
}

export interface Gateway {
  readonly id: string;
  readonly sessions: SessionTable;
  readonly health: HealthStore;
  /** Assigning swaps the configuration atomically; running exchanges keep theirs. */
  snapshot: Snapshot;
  /** Exchanges that are running. */
  readonly active: number;
  /** Address once it listens. Port 0 takes a free one. Rejects with `port_taken`. */
  listen(host: string, port: number): Promise<{ host: string; port: number }>;
  /** The kept answers. */
  readonly cacheStats: CacheStats;
  /** Forgets all kept answers; how many there were. */
  clearCache(): number;
  /** Takes no new requests and waits until the running ones are over, at most this long. */
  drain(timeoutMs: number): Promise<void>;
  /** Ends everything at once. */
  close(): Promise<void>;
}

export function createGateway(options: GatewayOptions): Gateway {
  return new LocalGateway(options);
}

class LocalGateway implements Gateway, GatewayCore {
  readonly id: string = shortId((count) => randomBytes(count)) + shortId((count) => randomBytes(count));
  readonly version: string;
  readonly bus: Bus;
  readonly sessions = new SessionTable();
  readonly mounts: readonly Mount[];
  readonly connections = new ConnectionPool();
  readonly ticker = new Ticker();
  readonly provenance: ProvenanceStore;
  readonly bodies = new BodyMemory();
  readonly chatHistory = new ChatHistoryCache();
  readonly health = new HealthStore();
  readonly admission = new Admission();
  readonly answers = new AnswerStore();
  readonly counts = new CountCache();
  readonly webAccess: WebAccess;
  readonly mintId: MintId = idMinter(pooledRandom((count) => randomBytes(count)));
  readonly isToken = (value: string) => this.sessions.bySecret(value.split(':', 1)[0] as string) !== undefined;
  #snapshot: Snapshot;
  readonly served: boolean;
  readonly #options: GatewayOptions;
  readonly #server: GatewayServer;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.version = options.version;
    this.served = options.served === true;
    this.bus = options.bus;
    this.mounts = options.mounts;
    this.webAccess = options.webAccess ?? {};
    this.#snapshot = options.snapshot;
    this.provenance = new ProvenanceStore(options.stateDir && join(options.stateDir, 'provenance'));
    this.#server = createServer(this);
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  set snapshot(snapshot: Snapshot) {
    this.#snapshot = snapshot;
    this.health.forgetKeys();
  }

  get active(): number {
    return this.#server.active;
  }

  get cacheStats(): CacheStats {
    return this.answers.stats;
  }

  clearCache(): number {
    this.counts.clear();
    return this.answers.clear();
  }

  listen(host: string, port: number): Promise<{ host: string; port: number }> {
    void this.provenance.prune(Date.now());
    return this.#server.listen(host, port);
  }

  async drain(timeoutMs: number): Promise<void> {
    await this.#server.drain(timeoutMs);
    await this.provenance.flush();
  }

  async close(): Promise<void> {
    for (const session of this.sessions.list()) this.sessions.close(session.id);
    await this.#server.close();
    this.connections.close();
    await this.provenance.flush();
  }

  async originOf(baseUrl: string): Promise<string> {
    const start = this.#options.sandboxOrigin;
    if (!start || !baseUrl.includes(BUILT_IN_HOST)) return baseUrl;
    const url = new URL(baseUrl);
    return url.hostname === BUILT_IN_HOST ? `${await start()}${url.pathname}` : baseUrl;
  }

  onInternalError(thrown: unknown): void {
    this.#options.onInternalError?.(thrown);
  }

  onUpstreamFault(fault: UpstreamFault): void {
    this.#options.onUpstreamFault?.(fault);
  }
}
