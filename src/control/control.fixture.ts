import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Bus } from '../core/bus.ts';
import { MidswapError } from '../core/errors.ts';
import type { ExchangeRecord, GatewayEvent } from '../core/events.ts';
import { Secret } from '../core/secret.ts';
import type { Profile, Snapshot } from '../core/snapshot.ts';
import type { Quirks, Target } from '../core/target.ts';
import { emptyUsage } from '../core/usage.ts';
import { type Session, SessionTable } from '../gateway/session.ts';
import { mountControl } from './api.ts';
import type { ControlEndpoint } from './client.ts';
import type { ControlOptions } from './options.ts';
import { createSessionControl, type ResolveReference } from './sessions.ts';

/** Three profiles: two that work, with a small and a large window, and one without a key. */
export function sampleSnapshot(): Snapshot {
  const profiles = new Map<string, Profile>();
  for (const [name, window, unusable] of [
    ['alpha', 200_000, undefined],
    ['beta', 64_000, undefined],
    ['gamma', undefined, 'no key: set GAMMA_API_KEY'],
  ] as const) {
    const target = sampleTarget(name, `${name}-large`, window);
    profiles.set(name, {
      name,
      provider: name,
      auth: 'key',
      slots: { opus: target, haiku: sampleTarget(name, `${name}-small`, window) },
      fallbackTarget: target,
      unusable,
      fallback: [],
    });
  }
  return {
    version: 7,
    providers: new Map(),
    profiles,
    aliases: new Map([['b', 'beta:beta-small']]),
    modelMap: new Map(),
    routing: { subagents: new Map() },
    targetFor: (provider, model) => sampleTarget(provider, model, undefined),
    modelNames: () => [],
    providerId: () => undefined,
    modelData: () => ({ contextWindow: undefined, maxOutputTokens: undefined, vision: undefined, thinking: undefined }),
    settings: {
      defaultProfile: 'alpha',
      alwaysDynamic: true,
      maxBodyBytes: 1 << 20,
      graceMs: 1,
      pingMs: 1,
      host: '127.0.0.1',
      port: 0,
    },
  };
}

/** The reference grammar as far as these tests need it. */
export const sampleResolve: ResolveReference = (snapshot, reference) => {
  const text = snapshot.aliases.get(reference.toLowerCase()) ?? reference.toLowerCase();
  const [name = '', model] = text.split(':');
  const profile = snapshot.profiles.get(name);
  if (!profile) throw new MidswapError('unknown_reference', `"${reference}" is no profile or alias`);
  if (profile.unusable !== undefined) {
    throw new MidswapError('no_credential', `${name} cannot be used: ${profile.unusable}`);
  }
  return {
    reference: text,
    extraSlots: [],
    target: (slot) =>
      model === undefined
        ? (profile.slots[slot] ?? profile.fallbackTarget)
        : sampleTarget(name, model, profile.fallbackTarget.data.contextWindow),
  };
};

export function sampleTarget(provider: string, model: string | undefined, contextWindow: number | undefined): Target {
  return {
    provider,
    endpoint: {
      protocol: 'anthropic-messages',
      baseUrl: `https://api.${provider}.test/v1`,
      auth: 'bearer',
      local: false,
    },
    model,
    credential: { kind: 'none' },
    quirks: {} as Quirks,
    data: { contextWindow, maxOutputTokens: undefined, vision: undefined, thinking: undefined },
    patches: [],
    profile: provider,
    timeouts: { connectMs: 0, firstByteMs: 0, idleMs: 0 },
  };
}

export function sampleRecord(session: string, more: Partial<ExchangeRecord> = {}): ExchangeRecord {
  return {
    requestId: 'req_1',
    session,
    atMs: 1,
    path: '/v1/messages',
    class: 'main',
    slot: 'opus',
    agentType: undefined,
    promptId: undefined,
    requestedModel: 'opus',
    profile: 'alpha',
    provider: 'alpha',
    model: 'alpha-large',
    reason: undefined,
    stream: true,
    status: 200,
    outcome: 'ok',
    failure: undefined,
    message: undefined,
    attempts: [],
    cached: false,
    usage: { ...emptyUsage(), inputTokens: 1_000, cacheReadTokens: 80_000, outputTokens: 500 },
    requestBytes: 1,
    firstTokenMs: 1,
    durationMs: 1,
    ...more,
  };
}

export interface RunningControl {
  readonly options: ControlOptions;
  readonly endpoint: ControlEndpoint;
  readonly port: number;
  readonly sessions: SessionTable;
  readonly bus: Bus;
  readonly events: GatewayEvent[];
  readonly stopped: Session[];
  snapshot: Snapshot;
  open(more?: { dynamic?: boolean; reference?: string }): Session;
  close(): Promise<void>;
}

/** The control API behind a real server on loopback that also answers `/health`, as the gateway does. */
export async function startControl(gatewayId = 'gwtest'): Promise<RunningControl> {
  const bus = new Bus();
  const sessions = new SessionTable();
  const events: GatewayEvent[] = [];
  const stopped: Session[] = [];
  bus.subscribe((event) => events.push(event));
  const state = { snapshot: sampleSnapshot(), port: 0 };
  const shared = { gatewayId, bus, snapshot: () => state.snapshot, port: () => state.port, nowMs: () => 1_000_000 };
  const control = createSessionControl({ ...shared, resolve: sampleResolve });
  const options: ControlOptions = {
    ...shared,
    version: '0.0.0',
    token: new Secret('T'.repeat(43), 'test'),
    sessions,
    control,
    startedAtMs: 999_000,
    host: () => '127.0.0.1',
    active: () => 0,
    cacheStats: () => ({ enabled: true, entries: 2, bytes: 300, hits: 5, misses: 7, stored: 3 }),
    clearCache: () => 2,
    configFault: () => undefined,
    stop: (session) => {
      stopped.push(session);
      sessions.close(session.id);
    },
  };
  const mount = mountControl(options);
  const server = createServer((req, res) => {
    if (req.url?.startsWith(mount.prefix)) return mount.handle(req, res);
    res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ gateway: gatewayId }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  state.port = (server.address() as AddressInfo).port;
  return {
    options,
    endpoint: { host: '127.0.0.1', port: state.port, controlToken: options.token.reveal() },
    port: state.port,
    sessions,
    bus,
    events,
    stopped,
    get snapshot() {
      return state.snapshot;
    },
    set snapshot(next) {
      state.snapshot = next;
    },
    open: ({ dynamic = true, reference = 'alpha' } = {}) =>
      sessions.open({
        selection: { reference, slots: {}, sinceMs: 0 },
        dynamic,
        cwd: '/tmp',
        label: reference,
        nowMs: 990_000,
      }),
    async close() {
      control.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
