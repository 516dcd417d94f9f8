/** What an upstream's finish reason means. `fault` is an answer that was broken off, however it is called. */
export type Ending =
  | { readonly kind: 'stop'; readonly reason: string }
  | { readonly kind: 'fault'; readonly class: 'server_error' | 'overloaded' };

const ENDINGS: Readonly<Record<string, Ending>> = {
  stop: stop('end_turn'),
  end_turn: stop('end_turn'),
  eos: stop('end_turn'),
  eos_token: stop('end_turn'),
  stop_sequence: stop('end_turn'),
  length: stop('max_tokens'),
  max_tokens: stop('max_tokens'),
  max_output_tokens: stop('max_tokens'),
  model_length: stop('model_context_window_exceeded'),
  model_context_window_exceeded: stop('model_context_window_exceeded'),
  tool_calls: stop('tool_use'),
  tool_call: stop('tool_use'),
  tool_use: stop('tool_use'),
  function_call: stop('tool_use'),
  content_filter: stop('refusal'),
  sensitive: stop('refusal'),
  refusal: stop('refusal'),
  safety: stop('refusal'),
  recitation: stop('refusal'),
  insufficient_system_resource: { kind: 'fault', class: 'overloaded' },
  network_error: { kind: 'fault', class: 'server_error' },
};

/** The client's list of stop reasons is closed: every word is mapped, the unknown ones by what they speak of. */
export function endingOf(reason: string): Ending {
  const word = reason.toLowerCase();
  const known = ENDINGS[word];
  if (known !== undefined) return known;
  if (/error|abort|cancel|interrupt|timeout|fail|disconnect|malformed|unexpected/.test(word))
    return { kind: 'fault', class: 'server_error' };
  if (/filter|safety|block|prohibit|refus|sensitive|spii/.test(word)) return stop('refusal');
  if (/length|token|limit|truncat/.test(word)) return stop('max_tokens');
  if (/tool|function/.test(word)) return stop('tool_use');
  return stop('end_turn');
}

/** The reason that counts when an upstream tells two: any that says more than "stop". */
export function strongerReason(known: string | undefined, told: string): string {
  if (known === undefined) return told;
  const ending = endingOf(known);
  return ending.kind === 'stop' && ending.reason === 'end_turn' ? told : known;
}

function stop(reason: string): Ending {
  return { kind: 'stop', reason };
}
