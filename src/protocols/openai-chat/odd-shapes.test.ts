import { describe, expect, it } from 'vitest';
import {
  call,
  delta,
  sse,
  type TranslateOptions,
  translate,
  translateWhole,
} from '../../../test/support/chat-answer.ts';
import { chatTarget } from '../../../test/support/chat-target.ts';
import { openReplay } from './carrier.ts';

const TOOLS = { tools: [{ name: 'Read' }, { name: 'Ls' }, { name: 'mcp__srv__query' }, { name: 'mcp__srv__list' }] };
const STOP = delta({}, 'stop');
const CALLS = delta({}, 'tool_calls');

/** Blocks in short: `text:a`, `thinking:b`, `Read{"a":1}`. */
function blocks(chunks: readonly unknown[], options: TranslateOptions = {}): string[] {
  return translate(sse(chunks), { request: TOOLS, ...options }).content.map((block) => {
    if (block.type === 'tool_use') return `${block.name as string}${(block.json as string) ?? ''}`;
    return `${block.type as string}:${(block.text ?? block.thinking) as string}`;
  });
}

const entry = (fields: Record<string, unknown>): unknown => delta({ tool_calls: [fields] });

describe('a call in a shape that nobody documents', () => {
  it.each<[string, unknown[], string[]]>([
    [
      'indices as text',
      [
        entry({ index: '0', id: 'a', function: { name: 'Read', arguments: '{"a"' } }),
        entry({ index: '1', id: 'b', function: { name: 'Ls', arguments: '{"b"' } }),
        entry({ index: '0', function: { arguments: ':1}' } }),
        entry({ index: '1', function: { arguments: ':2}' } }),
      ],
      ['Read{"a":1}', 'Ls{"b":2}'],
    ],
    [
      'a name in three parts',
      [
        delta(call(0, { id: 'a', name: 'mcp__' })),
        delta(call(0, { name: 'srv__' })),
        delta(call(0, { name: 'query', args: '{}' })),
      ],
      ['mcp__srv__query{}'],
    ],
    [
      'a name that grows with every chunk',
      [
        delta(call(0, { id: 'a', name: 'mcp__' })),
        delta(call(0, { id: 'a', name: 'mcp__srv__' })),
        delta(call(0, { id: 'a', name: 'mcp__srv__list', args: '{}' })),
      ],
      ['mcp__srv__list{}'],
    ],
    [
      'the same call in the old field and in the new one',
      [delta({ function_call: { name: 'Read', arguments: '{}' }, ...call(0, { id: 'a', name: 'Read', args: '{}' }) })],
      ['Read{}'],
    ],
    [
      'the whole call again at the end',
      [
        delta(call(0, { id: 'a', name: 'Read', args: '{"a"' })),
        delta(call(0, { args: ':1}' })),
        delta(call(0, { id: 'a', name: 'Read', args: '{"a":1}' })),
      ],
      ['Read{"a":1}'],
    ],
    [
      'two calls in one chunk that only their names tell apart',
      [delta({ tool_calls: [{ function: { name: 'Read', arguments: '' } }, { function: { name: 'Ls' } }] })],
      ['Read', 'Ls'],
    ],
    [
      'a call behind one that broke off, without index and id',
      [entry({ function: { name: 'Read', arguments: '{"a":' } }), entry({ function: { name: 'Ls', arguments: '{}' } })],
      ['Read{"a":', 'Ls{}'],
    ],
    [
      'a call that is no list',
      [delta({ tool_calls: { id: 'a', function: { name: 'Read', arguments: '{}' } } })],
      ['Read{}'],
    ],
  ])('is one call for each that was made: %s', (_name, chunks, expected) => {
    expect(blocks([...chunks, CALLS])).toEqual(expected);
  });

  it('keeps calls apart that differ in their arguments alone', () => {
    const twice = ['{"a":1}', '{"a":22}'].map((args) => delta(call(0, { id: 'a', name: 'Read', args })));
    expect(blocks([...twice, CALLS])).toEqual(['Read{"a":1}', 'Read{"a":22}']);
  });

  it.each<[string, unknown[], unknown[]]>([
    [
      'without arguments',
      [{ function: { name: 'Read', arguments: '' } }, { function: { name: 'Read', arguments: '' } }],
      [
        { name: 'Read', input: {} },
        { name: 'Read', input: {} },
      ],
    ],
    [
      'with arguments that broke off',
      [{ function: { name: 'Read', arguments: '{"a":' } }, { function: { name: 'Read', arguments: '{"b":1}' } }],
      [{ name: 'Read' }, { name: 'Read', input: { b: 1 } }],
    ],
    [
      'with one index for all',
      [
        { index: 0, id: 'a', function: { name: 'Read', arguments: '{}' } },
        { index: 0, id: 'a', function: { name: 'Read', arguments: '{}' } },
      ],
      [{ name: 'Read' }, { name: 'Read' }],
    ],
  ])('is a call of its own in a whole answer: %s', (_name, calls, expected) => {
    const message = translateWhole(
      { choices: [{ index: 0, message: { content: null, tool_calls: calls }, finish_reason: 'tool_calls' }] },
      { request: TOOLS },
    );
    expect(message.content).toMatchObject(expected);
    expect(new Set((message.content as { id: string }[]).map(({ id }) => id)).size).toBe(2);
  });
});

