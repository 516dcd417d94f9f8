import { describe, expect, it } from 'vitest';
import { delta, sse, translateWhole } from '../../../test/support/chat-answer.ts';

const answer = (message: unknown, finish: string | null = 'stop', more = {}): unknown => ({
  id: 'x',
  choices: [{ index: 0, message, finish_reason: finish, ...more }],
  usage: { prompt_tokens: 3, completion_tokens: 1 },
});
const calling = (args: unknown, finish = 'tool_calls'): Record<string, unknown> =>
  translateWhole(
    answer(
      { content: null, tool_calls: [{ id: 'a', type: 'function', function: { name: 'Read', arguments: args } }] },
      finish,
    ),
  );
const input = (message: Record<string, unknown>): unknown => (message.content as { input: unknown }[])[0]?.input;

describe('a whole answer', () => {
  it('is a message with everything a message has', () => {
    const message = translateWhole(answer({ role: 'assistant', content: 'hi' }));
    expect(message).toEqual({
      id: expect.stringMatching(/^msg_/),
      type: 'message',
      role: 'assistant',
      model: 'claude-sonnet-5',
      content: [{ type: 'text', text: 'hi' }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: expect.objectContaining({ input_tokens: 3, output_tokens: 1 }),
    });
  });

  it('is the same machine as the stream', () => {
    const parts = {
      reasoning_content: 'r',
      content: 'a',
      tool_calls: [{ id: 'a', function: { name: 'Read', arguments: '{"a":1}' } }],
    };
    expect(translateWhole(answer(parts, 'tool_calls'))).toMatchObject({
      content: [
        { type: 'thinking', thinking: 'r', signature: expect.stringMatching(/^midswap/) },
        { type: 'text', text: 'a' },
        { type: 'tool_use', id: 'a', name: 'Read', input: { a: 1 } },
      ],
      stop_reason: 'tool_use',
    });
  });

  it.each<[string, unknown, unknown]>([
    ['an object', '{"path":"a"}', { path: 'a' }],
    ['a comma too many', '{"path": "a", }', { path: 'a' }],
    ['a missing bracket', '{"path":["a"', { path: ['a'] }],
    ['nothing', '', {}],
    ['null', 'null', {}],
    ['encoded twice', '"{\\"path\\":\\"a\\"}"', { path: 'a' }],
    ['an object in place of text', { path: 'a' }, { path: 'a' }],
    ['no JSON', 'not json', { raw_arguments: 'not json' }],
    ['an open string', '{"path":"a', { raw_arguments: '{"path":"a' }],
  ])('reads arguments: %s', (_name, given, expected) => {
    expect(input(calling(given))).toEqual(expected);
  });

  it('does not repair arguments that the token limit cut', () => {
    const message = calling('{"path":["a"', 'length');
    expect(input(message)).toEqual({ raw_arguments: '{"path":["a"' });
    expect(message.stop_reason).toBe('max_tokens');
  });

  it('uses the first choice only', () => {
    const body = {
      choices: [
        { index: 1, message: { content: 'second' } },
        { index: 0, message: { content: 'first' }, finish_reason: 'stop' },
      ],
    };
    expect(translateWhole(body).content).toEqual([{ type: 'text', text: 'first' }]);
  });

  it('may have no finish reason and no usage', () => {
    const message = translateWhole({ choices: [{ message: { content: 'hi' }, finish_reason: null }] });
    expect(message.stop_reason).toBe('end_turn');
    expect(Object.values(message.usage as object).every((count) => typeof count === 'number')).toBe(true);
  });

  it('may be empty', () => {
    expect(translateWhole(answer({ content: '' }))).toMatchObject({ content: [], stop_reason: 'end_turn' });
  });

  it('shows reasoning when there is no answer', () => {
    expect(translateWhole(answer({ content: '', reasoning_content: 'It is 4.' })).content).toMatchObject([
      { type: 'thinking' },
      { type: 'text', text: 'It is 4.' },
    ]);
  });

  it('ends without calls as a turn, whatever the reason says', () => {
    expect(translateWhole(answer({ content: 'done', tool_calls: [] }, 'tool_calls')).stop_reason).toBe('end_turn');
  });

  it('has no fields of the provider in its blocks', () => {
    const annotations = [{ type: 'url_citation', url_citation: { url: 'https://e' } }];
    expect(translateWhole(answer({ content: 'x', annotations })).content).toEqual([{ type: 'text', text: 'x' }]);
  });

  it('is collected when the server streams all the same', () => {
    const stream = sse([delta({ content: 'a' }), delta({ content: 'b' }), delta({}, 'stop')]);
    expect(translateWhole(stream).content).toEqual([{ type: 'text', text: 'ab' }]);
    expect(translateWhole(sse([delta({ content: 'a' })], false))).toMatchObject({ fault: { class: 'truncated' } });
  });

  it.each<[string, unknown, object]>([
    ['no choices', { id: 'x', choices: [] }, { class: 'malformed', status: 502 }],
    [
      'nothing but an id',
      { id: 'x' },
      { class: 'malformed', status: 502, message: expect.stringContaining('no choices') },
    ],
    ['no bytes', '', { class: 'empty', status: 502 }],
    ['half of it', '{"choices":[{"mess', { class: 'malformed', status: 502 }],
    ['a page', '<html><body>Hello</body></html>', { class: 'malformed', status: 502 }],
    ['an array', '[]', { class: 'malformed' }],
    ['a code', { code: 20015, message: 'model disabled' }, { message: expect.stringContaining('model disabled') }],
    ['a failed success', { data: null, success: false, error: 'no' }, { message: expect.stringContaining('no') }],
    [
      'an empty account',
      { base_resp: { status_code: 1008, status_msg: 'insufficient balance' }, choices: null },
      { status: 402, type: 'billing_error' },
    ],
    ['a limit', { base_resp: { status_code: 1002, status_msg: 'rate limit' }, choices: null }, { status: 429 }],
    ['a broken answer', answer({ content: 'a' }, 'network_error'), { status: 502, type: 'api_error' }],
  ])('is a fault when it is %s', (_name, body, fault) => {
    expect(translateWhole(body)).toMatchObject({ fault });
  });
});
