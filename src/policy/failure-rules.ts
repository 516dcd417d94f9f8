import type { FailureClass } from '../core/failure.ts';

/** What follows from a failure before anything was sent to the client. */
export interface FailureRule {
  /** The same target again, at once, with the thinking of the history removed. */
  readonly repeatWithoutThinking: boolean;
  /** The next target of the plan may be tried. */
  readonly nextTarget: boolean;
  readonly why: string;
}

const MOVE_ON = { repeatWithoutThinking: false, nextTarget: true };
const STOP = { repeatWithoutThinking: false, nextTarget: false };

export const FAILURE_RULES: Readonly<Record<FailureClass, FailureRule>> = {
  network: { ...MOVE_ON, why: 'nothing was reached; another provider may be' },
  timeout_connect: { ...MOVE_ON, why: 'nothing was reached; another provider may be' },
  timeout_first_byte: { ...MOVE_ON, why: 'the provider is stuck' },
  timeout_idle: { ...MOVE_ON, why: 'the provider is stuck' },
  overloaded: { ...MOVE_ON, why: 'capacity of this provider' },
  server_error: { ...MOVE_ON, why: 'a fault of this provider' },
  rate_limit: { ...MOVE_ON, why: 'a limit of this provider or key' },
  quota: { ...MOVE_ON, why: 'a balance of this provider or key' },
  credential: { ...STOP, why: 'a wrong key must be seen, not worked around' },
  permission: { ...STOP, why: 'a missing permission must be seen, not worked around' },
  model_missing: { ...MOVE_ON, why: 'this provider has no such model' },
  context_overflow: { ...STOP, why: 'the client compacts on this answer' },
  output_overflow: { ...STOP, why: 'the client lowers max_tokens on this answer' },
  too_large: { ...STOP, why: 'the client compacts on this answer' },
  invalid_request: { ...STOP, why: "the caller's fault is the same everywhere" },
  content_policy: { ...STOP, why: 'a refusal is an answer' },
  thinking_signature: { repeatWithoutThinking: true, nextTarget: false, why: 'foreign thinking in the history' },
  empty: { ...MOVE_ON, why: 'the provider said nothing' },
  malformed: { ...MOVE_ON, why: 'the provider did not speak its protocol' },
  truncated: { ...MOVE_ON, why: 'the connection was cut before any content' },
  aborted: { ...STOP, why: 'nobody is waiting for the answer' },
};
