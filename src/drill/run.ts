import { Bus } from '../core/bus.ts';
import { MidswapError } from '../core/errors.ts';
import type { ExchangeRecord } from '../core/events.ts';
import type { Profile, Snapshot } from '../core/snapshot.ts';
import { createGateway } from '../gateway/gateway.ts';
import { resolveReference, targetIn } from '../routing/reference.ts';
import { startSandbox } from '../sandbox/server.ts';
import { type DrillGateway, type DrillProfile, type DrillResult, runDrill } from './drill.ts';
import { drillSnapshot } from './drill-snapshot.ts';
import { startDrillInjector } from './injector.ts';

/** Each takes some seconds. */
const MAX_PROFILES = 5;

/**
 * Drills the default profile and those with a fallback. No real provider is called and no key is used.
 * Throws `no_credential` when there is no profile that can be used.
 */
export async function drillConfiguration(
  snapshot: Snapshot,
  version: string,
  print: (line: string) => void,
): Promise<readonly DrillResult[]> {
  const profiles = profilesOf(snapshot);
  if (profiles.length === 0) {
    throw new MidswapError('no_credential', 'no profile can be used, so there is nothing to drill', {
      hint: 'See: midswap profile list',
    });
  }
  const sandbox = await startSandbox();
  const injector = await startDrillInjector(sandbox.origin);
  const moved = drillSnapshot(snapshot, injector.origin);
  try {
    return await runDrill({ profiles, injector, print, open: (profile) => openGateway(moved, profile, version) });
  } finally {
    await injector.close();
    await sandbox.close();
  }
}

function profilesOf(snapshot: Snapshot): DrillProfile[] {
  const byDefault = snapshot.settings.defaultProfile?.toLowerCase();
  const usable = [...snapshot.profiles].filter(([name, { unusable, fallback }]) => {
    return unusable === undefined && (name === byDefault || fallback.length > 0);
  });
  usable.sort(([a], [b]) => Number(b === byDefault) - Number(a === byDefault));
  return usable
    .slice(0, MAX_PROFILES)
    .map(([, profile]) => ({ name: profile.name, places: placesOf(snapshot, profile) }));
}

function placesOf(snapshot: Snapshot, profile: Profile): string[] {
  const first = profile.slots.sonnet ?? profile.fallbackTarget;
  const others = profile.fallback.flatMap((reference) => {
    try {
      return [targetIn(resolveReference(snapshot, reference), ['sonnet']).target.provider];
    } catch {
      // One whose key is missing is passed over by the plan too.
      return [];
    }
  });
  return [first.provider, ...others];
}

async function openGateway(snapshot: Snapshot, reference: string, version: string): Promise<DrillGateway> {
  const bus = new Bus();
  const gateway = createGateway({ snapshot, bus, mounts: [], version });
  const { host, port } = await gateway.listen('127.0.0.1', 0);
  const selection = { reference, slots: {}, sinceMs: 0 };
  const session = gateway.sessions.open({ selection, dynamic: false, cwd: '/', label: reference, nowMs: 0 });
  return {
    baseUrl: `http://${host}:${port}/s/${session.secret.reveal()}`,
    next: () =>
      new Promise<ExchangeRecord>((resolve) => {
        const stop = bus.subscribe((event) => {
          if (event.type !== 'exchange.ended') return;
          stop();
          resolve(event.record);
        });
      }),
    close: () => gateway.close(),
  };
}
