import type { FailureClass, UpstreamFault } from '../../core/failure.ts';
import type { Envelope } from '../../core/messages.ts';
import { excerpt } from '../../core/redact.ts';
import type { HeaderMap } from '../../core/retry-after.ts';
import type { Target } from '../../core/target.ts';
import { readErrorBody, readErrorValue, tellsFault, upstreamFault } from '../upstream-error.ts';
import { headOf } from './request-parts.ts';
import { toolNames } from './tools.ts';
import { isRecord } from './types.ts';

/** An answer that is not 200. Tool names in its text are the client's again. */
export function errorFault(
  status: number,
  headers: HeaderMap,
  body: Buffer,
  env: Envelope,
  target: Target,
): UpstreamFault {
  const words = readErrorBody(body);
  if (status === 413 && words.message === '') {
    // A bare 413 of a model server is its window, not the size of the bytes.
    const text = 'the request exceeds the context length';
    return { ...upstreamFault(400, headers, { ...words, message: text }, env, target), upstreamStatus: status };
  }
  return withClientNames(upstreamFault(status, headers, body, env, target), env, target);
}

/** The fault that a chunk or a whole answer of a 200 tells, in any of the envelopes; `undefined` when it tells none. */
export function faultInside(answer: Record<string, unknown>, env: Envelope, target: Target): UpstreamFault | undefined {
  const told = tellsFault(answer) ? answer : (brokenVendor(answer.x_groq) ?? brokenChoice(answer.choices));
  if (told === undefined) return undefined;
  return withClientNames(upstreamFault(200, {}, readErrorValue(told), env, target), env, target);
}

/** An `error` event, whatever it holds. */
export function faultOfEvent(data: Buffer, env: Envelope, target: Target): UpstreamFault {
  return withClientNames(upstreamFault(200, {}, readErrorBody(data), env, target), env, target);
}

/** What was received is no answer, or only half of one. */
export function brokenFault(
  failure: Extract<FailureClass, 'empty' | 'malformed' | 'truncated' | 'server_error' | 'overloaded'>,
  what: string,
  target: Target,
): UpstreamFault {
  const message = excerpt(`${target.provider}: ${what}`, 600);
  if (failure === 'overloaded')
    return { class: failure, status: 529, type: 'overloaded_error', message, upstreamStatus: 200 };
  return { class: failure, status: 502, type: 'api_error', message, upstreamStatus: 200 };
}

/** Groq tells what went wrong in the middle of a stream in a field of its own. */
function brokenVendor(vendor: unknown): Record<string, unknown> | undefined {
  return isRecord(vendor) && tellsFault({ error: vendor.error, choices: [] }) ? vendor : undefined;
}

function brokenChoice(choices: unknown): Record<string, unknown> | undefined {
  if (!Array.isArray(choices)) return undefined;
  return choices.find((choice) => isRecord(choice) && isRecord(choice.error));
}

function withClientNames(fault: UpstreamFault, env: Envelope, target: Target): UpstreamFault {
  const message = toolNames(headOf(env), target).restore(fault.message);
  return message === fault.message ? fault : { ...fault, message };
}
