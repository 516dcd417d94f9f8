import { hostOf } from '../control/sessions.ts';
import { offeredNames } from '../core/offer.ts';
import { FAMILY_SLOTS, type Slot } from '../core/slot.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { Target } from '../core/target.ts';
import type { Family, LaunchSession, PickerRow, Shim, SlotDeclaration } from '../launcher/request.ts';

export interface DeclareOptions {
  readonly snapshot: Snapshot;
  /** Where the session is pointed at. */
  readonly target: (slot: Slot) => Target;
  readonly dynamic: boolean;
  /** The client has a login of its own. */
  readonly hasLogin: boolean;
  /** The client's own name for each family. */
  readonly familyModels: Readonly<Record<Family, string>>;
}

/** What the launcher tells the client about the models of its session. */
export type Declarations = Pick<LaunchSession, 'subscription' | 'anthropicOnly' | 'slots' | 'pickerRows' | 'shims'>;

export function declareSession({ snapshot, target, dynamic, hasLogin, familyModels }: DeclareOptions): Declarations {
  const targets = FAMILY_SLOTS.map((family) => [family, target(family)] as const);
  const own = targets.every(([, { credential }]) => credential.kind === 'client');
  return {
    subscription: own || (dynamic && hasLogin),
    anthropicOnly:
      !dynamic && !hasOtherWays(snapshot, targets) && targets.every(([, { quirks }]) => quirks.anthropicGenuine),
    slots: own
      ? {}
      : Object.fromEntries(targets.map(([family, one]) => [family, declareSlot(family, one, dynamic, familyModels)])),
    pickerRows: dynamic ? pickerRows(snapshot) : [],
    shims: dynamic ? shims(snapshot) : [],
  };
}

/** The model of the session for the start line: that of the slot with which the client begins. */
export function mainTarget(target: (slot: Slot) => Target): { readonly host: string; readonly model: string } {
  const main = target('opus');
  return { host: hostOf(main), model: main.model ?? 'the model asked for' };
}

/** A session that can be switched names its slots by their role: what is behind them changes, the client's names do not. */
function declareSlot(
  family: Family,
  target: Target,
  dynamic: boolean,
  familyModels: DeclareOptions['familyModels'],
): SlotDeclaration {
  const where = `${target.model ?? 'the model asked for'} at ${hostOf(target)}`;
  return {
    id: familyModels[family],
    label: dynamic ? `${family[0]?.toUpperCase()}${family.slice(1)} slot` : (target.model ?? family),
    description: dynamic ? `Started with ${where}; midswap use changes it` : where,
    contextWindow: target.data.contextWindow,
  };
}

/** Rules and fallback chains that may lead a request elsewhere than to the session's own targets. */
function hasOtherWays(snapshot: Snapshot, targets: readonly (readonly [Family, Target])[]): boolean {
  const { subagents, ...rules } = snapshot.routing;
  if (subagents.size > 0 || Object.values(rules).some((rule) => rule !== undefined)) return true;
  return targets.some(([, { profile }]) => (snapshot.profiles.get(profile.toLowerCase())?.fallback.length ?? 0) > 0);
}

function pickerRows(snapshot: Snapshot): PickerRow[] {
  const { aliases, profiles } = snapshot;
  return offeredNames(snapshot).map((name): PickerRow => {
    const profile = profiles.get(name.toLowerCase());
    if (!profile) return { reference: name, label: name, description: aliases.get(name) ?? '' };
    const main = profile.slots.opus ?? profile.fallbackTarget;
    return { reference: name, label: name, description: `${main.model ?? 'the model asked for'} at ${hostOf(main)}` };
  });
}

function shims(snapshot: Snapshot): Shim[] {
  return offeredNames(snapshot).map((name) => ({ name: name.toLowerCase(), reference: name }));
}
