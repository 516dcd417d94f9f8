import type { AnthropicErrorType } from '../core/errors.ts';
import type { FailureClass, UpstreamFault } from '../core/failure.ts';
import { recogniseFailure } from '../core/failure-patterns.ts';
import type { Envelope } from '../core/messages.ts';
import { canonicalOverflow } from '../core/overflow.ts';
import { excerpt, redact } from '../core/redact.ts';
import { type HeaderMap, resetSeconds, retryAfterSeconds } from '../core/retry-after.ts';
import type { Target } from '../core/target.ts';
import { isObject } from './call-input.ts';

/** What an error body says, whatever its envelope. Empty strings where it says nothing. */
export interface ErrorWords {
  readonly message: string;
  readonly type: string;
  readonly code: string;
}

/**
 * The fault that an error answer of a provider other than Anthropic is: class by wording and status, the Messages API's
 * own type and status for it, the text of an overflow as the client knows it. For errors inside of a 200 give 200.
 */
export function upstreamFault(
  status: number,
  headers: HeaderMap,
  body: Buffer | ErrorWords,
  env: Envelope,
  target: Target,
): UpstreamFault {
  const words = Buffer.isBuffer(body) ? readErrorBody(body) : body;
  const effective = status === 200 ? statusInside(words) : status;
  const found = recogniseFailure(effective, [words.code, words.type, words.message].join(' ').trim(), status === 200);
  const said = words.message || `upstream returned ${status} without a message`;
  const text = found.about === 'image' && env.raw.includes('"image"') ? REFUSED_IMAGE + said : said;
  const told = tell(found.class, text, effective, env, target);
  const retryAfterS = waitOf(told.class, headers, Buffer.isBuffer(body) ? body.toString('utf8', 0, 20_000) : text);
  return {
    class: told.class,
    status: told.status,
    type: told.type,
    message: redact(told.message, keysOf(target)).slice(0, 2000),
    ...(retryAfterS === undefined ? {} : { retryAfterS }),
    ...(found.shouldRetry === false || headers['x-should-retry'] === 'false' ? { shouldRetry: false } : {}),
    upstreamStatus: status,
  };
}

/** Words on which the client puts a note in the place of the picture and goes on; any others end the turn, and with a
 * picture in the history every turn after it. */
const REFUSED_IMAGE = 'Could not process image: ';

/** How long the upstream wants to be left alone, seconds: as it says, or until a limit that is used up is filled. */
export function waitOf(failure: FailureClass, headers: HeaderMap, text: string): number | undefined {
  const isLimit = failure === 'quota' || failure === 'rate_limit';
  return retryAfterSeconds(headers, text) ?? (isLimit ? resetSeconds(headers, text) : undefined);
}

interface Told {
  readonly class: FailureClass;
  readonly status: number;
  readonly type: AnthropicErrorType;
  readonly message: string;
}

/** How the client is told: it retries by status and compacts by wording, so both are part of the contract with it. */
function tell(failure: FailureClass, text: string, status: number, env: Envelope, target: Target): Told {
  const told = (code: number, type: AnthropicErrorType, message = text): Told => ({
    class: failure,
    status: code,
    type,
    message,
  });
  const { provider } = target;
  switch (failure) {
    case 'context_overflow':
    case 'output_overflow': {
      const overflow = canonicalOverflow(text, {
        tokens: Math.ceil(env.raw.length / 4),
        window: target.data.contextWindow,
        output: maxTokensOf(env),
      });
      return { ...overflow, status: 400, type: 'invalid_request_error' };
    }
    case 'credential':
      return told(401, 'authentication_error', `${provider} does not accept the key it was given: ${text}`);
    case 'quota':
      return told(402, 'billing_error', `${provider}: ${text}`);
    case 'permission':
      return told(
        403,
        'permission_error',
        isEdge(text) ? `the edge of ${provider} blocked the request: ${text}` : `${provider}: ${text}`,
      );
    case 'model_missing':
      return told(
        404,
        'not_found_error',
        `${provider} has no model "${target.model ?? env.model}" (asked for as "${env.model}"): ${text}`,
      );
    case 'rate_limit':
      return told(429, 'rate_limit_error');
    case 'overloaded':
      return told(status === 503 ? 503 : 529, 'overloaded_error');
    case 'too_large':
      return told(413, 'request_too_large');
    case 'timeout_first_byte':
    case 'timeout_connect':
      return told(status === 408 ? 408 : 504, 'timeout_error');
    case 'server_error':
      return told(status >= 500 && status < 520 ? status : 502, 'api_error');
    default:
      if (status === 409) return told(409, 'conflict_error');
      return told(isTellable(failure, status) ? status : 400, 'invalid_request_error');
  }
}

