import { describe, expect, it } from 'vitest';
import { sent } from '../../../test/support/chat-request.ts';
import { chatTarget } from '../../../test/support/chat-target.ts';
import { assistant, image, lines, result, text, use, user } from '../../../test/support/chat-turns.ts';
import type { Message } from '../../core/messages.ts';

describe('tool results', () => {
  const loop = (...answers: Message[]): Message[] => [
    user('q'),
    assistant([text('a'), use('t1'), use('t2', 'Ls')]),
    ...answers,
  ];

  it.each<[string, Message[], string[]]>([
    ['in one message', [user([result('t1', '1'), result('t2', '2')])], ['tool t1: 1', 'tool t2: 2']],
    ['split over messages', [user([result('t1', '1')]), user([result('t2', '2')])], ['tool t1: 1', 'tool t2: 2']],
    ['in another order', [user([result('t2', '2'), result('t1', '1')])], ['tool t1: 1', 'tool t2: 2']],
    ['behind text', [user([text('x'), result('t1', '1'), result('t2', '2')])], ['tool t1: 1', 'tool t2: 2', 'user: x']],
    ['twice', [user([result('t1', '1'), result('t1', 'b'), result('t2', '2')])], ['tool t1: 1\nb', 'tool t2: 2']],
    [
      'twice and equal',
      [user([result('t1', '1'), result('t1', '1'), result('t2', '2')])],
      ['tool t1: 1', 'tool t2: 2'],
    ],
    [
      'late',
      [user('x'), assistant('y'), user([result('t1', '1'), result('t2', '2')])],
      ['tool t1: 1', 'tool t2: 2', 'user: x', 'assistant: y', 'user: z'],
    ],
    [
      'failed',
      [user([result('t1', 'no', { is_error: true }), result('t2', '2')])],
      ['tool t1: [tool error] no', 'tool t2: 2'],
    ],
    [
      'failed without text',
      [user([result('t1', [], { is_error: true }), result('t2', '2')])],
      ['tool t1: [tool error] (no output)', 'tool t2: 2'],
    ],
    [
      'without content',
      [user([result('t1', ''), result('t2', null)])],
      ['tool t1: (no output)', 'tool t2: (no output)'],
    ],
    ['as an object', [user([result('t1', { ok: true }), result('t2', '2')])], ['tool t1: {"ok":true}', 'tool t2: 2']],
    [
      'that look like JSON',
      [user([result('t1', '{ "n": 1.0 }'), result('t2', '2')])],
      ['tool t1: { "n": 1.0 }', 'tool t2: 2'],
    ],
    [
      'with references',
      [user([result('t1', [{ type: 'tool_reference', tool_name: 'mcp__a' }, text('found')]), result('t2', '2')])],
      ['tool t1: Tool loaded: mcp__a\nfound', 'tool t2: 2'],
    ],
  ])('%s', (name, answers, expected) => {
    const messages = name === 'late' ? [...loop(...answers), user('z')] : loop(...answers);
    expect(lines(messages).slice(2)).toEqual(expected);
  });

  it('get a stand-in when they are missing', () => {
    const [, , first, second, last] = lines(loop(user([result('t2', '2'), text('x')])));
    expect(first).toMatch(/^tool t1: .*interrupted/);
    expect([second, last]).toEqual(['tool t2: 2', 'user: x']);
  });

  it('become text when no call is known', () => {
    expect(lines([user([result('t9', 'orphan'), text('q')])])).toEqual([
      'user: [result of an earlier tool call t9]\norphan\nq',
    ]);
  });

  it('belong to the nearest call of their id', () => {
    const messages = [
      user('q'),
      assistant([use('call_0')]),
      user([result('call_0', '1')]),
      assistant([use('call_0')]),
      user([result('call_0', '2')]),
    ];
    expect(lines(messages).filter((line) => line.startsWith('tool'))).toEqual(['tool call_0: 1', 'tool call_0: 2']);
  });

  it('keep two calls of one turn with one id apart', () => {
    const messages = [user('q'), assistant([use('a'), use('a', 'Ls')]), user([result('a', '1'), result('a', '2')])];
    expect(
      lines(messages)
        .filter((line) => line.startsWith('tool'))
        .map((line) => line.slice(-1)),
    ).toEqual(['1', '2']);
  });

  it('have their pictures in a user message behind all results', () => {
    const messages = loop(user([result('t1', [text('shot'), image()]), result('t2', '2'), text('x')]));
    const written = lines(messages);
    expect(written.slice(2, 4)).toEqual(['tool t1: shot', 'tool t2: 2']);
    expect(written[4]).toMatch(/^user: \[.*image_url/);
    expect(written[5]).toBe('user: x');
    expect(lines(loop(user([result('t1', [image()]), result('t2')])))[2]).toMatch(/^tool t1: .+/);
  });

  it('keep their pictures where a tool message may hold them', () => {
    const body = sent(
      { messages: loop(user([result('t1', [text('shot'), image()]), result('t2')])) },
      { toolResultImages: 'inline' },
    );
    expect(body.messages[2].content).toHaveLength(2);
  });

  it('lose pictures that are hidden in a string for a model without eyes', () => {
    const hidden = JSON.stringify([{ type: 'image', source: { type: 'base64', data: 'A'.repeat(5000) } }]);
    const messages = loop(user([result('t1', hidden), result('t2')]));
    expect(lines(messages)[2]).toBe(`tool t1: ${hidden}`);
    expect(lines(messages, chatTarget({}, { data: { vision: false } }))[2]?.length).toBeLessThan(200);
  });
});
