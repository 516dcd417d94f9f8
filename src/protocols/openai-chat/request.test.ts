import { describe, expect, it } from 'vitest';
import { encodeText, sent } from '../../../test/support/chat-request.ts';
import { chatContext, chatTarget, envelopeOf } from '../../../test/support/chat-target.ts';
import { assistant, result, text, use, user } from '../../../test/support/chat-turns.ts';
import { chatFaults } from '../../../test/support/chat-validator.ts';
import type { Block, Message } from '../../core/messages.ts';
import { chatPath, encodeRequest } from './request.ts';

describe('the system prompt', () => {
  it.each([
    ['a string', 'Be terse.', 'Be terse.'],
    ['blocks', [{ ...text('A'), cache_control: { type: 'ephemeral' } }, text('B')], 'A\nB'],
    ['a leading attribution block', [text('x-anthropic-billing-header: cc_version=1;'), text('B')], 'B'],
    ['a leading attribution line', 'x-anthropic-billing-header: v=1\n\nB', 'B'],
    [
      'the same words elsewhere',
      'Keep:\nx-anthropic-billing-header: example',
      'Keep:\nx-anthropic-billing-header: example',
    ],
    [
      'the same words in a later block',
      [text('A'), text('x-anthropic-billing-header: e')],
      'A\nx-anthropic-billing-header: e',
    ],
  ])('is %s', (_name, given, expected) => {
    const body = sent({ system: given as string });
    expect(body.messages[0]).toEqual({ role: 'system', content: expected });
    expect(body).not.toHaveProperty('system');
  });

  it.each([[[]], [''], [[text('')]], [[text('x-anthropic-billing-header: v')]]])(
    'is left out when it is %j',
    (given) => {
      expect(sent({ system: given as string }).messages).toEqual([{ role: 'user', content: 'q' }]);
    },
  );

  it('keeps cache marks where they are understood', () => {
    const marked = [{ ...text('A'), cache_control: { type: 'ephemeral' } }];
    expect(sent({ system: marked as never }, { cacheControl: true }).messages[0].content).toEqual(marked);
  });

  it('goes out as another role', () => {
    expect(sent({ system: 'S' }, { systemRole: 'developer' }).messages[0].role).toBe('developer');
    expect(sent({ system: 'S' }, { systemRole: 'user' }).messages[0]).toEqual({
      role: 'user',
      content: '<system-reminder>\nS\n</system-reminder>',
    });
  });
});

