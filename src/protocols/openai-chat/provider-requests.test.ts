import { describe, expect, it } from 'vitest';
import { sent } from '../../../test/support/chat-request.ts';
import { catalogueTarget } from '../../../test/support/chat-target.ts';
import { assistant, image, result, text, thinking, use, user } from '../../../test/support/chat-turns.ts';
import type { MessagesRequest } from '../../core/messages.ts';

const ask = (provider: string, model: string, request: Partial<MessagesRequest> = {}) =>
  sent(request, catalogueTarget(provider, model));

const OFF = { thinking: { type: 'disabled' } };
const ON = { thinking: { type: 'adaptive' }, output_config: { effort: 'high' } };

describe('models that always think', () => {
  it.each([
    ['kimi', 'kimi-k2.7-code'],
    ['kimi', 'kimi-k2.7-code-highspeed'],
    ['kimi', 'kimi-k2-thinking'],
    ['kimi', 'kimi-k2-thinking-turbo'],
    ['qwen', 'qwen3-235b-a22b-thinking-2507'],
    ['qwen', 'qwq-plus'],
  ])('are not told to stop: %s:%s', (provider, model) => {
    for (const request of [{}, OFF, ON]) {
      const body = ask(provider, model, { ...request, stream: true });
      expect(Object.keys(body).filter((key) => /think|reason/.test(key))).toEqual([]);
    }
  });

  it('are asked for the least where they know efforts, also where nothing was asked', () => {
    for (const [provider, model] of [
      ['kimi', 'kimi-k3'],
      ['kimi', 'kimi-k3.1-pro'],
      ['kimi', 'kimi-k3.1-pro-highspeed'],
      ['glm', 'glm-5.3'],
    ] as const) {
      for (const request of [{}, OFF]) expect(ask(provider, model, request).reasoning_effort).toBe('low');
      expect(ask(provider, model, ON).reasoning_effort).toBe('high');
    }
  });

  it('are forced to no tool, which they refuse', () => {
    const tools = [{ name: 'A' }];
    const tool_choice = { type: 'tool', name: 'A' } as const;
    for (const model of ['kimi-k3', 'kimi-k3.1-pro', 'kimi-k2.7-code', 'kimi-k2-thinking']) {
      for (const request of [{}, OFF, ON]) {
        expect(ask('kimi', model, { tools, tool_choice, ...request }).tool_choice).toBe('auto');
      }
    }
    const named = { type: 'function', function: { name: 'A' } };
    expect(ask('kimi', 'kimi-k2.6', { tools, tool_choice, ...OFF }).tool_choice).toEqual(named);
  });
});

describe('the format of an answer', () => {
  const format = { type: 'json_schema', schema: { type: 'object', properties: { a: { type: 'string' } } } };
  const formatted = (wish: object) => ({ ...wish, stream: true, output_config: { effort: 'high', format } }) as const;

  it('is told in words alone while Qwen thinks, which refuses its JSON mode then', () => {
    const thinking = ask('qwen', 'qwen3.8-max', formatted({ thinking: { type: 'adaptive' } }));
    expect(thinking).toMatchObject({ enable_thinking: true });
    expect(thinking).not.toHaveProperty('response_format');
    expect(JSON.stringify(thinking.messages)).toContain('It must match this JSON schema');
    const still = ask('qwen', 'qwen3.8-max', formatted(OFF));
    expect(still).toMatchObject({ enable_thinking: false, response_format: { type: 'json_object' } });
  });
});

describe('DeepSeek', () => {
  it('gets reasoning with every turn, those without calls too: beside tools it refuses what has none', () => {
    const { messages } = ask('deepseek', 'deepseek-v4-pro', {
      tools: [{ name: 'Read' }],
      messages: [
        user('q'),
        assistant([thinking('plan'), use('t1')]),
        user([result('t1')]),
        assistant([text('done')]),
        user('and now'),
        assistant([thinking('more'), text('that')]),
        user('go on'),
      ],
    });
    const told = messages.filter(({ role }: { role: string }) => role === 'assistant');
    expect(told.map((message: { reasoning_content?: string }) => message.reasoning_content)).toEqual([
      'plan',
      '(reasoning not kept)',
      'more',
    ]);
  });

  it('gets it in its own words through OpenRouter too', () => {
    for (const model of ['deepseek/deepseek-v4-pro', 'deepseek/deepseek-v4-flash', 'deepseek/deepseek-v4.1-flash']) {
      const turns = [user('q'), assistant([thinking('plan'), use('t1')]), user([result('t1')]), assistant('done')];
      const { messages } = ask('openrouter', model, { messages: [...turns, user('go on')] });
      expect(messages[1]).toMatchObject({ reasoning_content: 'plan' });
      expect(messages[3]).toMatchObject({ content: 'done', reasoning_content: '(reasoning not kept)' });
    }
  });

  it('is not Kimi, which wants it on turns with calls alone', () => {
    const { messages } = ask('kimi', 'kimi-k2.6', { messages: [user('q'), assistant([text('a')]), user('b')] });
    expect(messages[1]).toEqual({ role: 'assistant', content: 'a' });
  });
});

describe('a model without eyes', () => {
  it.each([
    ['kimi', 'kimi-k2-thinking'],
    ['openai', 'o3-mini'],
    ['minimax', 'MiniMax-M2.7'],
  ])('gets no picture: %s:%s', (provider, model) => {
    const { messages } = ask(provider, model, { messages: [user([image(), text('what is it')])] });
    expect(JSON.stringify(messages)).not.toContain('image_url');
    expect(JSON.stringify(messages)).toContain('image omitted');
  });
});

describe('OpenRouter', () => {
  it.each(['minimax/minimax-m2.5', 'google/gemini-3.7-flash', 'openai/gpt-5', 'deepseek/deepseek-r1'])(
    'is asked for little reasoning of %s, whose endpoints refuse to have none',
    (model) => {
      expect(ask('openrouter', model, OFF).reasoning).toEqual({ effort: 'low' });
      expect(ask('openrouter', model, ON).reasoning).toEqual({ effort: 'high' });
      expect(ask('openrouter', model)).not.toHaveProperty('reasoning');
    },
  );

  it('is asked for no reasoning of every other model', () => {
    expect(ask('openrouter', 'deepseek/deepseek-v4.1-flash', OFF).reasoning).toEqual({ enabled: false });
  });
});