describe('text and reasoning in a shape that nobody documents', () => {
  it.each<[string, unknown, string[]]>([
    ['parts that are strings', { content: ['a', 'b'] }, ['text:ab']],
    ['one part', { content: { type: 'text', text: 'a' } }, ['text:a']],
    [
      'reasoning in parts',
      { reasoning_content: [{ type: 'text', text: 'r' }], content: 'a' },
      ['thinking:r', 'text:a'],
    ],
  ])('is read: %s', (_name, fields, expected) => {
    expect(blocks([delta(fields), STOP])).toEqual(expected);
  });

  it('is read from events that no blank line divides', () => {
    const stream = sse([delta({ content: 'a' }), delta({ content: 'b' }), STOP]).replaceAll('\n\n', '\n');
    const { content, stopReason } = translate(stream);
    expect({ content, stopReason }).toEqual({ content: [{ type: 'text', text: 'ab' }], stopReason: 'end_turn' });
  });

  it('is no error because an error without content stands beside it', () => {
    expect(blocks([delta({ content: 'a' }, null, { error: {} }), STOP])).toEqual(['text:a']);
  });

  it('is broken off when the model wrote a call that nobody could read', () => {
    const { fault } = translate(sse([delta({ content: 'a' }), delta({}, 'MALFORMED_FUNCTION_CALL')]));
    expect(fault).toMatchObject({ class: 'server_error' });
  });

  it.each([
    ['in the field of a vendor', `data: {"x_groq":{"id":"r","error":"over capacity"}}\n\n`, 'over capacity'],
    ['in a line of its own', 'error: {"code":503,"message":"no slot is free"}\n\n', 'no slot is free'],
  ])('is broken off by an error %s', (_where, error, words) => {
    const { fault, bytes } = translate(`${sse([delta({ content: 'a' })], false)}${error}`);
    expect(fault?.message).toContain(words);
    expect(bytes).not.toContain('message_stop');
  });

  it('is estimated where the upstream counts nothing but zeros', () => {
    const usage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
    const told = translate(sse([delta({ content: 'hello' }), delta({}, 'stop', { usage })])).usage;
    expect(told.input_tokens).toBeGreaterThan(0);
    expect(told.output_tokens).toBeGreaterThan(0);
    const part = translate(
      sse([delta({ content: 'a' }), delta({}, 'stop', { usage: { ...usage, completion_tokens: 3 } })]),
    );
    expect(part.usage.input_tokens).toBeGreaterThan(0);
    expect(part.usage.output_tokens).toBe(3);
  });
});

describe('the last block of an answer', () => {
  const types = (chunks: readonly unknown[], options: TranslateOptions = {}): unknown[] =>
    translate(sse(chunks), { request: TOOLS, ...options }).content.map((block) => block.type);
  const details = { target: chatTarget({ reasoningField: 'reasoning_details', reasoningReplay: 'always' }) };
  const encrypted = delta({ reasoning_details: [{ type: 'reasoning.encrypted', data: 'E', index: 0 }] });
  const read = delta(call(0, { id: 'a', name: 'Read', args: '{}' }));

  // The client's result of a run, and of a subagent, is the text of the last block.
  it('is not reasoning that came behind the text', () => {
    expect(blocks([delta({ content: 'a' }), delta({ reasoning_content: 'b' }), STOP])).toEqual(['text:a']);
    expect(
      blocks([
        delta({ content: 'a' }),
        delta({ reasoning_content: 'b' }),
        delta({ reasoning_content: 'c' }),
        read,
        CALLS,
      ]),
    ).toEqual(['text:a', 'thinking:bc', 'Read{}']);
  });

  it('is not the carrier of what the provider wants to see again', () => {
    expect(types([encrypted, delta({ content: 'a' }), STOP], details)).toEqual(['thinking', 'text']);
    expect(types([delta({ content: 'a' }), encrypted, delta({ content: 'b' }), STOP], details)).toEqual(['text']);
    expect(types([encrypted, read, CALLS], details)).toEqual(['thinking', 'tool_use']);
    expect(types([read, encrypted, CALLS], details)).toEqual(['tool_use', 'thinking']);
  });
});

it('data of the provider stands before each of two calls that come by turns', () => {
  const head = (index: number, name: string, args: string, signature: string) =>
    entry({ index, id: `c${index}`, extra_content: { google: signature }, function: { name, arguments: args } });
  const chunks = [
    head(0, 'Read', '{"a"', 'S0'),
    head(1, 'Ls', '{"b"', 'S1'),
    delta(call(0, { args: ':1}' })),
    delta(call(1, { args: ':2}' })),
    CALLS,
  ];
  const { content } = translate(sse(chunks), { request: TOOLS });
  expect(content.map(({ type, json, signature }) => json ?? openReplay(signature, 'corp')?.extra ?? type)).toEqual([
    { google: 'S0' },
    '{"a":1}',
    { google: 'S1' },
    '{"b":2}',
  ]);
});
