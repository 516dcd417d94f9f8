import { Secret } from '../core/secret.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { Credential, Target } from '../core/target.ts';

/** Long enough for this machine, short enough for somebody who waits. */
const TIMEOUTS = { connectMs: 2_000, firstByteMs: 1_000, idleMs: 1_000 };

/**
 * The user's configuration with every place moved to the injector and every key replaced: what is routed, repeated and
 * moved on to is as it is, and nothing of the user's goes anywhere.
 */
export function drillSnapshot(snapshot: Snapshot, origin: string): Snapshot {
  const moved = new Map<Target, Target>();
  const move = (target: Target): Target => {
    const known = moved.get(target) ?? moveTarget(target, origin);
    moved.set(target, known);
    return known;
  };
  const profiles = [...snapshot.profiles].map(([name, profile]) => {
    const slots = Object.fromEntries(Object.entries(profile.slots).map(([slot, target]) => [slot, move(target)]));
    return [name, { ...profile, slots, fallbackTarget: move(profile.fallbackTarget) }] as const;
  });
  return {
    ...snapshot,
    profiles: new Map(profiles),
    targetFor: (provider, model, profile) => move(snapshot.targetFor(provider, model, profile)),
  };
}

function moveTarget(target: Target, origin: string): Target {
  const { proxy: _, ...rest } = target;
  return {
    ...rest,
    endpoint: { ...target.endpoint, baseUrl: `${origin}/${encodeURIComponent(target.provider)}` },
    credential: withoutKeys(target.credential),
    timeouts: TIMEOUTS,
  };
}

function withoutKeys(credential: Credential): Credential {
  if (credential.kind !== 'keys') return credential;
  const [first, ...others] = credential.keys.map(({ origin }, at) => new Secret(`drill-key-${at}-0123456789`, origin));
  return { kind: 'keys', keys: [first as Secret, ...others] };
}
