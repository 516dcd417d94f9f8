import { describe, expect, it } from 'vitest';
import { canonicalOverflow, FAILURE_PATTERNS, overflowNumbers, recogniseFailure } from './failure-patterns.ts';

const known = { tokens: 99_000, window: undefined };

describe('the table of failures', () => {
  it.each(FAILURE_PATTERNS.map((pattern) => [pattern.example, pattern] as const))('knows "%s"', (example, pattern) => {
    expect(pattern.says.test(example)).toBe(true);
    const found = recogniseFailure(pattern.statuses?.[0] ?? 400, example);
    expect(found.class).toBe(pattern.class);
    expect(found.shouldRetry).toBe(pattern.shouldRetry);
  });

  it.each([
    [429, 'insufficient_quota You exceeded your current quota', 'quota'],
    [400, 'Your credit balance is too low to access the Anthropic API.', 'quota'],
    [402, 'Insufficient Balance', 'quota'],
    [402, '', 'quota'],
    [
      402,
      'This request requires more credits, or fewer max_tokens. You requested up to 32000 tokens, but can only afford 1200',
      'quota',
    ],
    [403, 'Account is in arrears', 'quota'],
    [200, '1008 insufficient balance', 'quota'],
    [429, 'rate_limit_error This request would exceed your rate limit', 'rate_limit'],
    [429, '', 'rate_limit'],
    [429, '1302 rate limit of concurrent requests', 'rate_limit'],
    [
      413,
      'rate_limit_exceeded Request too large for model on tokens per minute (TPM): Limit 6000, Requested 15263',
      'rate_limit',
    ],
    [400, 'ThrottlingException: Too many tokens, please wait before trying again.', 'rate_limit'],
    [529, 'overloaded_error Overloaded', 'overloaded'],
    [429, 'engine_overloaded_error The engine is currently overloaded', 'overloaded'],
    [503, 'Service is too busy. We advise users to temporarily switch', 'overloaded'],
    [500, '1305 The API has triggered a limit', 'overloaded'],
    [500, 'maximum context length is 4096 tokens', 'context_overflow'],
    [413, 'Please reduce the length of the messages or completion.', 'context_overflow'],
    [413, '', 'too_large'],
    [404, 'The model `x` does not exist', 'model_missing'],
    [400, 'Model Not Exist', 'model_missing'],
    [404, '', 'model_missing'],
    [401, 'Authentication Fails', 'credential'],
    [401, '', 'credential'],
    [403, 'Just a moment...', 'permission'],
    [403, 'You are not allowed', 'permission'],
    [500, 'image input is not supported', 'invalid_request'],
    [500, "Invalid schema for function 'mcp__x'", 'invalid_request'],
    [400, 'messages: at least one message is required', 'invalid_request'],
    [400, '', 'invalid_request'],
    [422, 'field required', 'invalid_request'],
    [418, '', 'invalid_request'],
    [500, 'oops', 'server_error'],
    [502, '', 'server_error'],
    [504, '', 'timeout_first_byte'],
    [400, 'data_inspection_failed', 'content_policy'],
    [400, '1301 System detected potentially unsafe or sensitive content', 'content_policy'],
    [400, 'The `signature` of the thinking block: thinking.signature: Field required', 'thinking_signature'],
    [
      400,
      'messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`',
      'thinking_signature',
    ],
  ])('%i "%s" is %s', (status, words, failure) => {
    expect(recogniseFailure(status, words).class).toBe(failure);
  });
});

