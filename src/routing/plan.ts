import type { RequestFacts } from '../core/facts.ts';
import type { Selection } from '../core/session.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { RoutePlan, Target } from '../core/target.ts';
import { canServe, fits, windowOf } from './capability.ts';
import { type Choice, type Context, contextOf, named, tryOr } from './choice.ts';
import { resolveReference, targetIn } from './reference.ts';
import { byClass, byDefault, CHOSEN, DERIVED, ordinary, type Rule } from './rules.ts';
import { sameTarget } from './target-identity.ts';

/**
 * Ordered targets of one request, with the rule that chose them. The first rule that matches wins: selector, prompt,
 * session override, class, content, slot, default. `promptChoice` is the reference of an `@alias` prompt.
 *
 * Pure and total: the same arguments give the same plan, and it throws nothing but `MidswapError`
 * (`unknown_reference`, `ambiguous_reference`, `no_credential`), when a name that is needed leads nowhere.
 */
export function makePlan(
  snapshot: Snapshot,
  selection: Selection,
  facts: RequestFacts,
  promptChoice?: string,
): RoutePlan {
  const key = keyOf(snapshot, facts, promptChoice);
  if (key === undefined) return newPlan(snapshot, selection, facts, promptChoice);
  let made = PLANS.get(selection);
  if (made?.snapshot !== snapshot || made.plans.size >= MAX_PLANS) {
    made = { snapshot, plans: new Map() };
    PLANS.set(selection, made);
  }
  let plan = made.plans.get(key);
  if (plan === undefined) {
    plan = newPlan(snapshot, selection, facts, promptChoice);
    made.plans.set(key, plan);
  }
  return plan;
}

/** Plans that were made for a selection with one snapshot. */
const PLANS = new WeakMap<Selection, { readonly snapshot: Snapshot; readonly plans: Map<string, RoutePlan> }>();
const MAX_PLANS = 256;
const LONGEST_NAME = 256;

/** All of a request that a plan depends on; `undefined` where that is its content too. */
function keyOf({ routing }: Snapshot, facts: RequestFacts, promptChoice: string | undefined): string | undefined {
  if (facts.class === 'compaction' || routing.image !== undefined || routing.longContext !== undefined)
    return undefined;
  const { model, slot, selector, agentName, agentType, thinking } = facts;
  if (model.length > LONGEST_NAME) return undefined;
  return JSON.stringify([facts.class, model, slot, thinking, selector, agentName, agentType, promptChoice]);
}

function newPlan(
  snapshot: Snapshot,
  selection: Selection,
  facts: RequestFacts,
  promptChoice: string | undefined,
): RoutePlan {
  const context = contextOf(snapshot, selection, facts, promptChoice);
  const choice = withRoom(context, choose(context));
  return { targets: withFallbacks(context, choice), reason: choice.reason, slot: choice.slot ?? context.slots.at(-1) };
}

function choose(context: Context): Choice {
  const chosen = firstMatch(CHOSEN, context);
  // A choice that cannot do what the class needs (hold the conversation to compact, search the web) gives way to the
  // route of that class.
  if (chosen && canServe(context.snapshot, chosen.target, context.facts)) return chosen;
  const routed = chosen && byClass(context);
  return routed ?? chosen ?? firstMatch(DERIVED, context) ?? byDefault(context);
}

function firstMatch(rules: readonly Rule[], context: Context): Choice | undefined {
  for (const rule of rules) {
    const choice = rule(context);
    if (choice) return choice;
  }
  return undefined;
}

/** A compaction needs the whole conversation in one window: without a route of its own, the first place that has it. */
function withRoom(context: Context, choice: Choice): Choice {
  const { snapshot, facts } = context;
  if (facts.class !== 'compaction' || fits(snapshot, choice.target, facts)) return choice;
  const active = tryOr(undefined, () => context.active());
  const near = active ? [...Object.values(active.slots), active.target] : [];
  const candidates = [...near.map((target) => named(context, target, choice)), ...fallbackTargets(context, choice)];
  const roomy = candidates.find(
    (target) => windowOf(snapshot, target, facts) !== undefined && fits(snapshot, target, facts),
  );
  if (!roomy) return choice;
  const detail = `compaction of about ${facts.tokensEstimate()} tokens does not fit ${choice.target.model ?? facts.model}`;
  return { ...choice, target: roomy, reason: { rule: 'class', detail } };
}

/** The chosen target, then the fallback chain. The classifier's verdict comes from one place or not at all. */
function withFallbacks(context: Context, choice: Choice): readonly [Target, ...Target[]] {
  const { snapshot, facts } = context;
  const targets: [Target, ...Target[]] = [choice.target];
  if (facts.class === 'classifier' || facts.class === 'count_tokens') return targets;
  for (const target of fallbackTargets(context, choice)) {
    if (targets.some((other) => sameTarget(other, target))) continue;
    if (facts.class !== 'compaction' || fits(snapshot, target, facts)) targets.push(target);
  }
  return targets;
}

/** The chosen profile's own chain; behind a route also the chain of the profile that would have served without it. */
function fallbackTargets(context: Context, choice: Choice): Target[] {
  const isRouted = choice.reason.rule === 'class' || choice.reason.rule === 'content';
  const names = new Set(choice.profile?.fallback ?? []);
  if (isRouted) for (const name of tryOr(undefined, () => context.active().profile)?.fallback ?? []) names.add(name);
  const chain = [...names].flatMap((name) => {
    const reference = tryOr(undefined, () => resolveReference(context.snapshot, name));
    if (!reference) return [];
    const { target, slot } = targetIn(reference, context.slots);
    return [named(context, target, { ...choice, slot: slot ?? choice.slot })];
  });
  // A conversation that cannot be compacted cannot go on: then the ordinary model is better than none.
  const usual =
    isRouted && context.facts.class === 'compaction' ? tryOr(undefined, () => ordinary(context)) : undefined;
  return usual ? [...chain, usual.target] : chain;
}
