import { redact } from './redact.ts';

/** Error types of the Messages API (docs.claude.com/en/api/errors), open at the end. */
export type AnthropicErrorType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'billing_error'
  | 'permission_error'
  | 'not_found_error'
  | 'conflict_error'
  | 'request_too_large'
  | 'rate_limit_error'
  | 'timeout_error'
  | 'api_error'
  | 'overloaded_error'
  | 'policy_blocked';

interface ErrorKind {
  /** HTTP status on the data plane. */
  readonly status: number;
  readonly type: AnthropicErrorType;
  /** Exit code on the command line. */
  readonly exit: number;
}

/** Every error midswap raises by itself. A code never changes its meaning. */
const KINDS = {
  invalid_json: { status: 400, type: 'invalid_request_error', exit: 65 },
  invalid_request: { status: 400, type: 'invalid_request_error', exit: 65 },
  body_too_large: { status: 413, type: 'request_too_large', exit: 65 },
  unsupported_media_type: { status: 415, type: 'invalid_request_error', exit: 65 },
  body_timeout: { status: 408, type: 'timeout_error', exit: 75 },
  unauthorized: { status: 401, type: 'authentication_error', exit: 77 },
  forbidden_host: { status: 403, type: 'permission_error', exit: 77 },
  forbidden_origin: { status: 403, type: 'permission_error', exit: 77 },
  not_found: { status: 404, type: 'not_found_error', exit: 66 },
  method_not_allowed: { status: 405, type: 'invalid_request_error', exit: 64 },
  unknown_model: { status: 404, type: 'not_found_error', exit: 66 },
  unknown_reference: { status: 400, type: 'invalid_request_error', exit: 66 },
  ambiguous_reference: { status: 400, type: 'invalid_request_error', exit: 66 },
  no_credential: { status: 401, type: 'authentication_error', exit: 78 },
  fixed_session: { status: 409, type: 'invalid_request_error', exit: 69 },
  unknown_session: { status: 404, type: 'not_found_error', exit: 66 },
  ambiguous_session: { status: 409, type: 'invalid_request_error', exit: 66 },
  config_invalid: { status: 500, type: 'api_error', exit: 78 },
  config_unreadable: { status: 500, type: 'api_error', exit: 78 },
  upstream_failed: { status: 502, type: 'api_error', exit: 69 },
  shutting_down: { status: 503, type: 'overloaded_error', exit: 75 },
  usage: { status: 400, type: 'invalid_request_error', exit: 64 },
  cancelled: { status: 400, type: 'invalid_request_error', exit: 130 },
  claude_missing: { status: 500, type: 'api_error', exit: 69 },
  port_taken: { status: 500, type: 'api_error', exit: 71 },
  unreachable: { status: 502, type: 'api_error', exit: 69 },
  cannot_write: { status: 500, type: 'api_error', exit: 73 },
  internal: { status: 500, type: 'api_error', exit: 70 },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof KINDS;

/** Every exit code that an error may have. */
export const ERROR_EXITS: readonly number[] = [...new Set(Object.values(KINDS).map(({ exit }) => exit))];

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(KINDS, text);
}

/** The one error class. The message says what happened and where; `hint` says what to do. Both are redacted here. */
export class MidswapError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(redact(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'MidswapError';
    this.code = code;
    this.hint = options.hint === undefined ? undefined : redact(options.hint);
  }

  get status(): number {
    return KINDS[this.code].status;
  }

  get type(): AnthropicErrorType {
    return KINDS[this.code].type;
  }

  get exit(): number {
    return KINDS[this.code].exit;
  }
}

/** The Messages API's error envelope, as JSON text. */
export function errorEnvelope(type: AnthropicErrorType, message: string, requestId: string): string {
  return JSON.stringify({ type: 'error', error: { type, message }, request_id: requestId });
}

/** Anything thrown, as one of ours. */
export function asMidswapError(thrown: unknown): MidswapError {
  if (thrown instanceof MidswapError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new MidswapError('internal', message, { cause: thrown });
}
