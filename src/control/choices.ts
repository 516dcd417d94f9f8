import { FAMILY_SLOTS, type Slot } from '../core/slot.ts';
import type { Profile, Snapshot } from '../core/snapshot.ts';
import type { AliasInfo, ModelInfo, ProfileInfo } from './contract.ts';
import { describeTarget } from './sessions.ts';

/** What a session can be switched to, as the present configuration has it. */
export function listProfiles(snapshot: Snapshot): ProfileInfo[] {
  return [...snapshot.profiles.values()].map((profile) => ({
    name: profile.name,
    provider: profile.provider,
    auth: profile.auth,
    slots: slotsOf(profile).map((slot) => describeTarget(slot, profile.slots[slot] ?? profile.fallbackTarget)),
    fallback: profile.fallback,
    unusable: profile.unusable ?? null,
  }));
}

export function listAliases(snapshot: Snapshot): AliasInfo[] {
  return [...snapshot.aliases].map(([name, reference]) => ({ name, reference }));
}

/** Every model that a provider's defaults or a profile names, sorted by provider and model. */
export function listModels(snapshot: Snapshot): ModelInfo[] {
  const models = new Map<string, { provider: string; model: string; profiles: Set<string> }>();
  const add = (provider: string, model: string, profile?: string) => {
    const key = `${provider}:${model}`;
    const known = models.get(key) ?? { provider, model, profiles: new Set<string>() };
    if (profile !== undefined) known.profiles.add(profile);
    models.set(key, known);
  };
  for (const provider of snapshot.providers.values()) {
    for (const model of Object.values(provider.models)) add(provider.id, model);
  }
  for (const profile of snapshot.profiles.values()) {
    for (const target of [...Object.values(profile.slots), profile.fallbackTarget]) {
      if (target.model !== undefined) add(target.provider, target.model, profile.name);
    }
  }
  return [...models]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { provider, model, profiles }]) => ({
      provider,
      model,
      window: snapshot.modelData(provider, model).contextWindow ?? null,
      profiles: [...profiles],
    }));
}

function slotsOf(profile: Profile): Slot[] {
  return [...new Set([...FAMILY_SLOTS, ...(Object.keys(profile.slots) as Slot[])])];
}
