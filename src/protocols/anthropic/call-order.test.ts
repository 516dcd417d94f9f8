import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { messagesFaults } from '../../../test/support/messages-requests.ts';
import { context, envelope, thirdParty } from '../../../test/support/messages-target.ts';
import type { Block, Message, MessagesRequest } from '../../core/messages.ts';
import type { Quirks } from '../../core/target.ts';
import { orderCalls } from './call-order.ts';
import { anthropicMessages } from './index.ts';

const user = (...content: Block[]): Message => ({ role: 'user', content });
const assistant = (...content: Block[]): Message => ({ role: 'assistant', content });
const text = (words: string): Block => ({ type: 'text', text: words });
const call = (id: string, input: unknown = {}): Block => ({ type: 'tool_use', id, name: 'Read', input });
const result = (id: string, content: unknown = 'ok'): Block => ({ type: 'tool_result', tool_use_id: id, content });
const interrupted = (id: string): Block => ({
  type: 'tool_result',
  tool_use_id: id,
  is_error: true,
  content: '[No result: the tool call was interrupted before it finished.]',
});

/** What an endpoint of this dialect gets. */
function sent(messages: unknown[], quirks: Partial<Quirks['messages']> = {}, raw?: string): Message[] {
  const body = raw ?? { messages };
  const encoded = anthropicMessages.encode(envelope(body), thirdParty(quirks, { model: undefined }), context());
  return (JSON.parse(Buffer.concat([...encoded.body]).toString()) as MessagesRequest).messages;
}

