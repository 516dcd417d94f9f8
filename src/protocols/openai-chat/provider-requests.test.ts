import { describe, expect, it } from 'vitest';
import { sent } from '../../../test/support/chat-request.ts';
import { catalogueTarget } from '../../../test/support/chat-target.ts';
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
    for (const model of ['kimi-k3', 'kimi-k3.1-pro', 'kimi-k3.1-pro-highspeed']) {
      for (const request of [{}, OFF]) expect(ask('kimi', model, request).reasoning_effort).toBe('low');
      expect(ask('kimi', model, ON).reasoning_effort).toBe('high');
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
