import { describe, expect, it } from 'vitest';
import { call, delta, sse, type TranslateOptions, translate } from '../../../test/support/chat-answer.ts';
import { chatTarget } from '../../../test/support/chat-target.ts';

const READ = { name: 'Read', input_schema: { type: 'object', properties: { file_path: { type: 'string' } } } };
const TOOLS = { tools: [READ, { name: 'mcp__srv__query' }, { name: 'Ls' }] };
const STOP = delta({}, 'stop');
const _CALLS = delta({}, 'tool_calls');

/** Blocks in short: `text:a`, `thinking:b`, `Read{"a":1}`. */
function blocks(stream: string | readonly string[], options: TranslateOptions = {}): string[] {
  return translate(stream, { request: TOOLS, ...options }).content.map((block) => {
    if (block.type === 'tool_use') return `${block.name as string}${(block.json as string) ?? ''}`;
    return `${block.type as string}:${(block.text ?? block.thinking) as string}`;
  });
}

describe('text and reasoning', () => {
  it('gives a message in the order of the grammar', () => {
    const { events } = translate(sse([delta({ role: 'assistant', content: '' }), delta({ content: 'hi' }), STOP]));
    expect(events.map((event) => event.type)).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
  });

  it('keeps the order of text and reasoning', () => {
    const stream = sse([delta({ content: 'a' }), delta({ reasoning_content: 'b' }), delta({ content: 'c' }), STOP]);
    expect(blocks(stream)).toEqual(['text:a', 'thinking:b', 'text:c']);
  });

  it('takes reasoning before text within one chunk', () => {
    const stream = sse([
      delta({ reasoning_content: 'r' }),
      delta({ content: 'Answer', reasoning_content: '\n' }),
      STOP,
    ]);
    expect(blocks(stream)).toEqual(['thinking:r\n', 'text:Answer']);
  });

  it.each(['reasoning_content', 'reasoning', 'reasoning_text', 'thinking'])('reads reasoning from %s', (field) => {
    expect(blocks(sse([delta({ [field]: 'r' }), delta({ content: 'a' }), STOP]))).toEqual(['thinking:r', 'text:a']);
  });

  it('reads reasoning from details when no field has it', () => {
    const details = [{ type: 'reasoning.summary', summary: 's' }];
    expect(blocks(sse([delta({ reasoning_details: details }), delta({ content: 'a' }), STOP]))).toEqual([
      'thinking:s',
      'text:a',
    ]);
  });

  it('reads content in parts', () => {
    const thinking = [{ type: 'thinking', thinking: [{ type: 'text', text: 't' }] }];
    const stream = sse([delta({ content: thinking }), delta({ content: [{ type: 'text', text: 'a' }] }), STOP]);
    expect(blocks(stream)).toEqual(['thinking:t', 'text:a']);
  });

  it('marks reasoning as its own with a signature', () => {
    const { content } = translate(sse([delta({ reasoning_content: 'r' }), delta({ content: 'a' }), STOP]));
    expect(content[0]?.signature).toMatch(/^midswap\.[A-Za-z0-9+/=_.-]+$/);
  });

  it('shows reasoning as text when it is all there is', () => {
    expect(blocks(sse([delta({ reasoning_content: '42' }), STOP]))).toEqual(['thinking:42', 'text:42']);
  });

  it('does not add text when the token limit cut the reasoning', () => {
    const { content, stopReason } = translate(sse([delta({ reasoning_content: '42' }), delta({}, 'length')]));
    expect(content).toHaveLength(1);
    expect(stopReason).toBe('max_tokens');
  });

  it('splits think tags of a provider that writes them', () => {
    const pieces = ['<th', 'ink>pl', 'an</thi', 'nk>\n\nAn', 'swer'].map((content) => delta({ content }));
    expect(blocks(sse([...pieces, STOP]), { quirks: { thinkTags: true } })).toEqual(['thinking:plan', 'text:Answer']);
  });

  it('leaves think tags of other providers alone', () => {
    expect(blocks(sse([delta({ content: '<think>x</think>y' }), STOP]))).toEqual(['text:<think>x</think>y']);
  });

  it('shows an unclosed think block also as text', () => {
    const options = { quirks: { thinkTags: true } };
    expect(blocks(sse([delta({ content: '<think>abc' }), STOP]), options)).toEqual(['thinking:abc', 'text:abc']);
  });

  it('ignores a final chunk that repeats the whole message', () => {
    const whole = { choices: [{ index: 0, message: { content: 'ab' }, finish_reason: 'stop' }] };
    expect(blocks(sse([delta({ content: 'a' }), delta({ content: 'b' }), whole]))).toEqual(['text:ab']);
  });

  it('takes a message in place of a delta', () => {
    expect(blocks(sse([{ choices: [{ index: 0, message: { content: 'x' } }] }, STOP]))).toEqual(['text:x']);
  });

  it('uses only what is new where deltas repeat everything', () => {
    const stream = sse([delta({ content: 'a' }), delta({ content: 'ab' }), delta({ content: 'abc' }), STOP]);
    expect(blocks(stream, { quirks: { snapshotDeltas: true } })).toEqual(['text:abc']);
    expect(blocks(stream)).toEqual(['text:aababc']);
  });

  it('ignores other choices', () => {
    const other = { choices: [{ index: 1, delta: { content: 'x' }, finish_reason: 'stop' }] };
    expect(blocks(sse([delta({ content: 'a' }), other, delta({ content: 'b' }), STOP]))).toEqual(['text:ab']);
  });

  it.each([[null], [undefined]])('takes the finish of a chunk whose delta is %s', (value) => {
    expect(translate(sse([delta({ content: 'a' }), delta(value, 'stop')])).stopReason).toBe('end_turn');
  });

  it('trims end tokens at the very end only', () => {
    const chunks = ['a <|im_end|> b', ' done.<|im', '_end|>', '\n'].map((content) => delta({ content }));
    expect(blocks(sse([...chunks, STOP]))).toEqual(['text:a <|im_end|> b done.']);
  });

  it('includes text that comes after the finish reason', () => {
    expect(blocks(sse([delta({ content: 'a' }), STOP, delta({ content: '!' })]))).toEqual(['text:a!']);
  });

  it('ignores everything after the end mark', () => {
    const stream = `${sse([delta({ content: 'a' }), STOP])}${sse([delta({ content: 'b' }), STOP])}`;
    expect(blocks(stream)).toEqual(['text:a']);
  });

  it('ends an empty answer that the upstream ended', () => {
    const { stopReason, content, fault } = translate(sse([delta({ role: 'assistant' }), STOP]));
    expect({ stopReason, content, fault }).toEqual({ stopReason: 'end_turn', content: [], fault: undefined });
  });

  it('names pictures that cannot be shown', () => {
    expect(blocks(sse([delta({ content: '', images: [{ image_url: { url: 'data:' } }] }), STOP]))).toEqual([
      'text:[image omitted]',
    ]);
  });
});