function maxTokensOf({ spans, raw }: Envelope): number | undefined {
  const span = spans.get('max_tokens');
  const number = span === undefined ? Number.NaN : Number(raw.toString('latin1', span[0], span[1]));
  return Number.isNaN(number) ? undefined : number;
}

/** A filter's 403 is about the content and a missing capability's 404 is not about the name of the model; the client asks
 * again for another model on a 404, and does not know 422. */
function isTellable(failure: FailureClass, status: number): boolean {
  return failure !== 'content_policy' && status >= 400 && status < 500 && status !== 404 && status !== 422;
}

const STATUS_OF_TYPE: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  bad_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  timeout_error: 504,
  overloaded_error: 529,
};

/** Status of an error that came inside of a 200: from a numeric code or the name of its type. */
function statusInside({ code, type }: ErrorWords): number {
  const number = Number(code);
  if (number >= 400 && number < 600) return number;
  return STATUS_OF_TYPE[type] ?? STATUS_OF_TYPE[code] ?? 500;
}

function isEdge(text: string): boolean {
  return /just a moment|cloudflare|javascript/i.test(text);
}

function keysOf({ credential }: Target): string[] {
  return credential.kind === 'keys' ? credential.keys.map((key) => key.reveal()) : [];
}

/** The human text of an error body and what classifies it; never throws, never gives `[object Object]`. */
export function readErrorBody(body: Buffer): ErrorWords {
  const text = body
    .toString('utf8', 0, 1 << 20)
    .replace(/^\ufeff/, '')
    .trim();
  try {
    return readErrorValue(JSON.parse(text));
  } catch {
    return { message: text.startsWith('<') ? pageText(text) : excerpt(text), type: '', code: '' };
  }
}

/** A chunk or a whole answer of a 200 is an error in any of the envelopes. */
export function tellsFault(answer: Readonly<Record<string, unknown>>): boolean {
  const { error, choices, base_resp: base } = answer;
  if (tellsSomething(error) || (isObject(error) && !Array.isArray(choices))) return true;
  if (answer.type === 'error' || answer.object === 'error') return true;
  if (isObject(base) && typeof base.status_code === 'number' && base.status_code !== 0) return true;
  if (Array.isArray(choices)) return false;
  if (answer.success === false || answer.detail !== undefined) return true;
  const code = answer.code ?? statusOf(answer);
  const hasCode = code !== undefined && code !== null && code !== 0 && code !== 200;
  return hasCode && (typeof answer.message === 'string' || typeof answer.msg === 'string');
}

/** Some serialisers write every field, also that of an error that did not happen. */
function tellsSomething(error: unknown): boolean {
  if (isObject(error)) return Object.keys(error).length > 0;
  return error !== undefined && error !== null && error !== false && error !== '';
}

/** The same for parsed JSON. */
export function readErrorValue(value: unknown): ErrorWords {
  return dig(value, 0);
}

const DEEPEST = 4;
const TEXT_FIELDS = [
  'message',
  'detail',
  'msg',
  'error_msg',
  'error_message',
  'errorMessage',
  'status_msg',
  'error_description',
  'description',
  'reason',
  'err',
  'Message',
  'title',
];
/** Fields that hold the error itself, the more telling first. */
const NESTED_FIELDS = ['error', 'errors', 'base_resp', 'detail', 'message', 'response', 'data', 'failure', 'fault'];

