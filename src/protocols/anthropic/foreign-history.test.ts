import { describe, expect, it } from 'vitest';
import { context, envelope, Memory, thirdParty } from '../../../test/support/messages-target.ts';
import type { MessagesRequest } from '../../core/messages.ts';
import type { Quirks } from '../../core/target.ts';
import { anthropicMessages } from './index.ts';
import { encodeOwnSignature } from './signature.ts';

const user = (content: unknown = 'go') => ({ role: 'user', content });
const assistant = (...content: unknown[]) => ({ role: 'assistant', content });
const thinking = (signature?: string) => ({
  type: 'thinking',
  thinking: 'hm',
  ...(signature === undefined ? {} : { signature }),
});
const text = { type: 'text', text: 'a' };
const call = (id: string, name = 'Read') => ({ type: 'tool_use', id, name, input: {} });
const result = (id: string, content = 'ok') => ({ type: 'tool_result', tool_use_id: id, content });

function history(messages: object[], quirks: Partial<Quirks['messages']> = {}, thinks = 'adaptive') {
  const env = envelope({ messages, thinking: { type: thinks } });
  const target = thirdParty({ adaptiveThinking: true, ...quirks }, { provider: 'kimi', model: undefined });
  const { body } = anthropicMessages.encode(env, target, context({ provenance: new Memory({ KIMI: 'kimi' }) }));
  return (JSON.parse(Buffer.concat([...body]).toString()) as MessagesRequest).messages;
}

describe.each([
  { historyThinking: 'keep' },
  { historyThinking: 'require-on-tool-turns' },
  { historyThinking: 'strip' },
] as const)('a conversation that began elsewhere, for a third party (%o)', (quirks) => {
  const calls = (messages: readonly { content: unknown }[]) =>
    messages.flatMap(({ content }) =>
      Array.isArray(content) ? content.flatMap(({ id, tool_use_id }) => id ?? tool_use_id ?? []) : [],
    );

  it('has the id of every call once, with its result', () => {
    const messages = [
      user(),
      assistant(call('call_0'), call('call_0', 'Ls')),
      user([result('call_0', 'one'), result('call_0', 'two')]),
      assistant(call('call_0')),
      user([result('call_0', 'three')]),
    ];
    const sent = history(messages, quirks);
    expect(calls(sent)).toEqual(['call_0', 'call_0_2', 'call_0', 'call_0_2', 'call_0_3', 'call_0_3']);
    expect(history([...messages, assistant(text), user()], quirks).slice(0, sent.length)).toEqual(sent);
  });

  it('has ids of legal characters', () => {
    const sent = history([user(), assistant(call('functions.Read:0')), user([result('functions.Read:0')])], quirks);
    expect(calls(sent)).toEqual(['functions_Read_0', 'functions_Read_0']);
  });

  it('has no message that is thinking alone', () => {
    for (const thinks of ['adaptive', 'disabled']) {
      const foreign = thinking(encodeOwnSignature('groq'));
      expect(history([user(), assistant(foreign), user()], quirks, thinks)).toEqual([user(), user()]);
      expect(history([user(), assistant(foreign)], quirks, thinks)).toEqual([user()]);
      expect(history([user(), assistant(text), user(), assistant(thinking('KIMI'))], quirks, thinks)).toHaveLength(3);
    }
  });
});

it('thinking that was translated goes back to its provider without the mark of the gateway', () => {
  const own = encodeOwnSignature('kimi', { details: [1] });
  const messages = [user(), assistant(thinking(own), call('t')), user([result('t')])];
  expect(history(messages)[1]?.content).toEqual([thinking(''), call('t')]);
});