describe('the end', () => {
  it.each([
    ['stop', 'end_turn'],
    ['STOP', 'end_turn'],
    ['eos', 'end_turn'],
    ['length', 'max_tokens'],
    ['content_filter', 'refusal'],
    ['sensitive', 'refusal'],
    ['model_context_window_exceeded', 'model_context_window_exceeded'],
    ['something_new', 'end_turn'],
    ['tool_calls', 'end_turn'],
    ['function_call', 'end_turn'],
  ])('tells %s as %s', (reason, expected) => {
    expect(translate(sse([delta({ content: 'a' }), delta({}, reason)])).stopReason).toBe(expected);
  });

  it.each(['network_error', 'error', 'abort', 'insufficient_system_resource'])(
    'takes %s for a broken answer',
    (reason) => {
      const { fault, bytes } = translate(sse([delta({ content: 'a' }), delta({}, reason)]));
      expect(fault).toMatchObject({ status: expect.any(Number) });
      expect(bytes).not.toContain('message_stop');
    },
  );

  it.each(['stop', 'eos', 'tool_calls'])('tells tool_use when there are calls and the reason is %s', (reason) => {
    const stream = sse([delta(call(0, { name: 'Read', args: '{}' })), delta({}, reason)]);
    expect(translate(stream).stopReason).toBe('tool_use');
  });

  it('accepts a finish reason without the end mark', () => {
    expect(translate(sse([delta({ content: 'a' }), STOP], false)).stopReason).toBe('end_turn');
  });

  it('accepts the end mark without a finish reason', () => {
    expect(translate(sse([delta({ content: 'a' })])).stopReason).toBe('end_turn');
    expect(translate(sse([delta(call(0, { name: 'Read', args: '{}' }))])).stopReason).toBe('tool_use');
  });

  it('takes the end mark inside of arguments for a cut', () => {
    expect(translate(sse([delta(call(0, { name: 'Read', args: '{"a' }))])).fault?.class).toBe('truncated');
  });

  it('accepts an end without its blank line', () => {
    expect(translate(sse([delta({ content: 'a' }), STOP], false).trimEnd()).stopReason).toBe('end_turn');
  });

  it('tells one stop for two finish reasons', () => {
    const { events, stopReason } = translate(
      sse([delta({ content: 'a' }, 'stop'), delta({}, 'length'), delta({}, 'stop')]),
    );
    expect(events.filter((event) => event.type === 'message_delta')).toHaveLength(1);
    expect(stopReason).toBe('max_tokens');
  });

  it('tells which stop sequence matched', () => {
    const chunk = { choices: [{ index: 0, delta: {}, finish_reason: 'stop', stop_reason: '</END>' }] };
    const request = { stop_sequences: ['</END>'] };
    const { stopReason, stopSequence } = translate(sse([delta({ content: 'a' }), chunk]), { request });
    expect({ stopReason, stopSequence }).toEqual({ stopReason: 'stop_sequence', stopSequence: '</END>' });
  });

  it('says that a filter stopped an empty reply', () => {
    const { content, stopReason } = translate(sse([delta({}, 'content_filter')]));
    expect(content[0]?.text).toContain('content filter');
    expect(stopReason).toBe('refusal');
  });

  it('tells a refusal', () => {
    const { content, stopReason } = translate(sse([delta({ refusal: 'I cannot.' }), STOP]));
    expect(content[0]?.text).toBe('I cannot.');
    expect(stopReason).toBe('refusal');
  });

  it.each([
    ['text', [delta({ content: 'a' })]],
    ['reasoning', [delta({ reasoning_content: 'a' })]],
    ['arguments', [delta(call(0, { name: 'Read', args: '{"a"' }))]],
    ['a whole call', [delta(call(0, { name: 'Read', args: '{}' }))]],
    ['the role', [delta({ role: 'assistant' })]],
  ])('takes a stream that ends after %s for cut', (_name, chunks) => {
    const { fault, bytes, states } = translate(sse(chunks, false));
    expect(fault).toMatchObject({ class: 'truncated', status: 502, type: 'api_error' });
    expect(states.at(-1)).toBe('failed');
    expect(bytes).not.toContain('message_stop');
    expect(bytes).not.toContain('message_delta');
  });

  it('does not close the block of a call that was cut', () => {
    expect(translate(sse([delta(call(0, { name: 'Read', args: '{"a"' }))], false)).bytes).not.toContain(
      'content_block_stop',
    );
  });

  it('takes no bytes for an empty answer', () => {
    expect(translate([]).fault?.class).toBe('empty');
    expect(translate(': keep-alive\n\n').fault).toBeDefined();
  });

  it('tells no room for an answer as an overflow', () => {
    const chunk = delta({}, 'length', { usage: { prompt_tokens: 8190, completion_tokens: 0 } });
    const target = chatTarget({}, { data: { contextWindow: 8192 } });
    expect(translate(sse([chunk]), { target }).fault).toMatchObject({
      class: 'context_overflow',
      status: 400,
      message: expect.stringMatching(/^prompt is too long: \d+ tokens > 8192 maximum$/),
    });
  });

  it('lets an empty answer to a probe pass', () => {
    const chunk = delta({}, 'length', { usage: { prompt_tokens: 5, completion_tokens: 0 } });
    expect(translate(sse([chunk]), { request: { max_tokens: 1 } }).stopReason).toBe('max_tokens');
  });
});

