import { CLAUDE_SLOT_MODELS, claudeModelFor, familyOf, plainModelName } from '../catalogue/claude.ts';
import { MidswapError } from '../core/errors.ts';
import type { RequestFacts } from '../core/facts.ts';
import type { Selection } from '../core/session.ts';
import { isSlot, type Slot } from '../core/slot.ts';
import type { Profile, Snapshot } from '../core/snapshot.ts';
import type { RouteReason, Target } from '../core/target.ts';
import { findReference, type Reference, resolveReference, targetIn } from './reference.ts';

/** What one rule decided. */
export interface Choice {
  readonly target: Target;
  readonly slot: Slot | undefined;
  readonly reason: RouteReason;
  /** Profile through which the target was reached: its fallback chain follows. */
  readonly profile: Profile | undefined;
}

export interface Context {
  readonly snapshot: Snapshot;
  readonly selection: Selection;
  readonly facts: RequestFacts;
  readonly promptChoice: string | undefined;
  /** Slots that stand for the request, the nearest first. */
  readonly slots: readonly Slot[];
  /** What the session is pointed at; resolved only by rules that need it. */
  active(): Reference;
}

export function contextOf(
  snapshot: Snapshot,
  selection: Selection,
  facts: RequestFacts,
  promptChoice: string | undefined,
): Context {
  let active: Reference | undefined;
  return {
    snapshot,
    selection,
    facts,
    promptChoice,
    slots: slotsOf(snapshot, facts),
    active: () => {
      active ??= resolveReference(snapshot, selection.reference);
      return active;
    },
  };
}

/** A subagent's own slot goes before the family that it asked for, and likewise the classifier's. */
function slotsOf(snapshot: Snapshot, facts: RequestFacts): Slot[] {
  const mapped = mappedName(snapshot, facts.model);
  const family = mapped !== undefined && isSlot(mapped) ? mapped : (familyOf(facts.model) ?? facts.slot);
  const own: Slot[] = facts.class === 'classifier' ? ['classifier'] : facts.class === 'subagent' ? ['subagent'] : [];
  const last: Slot[] = facts.class === 'classifier' ? ['sonnet'] : [];
  return [...new Set([...own, ...(family === undefined ? [] : [family]), ...last])];
}

/** A reference of the routing section. The name of a slot means that slot of what the session is pointed at. */
export function route(
  context: Context,
  rule: RouteReason['rule'],
  key: string,
  reference: string | undefined,
  because?: string,
): Choice | undefined {
  if (reference === undefined) return undefined;
  const detail = `routing.${key} is ${reference}${because === undefined ? '' : ` (${because})`}`;
  return follow(context, reference, rule, detail);
}

export function follow(
  context: Context,
  text: string,
  rule: RouteReason['rule'],
  detail: string,
  asked?: Slot,
): Choice {
  const word = text.toLowerCase();
  if (isSlot(word)) return slotOfSession(context, word, rule, detail);
  return choiceIn(context, resolveReference(context.snapshot, text), rule, detail, asked);
}

/** A session override of that slot holds here too, unless it only names another slot. */
function slotOfSession(context: Context, slot: Slot, rule: RouteReason['rule'], detail: string): Choice {
  const override = context.selection.slots[slot];
  const reference =
    override !== undefined && !isSlot(override.toLowerCase())
      ? resolveReference(context.snapshot, override)
      : context.active();
  return choiceOf(context, targetIn(reference, [slot]).target, slot, rule, detail, reference.profile);
}

/** For names that may mean nothing: then the rule does not match. */
export function tryFollow(
  context: Context,
  text: string,
  rule: RouteReason['rule'],
  detail: string,
): Choice | undefined {
  const reference = findReference(context.snapshot, text);
  return reference && choiceIn(context, reference, rule, detail);
}

function choiceIn(
  context: Context,
  reference: Reference,
  rule: RouteReason['rule'],
  detail: string,
  asked?: Slot,
): Choice {
  const { target, slot } = targetIn(reference, asked === undefined ? context.slots : [asked, ...context.slots]);
  return choiceOf(context, target, slot ?? asked ?? context.slots.at(-1), rule, detail, reference.profile);
}

export function choiceOf(
  context: Context,
  target: Target,
  slot: Slot | undefined,
  rule: RouteReason['rule'],
  detail: string,
  profile: Profile | undefined,
): Choice {
  const choice: Choice = { target, slot, reason: { rule, detail }, profile };
  return { ...choice, target: named(context, target, choice) };
}

/**
 * A target without a model sends the name that the client asked for. That is right only for a name of Claude's own that
 * stands for the wanted slot; for every other (`claude/max`, a subagent's `opus` asked for as haiku) a name is put in.
 */
export function named(context: Context, target: Target, choice: Pick<Choice, 'slot' | 'reason'>): Target {
  if (target.model !== undefined) return target;
  const { model: inbound } = context.facts;
  const asked = familyOf(inbound);
  const wanted = choice.slot === 'subagent' || choice.slot === 'classifier' ? asked : choice.slot;
  const isOwnName = asked !== undefined || (choice.reason.rule !== 'selector' && /^claude-/i.test(inbound));
  if (isOwnName && (wanted === undefined || wanted === asked)) return target;
  const model = claudeModelFor(wanted);
  return { ...target, model, data: context.snapshot.modelData(target.provider, model) };
}

/** What `model_map` says of an inbound name. The names that the launcher declares are slots and are not mapped. */
export function mappedName(snapshot: Snapshot, model: string): string | undefined {
  const key = plainModelName(model).toLowerCase();
  if (Object.values(CLAUDE_SLOT_MODELS).includes(key)) return undefined;
  const mapped = snapshot.modelMap.get(key);
  return mapped !== undefined && isSlot(mapped.toLowerCase()) ? mapped.toLowerCase() : mapped;
}

/** A target that leads nowhere now is passed over where others remain. */
export function tryOr<T>(otherwise: T, get: () => T): T {
  try {
    return get();
  } catch (error) {
    if (error instanceof MidswapError) return otherwise;
    throw error;
  }
}