describe('an overflow', () => {
  it.each([
    [
      "This model's maximum context length is 128000 tokens. However, your messages resulted in 130011 tokens.",
      130011,
      128000,
    ],
    ["This model's maximum prompt length is 131072 but the request contains 537812 tokens.", 537812, 131072],
    [
      "This endpoint's maximum context length is 65536 tokens. However, you requested about 70210 tokens (…).",
      70210,
      65536,
    ],
    ["The input (70000 tokens) is longer than the model's context length (65536 tokens).", 70000, 65536],
    ['Invalid request: Your request exceeded model token limit: 262144 (requested: 270001)', 270001, 262144],
    ["1210 Request 212387 input tokens exceeds the model's maximum context length 202750", 212387, 202750],
    [
      'Prompt contains 65673 tokens and 0 draft tokens, too large for model with 32768 maximum context length',
      65673,
      32768,
    ],
    ['prompt token count of 128001 exceeds the limit of 128000', 128001, 128000],
    ['Please reduce the length of the messages or completion. Current length is 9123 while limit is 8192', 9123, 8192],
    [
      'Trying to keep the first 21000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens',
      21000,
      4096,
    ],
    ['Prompt too long: 32799 tokens exceeds max context window of 32768 tokens', 32799, 32768],
    ['prompt is too long: 210000 tokens > 200000 maximum', 210000, 200000],
    ['the request (9000 tokens) exceeds the available context size (8192 tokens)', 9000, 8192],
    ['The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).', 1200000, 1048576],
  ])('with both numbers: %s', (text, actual, limit) => {
    expect(recogniseFailure(400, text).class).toBe('context_overflow');
    expect(overflowNumbers(text, undefined)).toMatchObject({ actual, limit });
    expect(canonicalOverflow(text, known).message).toBe(`prompt is too long: ${actual} tokens > ${limit} maximum`);
  });

  it.each([
    ['Range of input length should be [1, 90000]', undefined, 'prompt is too long: 99000 tokens > 90000 maximum'],
    ['Range of input length should be [1, 129024]', undefined, 'prompt is too long: 129025 tokens > 129024 maximum'],
    [
      'prompt too long; exceeded max context length by 123 tokens',
      4096,
      'prompt is too long: 4219 tokens > 4096 maximum',
    ],
    ['Prompt exceeds max length', 64000, 'prompt is too long: 99000 tokens > 64000 maximum'],
    [
      'invalid params, context window exceeds limit (2013)',
      200_000,
      'prompt is too long: 200001 tokens > 200000 maximum',
    ],
  ])('with one number gets the other from what is known: %s', (text, window, message) => {
    expect(recogniseFailure(400, text).class).toBe('context_overflow');
    expect(canonicalOverflow(text, { tokens: 99_000, window }).message).toBe(message);
  });

  it('without numbers keeps the text behind the words that the client knows', () => {
    for (const text of [
      'Input is too long for requested model.',
      'Your input exceeds the context window of this model.',
    ]) {
      expect(recogniseFailure(400, text).class).toBe('context_overflow');
      expect(canonicalOverflow(text, known).message).toBe(`prompt is too long: ${text}`);
    }
  });

  it('of the answer alone asks for fewer tokens, not for compaction', () => {
    const expected = (sum: string) => ({
      class: 'output_overflow',
      message: `input length and \`max_tokens\` exceed context limit: ${sum}, decrease input length or \`max_tokens\` and try again`,
    });
    const openRouter =
      "This endpoint's maximum context length is 65536 tokens. However, you requested about 70210 tokens (38210 of text input, 32000 in the output).";
    expect(canonicalOverflow(openRouter, known)).toEqual(expected('38210 + 32000 > 65536'));
    const vllm =
      "'max_tokens' or 'max_completion_tokens' is too large: 32000. This model's maximum context length is 32768 tokens and your request has 5000 input tokens";
    expect(recogniseFailure(400, vllm).class).toBe('output_overflow');
    expect(canonicalOverflow(vllm, known)).toEqual(expected('5000 + 32000 > 32768'));
    const anthropic =
      'input length and `max_tokens` exceed context limit: 178959 + 64000 > 200000, decrease input length';
    expect(canonicalOverflow(anthropic, known)).toEqual(expected('178959 + 64000 > 200000'));
    const input =
      "This endpoint's maximum context length is 65536 tokens. However, you requested about 99000 tokens (67000 of text input, 32000 in the output).";
    expect(canonicalOverflow(input, known).class).toBe('context_overflow');
  });

  it('always says that more was sent than fits', () => {
    for (const window of [undefined, 1000, 10_000_000]) {
      for (const text of [
        'maximum context length is 50',
        'length is 10 while limit is 20',
        'prompt token count of 5 exceeds the limit of 9',
      ]) {
        const match = /(\d+) tokens > (\d+) maximum/.exec(canonicalOverflow(text, { tokens: 3, window }).message);
        expect(Number(match?.[1])).toBeGreaterThan(Number(match?.[2]));
      }
    }
  });
});
