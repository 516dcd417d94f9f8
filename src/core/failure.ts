import type { AnthropicErrorType } from './errors.ts';

/**
 * Why an attempt failed. What follows from each (same key, next key, next target, what is penalised) is data in
 * `policy/failure-rules.ts`; protocols and the upstream connection only name the class.
 */
export type FailureClass =
  | 'network' // no connection, reset, DNS, TLS
  | 'timeout_connect'
  | 'timeout_first_byte'
  | 'timeout_idle'
  | 'overloaded' // 529, 503: capacity of the provider, never the key's fault
  | 'server_error' // 5xx
  | 'rate_limit' // 429 that a wait helps
  | 'quota' // an empty balance or a used-up plan, whatever its status
  | 'credential' // 401, 403 of the key
  | 'permission' // 403 of the model or region
  | 'model_missing'
  | 'context_overflow'
  | 'output_overflow' // input plus max_tokens over the window
  | 'too_large' // 413 of bytes
  | 'invalid_request' // the caller's fault: moving on does not help
  | 'content_policy'
  | 'thinking_signature' // repeat once without the thinking of the history
  | 'empty' // 200 and nothing usable
  | 'malformed' // HTML, broken events, not the protocol
  | 'truncated' // ended without its end
  | 'aborted'; // the client went away

/**
 * One failed upstream try. `message` is redacted when the fault is built. `wire` is present when the client must see
 * the upstream's answer byte for byte (errors of an Anthropic endpoint).
 */
export interface UpstreamFault {
  readonly class: FailureClass;
  /** HTTP status for the client. */
  readonly status: number;
  readonly type: AnthropicErrorType;
  readonly message: string;
  /** Seconds, as exact as the upstream says them; the client is told whole ones, rounded up. */
  readonly retryAfterS?: number;
  /** `false` where a repeat cannot help: sent on as `x-should-retry: false`. */
  readonly shouldRetry?: boolean;
  /** HTTP status the upstream gave, when it answered at all. */
  readonly upstreamStatus?: number;
  readonly wire?: { readonly status: number; readonly headers: readonly [string, string][]; readonly body: Buffer };
}