describe('usage', () => {
  const usage = (told: unknown): Record<string, unknown> =>
    translate(sse([delta({ content: 'a' }), STOP, { choices: [], usage: told }])).usage;

  it.each<[string, Record<string, unknown>, Record<string, number>]>([
    [
      'cached tokens are subtracted',
      { prompt_tokens: 100, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 64 } },
      { input_tokens: 36, cache_read_input_tokens: 64, output_tokens: 5 },
    ],
    [
      'hits and misses',
      {
        prompt_tokens: 100,
        prompt_cache_hit_tokens: 64,
        prompt_cache_miss_tokens: 36,
        completion_tokens: 5,
        prompt_tokens_details: { cached_tokens: 64 },
      },
      { input_tokens: 36, cache_read_input_tokens: 64 },
    ],
    [
      'more cached than sent',
      { prompt_tokens: 10, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 12 } },
      { input_tokens: 0, cache_read_input_tokens: 12 },
    ],
    [
      'all cached',
      { prompt_tokens: 500, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 500 } },
      { input_tokens: 0, cache_read_input_tokens: 500 },
    ],
    [
      'cached at the top',
      { prompt_tokens: 50, completion_tokens: 1, cached_tokens: 20 },
      { input_tokens: 30, cache_read_input_tokens: 20 },
    ],
  ])('%s', (_name, told, expected) => {
    expect(usage(told)).toMatchObject(expected);
  });

  it('takes the last value of each number', () => {
    const chunks = [1, 2, 3].map((n) =>
      delta({ content: 'a' }, null, { usage: { prompt_tokens: 7, completion_tokens: n } }),
    );
    expect(translate(sse([...chunks, STOP])).usage).toMatchObject({ input_tokens: 7, output_tokens: 3 });
  });

  it('counts reasoning as output that is told beside the rest of it, not within', () => {
    const apart = { prompt_tokens: 32, completion_tokens: 9, total_tokens: 135 };
    const details = { completion_tokens_details: { reasoning_tokens: 94 } };
    expect(usage({ ...apart, ...details })).toMatchObject({ input_tokens: 32, output_tokens: 103 });
    expect(usage({ ...apart, total_tokens: 41, completion_tokens: 9, ...details })).toMatchObject({ output_tokens: 9 });
    expect(usage({ prompt_tokens: 32, completion_tokens: 103, total_tokens: 135, ...details })).toMatchObject({
      output_tokens: 103,
    });
    const spent = delta({}, 'length', { usage: { ...apart, completion_tokens: 0, total_tokens: 126, ...details } });
    expect(translate(sse([delta({ role: 'assistant' }), spent]))).toMatchObject({
      fault: undefined,
      stopReason: 'max_tokens',
    });
  });

  it('reads usage inside of the choice and of a vendor field', () => {
    const inside = {
      choices: [{ index: 0, delta: {}, finish_reason: 'stop', usage: { prompt_tokens: 3, completion_tokens: 2 } }],
    };
    expect(translate(sse([delta({ content: 'a' }), inside])).usage).toMatchObject({
      input_tokens: 3,
      output_tokens: 2,
    });
    const groq = delta({}, 'stop', { x_groq: { usage: { prompt_tokens: 4, completion_tokens: 1 } } });
    expect(translate(sse([delta({ content: 'a' }), groq])).usage).toMatchObject({ input_tokens: 4, output_tokens: 1 });
  });

  it('estimates what is not told, and leaves cache counts out', () => {
    const told = usage({ prompt_tokens: 7, completion_tokens: null });
    expect(told.input_tokens).toBe(7);
    expect(told.output_tokens).toBeGreaterThan(0);
    const none = translate(sse([delta({ content: 'a' }), STOP])).usage;
    expect(none.input_tokens).toBeGreaterThan(0);
    expect(none).not.toHaveProperty('cache_read_input_tokens');
  });
});