describe('thinking', () => {
  const think = (quirks: object, more: object): ReturnType<typeof sent> => {
    const {
      model: _m,
      messages: _s,
      max_tokens: _t,
      stream: _st,
      stream_options: _o,
      ...rest
    } = sent({ stream: true, ...more }, quirks);
    return rest;
  };
  const on = { thinking: { type: 'enabled', budget_tokens: 8000 } };
  const off = { thinking: { type: 'disabled' }, output_config: { effort: 'high' } };
  const max = { thinking: { type: 'adaptive' }, output_config: { effort: 'max' } };

  it.each<[string, object, object, object]>([
    ['no parameter', {}, on, {}],
    ['effort by budget', { thinkingParam: 'reasoning_effort' }, on, { reasoning_effort: 'medium' }],
    [
      'small budget',
      { thinkingParam: 'reasoning_effort' },
      { thinking: { type: 'enabled', budget_tokens: 1024 } },
      { reasoning_effort: 'low' },
    ],
    [
      'large budget',
      { thinkingParam: 'reasoning_effort' },
      { thinking: { type: 'enabled', budget_tokens: 32000 } },
      { reasoning_effort: 'high' },
    ],
    [
      'a stated effort before a budget',
      { thinkingParam: 'reasoning_effort' },
      { ...on, output_config: { effort: 'max' } },
      { reasoning_effort: 'high' },
    ],
    [
      'the nearest word',
      { thinkingParam: 'reasoning_effort', effortValues: { low: 'l', medium: 'm' } },
      max,
      { reasoning_effort: 'm' },
    ],
    ['off without a word', { thinkingParam: 'reasoning_effort' }, off, {}],
    [
      'off with a word',
      { thinkingParam: 'reasoning_effort', effortValues: { none: 'none', high: 'high' } },
      off,
      { reasoning_effort: 'none' },
    ],
    ['reasoning by effort', { thinkingParam: 'reasoning' }, max, { reasoning: { effort: 'high' } }],
    ['reasoning by budget', { thinkingParam: 'reasoning', effortValues: {} }, on, { reasoning: { max_tokens: 8000 } }],
    ['reasoning off', { thinkingParam: 'reasoning' }, off, { reasoning: { enabled: false } }],
    [
      'a switch and an effort',
      { thinkingParam: 'thinking' },
      max,
      { thinking: { type: 'enabled' }, reasoning_effort: 'high' },
    ],
    [
      'a switch that says adaptive',
      { thinkingParam: 'thinking', thinkingOnValue: 'adaptive', effortValues: {} },
      on,
      { thinking: { type: 'adaptive' } },
    ],
    [
      'a switch that keeps',
      { thinkingParam: 'thinking', keepThinking: true, effortValues: {} },
      on,
      { thinking: { type: 'enabled', clear_thinking: false } },
    ],
    ['a switch without effort when off', { thinkingParam: 'thinking' }, off, { thinking: { type: 'disabled' } }],
    [
      'nothing asked of a model that thinks by itself',
      { thinkingParam: 'thinking', thinkingByDefault: true },
      {},
      { thinking: { type: 'disabled' } },
    ],
    ['nothing asked', { thinkingParam: 'thinking' }, {}, {}],
    ['a flag with budget', { thinkingParam: 'enable_thinking' }, on, { enable_thinking: true, thinking_budget: 8000 }],
    ['a flag off', { thinkingParam: 'enable_thinking' }, off, { enable_thinking: false }],
    [
      'a flag without a stream',
      { thinkingParam: 'enable_thinking', thinkingNeedsStream: true },
      { ...on, stream: false },
      { enable_thinking: false },
    ],
    [
      'template arguments',
      { thinkingParam: 'chat_template_kwargs', templateThinkingKey: 'thinking' },
      on,
      { chat_template_kwargs: { thinking: true } },
    ],
  ])('%s', (_name, quirks, more, expected) => {
    expect(think(quirks, more)).toEqual(expected);
  });

  it('is not asked of a model that is known not to think', () => {
    expect(
      sent(on, chatTarget({ thinkingParam: 'reasoning_effort' }, { data: { thinking: false } })),
    ).not.toHaveProperty('reasoning_effort');
  });
});

