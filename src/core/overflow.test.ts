import { describe, expect, it } from 'vitest';
import { recogniseFailure } from './failure-patterns.ts';
import { canonicalOverflow, overflowNumbers } from './overflow.ts';

const known = { tokens: 99_000, window: undefined };

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
    ["The input (8391 tokens) is longer than the model's context length (8192 tokens).", 8391, 8192],
    ["Input length (265330) exceeds model's maximum context length (262144).", 265330, 262144],
    [
      'Input length (100500 tokens) exceeds the maximum allowed length (99999 tokens). Use a shorter input',
      100500,
      99999,
    ],
    ['Input length 131393 exceeds the maximum allowed input length of 131040 tokens.', 131393, 131040],
    ['Input prompt (5000 tokens) is too long and exceeds limit of 4096', 5000, 4096],
    [
      "This model's maximum context length is 100000 tokens. However, your request has 100500 input tokens.",
      100500,
      100000,
    ],
    [
      "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens in the messages, Please reduce the length of the messages.",
      5000,
      4096,
    ],
    [
      'The decoder prompt (length 12324) is longer than the maximum model length of 8192. Make sure that `max_model_len` is no smaller than the number of text tokens.',
      12324,
      8192,
    ],
    [
      'The decoder prompt (length 8192) plus the number of requested output tokens (at least 1) is longer than the maximum model length of 8191.',
      8192,
      8191,
    ],
    ['input (100500 tokens) is larger than the max context size (100000 tokens). skipping', 100500, 100000],
    ['`inputs` must have less than 4095 tokens. Given: 5000', 5000, 4095],
    ['The prompt is too long: 140000, model maximum context length: 131071', 140000, 131071],
    ['Prompt is too long: 260000 > 256000', 260000, 256000],
    ['input is too long: 300000 tokens > 200000 maximum', 300000, 200000],
    ['length of prompt_tokens (140000) must be less than max_seq_len (131072).', 140000, 131072],
    [
      'too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4292. Try using a shorter prompt',
      4292,
      4081,
    ],
    ['Prompt has 5,958,968 tokens, but the configured context size is 256,000 tokens', 5958968, 256000],
    [
      'Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 428548 tokens. Please reduce the length of the messages.',
      428548,
      272000,
    ],
    ['Cannot truncate prompt with n_keep (16000) >= n_ctx (4096)', 16000, 4096],
    [
      'Failed to start sampling: [input_too_large] Current message (1149677 tokens) exceeds budget (975424 tokens)',
      1149677,
      975424,
    ],
    [
      'The number of tokens to keep from the initial prompt is greater than the context length (n_keep: 5000 >= n_ctx: 4096)',
      5000,
      4096,
    ],
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
      undefined,
      'prompt is too long: 99000 tokens > 98877 maximum',
    ],
    [
      'Reached context length of 4096 tokens with model (arch: gpt-oss) that does not currently support mid-generation context overflow.',
      undefined,
      'prompt is too long: 99000 tokens > 4096 maximum',
    ],
    [
      'tokens_limit_reached Request body too large for gpt-4o-mini model. Max size: 8000 tokens.',
      undefined,
      'prompt is too long: 99000 tokens > 8000 maximum',
    ],
    [
      'too many tokens: total number of tokens in the prompt cannot exceed 4081',
      undefined,
      'prompt is too long: 99000 tokens > 4081 maximum',
    ],
    [
      'The input token count exceeds the maximum number of tokens allowed 90000.',
      undefined,
      'prompt is too long: 99000 tokens > 90000 maximum',
    ],
    [
      "Requested token count exceeds the model's maximum context length of 90000 tokens",
      undefined,
      'prompt is too long: 99000 tokens > 90000 maximum',
    ],
    [
      "This model's maximum context length is 90000 tokens. However, you requested 32000 output tokens and your prompt contains 99999999 characters (more than 12345678 characters, which is the upper bound for 68000 input tokens).",
      undefined,
      'prompt is too long: 99000 tokens > 90000 maximum',
    ],
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
      'The number of tokens to keep from the initial prompt is greater than the context length. Try to load the model with a larger context length',
      'the prompt is longer than the context length currently available to the model; shorten the prompt',
      'input after truncation exceeds maximum context length',
      'the input length exceeds the context length',
      'the request exceeds the available context size, try increasing it',
      'OutofContextError Total tokens of image and text exceed max message tokens. Request id: abc',
      'Messages exceed max message tokens',
      'Input token length too long',
      'Prompt tokens too long',
      'too many total text bytes',
      'litellm.ContextWindowExceededError: Context Window exceeded for given call.',
      'CONTENT_LENGTH_EXCEEDS_THRESHOLD Input content length exceeds threshold.',
      'Prompt too large for this model',
      'Request prompt exceeds the KV memory budget',
      'the input length is too long',
      'tokens_too_long the max input tokens is reached',
      'The total message token length exceed model limit',
    ]) {
      expect(recogniseFailure(400, text).class).toBe('context_overflow');
      expect(canonicalOverflow(text, known).message).toBe(`prompt is too long: ${text}`);
    }
  });

  it('of a sum without its parts is one of the answer where the input alone fits', () => {
    const text = 'max_total_tokens (172191) must be less than or equal to max_seq_len (131072)';
    expect(recogniseFailure(400, text).class).toBe('context_overflow');
    const told = (output: number) => canonicalOverflow(text, { tokens: 99_000, window: undefined, output }).message;
    expect(told(64_000)).toContain('exceed context limit: 108191 + 64000 > 131072,');
    expect(told(32_000)).toBe('prompt is too long: 172191 tokens > 131072 maximum');
    expect(told(0)).toBe('prompt is too long: 172191 tokens > 131072 maximum');
  });

  it.each([
    ['max_tokens is too large: 64000. This model supports at most 16384 completion tokens, whereas you', 16384],
    ["Invalid 'max_completion_tokens': integer above maximum value. Expected a value <= 16384, but got 64000", 16384],
    ['Invalid max_tokens value, the valid range of max_tokens is [1, 8192]', 8192],
    ['<400> InternalError.Algo.InvalidParameter: Range of max_tokens should be [1, 65536]', 65536],
    [
      'The parameter max_tokens specified in the request is not valid: integer above maximum value, expected a value <= 32768, but got 64000 instead.',
      32768,
    ],
    ['max_tokens: 64000 > 32,000, which is the maximum allowed number of output tokens for x', 32000],
    ['`max_tokens` must be less than or equal to `40960`, the maximum value for `max_tokens`', 40960],
  ])('of what the model ever writes makes the client ask for that much: %s', (text, most) => {
    expect(recogniseFailure(400, text).class).toBe('output_overflow');
    const { message } = canonicalOverflow(text, { tokens: 5_000, window: undefined, output: 128_000 });
    const told = /^input length and `max_tokens` exceed context limit: (\d+) \+ (\d+) > (\d+), /.exec(message);
    const [input = 0, output = 0, limit = 0] = (told ?? []).slice(1).map(Number);
    // The client asks for what is between, less a reserve of its own.
    expect(limit - input - 1000).toBe(most);
    expect(output).toBe(text.includes('64000') ? 64_000 : 128_000);
    expect(input + output).toBeGreaterThan(limit);
    expect(message).toContain(text);
  });

  it('of a window is none of what the model writes', () => {
    for (const text of [
      "'max_tokens' is too large: 32000. This model's maximum context length is 32768 tokens and your request has 5000",
      'max_tokens must be at least 1, got 0.',
      'max_tokens must be less than or equal to the window',
      "This model's maximum context length is 128000 tokens. However, your messages resulted in 130011 tokens.",
    ]) {
      expect(overflowNumbers(text, undefined).cap).toBeUndefined();
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
    const apart =
      "This model's maximum context length is 100000 tokens. However, you requested 32000 output tokens and your prompt contains at least 68001 input tokens, for a total of at least 100001 tokens.";
    expect(canonicalOverflow(apart, known)).toEqual(expected('68001 + 32000 > 100000'));
    const passed =
      "You passed 68001 input tokens and requested 32000 output tokens. However, the model's context length is only 100000 tokens, resulting in a maximum input length of 68000 tokens.";
    expect(recogniseFailure(400, passed).class).toBe('context_overflow');
    expect(canonicalOverflow(passed, known)).toEqual(expected('68001 + 32000 > 100000'));
    const total =
      "Requested token count exceeds the model's maximum context length of 131072 tokens. You requested a total of 524300.0 tokens: 12 tokens from the input messages and 524288.0 tokens for the completion.";
    expect(canonicalOverflow(total, known)).toEqual(expected('12 + 524288 > 131072'));
    const tgi =
      'Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 17 `inputs` tokens and 10000 `max_new_tokens`';
    expect(recogniseFailure(422, tgi).class).toBe('context_overflow');
    expect(canonicalOverflow(tgi, known)).toEqual(expected('17 + 10000 > 4096'));
    const tools =
      "This endpoint's maximum context length is 65536 tokens. However, you requested about 70210 tokens (5000 of text input, 1210 of tool input, 64000 in the output).";
    expect(canonicalOverflow(tools, known)).toEqual(expected('6210 + 64000 > 65536'));
    const bare = 'max_tokens=200000 cannot be greater than max_model_len=100000. Please request fewer output tokens.';
    expect(recogniseFailure(400, bare).class).toBe('output_overflow');
    expect(canonicalOverflow(bare, known)).toEqual(expected('99000 + 200000 > 100000'));
    const deepinfra =
      'max_tokens=131072 cannot be greater than max_model_len=max_total_tokens=100000. Please request fewer output tokens.';
    expect(canonicalOverflow(deepinfra, known)).toEqual(expected('99000 + 131072 > 100000'));
    const anthropic =
      'input length and `max_tokens` exceed context limit: 178959 + 64000 > 200000, decrease input length';
    expect(canonicalOverflow(anthropic, known)).toEqual(expected('178959 + 64000 > 200000'));
    const input =
      "This endpoint's maximum context length is 65536 tokens. However, you requested about 99000 tokens (67000 of text input, 32000 in the output).";
    expect(canonicalOverflow(input, known).class).toBe('context_overflow');
  });

  it.each([
    ['`max_tokens` must be less than or equal to `8192`, the maximum value for `max_tokens` is less than the', 8192],
    ['max_completion_tokens must be less than or equal to 20480, the maximum value for max_completion_tokens', 20480],
    ['max_tokens is too large: 32000. This model supports at most 16384 completion tokens, whereas you', 16384],
    ['max_completion_tokens is too large: 32000.This model supports at most 16384 completion tokens.', 16384],
    ['Invalid max_tokens value, the valid range of max_tokens is [1, 8192]', 8192],
    ['<400> InternalError.Algo.InvalidParameter: Range of max_tokens should be [1, 16384]', 16384],
    ["Invalid 'max_tokens': integer above maximum value. Expected a value <= 16384, but got 32000 instead.", 16384],
    [
      'The parameter `max_completion_tokens` specified in the request are not valid: integer above maximum value, expected a value <= 12288, but got 32000 instead.',
      12288,
    ],
    ['Input validation error: `max_new_tokens` must be <= 4096. Given: 32000', 4096],
    ['max_tokens: 32000 > 8192, which is the maximum allowed number of output tokens for x', 8192],
    ['Error in `parameters.max_new_tokens`: ensure this value is less than or equal to 250', 250],
    ['body.max_tokens: Input should be less than or equal to 16384', 16384],
    ["[{'loc': ('body', 'max_tokens'), 'msg': 'Input should be less than or equal to 4096', 'input': 32000}]", 4096],
    ['too many tokens: max tokens must be less than or equal to 4096, the maximum output for this model', 4096],
  ])('of the limit of a model on answers asks for as many tokens as it allows: %s', (text, cap) => {
    expect(recogniseFailure(400, text).class).toBe('output_overflow');
    expect(canonicalOverflow(text, { ...known, output: 32_000 })).toEqual({
      class: 'output_overflow',
      message: `input length and \`max_tokens\` exceed context limit: 99000 + 32000 > ${99_000 + cap + 1000}, decrease input length or \`max_tokens\` and try again (${text})`,
    });
  });

  it('of the limit on answers stays what it is when no more than that was asked for', () => {
    const text = 'max_tokens must be less than or equal to 40960';
    expect(canonicalOverflow(text, { ...known, output: 32_000 })).toEqual({ class: 'invalid_request', message: text });
    expect(canonicalOverflow(text, known)).toEqual({ class: 'invalid_request', message: text });
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