describe('what is no stream', () => {
  it('takes a whole answer in place of a stream', () => {
    const body = {
      choices: [
        {
          message: { content: 'hi', tool_calls: [{ id: 'a', function: { name: 'Read', arguments: '{}' } }] },
          finish_reason: 'tool_calls',
        },
      ],
    };
    expect(blocks(`\n${JSON.stringify(body, null, 2)}`)).toEqual(['text:hi', 'Read{}']);
    expect(blocks([...JSON.stringify(body)])).toEqual(['text:hi', 'Read{}']);
  });

  it('says that a page came', () => {
    const { fault } = translate('<!DOCTYPE html><title>Just a moment...</title>');
    expect(fault).toMatchObject({ class: 'malformed', status: 502, message: expect.stringContaining('llm.example') });
    expect(fault?.message).toContain('HTML');
    expect(fault?.message).not.toContain('<');
  });

  it('says that lines of JSON are no stream', () => {
    const line = '{"message":{"content":"x"},"done":false}\n';
    expect(translate(line + line).fault).toMatchObject({ class: 'malformed', message: expect.stringContaining('SSE') });
  });

  it('skips lines that are not JSON, unless they are all', () => {
    expect(blocks(sse(['hello', delta({ content: 'a' }), STOP]))).toEqual(['text:a']);
    expect(translate(sse(['hello'], false)).fault).toBeDefined();
  });

  it('takes a half chunk for a fault', () => {
    expect(translate(sse([delta({ content: 'a' }), '{"choices":[{"delta":{"con', STOP])).fault?.class).toBe(
      'malformed',
    );
  });

  it.each<[string, string, string, number]>([
    [
      'an error before the answer',
      sse([{ error: { message: 'Model overloaded', type: 'server_error', code: 503 } }]),
      'overloaded',
      503,
    ],
    ['an error event', 'event: error\ndata: {"message":"rate limit","code":429}\n\n', 'rate_limit', 429],
    [
      'an error in a choice',
      sse([
        { choices: [{ index: 0, delta: {}, finish_reason: 'error', error: { code: 429, message: 'rate limit' } }] },
      ]),
      'rate_limit',
      429,
    ],
    [
      'an envelope of a vendor',
      sse([{ base_resp: { status_code: 1008, status_msg: 'insufficient balance' }, choices: null }]),
      'quota',
      402,
    ],
    ['an error as JSON', JSON.stringify({ error: { message: 'no', code: 'insufficient_quota' } }), 'quota', 402],
    [
      'an overflow',
      sse([
        {
          error: {
            message:
              "This model's maximum context length is 4096 tokens. However, your messages resulted in 5000 tokens.",
            code: 400,
          },
        },
      ]),
      'context_overflow',
      400,
    ],
  ])('tells %s', (_name, stream, failure, status) => {
    const { fault, bytes } = translate(stream);
    expect(fault).toMatchObject({ class: failure, status });
    expect(bytes).toBe('');
  });

  it('tells an error in the middle and gives nothing after it', () => {
    const stream = sse([
      delta({ content: 'a' }),
      { error: { message: 'boom', code: 500 } },
      delta({ content: 'b' }),
      STOP,
    ]);
    const { fault, bytes } = translate(stream);
    expect(fault?.class).toBe('server_error');
    expect(bytes).not.toContain('"b"');
    expect(bytes).not.toContain('message_stop');
  });
});