function dig(value: unknown, depth: number): ErrorWords {
  if (typeof value === 'string') return digText(value, depth);
  if (typeof value !== 'object' || value === null || depth > DEEPEST) return { message: '', type: '', code: '' };
  if (Array.isArray(value)) return digList(value, depth);
  const fields = value as Record<string, unknown>;
  const own = {
    type: word(fields.type === 'error' ? '' : fields.type) || quotaOf(fields.details),
    code: word(fields.code ?? fields.status_code ?? fields.http_code ?? fields.http_status_code ?? statusOf(fields)),
  };
  for (const name of NESTED_FIELDS) {
    const nested = fields[name];
    if (typeof nested !== 'object' || nested === null) continue;
    const found = dig(nested, depth + 1);
    if (found.message === '') continue;
    const message = found.message + rawReason(nested) + countsOf(nested);
    return { message, type: found.type || own.type, code: found.code || own.code };
  }
  if (typeof fields.error === 'string' && fields.error !== '') {
    const found = dig(fields.error, depth + 1);
    const better = TEXT_FIELDS.map((name) => fields[name]).find((text) => typeof text === 'string' && text !== '');
    return {
      message: better === undefined ? found.message : `${found.message}: ${better as string}`,
      type: found.type || own.type,
      code: found.code || own.code,
    };
  }
  for (const name of TEXT_FIELDS) {
    const text = fields[name];
    if (typeof text !== 'string' || text === '') continue;
    const found = dig(text, depth + 1);
    return { message: found.message, type: found.type || own.type, code: found.code || own.code };
  }
  return { message: '', ...own };
}

/** A status is a number; the same names are used for words (`failed`). */
function statusOf({ statusCode, status }: Record<string, unknown>): unknown {
  return [statusCode, status].find((value) => /^[45]\d\d$/.test(String(value)));
}

/** Text that may itself be the JSON of another error, as relays pack it. */
function digText(text: string, depth: number): ErrorWords {
  const start = text.indexOf('{');
  if (start !== -1 && depth <= DEEPEST && text.endsWith('}')) {
    try {
      const found = dig(JSON.parse(text.slice(start)), depth + 1);
      if (found.message !== '') return found;
    } catch {
      // Braces in a text are no JSON.
    }
  }
  return { message: excerpt(text, 1500), type: '', code: '' };
}

/** FastAPI lists what is wrong with each field; others give a list of errors. */
function digList(list: readonly unknown[], depth: number): ErrorWords {
  const found = list.slice(0, 3).map((item) => {
    const words = dig(item, depth + 1);
    const place = (item as { loc?: unknown } | null)?.loc;
    return Array.isArray(place) ? { ...words, message: `${place.join('.')}: ${words.message}` } : words;
  });
  const message = found
    .map((words) => words.message)
    .filter((text) => text !== '')
    .join('; ');
  return { message, type: found[0]?.type ?? '', code: found[0]?.code ?? '' };
}

/** OpenRouter puts the provider's own words beside its "Provider returned error". */
function rawReason(nested: object): string {
  const { metadata } = nested as { metadata?: { raw?: unknown } | null };
  if (typeof metadata !== 'object' || metadata === null) return '';
  const { message } = dig(metadata.raw, 1);
  return message === '' ? '' : `: ${message}`;
}

/** llama.cpp tells the numbers of an overflow in fields of their own. */
function countsOf(nested: object): string {
  const { n_prompt_tokens: sent, n_ctx: fits } = nested as { n_prompt_tokens?: unknown; n_ctx?: unknown };
  if (typeof sent !== 'number' || typeof fits !== 'number') return '';
  return ` (the prompt has ${sent} tokens, but the configured context size is ${fits} tokens)`;
}

/** Google says in the details which of its limits it was, and not in the message. */
function quotaOf(details: unknown): string {
  if (!Array.isArray(details)) return '';
  const violations = details.flatMap((detail) => (isObject(detail) ? detail.violations : []));
  const ids = violations.map((violation) => (isObject(violation) ? violation.quotaId : ''));
  return ids.filter((id) => typeof id === 'string').join(' ');
}

function word(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** Title of an HTML page, else its visible text. */
function pageText(html: string): string {
  const title = /<title[^>]*>([^<]{1,200})/i.exec(html)?.[1];
  const visible = html
    .slice(0, 20_000)
    .replace(/<(script|style)[^>]*>[\s\S]*?<\/\1>/gi, ' ')
    .replace(/<[^>]{0,2000}>/g, ' ');
  return excerpt(title === undefined ? visible : `${title} (an HTML page)`);
}