describe('parameters', () => {
  it('has the model of the target, or the name of the client without its mark', () => {
    expect(sent({}).model).toBe('corp-large');
    const target = { ...chatTarget(), model: undefined };
    expect(sent({ model: 'claude-opus-4-8[1m]' }, target).model).toBe('claude-opus-4-8');
  });

  it('limits tokens within what the model takes', () => {
    expect(sent({ max_tokens: 200_000 }, chatTarget({}, { data: { maxOutputTokens: 8192 } })).max_tokens).toBe(8192);
    expect(sent({ max_tokens: 200_000 }).max_tokens).toBe(200_000);
    expect(sent({ max_tokens: 1 }, { minOutputTokens: 16 }).max_tokens).toBe(16);
    expect(sent({}, { maxTokensField: 'max_completion_tokens' })).toMatchObject({ max_completion_tokens: 1024 });
  });

  it('sends what the provider takes of sampling and stops', () => {
    const wish = { temperature: 0.5, top_p: 0.9, top_k: 40, stop_sequences: ['\n\n', 'b', 'c', 'd', 'e', ''] };
    expect(sent(wish)).toMatchObject({ temperature: 0.5, top_p: 0.9, stop: ['\n\n', 'b', 'c', 'd'] });
    expect(sent(wish)).not.toHaveProperty('top_k');
    expect(sent(wish, { topK: true }).top_k).toBe(40);
    expect(sent(wish, { sampling: false, stop: false })).not.toHaveProperty('stop');
    expect(sent(wish, { sampling: false })).not.toHaveProperty('temperature');
    expect(sent({ temperature: 0 }, { minTemperature: 0.01 }).temperature).toBe(0.01);
    expect(sent(wish, { minTemperature: 0.01 }).temperature).toBe(0.5);
    expect(sent({ stop_sequences: ['a'] }).stop).toEqual(['a']);
    expect(sent({ stop_sequences: ['a', 'a', 'b', 'a', 'b', 'c'] }).stop).toEqual(['a', 'b', 'c']);
  });

  it('asks for usage in streams where it may', () => {
    expect(sent({ stream: true })).toMatchObject({ stream: true, stream_options: { include_usage: true } });
    expect(sent({ stream: true }, { usageInStream: false })).not.toHaveProperty('stream_options');
    expect(sent({})).not.toHaveProperty('stream');
  });

  it('asks for a long answer in one piece as a stream, where there is no other way to it', () => {
    const quirks = { maxTokensUnstreamed: 4096 };
    expect(sent({ max_tokens: 4097 }, quirks)).toMatchObject({
      max_tokens: 4097,
      stream: true,
      stream_options: { include_usage: true },
    });
    expect(sent({ max_tokens: 4096 }, quirks)).not.toHaveProperty('stream');
    const limited = chatTarget(quirks, { data: { maxOutputTokens: 4096 } });
    expect(sent({ max_tokens: 32_000 }, limited)).not.toHaveProperty('stream');
    expect(sent({ max_tokens: 32_000 })).not.toHaveProperty('stream');
  });

  it('names the cache of the session where that is understood', () => {
    expect(sent({}, { promptCacheKey: true }).prompt_cache_key).toBe('session-1');
    expect(sent({})).not.toHaveProperty('prompt_cache_key');
  });

  it("does not tell what belongs to the client's own provider", () => {
    const body = sent({
      metadata: { user_id: '{"device_id":"d"}' },
      context_management: {},
      safeguards: [{}],
      service_tier: 'auto',
    });
    expect(chatFaults(body)).toEqual([]);
    expect(JSON.stringify(body)).not.toContain('device_id');
  });

  it('asks for the format of the answer', () => {
    const format = { type: 'json_schema', schema: { type: 'object', properties: { title: { type: 'string' } } } };
    const wish = { output_config: { format } };
    expect(sent(wish, { structuredOutputs: 'json_schema' }).response_format).toEqual({
      type: 'json_schema',
      json_schema: {
        name: 'answer',
        strict: true,
        schema: {
          type: 'object',
          properties: { title: { type: 'string' } },
          additionalProperties: false,
          required: ['title'],
        },
      },
    });
    const object = sent(wish, { structuredOutputs: 'json_object' });
    expect(object.response_format).toEqual({ type: 'json_object' });
    expect(object.messages[0].content).toContain('JSON');
    const none = sent({ ...wish, system: 'S' });
    expect(none).not.toHaveProperty('response_format');
    expect(none.messages[0].content).toMatch(/^S\n.*JSON/);
  });

  it('only describes the format in words beside what refuses the parameter', () => {
    const format = { type: 'json_schema', schema: { type: 'object', properties: { title: { type: 'string' } } } };
    const wish = { output_config: { format } };
    const quirks = { structuredOutputs: 'json_schema', responseFormatAlone: ['tools', 'stream'] } as const;
    expect(sent(wish, quirks)).toHaveProperty('response_format');
    for (const more of [{ tools: [{ name: 'Read' }] }, { stream: true }]) {
      const body = sent({ ...wish, ...more }, quirks);
      expect(body).not.toHaveProperty('response_format');
      expect(body.messages[0].content).toContain('"title"');
      expect(sent({ ...wish, ...more }, { structuredOutputs: 'json_schema' })).toHaveProperty('response_format');
    }
    expect(sent({ ...wish, stream: true }, { ...quirks, responseFormatAlone: ['tools'] })).toHaveProperty(
      'response_format',
    );
  });

  it.each([
    ['https://h', '/v1/chat/completions'],
    ['http://127.0.0.1:1234', '/v1/chat/completions'],
    ['https://h/v1', '/chat/completions'],
    ['https://h/api/paas/v4', '/chat/completions'],
    ['https://h/v1/chat/completions', ''],
  ])('finds the path behind %s', (base, path) => {
    expect(chatPath(base)).toBe(path);
  });
});

