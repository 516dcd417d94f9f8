import { plainModelName } from '../catalogue/claude.ts';
import type { RequestFacts } from '../core/facts.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { Target } from '../core/target.ts';

/** Tokens that the target can hold; `undefined` where nobody knows. */
export function windowOf(snapshot: Snapshot, target: Target, facts: RequestFacts): number | undefined {
  if (target.data.contextWindow !== undefined || target.model !== undefined) return target.data.contextWindow;
  return snapshot.modelData(target.provider, plainModelName(facts.model)).contextWindow;
}

/** Whether the request fits into the target's window; taken for true where the window is unknown. */
export function fits(snapshot: Snapshot, target: Target, facts: RequestFacts): boolean {
  const window = windowOf(snapshot, target, facts);
  return window === undefined || facts.tokensEstimate() < window;
}

/**
 * Whether the target can do what the class of the request needs, as far as it is known: a compaction has to fit into
 * its window, a web search has to be run by the endpoint.
 */
export function canServe(snapshot: Snapshot, target: Target, facts: RequestFacts): boolean {
  if (facts.class === 'compaction') return fits(snapshot, target, facts);
  if (facts.class === 'web_search') return searches(target);
  return true;
}

export function seesImages(target: Target): boolean {
  return target.data.vision ?? target.quirks.vision;
}

function searches(target: Target): boolean {
  if (target.quirks.anthropicGenuine) return true;
  return target.quirks.messages.serverTools.some((tool) => tool.startsWith('web_search'));
}
