/** What the Messages API can answer; the client's list is closed. */
const KNOWN = new Set([
  'end_turn',
  'max_tokens',
  'stop_sequence',
  'tool_use',
  'pause_turn',
  'refusal',
  'model_context_window_exceeded',
  'compaction',
]);

/** Words of other protocols that endpoints of this dialect let through. */
const SYNONYMS: Readonly<Record<string, string>> = {
  stop: 'end_turn',
  eos: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  function_call: 'tool_use',
  content_filter: 'refusal',
  sensitive: 'refusal',
};

/** The stop reason in a word that the client knows; an unknown one means that the model stopped by itself. */
export function knownStopReason(reason: string): string {
  if (KNOWN.has(reason)) return reason;
  const lower = reason.toLowerCase();
  if (KNOWN.has(lower)) return lower;
  return (Object.hasOwn(SYNONYMS, lower) && SYNONYMS[lower]) || 'end_turn';
}

/** Words with which endpoints tell that the answer is not whole. */
export function isBrokenOff(reason: string): boolean {
  return /error|abort|cancel|interrupt|timeout|fail|disconnect|insufficient/i.test(reason);
}
