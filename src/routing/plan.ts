import { CLAUDE_SLOT_MODELS, claudeModelFor, familyOf, plainModelName } from '../catalogue/claude.ts';
import { MidswapError } from '../core/errors.ts';
import type { RequestFacts } from '../core/facts.ts';
import type { Selection } from '../core/session.ts';
import type { Slot } from '../core/slot.ts';
import { isSlot } from '../core/slot.ts';
import type { Profile, Snapshot } from '../core/snapshot.ts';
import type { RoutePlan, RouteReason, Target } from '../core/target.ts';
import { canServe, fits, seesImages, windowOf } from './capability.ts';
import { hasPickerPrefix, type Reference, resolveReference, targetIn } from './reference.ts';
import { sameTarget } from './target-identity.ts';

/** What one rule decided. */
interface Choice {
  readonly target: Target;
  readonly slot: Slot | undefined;
  readonly reason: RouteReason;
  /** Profile through which the target was reached: its fallback chain follows. */
  readonly profile: Profile | undefined;
}

interface Context {
  readonly snapshot: Snapshot;
  readonly selection: Selection;
  readonly facts: RequestFacts;
  readonly promptChoice: string | undefined;
  /** Slots that stand for the request, the nearest first. */
  readonly slots: readonly Slot[];
  /** What the session is pointed at; resolved only by rules that need it. */
  active(): Reference;
}

type Rule = (context: Context) => Choice | undefined;

/** What somebody chose for this request or session. */
const CHOSEN: readonly Rule[] = [bySelector, byPrompt, bySession];
/** What follows from the request and the configuration. */
const DERIVED: readonly Rule[] = [byClass, byContent, bySlot];

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
  const context = contextOf(snapshot, selection, facts, promptChoice);
  const choice = withRoom(context, choose(context));
  return { targets: withFallbacks(context, choice), reason: choice.reason, slot: choice.slot ?? context.slots.at(-1) };
}

