import type { AnthropicErrorType } from '../core/errors.ts';
import type { FailureClass, UpstreamFault } from '../core/failure.ts';
import { redact } from '../core/redact.ts';

/** Status and type under which a failure of the connection itself is told to the client, which retries all of them. */
const TOLD_AS: Partial<Record<FailureClass, readonly [number, AnthropicErrorType]>> = {
  network: [502, 'api_error'],
  timeout_connect: [504, 'timeout_error'],
  timeout_first_byte: [504, 'timeout_error'],
  timeout_idle: [504, 'timeout_error'],
  empty: [502, 'api_error'],
  malformed: [502, 'api_error'],
  truncated: [502, 'api_error'],
  credential: [401, 'authentication_error'],
  aborted: [499, 'api_error'],
};

/** A fault that the gateway itself notices; those of an answer are built by the protocol. */
export function connectionFault(
  failure: FailureClass,
  message: string,
  options: { shouldRetry?: boolean } = {},
): UpstreamFault {
  const [status, type] = TOLD_AS[failure] ?? [502, 'api_error'];
  return { class: failure, status, type, message: redact(message), ...options };
}