describe('calls and results for a third party', () => {
  it('that stand as they should go out as they came', () => {
    const good = [
      user(text('q')),
      assistant(text('a'), call('1'), call('2')),
      user(result('2'), result('1'), text('b')),
    ];
    expect(orderCalls(good)).toBe(good);
    const raw = JSON.stringify({ model: 'm', max_tokens: 9, messages: good });
    const encoded = anthropicMessages.encode(envelope(raw), thirdParty({}, { model: undefined }), context());
    expect(encoded.body).toHaveLength(1);
    expect(encoded.body[0]?.toString()).toBe(raw);
  });

  it.each<[string, Message[], Message[]]>([
    [
      'a call without a result gets one',
      [user(text('q')), assistant(call('1'), call('2')), user(result('2')), assistant(text('a')), user(text('b'))],
      [
        user(text('q')),
        assistant(call('1'), call('2')),
        user(interrupted('1'), result('2')),
        assistant(text('a')),
        user(text('b')),
      ],
    ],
    [
      'so does one at the end',
      [user(text('q')), assistant(call('1'))],
      [user(text('q')), assistant(call('1')), user(interrupted('1'))],
    ],
    [
      'a late result goes back to its call',
      [user(text('q')), assistant(call('1'), call('2')), user(result('1')), assistant(text('a')), user(result('2'))],
      [user(text('q')), assistant(call('1'), call('2')), user(result('1'), result('2')), assistant(text('a'))],
    ],
    [
      'results spread over two messages come together, with what stood between behind them',
      [user(text('q')), assistant(call('1'), call('2')), user(result('1'), text('x')), user(result('2'))],
      [user(text('q')), assistant(call('1'), call('2')), user(result('1'), result('2'), text('x'))],
    ],
    [
      'text before a result goes behind it',
      [user(text('q')), assistant(call('1')), user(text('x'), result('1'), text('y'))],
      [user(text('q')), assistant(call('1')), user(result('1'), text('x'), text('y'))],
    ],
    [
      'calls of two messages in a row are one turn',
      [user(text('q')), assistant(call('1')), assistant(call('2')), user(result('1'), result('2'))],
      [user(text('q')), assistant(call('1'), call('2')), user(result('1'), result('2'))],
    ],
    [
      'a result without a call is text',
      [user(result('9', [text('lost')])), assistant(text('a')), user(text('b'))],
      [user(text('[result of an earlier tool call 9]'), text('lost')), assistant(text('a')), user(text('b'))],
    ],
    [
      'two results for one call are one',
      [user(text('q')), assistant(call('1')), user(result('1', 'a'), result('1', [text('b')]))],
      [user(text('q')), assistant(call('1')), user(result('1', [text('a'), text('b')]))],
    ],
    [
      "a call of the user is nobody's",
      [user(text('q'), call('1')), assistant(text('a')), user(text('b'))],
      [user(text('q')), assistant(text('a')), user(text('b'))],
    ],
  ])('%s', (_, given, expected) => {
    expect(sent(given)).toEqual(expected);
    expect(sent(expected)).toEqual(expected);
  });

  it('are left alone around a system entry where those are known', () => {
    const wedged = [user(text('q')), assistant(call('1')), { role: 'system', content: 'note' }, user(result('1'))];
    expect(sent(wedged, { systemRole: 'keep' })).toEqual(wedged);
    expect(sent(wedged.slice(0, 3), { systemRole: 'keep' })).toEqual([
      ...wedged.slice(0, 2),
      user(interrupted('1')),
      { role: 'system', content: [text('note')] },
    ]);
  });

  it.each([null, undefined, [1], 5, true, '', 'x', '{"a":', '{"a":1}'])('have objects as inputs: %j', (input) => {
    const [, turn] = sent([
      user(text('q')),
      assistant({ type: 'tool_use', id: '1', name: 'R', input }),
      user(result('1')),
    ]);
    const [block] = (turn as Message).content as Block[];
    expect(block?.input).toEqual(
      input === 'x' || input === '{"a":' ? { raw_arguments: input } : input === '{"a":1}' ? { a: 1 } : {},
    );
  });

  it('keep numbers that no double holds, whatever else is changed', () => {
    const input = '{"id":12345678901234567890,"f":1.0,"e":1e3}';
    const raw = `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"R","input":${input}}]}]}`;
    const encoded = anthropicMessages.encode(envelope(raw), thirdParty({}, { model: undefined }), context());
    expect(Buffer.concat([...encoded.body]).toString()).toContain(`"input":${input}`);
  });

  it('have results of text or blocks, whatever a bridge made of them', () => {
    const of = (content: unknown): unknown => {
      const [, , message] = sent([user(text('q')), assistant(call('1')), user(result('1', content))]);
      return ((message as Message).content as Block[])[0]?.content;
    };
    expect(of({ ok: true })).toBe('{"ok":true}');
    expect(of(['b', text('a'), 5, null, { x: 1 }])).toEqual([
      text('b'),
      text('a'),
      text('5'),
      text('null'),
      text('{"x":1}'),
    ]);
    expect(of([text(' '), text('a')])).toEqual([text('a')]);
    expect(of([])).toEqual([]);
    expect(of('')).toBe('');
  });

  it('have no picture as text for a model that cannot see', () => {
    const picture = JSON.stringify([{ type: 'image', source: { type: 'base64', data: 'A'.repeat(5000) } }]);
    const blind = thirdParty({}, { model: undefined, data: { vision: false } });
    for (const content of [picture, [text(picture)], `data:image/png;base64,${'A'.repeat(5000)}`]) {
      const body = { messages: [user(text('q')), assistant(call('1')), user(result('1', content))] };
      const encoded = Buffer.concat([...anthropicMessages.encode(envelope(body), blind, context()).body]).toString();
      expect(encoded).toContain('[image omitted: the model cannot see images]');
      expect(encoded.length).toBeLessThan(1000);
      expect(sent(body.messages)).toEqual(body.messages);
    }
  });

  it('are what a strict server takes, for any conversation', () => {
    const block = fc.oneof(
      fc.constantFrom('a', 'b', 'c', '1:2').map((id) => call(id)),
      fc.constantFrom('a', 'b', 'c', '1:2').map((id) => result(id)),
      fc.constantFrom('x', '', ' ').map(text),
    );
    const message = fc.oneof(
      fc.record({ role: fc.constantFrom('user', 'assistant', 'system'), content: fc.array(block, { maxLength: 4 }) }),
      fc.record({ role: fc.constantFrom('user', 'assistant'), content: fc.constantFrom('x', '', '\n') }),
    );
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), fc.boolean(), (messages, spaced) => {
        const conversation = [user(text('q')), ...messages];
        const raw = JSON.stringify({ model: 'm', max_tokens: 9, messages: conversation }, null, spaced ? 1 : 0);
        const out = sent([], {}, raw);
        expect(messagesFaults({ model: 'm', max_tokens: 9, messages: out })).toEqual([]);
        expect(sent(out)).toEqual(out);
      }),
      { numRuns: 400 },
    );
  });
});

describe('messages of nothing for a third party', () => {
  it('are left out, and text of nothing with them', () => {
    expect(
      sent([
        user(text('q'), text(' ')),
        { role: 'user', content: '  ' },
        assistant(),
        assistant(text('')),
        user(text('z')),
      ]),
    ).toEqual([user(text('q')), user(text('z'))]);
  });

  it('are refused when nothing is left', () => {
    expect(() => sent([])).toThrow('messages: at least one message is required');
    expect(() => sent([user(text(' '))])).toThrow('messages: at least one message with content is required');
  });

  it('do not end an answer that is begun', () => {
    expect(sent([user(text('q')), assistant(text('a \n'))])).toEqual([user(text('q')), assistant(text('a'))]);
    expect(sent([user(text('q')), { role: 'assistant', content: 'a ' }])[1]).toEqual({
      role: 'assistant',
      content: 'a',
    });
  });
});
