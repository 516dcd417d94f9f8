import { expect } from 'vitest';
import type { Block, Message } from '../../src/core/messages.ts';
import { sent } from './chat-request.ts';
import { chatFaults } from './chat-validator.ts';

export const user = (content: string | Block[]): Message => ({ role: 'user', content });
export const assistant = (content: string | Block[]): Message => ({ role: 'assistant', content });
export const system = (content: string | Block[]): Message => ({ role: 'system', content });
export const text = (value: string): Block => ({ type: 'text', text: value });
export const use = (id: string, name = 'Read', input: unknown = {}): Block => ({ type: 'tool_use', id, name, input });
export const result = (id: string, content: unknown = 'r', more: Record<string, unknown> = {}): Block => ({
  type: 'tool_result',
  tool_use_id: id,
  content,
  ...more,
});
export const thinking = (value: string, signature = 's'): Block => ({ type: 'thinking', thinking: value, signature });
export const image = (data = 'iVBORw0KGgo='): Block => ({
  type: 'image',
  source: { type: 'base64', media_type: 'image/png', data },
});

/** Messages in short: `user: q`, `assistant: a [t1 Read {}]`, `tool t1: r`. */
export function lines(messages: Message[], quirks: Parameters<typeof sent>[1] = {}, more = {}): string[] {
  const body = sent({ messages, ...more }, quirks);
  expect(chatFaults(body)).toEqual([]);
  return short(body);
}

function short(body: ReturnType<typeof sent>): string[] {
  return body.messages.map((message: ReturnType<typeof sent>) => {
    const calls = (message.tool_calls ?? []).map(
      (call: ReturnType<typeof sent>) => ` [${call.id} ${call.function.name} ${call.function.arguments}]`,
    );
    const content = typeof message.content === 'string' ? message.content : JSON.stringify(message.content);
    return `${message.role}${message.tool_call_id === undefined ? '' : ` ${message.tool_call_id}`}: ${content}${calls.join('')}`;
  });
}
