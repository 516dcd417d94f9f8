import type { FailureClass } from './failure.ts';

/** One way in which a provider says what went wrong. */
export interface FailurePattern {
  readonly class: FailureClass;
  /** Matched against code, type and message of the answer, joined by spaces. */
  readonly says: RegExp;
  /** Statuses for which it counts; any if absent. 200 is an error inside an answer. */
  readonly statuses?: readonly number[];
  /** `false`: the same request cannot succeed, whatever is waited. */
  readonly shouldRetry?: false;
  readonly why: string;
  readonly example: string;
}

/**
 * Everything that is known of how providers word their failures. The first match wins, so the order is part of the
 * knowledge: an empty balance arrives as a rate limit, a limit per minute talks about tokens, an overflow may come with
 * any status. Add a pattern with the text it was made for.
 */
export const FAILURE_PATTERNS: readonly FailurePattern[] = [
  {
    class: 'rate_limit',
    says: /tokens per minute|\(TPM\)|tokens per day|\(TPD\)/i,
    statuses: [413],
    shouldRetry: false,
    why: 'larger than the whole limit of a minute: neither waiting nor compacting to the window helps',
    example:
      'rate_limit_exceeded Request too large for model x on tokens per minute (TPM): Limit 6000, Requested 15263',
  },
  {
    class: 'rate_limit',
    says: /throttl|too many tokens, please wait|tokens per (?:minute|day)|\bTP[MD]\b/i,
    why: 'throttling that talks about tokens is no overflow',
    example: 'ThrottlingException: Too many tokens, please wait before trying again.',
  },
  {
    class: 'quota',
    says: /insufficient[_ ]?(?:quota|balance|funds|credits?)|exceeded your current quota|credit balance is too low|requires more credits|out of credits|payment required|account (?:is )?in arrears|余额不足|欠费|billing_(?:hard_limit|not_active)|spend(?:ing)? limit/i,
    shouldRetry: false,
    why: 'an empty balance arrives as 400, 402, 403 or 429, and no wait fills it',
    example: 'insufficient_quota You exceeded your current quota, please check your plan and billing details.',
  },
  {
    class: 'quota',
    says: /^(?:1113|1008)\b/,
    shouldRetry: false,
    why: 'codes of Zhipu and MiniMax for an empty account',
    example: '1113 Your account is in arrears, please recharge and try again',
  },
  {
    class: 'quota',
    says: /usage limit (?:reached|exceeded)|(?:weekly|monthly|5[- ]hour|plan) (?:usage )?(?:limit|quota)|quota (?:has been )?(?:exhausted|exceeded|used up)/i,
    shouldRetry: false,
    why: 'a used-up plan: hours or days until it helps to wait',
    example: 'Usage limit reached for 5 hour. Your limit will reset at 2026-01-02 18:00:00',
  },
  {
    class: 'thinking_signature',
    says: /invalid `?signature`? in `?thinking`?|thinking\.signature|signature.{0,40}thinking block|bound to a different conversation|`?thinking`? (?:or `?redacted_thinking`? )?blocks.{0,60}cannot be modified|expected `?thinking`? or `?redacted_thinking`?/i,
    statuses: [400, 422, 200],
    why: 'thinking of another provider, or of a history that was edited',
    example: 'messages.3.content.0: Invalid `signature` in `thinking` block',
  },
  {
    class: 'output_overflow',
    says: /input length and `?max_tokens`? exceed context limit|max_(?:completion_)?tokens.{0,40}is too large.{0,120}context length/i,
    why: 'the input fits, the answer asked for does not: the client lowers max_tokens',
    example:
      'input length and `max_tokens` exceed context limit: 178959 + 64000 > 200000, decrease input length or `max_tokens` and try again',
  },
  {
    class: 'context_overflow',
    says: /context_length_exceeded|model_context_window_exceeded|(?:maximum|max) (?:model )?(?:context|prompt) (?:length|window)|context (?:window|length|size) (?:limit )?(?:is )?exceed|exceeds? (?:the |its |your |this )?(?:available |maximum |max |model'?s? )*(?:context|prompt)[ _-]?(?:window|length|size|limit)|exceeded model token limit|longer than the model'?s context/i,
    why: 'the usual wordings of OpenAI and of those who follow it',
    example: "This model's maximum context length is 128000 tokens. However, your messages resulted in 130011 tokens.",
  },
  {
    class: 'context_overflow',
    says: /prompt (?:is )?too long|input is too long for|prompt exceeds max length|exceeds the limit of \d+|too large for model with \d+|reduce the length of the (?:messages|prompt)|range of input length should be|context the overflows|context size has been exceeded|input tokens? exceeds?|request too large for model.{0,40}context|^1261\b|input token count.{0,60}exceeds/i,
    why: 'wordings of single providers',
    example: 'Prompt contains 65673 tokens and 0 draft tokens, too large for model with 32768 maximum context length',
  },
  {
    class: 'content_policy',
    says: /content_filter|content management policy|data_inspection_failed|sensitive content|content (?:is )?(?:blocked|violat)|violat\w+ (?:our |the )?(?:usage|content) polic|^(?:1301|1026|1027)\b/i,
    shouldRetry: false,
    why: 'a filter struck; it strikes the history, so every repeat fails too',
    example: 'content_filter The response was filtered due to the prompt triggering the content management policy.',
  },
  {
    class: 'permission',
    says: /just a moment|cf-mitigated|attention required! \| cloudflare|cf-error|enable javascript and cookies/i,
    why: "a provider's edge blocked the request: it is not the key",
    example: 'Just a moment... Enable JavaScript and cookies to continue',
  },
  {
    class: 'model_missing',
    says: /model[ _]not[ _](?:exist|found|supported)|model_not_found|no such model|unknown model|invalid model|not a valid model|model.{0,80}(?:does not exist|is not found|not found|is not available|has been (?:deprecated|retired|removed))|model (?:is )?disabled|does not exist or you do not have access/i,
    statuses: [200, 400, 403, 404, 410, 422, 500, 503],
    shouldRetry: false,
    why: 'the provider has no such model',
    example: 'The model `claude-haiku-4-5` does not exist',
  },
  {
    class: 'credential',
    says: /(?:invalid|incorrect|missing|no|expired|revoked)[ _](?:or missing |or expired )?(?:api|x-api|access|auth\w*)[ _-]?(?:key|token)|api key (?:is )?(?:not valid|invalid|expired|missing)|authentication fail|invalid_api_key|invalid authentication|unauthorized|login fail|^(?:1000|1001|1002|1003|1004) .*(?:auth|token|login)/i,
    statuses: [200, 400, 401, 403],
    shouldRetry: false,
    why: 'the key is wrong; asking again does not make it right',
    example: 'invalid_api_key Incorrect API key provided: sk-abc***',
  },
  {
    class: 'invalid_request',
    says: /image input is not supported|does not support image/i,
    why: 'llama.cpp says with 500 that the model cannot see; the client would repeat that ten times',
    example: 'image input is not supported - hint: if this is unexpected, you may need to provide the mmproj',
  },
  {
    class: 'invalid_request',
    says: /invalid schema for (?:function|tool)|invalid_function_parameters/i,
    why: "a tool's schema is refused: the same on every repeat, whatever the status",
    example: "Invalid schema for function 'mcp__x': object schema missing properties",
  },
  {
    class: 'overloaded',
    says: /overloaded|engine_overloaded|(?:service|server|system|engine|model) is (?:currently |temporarily )?(?:too )?(?:busy|overloaded|at capacity|unavailable)|insufficient_system_resource|no (?:available )?capacity|^1305\b/i,
    why: "the provider's capacity, whatever status it comes with",
    example: 'engine_overloaded_error The engine is currently overloaded, please try again later',
  },
  {
    class: 'rate_limit',
    says: /rate[ _-]?limit|too many requests|(?:requests|concurrency) (?:limit|per (?:second|minute))|concurrent requests|^(?:1302|1303|1002)\b/i,
    statuses: [200, 400, 403, 413, 429, 500, 503],
    why: 'a limit that a wait helps',
    example: 'rate_limit_error Number of request tokens has exceeded your per-minute rate limit',
  },
];

const BY_STATUS: Readonly<Record<number, FailureClass>> = {
  401: 'credential',
  402: 'quota',
  403: 'permission',
  404: 'model_missing',
  408: 'timeout_first_byte',
  413: 'too_large',
  429: 'rate_limit',
  503: 'overloaded',
  504: 'timeout_first_byte',
  522: 'timeout_connect',
  524: 'timeout_first_byte',
  529: 'overloaded',
};

export interface RecognisedFailure {
  readonly class: FailureClass;
  readonly shouldRetry?: false;
}

/** What matters is said in the beginning; the rest of an error page only costs time. */
const LOOKED_AT = 4000;

/** Class of a failure by its wording, then by its status. `text`: code, type and message in one. */
export function recogniseFailure(status: number, text: string): RecognisedFailure {
  const words = text.slice(0, LOOKED_AT);
  for (const pattern of FAILURE_PATTERNS) {
    if (pattern.statuses !== undefined && !pattern.statuses.includes(status)) continue;
    if (!pattern.says.test(words)) continue;
    return pattern.shouldRetry === false ? { class: pattern.class, shouldRetry: false } : { class: pattern.class };
  }
  const known = BY_STATUS[status];
  if (known === 'credential' || known === 'quota') return { class: known, shouldRetry: false };
  if (known !== undefined) return { class: known };
  if (status >= 400 && status < 500) return { class: 'invalid_request' };
  return { class: 'server_error' };
}

/** Token counts of an overflow, as far as the text tells them. */
export interface OverflowNumbers {
  /** Tokens that were sent. */
  readonly actual: number | undefined;
  /** Tokens that fit. */
  readonly limit: number | undefined;
  /** Part of `actual` that was meant for the answer. */
  readonly output: number | undefined;
}

const N = '([\\d,]+)';
/** Which number is which differs from text to text, and taken the wrong way round the client compacts to nothing. */
const OVERFLOW_NUMBERS: readonly (readonly [RegExp, readonly ('actual' | 'limit' | 'input' | 'output' | 'over')[]])[] =
  [
    [new RegExp(`exceed context limit: *${N} *\\+ *${N} *> *${N}`, 'i'), ['input', 'output', 'limit']],
    [
      new RegExp(`is too large: *${N}.*?context length is ${N} tokens and your request has ${N} input`, 'is'),
      ['output', 'limit', 'input'],
    ],
    [
      new RegExp(
        `(?:context|prompt) length is ${N}.*?(?:you )?requested (?:about )?${N} tokens? \\(${N} (?:of text input|in the messages)[^)]*?, ${N} (?:in|of) (?:the )?(?:output|completion)`,
        'is',
      ),
      ['limit', 'actual', 'input', 'output'],
    ],
    [
      new RegExp(
        `(?:maximum|max) (?:context|prompt) (?:length|window)(?: is| of|:)? ${N}.*?(?:resulted in|contains|requested|has|with)(?: about| at least)? ${N}`,
        'is',
      ),
      ['limit', 'actual'],
    ],
    [new RegExp(`token limit: *${N} *\\(requested: *${N}`, 'i'), ['limit', 'actual']],
    [new RegExp(`length is ${N} while limit is ${N}`, 'i'), ['actual', 'limit']],
    [new RegExp(`prompt is too long: *${N} tokens? *> *${N}`, 'i'), ['actual', 'limit']],
    [new RegExp(`contains ${N} tokens.*?too large for model with ${N}`, 'i'), ['actual', 'limit']],
    [new RegExp(`token count (?:of|\\()? *${N}\\)? *exceeds.*?\\(?${N}`, 'i'), ['actual', 'limit']],
    [
      new RegExp(
        `(?:input|request|prompt)[^\\d]{0,30}${N}(?: input)? tokens?\\)? .*?(?:exceeds?|longer than|greater than)[^\\d]*${N}`,
        'i',
      ),
      ['actual', 'limit'],
    ],
    [new RegExp(`request \\(${N} tokens?\\) exceeds[^\\d]*${N}`, 'i'), ['actual', 'limit']],
    [new RegExp(`first ${N} tokens when context.*?context length of only ${N}`, 'is'), ['actual', 'limit']],
    [new RegExp(`exceeded max context length by ${N}`, 'i'), ['over']],
    [new RegExp(`input length should be \\[\\d+, *${N}\\]`, 'i'), ['limit']],
    [new RegExp(`(?:context|prompt) (?:length|window)(?: is| of|:)? ${N}`, 'i'), ['limit']],
  ];

/** The numbers of an overflow text. */
export function overflowNumbers(text: string, window: number | undefined): OverflowNumbers {
  const words = text.slice(0, LOOKED_AT);
  for (const [pattern, names] of OVERFLOW_NUMBERS) {
    const match = pattern.exec(words);
    if (match === null) continue;
    const found: Partial<Record<'actual' | 'limit' | 'input' | 'output' | 'over', number>> = {};
    for (const [at, name] of names.entries()) found[name] = Number((match[at + 1] ?? '').replaceAll(',', ''));
    const limit = found.limit ?? window;
    const sum = found.input === undefined ? undefined : found.input + (found.output ?? 0);
    const beyond = found.over === undefined || limit === undefined ? undefined : limit + found.over;
    return { actual: found.actual ?? sum ?? beyond, limit, output: found.output };
  }
  return { actual: undefined, limit: window, output: undefined };
}

/**
 * The wording on which the client acts: it compacts on the first, and lowers `max_tokens` on the second. `tokens` is the
 * local estimate of the input, `window` the model's known window; they stand in for numbers that the text leaves out.
 */
export function canonicalOverflow(
  text: string,
  known: { readonly tokens: number; readonly window: number | undefined },
): { readonly class: 'context_overflow' | 'output_overflow'; readonly message: string } {
  const { actual, limit, output } = overflowNumbers(text, known.window);
  if (actual !== undefined && limit !== undefined && output !== undefined && actual - output < limit) {
    const sum = `${actual - output} + ${output} > ${limit}`;
    return {
      class: 'output_overflow',
      message: `input length and \`max_tokens\` exceed context limit: ${sum}, decrease input length or \`max_tokens\` and try again`,
    };
  }
  if (limit === undefined && actual === undefined) {
    return { class: 'context_overflow', message: `prompt is too long: ${text}` };
  }
  // With one number only, the other is what is known here, made to agree: more was sent than fits.
  const maximum = limit ?? Math.min(known.tokens, (actual ?? 1) - 1);
  const sent = Math.max(actual !== undefined && actual > maximum ? actual : known.tokens, maximum + 1);
  return { class: 'context_overflow', message: `prompt is too long: ${sent} tokens > ${maximum} maximum` };
}
