import type { RequestFacts } from '../core/facts.ts';
import type { UpstreamFault } from '../core/failure.ts';
import type { Target } from '../core/target.ts';

/** Characters of JSON that a token takes at the least, in any language: below it no request is weighed. */
const FEWEST_BYTES_PER_TOKEN = 2;
/** The estimate is one: only what is over by more than it can be wrong is refused here. */
const CERTAINLY_OVER = 1.25;

/**
 * The answer to a conversation that is larger than the target's window, as after a switch to a smaller model: a real 400
 * in the wording on which the client compacts. What is near the limit is left to the upstream, which counts exactly;
 * this is for those that would cut the conversation short without a word.
 */
export function windowFault(target: Target, facts: RequestFacts, bodyBytes: number): UpstreamFault | undefined {
  const { contextWindow } = target.data;
  if (contextWindow === undefined || target.quirks.anthropicGenuine) return undefined;
  if (bodyBytes < contextWindow * FEWEST_BYTES_PER_TOKEN) return undefined;
  const tokens = facts.tokensEstimate();
  if (tokens <= contextWindow * CERTAINLY_OVER) return undefined;
  return {
    class: 'context_overflow',
    status: 400,
    type: 'invalid_request_error',
    message: `prompt is too long: ${tokens} tokens > ${contextWindow} maximum`,
  };
}