describe('equal conversations', () => {
  it('give equal bytes, and a longer one begins with the shorter one', () => {
    const short = [user('q'), assistant([text('a'), use('t1')]), user([result('t1')])];
    const long = [...short, assistant('b'), user('c')];
    const of = (messages: Message[]): string =>
      encodeText({ system: 'S', tools: [{ name: 'Read' }], max_tokens: 1, messages }, chatTarget());
    expect(of(short)).toBe(of(short));
    expect(of(long).startsWith(of(short).slice(0, -2))).toBe(true);
  });
});

describe('bad requests', () => {
  it.each<[unknown, RegExp]>([
    [{ messages: [] }, /^messages: at least one/],
    [{ messages: 'x' }, /^messages/],
    [{ messages: [user('')] }, /^messages/],
    [{ messages: [{ role: 'tool', content: 'x' }] }, /^messages\.0\.role/],
    [{ messages: [user('a'), { role: 'user' }] }, /^messages\.1\.content/],
    [{ messages: [user([{ type: 'text' } as Block])] }, /^messages\.0\.content\.0\.text/],
    [{ messages: [user([null as never])] }, /^messages\.0\.content\.0/],
    [{ messages: [assistant([{ type: 'tool_use', name: 'x' } as Block])] }, /^messages\.0\.content\.0\.id/],
    [{ messages: [user([{ type: 'image' } as Block])] }, /^messages\.0\.content\.0\.source/],
    [{ messages: [user('q')], tools: [3] }, /^tools\.0/],
    [{ messages: [user('q')], max_tokens: 'x' }, /^max_tokens/],
    [{ messages: [user('q')], system: [{}] }, /^system\.0\.type/],
    [{ messages: [user('q')], stop_sequences: [1] }, /^stop_sequences\.0/],
    [{ messages: [user('q')], tools: [{ name: 'A' }], tool_choice: { type: 'tool', name: 5 } }, /^tool_choice\.name/],
  ])('%j is refused with the path of the fault', (request, message) => {
    expect(() => encodeText(request as never, chatTarget())).toThrow(message);
    expect(() => encodeText(request as never, chatTarget())).toThrow(expect.objectContaining({ status: 400 }));
  });
});

describe('the headers', () => {
  const headersOf = (...headers: string[]) => {
    const env = envelopeOf({ max_tokens: 9, messages: [user('q')] });
    return encodeRequest({ ...env, headers }, chatTarget(), chatContext()).headers;
  };
  const FORM = ['content-type', 'application/json', 'accept', 'application/json'];

  it('say which client asks, which plans for coding agents demand, and nothing else of it', () => {
    const client = ['X-Api-Key', 'k', 'User-Agent', 'claude-cli/2.1.0 (external, cli)', 'x-stainless-os', 'Linux'];
    expect(headersOf(...client)).toEqual([...FORM, 'user-agent', 'claude-cli/2.1.0 (external, cli)']);
    expect(headersOf('X-Api-Key', 'k')).toEqual(FORM);
  });
});
