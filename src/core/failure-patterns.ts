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
  /** What of the request it is about: the client takes a picture out of the conversation when it is told in its words. */
  readonly about?: 'image';
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
    says: /request too large for.{0,200}tokens per min/i,
    shouldRetry: false,
    why: 'the same with the status of a limit',
    example:
      'tokens Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Requested 45000.',
  },
  {
    class: 'quota',
    says: /quota exceeded for metric: \S+, limit: 0\b/i,
    shouldRetry: false,
    why: 'nothing of this model is in the plan: the wait that Gemini names beside it does not help',
    example:
      'You exceeded your current quota. Quota exceeded for metric: x/generate_content_free_tier_requests, limit: 0. Please retry in 47.8s.',
  },
  {
    class: 'quota',
    says: /PerDay(?:Per\w+)?(?:-|\b)/,
    statuses: [200, 429],
    shouldRetry: false,
    why: "the id of a limit of a day: the seconds that Gemini names beside it are those of the minute's",
    example:
      'GenerateRequestsPerDayPerProjectPerModel-FreeTier You exceeded your current quota. Please retry in 23.472316927s.',
  },
  {
    class: 'rate_limit',
    says: /please retry in \d|allocated quota exceeded|exceeded your current requests/i,
    statuses: [200, 429],
    why: 'limits of a minute that Gemini and DashScope call a quota',
    example:
      'You exceeded your current quota, please check your plan and billing details. Please retry in 23.472316927s.',
  },
  {
    class: 'rate_limit',
    says: /throttl|too many tokens, please wait|tokens per (?:minute|day)|\bTP[MD]\b/i,
    why: 'throttling that talks about tokens is no overflow',
    example: 'ThrottlingException: Too many tokens, please wait before trying again.',
  },
  {
    class: 'quota',
    says: /insufficient[_ ]?(?:account[_ ])?(?:quota|balance|funds|credits?)|exceeded[_ ](?:your[_ ])?current[_ ]quota|credit balance is too low|requires more credits|out of credits|(?:doesn't|does not) have any credits|used all available credits|balance (?:is )?(?:insufficient|not enough)|not[_ ]enough[_ ]balance|payment required|in arrears|arrearage|account(?: is |\s)?overdue|overdue balance|in good standing|prepayment credits are depleted|free tier of the model has been exhausted|key limit exceeded|余额不足|欠费|billing_(?:hard_limit|not_active)|spend(?:ing)? limit/i,
    shouldRetry: false,
    why: 'an empty balance arrives as 400, 402, 403 or 429, and no wait fills it',
    example: 'insufficient_quota You exceeded your current quota, please check your plan and billing details.',
  },
  {
    class: 'quota',
    says: /^(?:1113|1304|1308|1309|1310|1008)\b|\((?:1008|2056)\)/,
    shouldRetry: false,
    why: 'codes of Zhipu and MiniMax for an empty account or a used-up plan',
    example: '1113 Your account is in arrears, please recharge and try again',
  },
  {
    class: 'quota',
    says: /usage limit (?:reached|exceeded)|reached your (?:\w+ ){0,2}usage limit|(?:weekly|monthly|5[- ]hour|plan) (?:usage )?(?:limit|quota)|quota (?:has been )?(?:exhausted|exceeded|used up)|^quota_exceeded\b|free-models-per-day|使用上限/i,
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
    class: 'thinking_signature',
    says: /messages\b.{0,120}\breasoning(?:_content|_details)?\b.{0,40}(?:unsupported|not (?:permitted|supported|allowed))|not permitted.{0,30}messages.{0,30}\breasoning|reasoning input is not enabled/i,
    statuses: [400, 422],
    why: 'reasoning that was sent back to a model or a host that takes none, as behind a router',
    example: "messages.2.assistant.reasoning_content: property 'messages.2.assistant.reasoning_content' is unsupported",
  },
  {
    class: 'output_overflow',
    says: /input length and `?max_tokens`? exceed context limit|max_(?:completion_)?tokens.{0,40}is too large.{0,120}context length|tokens *= *\d+ cannot be greater than max_model_len/i,
    why: 'the input fits, the answer asked for does not: the client lowers max_tokens',
    example:
      'input length and `max_tokens` exceed context limit: 178959 + 64000 > 200000, decrease input length or `max_tokens` and try again',
  },
  {
    class: 'context_overflow',
    says: /context_length_exceeded|context_?window_?exceeded|exceed_context_size|max_prompt_tokens_exceeded|tokens_limit_reached|(?:maximum|max) (?:model )?(?:context|prompt) (?:length|window)|context (?:window|length|size) (?:limit )?(?:is |has been )?exceed|exceeds? (?:the |its |your |this )?(?:available |maximum |max |model'?s? )*(?:context|prompt)[ _-]?(?:window|length|size|limit)|exceeded model token limit|(?:longer|larger|greater) than the (?:model'?s? )?(?:max(?:imum)? )?(?:context|model) (?:length|size)|context length is only|reached context length of|n_keep:? *\(?\d+\)? *>= *n_ctx/i,
    why: 'the usual wordings of OpenAI and of those who follow it',
    example: "This model's maximum context length is 128000 tokens. However, your messages resulted in 130011 tokens.",
  },
  {
    class: 'context_overflow',
    says: /(?:prompt|input) (?:tokens? |length |token length )?(?:is |are )?too (?:long|large)|tokens_too_long|token count.{0,40}cannot exceed|max(?:imum)? input tokens is|prompt exceeds max length|input (?:content )?length.{0,30}exceeds|exceeds (?:the )?limit of \d+|too large for model with \d+|reduce the length of the (?:messages|prompt)|range of input length should be|context the overflows|context size has been exceeded|configured context size is|input tokens? exceeds?|exceed max message tokens|too many total text bytes|request too large for model.{0,40}context|^1261\b|input token count.{0,60}exceeds|must be less than (?:or equal to )?max_seq_len|message token length exceeds? model limit|`inputs` (?:tokens \+ `max_new_tokens` must be|must have less than)|tokens in the prompt cannot exceed|content_length_exceeds_threshold|exceeds the kv memory budget|input_too_large\b|context shift is disabled|request body too large for .{1,80}max size: *\d+ tokens|超长/i,
    why: 'wordings of single providers',
    example: 'Prompt contains 65673 tokens and 0 draft tokens, too large for model with 32768 maximum context length',
  },
  {
    class: 'output_overflow',
    says: /\bmax[_ ](?:completion[_ ]|output[_ ]|new[_ ])?tokens\b(?:.{0,60}(?:(?:must be|should be|value is) (?:less than or equal to|<=|no more than|at most)|valid range|should be \[)|.{0,90}above maximum value|.{0,20}too large: *\d+\..{0,40}supports at most|: *[\d,]+ *> *[\d,]+, which is the maximum)/i,
    statuses: [200, 400, 413, 416, 422],
    why: 'more than any answer of the model may have: the client lowers max_tokens when it is told in words that it knows',
    example: 'max_tokens is too large: 64000. This model supports at most 16384 completion tokens',
  },
  {
    class: 'content_policy',
    says: /content_?filter|content management policy|data_?inspection_?failed|inappropriate content|content exists risk|new_sensitive|sensitive (?:content|information)|sensitive_?content|content (?:is )?(?:blocked|violat)|violat\w+ (?:our |the )?(?:usage|content) polic|input was flagged|^(?:1301|1026|1027)\b|\((?:1026|1027)\)/i,
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
    class: 'permission',
    says: /^(?:1110|1111|1112|1121|1220|1311|1313|2061)\b|\(2061\)|location is not supported|(?:country|region),? .{0,30}not supported|unsupported_country|organization (?:has been|is) restricted/i,
    shouldRetry: false,
    why: 'codes of Zhipu and MiniMax for a locked account or another plan, which come as 429 or 500; a country that is not served and a restricted organization, which come as 400',
    example: '1311 The current subscription plan does not include access to this model',
  },
  {
    class: 'invalid_request',
    says: /image (?:input|content|part)?s? ?(?:is|are) not (?:supported|enabled)|(?:does not|doesn't|cannot|can't) (?:support|accept|(?:pre)?process|handle|identify) (?:\w+ ){0,2}(?:image|vision|multi-?modal)|not a multi-?modal model|no endpoints found that support image|unknown variant `image_url`|image_url is only supported|unsupported (?:content part type\W{1,4})?image|content\W{1,4}(?:value )?must be a string|\bcontent\S* input should be a valid string|(?:at most \d+|too many) image|(?:invalid|valid \w+ or) (?:\w+ )?image|failed to (?:load|decode|process) (?:the )?image|must be a base64 encoded image|missing data required for image/i,
    about: 'image',
    why: 'a model without eyes, or a kind of picture that the server cannot read; some say so with 404 or 500, which the client would repeat',
    example: 'image input is not supported - hint: if this is unexpected, you may need to provide the mmproj',
  },
  {
    class: 'invalid_request',
    says: /no endpoints (?:found|available) (?:that|matching)|no allowed providers are available|does not support tools|requires --(?:enable-auto-tool-choice|tool-call-parser|jinja)|requires? --jinja/i,
    shouldRetry: false,
    why: 'the model is there, and cannot do what is asked: the 404 of OpenRouter would make the client ask for another model',
    example: 'No endpoints found that support tool use. Try disabling tools.',
  },
  {
    class: 'model_missing',
    says: /model[ _]not[ _](?:exist|found|supported|available)|unavailable[ _]model|model_not_found|no such model|unknown model|invalid model|not a valid model|model.{0,80}(?:does not exist|is not found|not found|is not available|has been (?:deprecated|retired|removed|decommissioned)|has reached its end of life|is not supported by any provider)|model (?:is )?disabled|no models? loaded|non-serverless model|does not exist or you do not have access|^1211\b/i,
    statuses: [200, 400, 403, 404, 410, 422, 500, 503],
    shouldRetry: false,
    why: 'the provider has no such model',
    example: 'The model `claude-haiku-4-5` does not exist',
  },
  {
    class: 'credential',
    says: /(?:invalid|incorrect|missing|no|expired|revoked)[ _](?:or missing |or expired )?(?:api|x-api|access|auth\w*)[ _-]?(?:key|token)|api key (?:is |was )?(?:not valid|invalid|expired|missing|reported as leaked)|authentication fail|invalid_api_key|invalid authentication|unauthorized|login fail|^(?:1000|1001|1002|1003|1004) .*(?:auth|token|login)/i,
    statuses: [200, 400, 401, 403],
    shouldRetry: false,
    why: 'the key is wrong; asking again does not make it right',
    example: 'invalid_api_key Incorrect API key provided: sk-abc***',
  },
  {
    class: 'invalid_request',
    says: /jinja (?:exception|template)|raise_exception\(|while executing \w+ at line \d+, column|roles must alternate|template: .{0,40}: executing "/i,
    shouldRetry: false,
    why: "the model's chat template refuses the conversation, mostly with 500: every repeat fails too",
    example: 'Jinja Exception: Conversation roles must alternate user/assistant/user/assistant/...',
  },
  {
    class: 'server_error',
    says: /\b(?:tool_use_failed|output_parse_failed|json_validate_failed)\b|^(?:model unloaded|channel error)\b|model has crashed/i,
    statuses: [200, 400],
    why: 'the model made something unreadable at Groq, or crashed in LM Studio: not the fault of the request, so a repeat helps',
    example: "tool_use_failed Failed to call a function. See 'failed_generation' for more details.",
  },
  {
    class: 'invalid_request',
    says: /invalid schema for (?:function|tool)|invalid_function_parameters|JSON schema conversion failed/i,
    why: "a tool's schema is refused: the same on every repeat, whatever the status",
    example: "Invalid schema for function 'mcp__x': object schema missing properties",
  },
  {
    class: 'invalid_request',
    says: /^(?:1210|1212|1213|1214|1215|1042|2013|200[1-4]\d)\b|\((?:1042|2013)\)/,
    why: 'codes of Zhipu, MiniMax and SiliconFlow for a wrong request, which also come in a 200 and as 500',
    example: '2013 invalid params, tool call result does not follow tool call',
  },
  {
    class: 'timeout_first_byte',
    says: /^1001\b.*time|(?:request|gateway|upstream) timed? ?out/i,
    statuses: [200],
    why: 'MiniMax tells its own time-out in a 200',
    example: '1001 request timeout',
  },
  {
    class: 'overloaded',
    says: /overloaded|engine_overloaded|(?:service|server|system|engine|model) is (?:currently |temporarily )?(?:too )?(?:busy|overloaded|at capacity|unavailable)|insufficient_system_resource|no (?:available )?capacity|model (?:too )?busy|DEGRADED function|high (?:traffic|demand)|^(?:1305|1312)\b/i,
    why: "the provider's capacity, whatever status it comes with",
    example: 'engine_overloaded_error The engine is currently overloaded, please try again later',
  },
  {
    class: 'rate_limit',
    says: /rate[ _-]?limit|too many requests|(?:requests|concurrency|[RIT]PM) (?:limit|per (?:second|minute))|concurrent requests|^(?:1302|1303|1002|1039|1041|2045)\b/i,
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
  410: 'model_missing',
  413: 'too_large',
  429: 'rate_limit',
  498: 'overloaded',
  499: 'server_error',
  503: 'overloaded',
  504: 'timeout_first_byte',
  522: 'timeout_connect',
  524: 'timeout_first_byte',
  529: 'overloaded',
};

export interface RecognisedFailure {
  readonly class: FailureClass;
  readonly shouldRetry?: false;
  readonly about?: 'image';
}

/** What matters is said in the beginning; the rest of an error page only costs time. */
const LOOKED_AT = 4000;

/** Class of a failure by its wording, then by its status. `text`: code, type and message in one. `inside`: it came in a
 * 200, and the status is one that it tells itself. */
export function recogniseFailure(status: number, text: string, inside = false): RecognisedFailure {
  const words = text.slice(0, LOOKED_AT);
  for (const { statuses, ...pattern } of FAILURE_PATTERNS) {
    if (statuses !== undefined && !statuses.includes(status) && !(inside && statuses.includes(200))) continue;
    if (!pattern.says.test(words)) continue;
    return {
      class: pattern.class,
      ...(pattern.shouldRetry === false ? { shouldRetry: false } : {}),
      ...(pattern.about === undefined ? {} : { about: pattern.about }),
    };
  }
  const known = BY_STATUS[status];
  if (known === 'credential' || known === 'quota') return { class: known, shouldRetry: false };
  if (known !== undefined) return { class: known };
  if (status >= 400 && status < 500) return { class: 'invalid_request' };
  return { class: 'server_error' };
}
