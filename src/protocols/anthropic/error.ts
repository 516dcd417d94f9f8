import type { AnthropicErrorType } from '../../core/errors.ts';
import type { UpstreamFault } from '../../core/failure.ts';
import { recogniseFailure } from '../../core/failure-patterns.ts';
import type { Envelope } from '../../core/messages.ts';
import { redact } from '../../core/redact.ts';
import type { HeaderMap } from '../../core/retry-after.ts';
import type { Target } from '../../core/target.ts';
import { type ErrorWords, readErrorBody, upstreamFault, waitOf } from '../upstream-error.ts';

/**
 * An answer that is not 200. Anthropic's own goes to the client byte for byte, because the client recovers by its
 * wording; of any other endpoint it is put into the Messages API's envelope.
 */
export function errorFault(
  status: number,
  headers: HeaderMap,
  body: Buffer,
  env: Envelope,
  target: Target,
): UpstreamFault {
  if (!target.quirks.anthropicGenuine) return upstreamFault(status, headers, body, env, target);
  const words = readErrorBody(body);
  const fault = genuineFault(status, words);
  const retryAfterS = waitOf(fault.class, headers, '');
  const shouldRetry = headers['x-should-retry'];
  return {
    ...fault,
    upstreamStatus: status,
    ...(retryAfterS === undefined ? {} : { retryAfterS }),
    ...(shouldRetry === 'false' ? { shouldRetry: false } : {}),
    wire: { status, headers: wireHeaders(headers), body },
  };
}

/** An error that arrived inside of a 200: as an `error` event, or as the whole answer. */
export function errorInside(words: ErrorWords, env: Envelope, target: Target): UpstreamFault {
  if (!target.quirks.anthropicGenuine) return upstreamFault(200, {}, words, env, target);
  return { ...genuineFault(STATUS_OF[words.type] ?? 500, words), upstreamStatus: 200 };
}

const STATUS_OF: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
};

/** Class for the gateway's own decisions; status, type and message stay Anthropic's. */
function genuineFault(status: number, { type, code, message }: ErrorWords): UpstreamFault {
  const found = recogniseFailure(status, [code, type, message].join(' ').trim());
  return {
    class: found.class,
    status,
    type: (type || typeOf(status)) as AnthropicErrorType,
    message: redact(message || `upstream returned ${status} without a message`),
  };
}

function typeOf(status: number): string {
  const named = Object.entries(STATUS_OF).find(([, known]) => known === status)?.[0];
  return named ?? (status >= 500 ? 'api_error' : 'invalid_request_error');
}

const WIRE_HEADERS = new Set(['content-type', 'retry-after', 'retry-after-ms', 'x-should-retry', 'request-id']);

function wireHeaders(headers: HeaderMap): [string, string][] {
  const out: [string, string][] = [];
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    if (value === undefined || !(WIRE_HEADERS.has(lower) || lower.startsWith('anthropic-'))) continue;
    for (const one of Array.isArray(value) ? value : [value]) out.push([name, one]);
  }
  return out;
}
