import { onTestFinished } from 'vitest';
import { DEFAULT_QUIRKS, mergeQuirks, type PartialQuirks } from '../../src/catalogue/quirks.ts';
import { Bus } from '../../src/core/bus.ts';
import type { ExchangeRecord } from '../../src/core/events.ts';
import { Secret } from '../../src/core/secret.ts';
import { FAMILY_SLOTS } from '../../src/core/slot.ts';
import type { Profile, Provider, Settings, Snapshot } from '../../src/core/snapshot.ts';
import type { AuthHeader, Credential, ProtocolId, Target, Timeouts } from '../../src/core/target.ts';
import { createGateway, type Gateway, type GatewayOptions } from '../../src/gateway/gateway.ts';
import type { Session } from '../../src/gateway/session.ts';

/** One provider and profile of the same name. */
export interface TestProvider {
  /** Origin of a scripted upstream. */
  readonly url: string;
  readonly protocol?: ProtocolId;
  readonly auth?: AuthHeader;
  readonly credential?: Credential;
  readonly quirks?: PartialQuirks;
  /** The provider's own model name; the name that the client sends is passed on when it is `null`. */
  readonly model?: string | null;
  readonly timeouts?: Partial<Timeouts>;
  readonly fallback?: readonly string[];
  readonly fallbackOn?: Profile['fallbackOn'];
  /** Proxy URL. */
  readonly proxy?: string;
  /** Limits, repeats, breaker and rotation of the provider. */
  readonly policy?: Pick<Provider, 'limits' | 'retry' | 'breaker' | 'rotateAfter'>;
  /** Tokens; unknown when left out. */
  readonly contextWindow?: number;
}

export interface TestGateway {
  readonly bus: Bus;
  readonly gateway: Gateway;
  readonly port: number;
  /** One record for every finished exchange. */
  readonly records: ExchangeRecord[];
  /** Faults of midswap itself: none may ever be here. */
  readonly internalErrors: unknown[];
  open(reference: string): Session;
  /** Base URL of a session, as the client gets it. */
  urlOf(session: Session): string;
}

/** Genuine Anthropic, as far as quirks go: an open list, errors unmodified, the client's own login. */
export const GENUINE: PartialQuirks = { anthropicGenuine: true, acceptsClientLogin: true };

export function keyFor(name: string): string {
  return `test-key-of-${name}-0123456789`;
}

type TestOptions = { readonly settings?: Partial<Settings> } & Partial<GatewayOptions>;

/** The data plane on a free port, configured without any file. Closed when the running test is over. */
export async function startGateway(
  providers: Readonly<Record<string, TestProvider>>,
  options: TestOptions = {},
): Promise<TestGateway> {
  const started = await openGateway(providers, options);
  onTestFinished(() => started.gateway.close());
  return started;
}

/** The same for several tests, to be closed by them. */
export async function openGateway(
  providers: Readonly<Record<string, TestProvider>>,
  options: TestOptions = {},
): Promise<TestGateway> {
  const records: ExchangeRecord[] = [];
  const internalErrors: unknown[] = [];
  const bus = new Bus((fault) => internalErrors.push(fault));
  bus.subscribe((event) => {
    if (event.type === 'exchange.ended') records.push(event.record);
  });
  const gateway = createGateway({
    mounts: [],
    version: '0.0.0',
    ...options,
    bus,
    snapshot: snapshotOf(providers, options.settings),
    onInternalError: (thrown) => internalErrors.push(thrown),
  });
  const { port } = await gateway.listen('127.0.0.1', 0);
  return {
    bus,
    gateway,
    port,
    records,
    internalErrors,
    open: (reference) =>
      gateway.sessions.open({
        selection: { reference, slots: {}, sinceMs: 0 },
        dynamic: true,
        cwd: '/',
        label: reference,
        nowMs: Date.now(),
      }),
    urlOf: (session) => `http://127.0.0.1:${port}/s/${session.secret.reveal()}`,
  };
}

export function snapshotOf(
  providers: Readonly<Record<string, TestProvider>>,
  settings: Partial<Settings> = {},
): Snapshot {
  const targetOf = (name: string, model?: string): Target => targetFor(name, providers, model);
  const compiled = Object.keys(providers).map((name) => {
    const target = targetOf(name);
    const provider: Provider = {
      id: name,
      name,
      endpoints: [target.endpoint],
      keyVariables: [],
      models: {},
      quirks: target.quirks,
      docs: undefined,
      timeouts: target.timeouts,
      patches: [],
      ...providers[name]?.policy,
    };
    const profile: Profile = {
      name,
      provider: name,
      auth: target.credential.kind === 'client' ? 'subscription' : target.credential.kind === 'none' ? 'none' : 'key',
      slots: Object.fromEntries(FAMILY_SLOTS.map((slot) => [slot, target])),
      fallbackTarget: target,
      unusable: undefined,
      fallback: providers[name]?.fallback ?? [],
      ...(providers[name]?.fallbackOn ? { fallbackOn: providers[name].fallbackOn } : {}),
    };
    return { name, provider, profile };
  });
  return {
    version: 1,
    settings: {
      defaultProfile: compiled[0]?.name,
      alwaysDynamic: true,
      maxBodyBytes: 32 << 20,
      graceMs: 10_000,
      pingMs: 15_000,
      host: '127.0.0.1',
      port: 0,
      ...settings,
    },
    providers: new Map(compiled.map(({ name, provider }) => [name, provider])),
    profiles: new Map(compiled.map(({ name, profile }) => [name, profile])),
    aliases: new Map(),
    modelMap: new Map(),
    routing: { subagents: new Map() },
    targetFor: (provider, model) => targetOf(provider, model),
    modelData: () => UNKNOWN_MODEL,
    modelNames: () => [],
    providerId: (name) => (Object.hasOwn(providers, name) ? name : undefined),
  };
}

const UNKNOWN_MODEL = {
  contextWindow: undefined,
  maxOutputTokens: undefined,
  vision: undefined,
  thinking: undefined,
} as const;

function targetFor(name: string, providers: Readonly<Record<string, TestProvider>>, model?: string): Target {
  const given = providers[name];
  if (!given) throw new Error(`no provider ${name}`);
  return {
    provider: name,
    endpoint: {
      protocol: given.protocol ?? 'anthropic-messages',
      baseUrl: given.url,
      auth: given.auth ?? 'bearer',
      local: false,
    },
    model: given.model === null ? undefined : (model ?? given.model ?? `${name}-model`),
    credential: given.credential ?? { kind: 'keys', keys: [new Secret(keyFor(name), `test:${name}`)] },
    quirks: mergeQuirks(DEFAULT_QUIRKS, given.quirks),
    data: { ...UNKNOWN_MODEL, contextWindow: providers[name]?.contextWindow },
    patches: [],
    profile: name,
    timeouts: { connectMs: 2_000, firstByteMs: 5_000, idleMs: 5_000, ...given.timeouts },
    ...(given.proxy === undefined ? {} : { proxy: new Secret(given.proxy, `test:${name}`) }),
  };
}
