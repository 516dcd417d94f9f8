import { familyOf, plainModelName } from '../catalogue/claude.ts';
import { isSlot } from '../core/slot.ts';
import { seesImages } from './capability.ts';
import { type Choice, type Context, choiceOf, follow, mappedName, route, tryFollow, tryOr } from './choice.ts';
import { hasPickerPrefix, targetIn } from './reference.ts';

export type Rule = (context: Context) => Choice | undefined;

/** What somebody chose for this request or session. */
export const CHOSEN: readonly Rule[] = [bySelector, byPrompt, bySession];
/** What follows from the request and the configuration. */
export const DERIVED: readonly Rule[] = [byClass, byContent, bySlot];

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
export function byClass(context: Context): Choice | undefined {
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
export function byDefault(context: Context): Choice {
  return ordinary(context);
}

/** Rules 6 and 7: where the request goes when nothing special is said of it. */
export function ordinary(context: Context): Choice {
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
  // A profile without models of its own takes the client's names, and so covers every family.
  const covered = slot ?? (target.model === undefined ? context.slots.at(-1) : undefined);
  if (covered === undefined) {
    const detail = `default model of profile ${active.label}${via}`;
    return choiceOf(context, target, context.slots.at(-1), 'default', detail, active.profile);
  }
  const detail = `slot ${covered} of profile ${active.label}${via}`;
  return choiceOf(context, target, covered, 'slot', detail, active.profile);
}
