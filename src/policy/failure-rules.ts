import type { FailureClass, UpstreamFault } from '../core/failure.ts';

/** What follows from a failure before anything was sent to the client. */
export interface FailureRule {
  /** The same target again after a wait. Where the client itself shows and repeats, it is left to the client. */
  readonly repeat: boolean;
  /** The same target again, at once, with the thinking of the history removed. */
  readonly repeatWithoutThinking: boolean;
  /** The next target of the plan may be tried. */
  readonly nextTarget: boolean;
  /** Counts against the target's health. */
  readonly unhealthy: boolean;
  readonly why: string;
}

const TRANSIENT = { repeat: true, repeatWithoutThinking: false, nextTarget: true, unhealthy: true };
const STUCK = { ...TRANSIENT, repeat: false };
const ELSEWHERE = { ...STUCK, unhealthy: false };
const STOP = { repeat: false, repeatWithoutThinking: false, nextTarget: false, unhealthy: false };

export const FAILURE_RULES: Readonly<Record<FailureClass, FailureRule>> = {
  network: { ...TRANSIENT, why: 'nothing was reached; another provider may be' },
  timeout_connect: { ...STUCK, why: 'the wait was long already' },
  timeout_first_byte: { ...STUCK, why: 'the wait was long already' },
  timeout_idle: { ...STUCK, why: 'the wait was long already' },
  overloaded: { ...TRANSIENT, why: 'capacity of this provider' },
  server_error: { ...TRANSIENT, why: 'a fault of this provider' },
  rate_limit: { ...ELSEWHERE, repeat: true, why: 'a limit of this provider or key, which is well otherwise' },
  quota: { ...ELSEWHERE, why: 'a balance of this provider or key' },
  credential: { ...STOP, why: 'a wrong key must be seen, not worked around' },
  permission: { ...STOP, why: 'a missing permission must be seen, not worked around' },
  model_missing: { ...ELSEWHERE, why: 'this provider has no such model' },
  context_overflow: { ...STOP, why: 'the client compacts on this answer' },
  output_overflow: { ...STOP, why: 'the client lowers max_tokens on this answer' },
  too_large: { ...STOP, why: 'the client compacts on this answer' },
  invalid_request: { ...STOP, why: "the caller's fault is the same everywhere" },
  content_policy: { ...STOP, why: 'a refusal is an answer' },
  thinking_signature: { ...STOP, repeatWithoutThinking: true, why: 'foreign thinking in the history' },
  empty: { ...TRANSIENT, why: 'the provider said nothing' },
  malformed: { ...TRANSIENT, why: 'the provider did not speak its protocol' },
  truncated: { ...TRANSIENT, why: 'the connection was cut before any content' },
  aborted: { ...STOP, why: 'nobody is waiting for the answer' },
};

/** What a configuration may name as a reason to move on; everything else is the same at every provider. */
export const FALLBACK_REASONS = {
  network: ['network'],
  timeout: ['timeout_connect', 'timeout_first_byte', 'timeout_idle'],
  overloaded: ['overloaded'],
  server_error: ['server_error'],
  rate_limit: ['rate_limit'],
  quota: ['quota'],
  credential: ['credential'],
  permission: ['permission'],
  model_missing: ['model_missing'],
  broken: ['empty', 'malformed', 'truncated'],
  context_overflow: ['context_overflow', 'too_large'],
} as const satisfies Readonly<Record<string, readonly FailureClass[]>>;

/**
 * Whether the next target of a plan may be tried after this fault. `chosen` is what the configuration names; without it
 * the table decides, and 401, 402 and 403 of the client's own login stay where they are: the user pays for it and has to
 * know. A compaction that does not fit always moves on: it is what the client answers an overflow with.
 */
export function movesOn(
  fault: Pick<UpstreamFault, 'class' | 'upstreamStatus'>,
  ownLogin: boolean,
  chosen: readonly FailureClass[] | undefined,
  isCompaction = false,
): boolean {
  if (isCompaction && isOverflow(fault.class)) return true;
  if (chosen) return chosen.includes(fault.class);
  const { upstreamStatus: status } = fault;
  if (ownLogin && (status === 401 || status === 402 || status === 403)) return false;
  return FAILURE_RULES[fault.class].nextTarget;
}

/** The request was too long or too large for the place that it went to. */
function isOverflow(failure: FailureClass): boolean {
  return failure === 'context_overflow' || failure === 'too_large';
}