function contextOf(
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
  const family = mapped !== undefined && isSlot(mapped) ? mapped : familyOf(facts.model);
  const own: Slot[] = facts.class === 'classifier' ? ['classifier'] : facts.class === 'subagent' ? ['subagent'] : [];
  const last: Slot[] = facts.class === 'classifier' && family === undefined ? ['sonnet'] : [];
  return [...own, ...(family === undefined ? [] : [family]), ...last];
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

/** 1. The request names its target: in the client's token, or as its model. */
function bySelector(context: Context): Choice | undefined {
  const { snapshot, facts } = context;
  if (facts.selector !== undefined) {
    return follow(context, facts.selector, 'selector', `client token asks for ${facts.selector}`);
  }
  const name = plainModelName(facts.model);
  if (hasPickerPrefix(name)) return follow(context, name, 'selector', `model name ${name}`);
  const key = name.toLowerCase();
  const isOwnWord = snapshot.profiles.has(key) || snapshot.aliases.has(key);
  if (!isOwnWord && (name === '' || familyOf(name) !== undefined || mappedName(snapshot, name) !== undefined)) {
    return undefined;
  }
  return activeModel(context, key) ?? tryFollow(context, name, 'selector', `model name ${name}`);
}

/** A model of the active profile by its own id: no other profile that names it makes it ambiguous. */
function activeModel(context: Context, key: string): Choice | undefined {
  const active = tryOr(undefined, () => context.active());
  if (active?.kind !== 'profile') return undefined;
  const targets = [...Object.values(active.slots), active.target];
  const target = targets.find((candidate) => candidate.model?.toLowerCase() === key);
  return target && choiceOf(context, target, undefined, 'selector', `model name ${target.model}`, active.profile);
}

/** 2. The prompt began with `@alias`. The classifier judges every prompt alike. */
function byPrompt(context: Context): Choice | undefined {
  const { promptChoice, facts } = context;
  if (promptChoice === undefined || facts.class === 'classifier') return undefined;
  return follow(context, promptChoice, 'prompt', `prompt @${promptChoice}`);
}

/** 3. `use --slot`. The classifier moves only when it is named itself. */
function bySession(context: Context): Choice | undefined {
  const { selection, facts } = context;
  const slots = facts.class === 'classifier' ? context.slots.slice(0, 1) : context.slots;
  for (const slot of slots) {
    const reference = selection.slots[slot];
    if (reference === undefined) continue;
    return follow(context, reference, 'session', `slot ${slot} of the session is ${reference}`, slot);
  }
  return undefined;
}

/** 4. What kind of request it is. */
function byClass(context: Context): Choice | undefined {
  const { facts } = context;
  const { routing } = context.snapshot;
  switch (facts.class) {
    case 'classifier':
      return route(context, 'class', 'classifier', routing.classifier);
    case 'compaction':
      return route(context, 'class', 'compaction', routing.compaction);
    case 'web_search':
      return route(context, 'class', 'web_search', routing.webSearch);
    case 'auxiliary':
      return route(context, 'class', 'background', routing.background);
    case 'subagent':
      return bySubagent(context);
    default:
      return undefined;
  }
}

function bySubagent(context: Context): Choice | undefined {
  const { facts, snapshot } = context;
  for (const name of [facts.agentName, facts.agentType]) {
    if (name === undefined) continue;
    const wanted = name.toLowerCase();
    for (const [agent, reference] of snapshot.routing.subagents) {
      if (agent.toLowerCase() === wanted) return route(context, 'class', `subagents.${agent}`, reference);
    }
  }
  return undefined;
}

/** 5. What is in it. */
function byContent(context: Context): Choice | undefined {
  const { facts } = context;
  const { image, longContext, think } = context.snapshot.routing;
  if (facts.class === 'classifier' || facts.class === 'count_tokens') return undefined;
  if (image !== undefined && facts.hasImages() && !seesImages(ordinary(context).target)) {
    return route(context, 'content', 'image', image);
  }
  if (longContext !== undefined && facts.tokensEstimate() > longContext.threshold) {
    const size = `about ${facts.tokensEstimate()} tokens, over ${longContext.threshold}`;
    return route(context, 'content', 'long_context', longContext.target, size);
  }
  return think !== undefined && facts.thinking ? route(context, 'content', 'think', think) : undefined;
}

/** 6. The slot of what the session is pointed at. */
function bySlot(context: Context): Choice | undefined {
  const choice = ordinary(context);
  return choice.reason.rule === 'slot' ? choice : undefined;
}

/** 7. What is left: a name that says nothing. */
function byDefault(context: Context): Choice {
  return ordinary(context);
}

/** Rules 6 and 7: where the request goes when nothing special is said of it. */
function ordinary(context: Context): Choice {
  const { snapshot, facts } = context;
  const mapped = mappedName(snapshot, facts.model);
  if (mapped !== undefined && !isSlot(mapped)) {
    return follow(context, mapped, 'slot', `model_map: ${plainModelName(facts.model)} is ${mapped}`);
  }
  const active = context.active();
  const { target, slot } = targetIn(active, context.slots);
  const via = mapped === undefined ? '' : `, model_map: ${plainModelName(facts.model)} is ${mapped}`;
  if (active.kind === 'model') {
    const detail = `the session is on ${active.label}${via}`;
    return choiceOf(context, target, context.slots.at(-1), 'slot', detail, active.profile);
  }
  if (slot === undefined) {
    const detail = `default model of profile ${active.label}${via}`;
    return choiceOf(context, target, context.slots.at(-1), 'default', detail, active.profile);
  }
  return choiceOf(context, target, slot, 'slot', `slot ${slot} of profile ${active.label}${via}`, active.profile);
}

/** A reference of the routing section. The name of a slot means that slot of what the session is pointed at. */
function route(
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

function follow(context: Context, text: string, rule: RouteReason['rule'], detail: string, asked?: Slot): Choice {
  const word = text.toLowerCase();
  if (isSlot(word)) return slotOfSession(context, word, rule, detail);
  const reference = resolveReference(context.snapshot, text);
  const { target, slot } = targetIn(reference, asked === undefined ? context.slots : [asked, ...context.slots]);
  return choiceOf(context, target, slot ?? asked ?? context.slots.at(-1), rule, detail, reference.profile);
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
function tryFollow(context: Context, text: string, rule: RouteReason['rule'], detail: string): Choice | undefined {
  try {
    return follow(context, text, rule, detail);
  } catch (error) {
    if (error instanceof MidswapError && error.code === 'unknown_reference') return undefined;
    throw error;
  }
}

function choiceOf(
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
function named(context: Context, target: Target, choice: Pick<Choice, 'slot' | 'reason'>): Target {
  if (target.model !== undefined) return target;
  const { model: inbound } = context.facts;
  const asked = familyOf(inbound);
  const wanted = choice.slot === 'subagent' || choice.slot === 'classifier' ? asked : choice.slot;
  const isOwnName = asked !== undefined || (choice.reason.rule !== 'selector' && /^claude-/i.test(inbound));
  if (isOwnName && (wanted === undefined || wanted === asked)) return target;
  const model = claudeModelFor(wanted);
  return { ...target, model, data: context.snapshot.modelData(target.provider, model) };
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

/** What `model_map` says of an inbound name. The names that the launcher declares are slots and are not mapped. */
function mappedName(snapshot: Snapshot, model: string): string | undefined {
  const key = plainModelName(model).toLowerCase();
  if (Object.values(CLAUDE_SLOT_MODELS).includes(key)) return undefined;
  const mapped = snapshot.modelMap.get(key);
  return mapped !== undefined && isSlot(mapped.toLowerCase()) ? mapped.toLowerCase() : mapped;
}

/** A target that leads nowhere now is passed over where others remain. */
function tryOr<T>(otherwise: T, get: () => T): T {
  try {
    return get();
  } catch (error) {
    if (error instanceof MidswapError) return otherwise;
    throw error;
  }
}
