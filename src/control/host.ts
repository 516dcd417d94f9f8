import { randomBytes } from 'node:crypto';
import { Bus } from '../core/bus.ts';
import { secretToken } from '../core/ids.ts';
import { Secret } from '../core/secret.ts';
import type { Snapshot } from '../core/snapshot.ts';
import { createGateway, type Gateway, type GatewayOptions } from '../gateway/gateway.ts';
import type { Mount } from '../gateway/gateway-core.ts';
import type { Session } from '../gateway/session.ts';
import { mountControl } from './api.ts';
import { CONTROL_PREFIX, type UseRequest, type UseResult } from './contract.ts';
import { collectWhenIdle } from './idle-collection.ts';
import { removeRecord, writeRecord } from './registry.ts';
import { createSessionControl, type ResolveReference } from './sessions.ts';

export interface HostOptions
  extends Pick<GatewayOptions, 'served' | 'sandboxOrigin' | 'webAccess' | 'onInternalError' | 'onUpstreamFault'> {
  readonly snapshot: Snapshot;
  readonly resolve: ResolveReference;
  readonly stateDir: string;
  readonly version: string;
  /** Ends what runs in a drained session: its client. A session without one is closed instead. */
  stopClient?(session: Session): void;
  /** Takes away what nobody uses any more: called when the gateway idles after much work. */
  readonly collect?: (() => void) | undefined;
  /** From here on code runs often enough to be compiled: called with the first request of a client. */
  readonly compileSooner?: (() => void) | undefined;
}

export interface NewSession {
  /** Where it is pointed: a reference in its normal spelling. */
  readonly reference: string;
  readonly dynamic: boolean;
  readonly cwd: string;
  /** Name of the profile it is launched with. */
  readonly label: string;
}

/** A gateway with its control API, findable by the other processes of this user from its first session on. */
export interface HostedGateway {
  readonly gateway: Gateway;
  readonly bus: Bus;
  readonly host: string;
  readonly port: number;
  /** Base URL of a session for its client: it holds the session's secret. */
  baseUrl(session: Session): string;
  /** Where the client's prompt hook is answered; the session's control token goes with it. */
  promptHookUrl(session: Session): string;
  openSession(options: NewSession): Session;
  /** The client of a session runs under this process id. */
  setPid(session: Session, pid: number): void;
  closeSession(session: Session): void;
  use(session: Session, request: UseRequest): UseResult;
  /** New requests run under this configuration; running ones keep theirs. */
  reload(snapshot: Snapshot): void;
  /** A changed configuration cannot be used: what is in force stays, and whoever looks is told. */
  refuse(message: string): void;
  /** Takes no more requests, waits for the running ones at most this long, and ends. Leaves no file behind. */
  end(drainMs: number): Promise<void>;
}

/** Starts a gateway. Rejects with `port_taken` and `cannot_write`, and leaves nothing behind then. */
export async function hostGateway(options: HostOptions, host: string, port: number): Promise<HostedGateway> {
  const bus = new Bus(options.onInternalError);
  const startedAtMs = Date.now();
  const token = new Secret(
    secretToken((count) => randomBytes(count)),
    'control of the gateway',
  );
  let bound = { host, port };
  let configFault: string | undefined;
  const shared = { bus, snapshot: () => gateway.snapshot, port: () => bound.port, nowMs: () => Date.now() };
  const mounts: Mount[] = [];
  const gateway = createGateway({ ...options, bus, mounts });
  const control = createSessionControl({
    ...shared,
    gatewayId: gateway.id,
    resolve: options.resolve,
    keyHealth: () => gateway.health.keys(performance.now()),
  });
  mounts.push(
    mountControl({
      ...shared,
      gatewayId: gateway.id,
      version: options.version,
      token,
      sessions: gateway.sessions,
      control,
      startedAtMs,
      host: () => bound.host,
      active: () => gateway.active,
      cacheStats: () => gateway.cacheStats,
      clearCache: () => gateway.clearCache(),
      configFault: () => configFault,
      stop: (session) =>
        session.pid !== undefined && options.stopClient ? options.stopClient(session) : closeSession(session),
    }),
  );

  const { collect, compileSooner } = options;
  const stopWaiting = compileSooner && onFirstRequest(bus, compileSooner);
  const stopCollecting = collect && collectWhenIdle({ bus, active: () => gateway.active, collect });

  let ended = false;
  const register = () => {
    // A session may still be closed while the gateway drains: that must not bring the file back.
    if (ended) return;
    writeRecord(options.stateDir, {
      version: 1,
      gatewayId: gateway.id,
      pid: process.pid,
      host: bound.host,
      port: bound.port,
      startedAtMs,
      controlToken: token.reveal(),
      sessions: gateway.sessions.list().map((session) => ({
        id: session.id,
        controlToken: session.controlSecret.reveal(),
        pid: session.pid ?? null,
        label: session.label,
      })),
    });
  };
  const closeSession = (session: Session) => {
    if (gateway.sessions.get(session.id) === undefined) return;
    gateway.sessions.close(session.id);
    bus.emit({ type: 'session.closed', session: session.id, atMs: Date.now() });
    register();
  };
  const end = async (drainMs: number) => {
    ended = true;
    // First out of the registry, so that nobody is sent to a gateway that is going.
    removeRecord(options.stateDir, gateway.id);
    await gateway.drain(drainMs);
    for (const { id } of gateway.sessions.list()) {
      gateway.sessions.close(id);
      bus.emit({ type: 'session.closed', session: id, atMs: Date.now() });
    }
    control.close();
    stopCollecting?.();
    stopWaiting?.();
    await gateway.close();
  };

  try {
    bound = await gateway.listen(host, port);
  } catch (thrown) {
    await end(0);
    throw thrown;
  }
  const origin = `http://${urlHost(bound.host)}:${bound.port}`;
  return {
    gateway,
    bus,
    ...bound,
    baseUrl: (session) => `${origin}/s/${session.secret.reveal()}`,
    promptHookUrl: (session) => `${origin}${CONTROL_PREFIX}/sessions/${session.id}/hook/prompt`,
    openSession({ reference, ...rest }) {
      const nowMs = Date.now();
      const session = gateway.sessions.open({ ...rest, nowMs, selection: { reference, slots: {}, sinceMs: nowMs } });
      bus.emit({ type: 'session.opened', session: session.id, atMs: nowMs });
      register();
      return session;
    },
    setPid(session, pid) {
      session.pid = pid;
      register();
    },
    closeSession,
    use: (session, request) => control.use(session, request),
    reload(snapshot) {
      configFault = undefined;
      gateway.snapshot = snapshot;
      bus.emit({ type: 'config.reloaded', version: snapshot.version, atMs: Date.now() });
    },
    refuse(message) {
      configFault = message;
      bus.emit({ type: 'config.refused', message, atMs: Date.now() });
    },
    end,
  };
}

/** The address for a URL: clients on this machine reach a gateway on all addresses by loopback. */
function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

function onFirstRequest(bus: Bus, then: () => void): () => void {
  const unsubscribe = bus.subscribe(({ type }) => {
    if (type !== 'exchange.started') return;
    unsubscribe();
    then();
  });
  return unsubscribe;
}
