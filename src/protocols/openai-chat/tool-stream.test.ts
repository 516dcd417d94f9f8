import { describe, expect, it } from 'vitest';
import { call, delta, sse, type TranslateOptions, translate } from '../../../test/support/chat-answer.ts';
import { sent } from '../../../test/support/chat-request.ts';
import { chatTarget } from '../../../test/support/chat-target.ts';
import type { Block } from '../../core/messages.ts';
import { ToolNames } from '../tool-names.ts';

const READ = { name: 'Read', input_schema: { type: 'object', properties: { file_path: { type: 'string' } } } };
const TOOLS = { tools: [READ, { name: 'mcp__srv__query' }, { name: 'Ls' }] };
const STOP = delta({}, 'stop');
const CALLS = delta({}, 'tool_calls');

/** Blocks in short: `text:a`, `thinking:b`, `Read{"a":1}`. */
function blocks(stream: string | readonly string[], options: TranslateOptions = {}): string[] {
  return translate(stream, { request: TOOLS, ...options }).content.map((block) => {
    if (block.type === 'tool_use') return `${block.name as string}${(block.json as string) ?? ''}`;
    return `${block.type as string}:${(block.text ?? block.thinking) as string}`;
  });
}

describe('tool calls', () => {
  it('passes arguments on as text', () => {
    const parts = ['{"file_', 'path":', ' "a\\u00e9', '\\n", "n": 1.0}'];
    const stream = sse([
      delta(call(0, { id: 'call_1', name: 'Read', args: '' })),
      ...parts.map((args) => delta(call(0, { args }))),
      CALLS,
    ]);
    const { content, stopReason } = translate(stream, { request: TOOLS });
    expect(content).toMatchObject([{ type: 'tool_use', id: 'call_1', name: 'Read', json: parts.join('') }]);
    expect(stopReason).toBe('tool_use');
  });

  it.each<[string, Record<string, unknown>[], string[]]>([
    [
      'parallel calls by index',
      [call(0, { id: 'a', name: 'Read', args: '{"a":1}' }), call(1, { id: 'b', name: 'Ls', args: '{}' })],
      ['Read{"a":1}', 'Ls{}'],
    ],
    [
      'interleaved calls',
      [
        call(0, { id: 'a', name: 'Read', args: '{"a"' }),
        call(1, { id: 'b', name: 'Ls', args: '{"b"' }),
        call(0, { args: ':1}' }),
        call(1, { args: ':2}' }),
      ],
      ['Read{"a":1}', 'Ls{"b":2}'],
    ],
    [
      'calls without index',
      [
        call(undefined, { id: 'a', name: 'Read', args: '{"a":1}' }),
        call(undefined, { id: 'b', name: 'Ls', args: '{}' }),
      ],
      ['Read{"a":1}', 'Ls{}'],
    ],
    [
      'calls without index and id',
      [
        call(undefined, { name: 'Read', args: '{"a"' }),
        call(undefined, { args: ':1}' }),
        call(undefined, { name: 'Read', args: '{"b":2}' }),
      ],
      ['Read{"a":1}', 'Read{"b":2}'],
    ],
    [
      'all calls on index 0 with ids of their own',
      [call(0, { id: 'a', name: 'Read', args: '{"a":1}' }), call(0, { id: 'b', name: 'Read', args: '{"b":2}' })],
      ['Read{"a":1}', 'Read{"b":2}'],
    ],
    [
      'a second object on the same index',
      [call(0, { id: 'a', name: 'Read', args: '{"a":1}' }), call(0, { name: '', args: '{"a":2}' })],
      ['Read{"a":1}', 'Read{"a":2}'],
    ],
    [
      'a name with every chunk',
      ['{"a"', ':', '1}'].map((args) => call(0, { id: 'call_1', name: 'Read', args })),
      ['Read{"a":1}'],
    ],
    [
      'an id that changes with every chunk',
      ['{"a"', ':', '1}'].map((args, at) => call(0, { id: `x${at}`, args, ...(at === 0 ? { name: 'Read' } : {}) })),
      ['Read{"a":1}'],
    ],
    [
      'a name in two parts',
      [call(0, { id: 'a', name: 'mcp__srv__' }), call(0, { name: 'query' }), call(0, { args: '{}' })],
      ['mcp__srv__query{}'],
    ],
    ['a name after the arguments', [call(0, { id: 'a', args: '{"a":1}' }), call(0, { name: 'Read' })], ['Read{"a":1}']],
    [
      'sparse and negative indices',
      [call(999, { name: 'Read', args: '{}' }), call(-1, { name: 'Ls', args: '{}' })],
      ['Read{}', 'Ls{}'],
    ],
    [
      'junk behind the arguments',
      [call(0, { name: 'Read', args: '{"a":1}' }), call(0, { args: '}\n<|im_end|>' })],
      ['Read{"a":1}'],
    ],
    [
      'arguments encoded twice',
      [call(0, { name: 'Read', args: '"{\\"a\\"' }), call(0, { args: ':1}"' })],
      ['Read{"a":1}'],
    ],
    ['null arguments', [call(0, { name: 'Read', args: 'null' })], ['Read']],
    [
      'a call without arguments',
      [call(0, { id: 'a', name: 'Ls' }), call(1, { id: 'b', name: 'Read', args: '{}' })],
      ['Ls', 'Read{}'],
    ],
    ['a call without a name', [call(0, { id: 'a', name: '', args: '{"a":1}' })], []],
    ['a phantom', [{ tool_calls: [{ index: 0, function: {} }] }], []],
    [
      'empty lists',
      [
        { content: 'a', tool_calls: null },
        { content: 'b', tool_calls: [] },
      ],
      ['text:ab'],
    ],
    [
      'legacy function calls',
      [{ function_call: { name: 'Read', arguments: '{' } }, { function_call: { arguments: '}' } }],
      ['Read{}'],
    ],
  ])('reads %s', (_name, deltas, expected) => {
    expect(blocks(sse([...deltas.map((each) => delta(each)), CALLS]))).toEqual(expected);
  });

  it('ignores a late trace of a call that is over', () => {
    const chunks = [
      delta(call(0, { id: 'a', name: 'Read', args: '{}' })),
      delta({ content: 'x' }),
      delta(call(0, { id: 'call_x' })),
      CALLS,
    ];
    expect(blocks(sse(chunks))).toEqual(['Read{}', 'text:x']);
  });

  it('keeps text that comes inside of the arguments of a call behind it', () => {
    const chunks = [
      delta(call(0, { name: 'Read', args: '{"a"' })),
      delta({ content: 'x' }),
      delta(call(0, { args: ':1}' })),
      CALLS,
    ];
    expect(blocks(sse(chunks))).toEqual(['Read{"a":1}', 'text:x']);
  });

  it('gives the client its own name for a mapped tool', () => {
    const name = `mcp__${'x'.repeat(80)}`;
    const target = chatTarget();
    const request = { tools: [{ name }] };
    const mapped = `${name.slice(0, 55)}_`;
    const { content } = translate(sse([delta({ content: 'x' }), STOP]), { target, request });
    expect(content).toHaveLength(1);
    const upstream = new ToolNames([name], 64).upstream(name);
    expect(upstream.startsWith(mapped)).toBe(true);
    expect(blocks(sse([delta(call(0, { name: upstream, args: '{}' })), CALLS]), { request })).toEqual([`${name}{}`]);
  });

  it('gives a new id to a call whose id the conversation knows', () => {
    const request = {
      ...TOOLS,
      messages: [
        { role: 'user', content: 'q' },
        { role: 'assistant', content: [{ type: 'tool_use', id: 'call_0', name: 'Read', input: {} }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'call_0', content: 'r' }] },
      ],
    };
    const { content } = translate(sse([delta(call(0, { id: 'call_0', name: 'Read', args: '{}' })), CALLS]), {
      request,
    });
    expect(content[0]?.id).toMatch(/^toolu_[A-Za-z0-9]+$/);
  });

  it('carries data of the provider to the next request', () => {
    const entry = {
      index: 0,
      id: 'a',
      extra_content: { google: { thought_signature: 'sig' } },
      function: { name: 'Read', arguments: '{}' },
    };
    const { content } = translate(sse([delta({ content: 'x' }), delta({ tool_calls: [entry] }), CALLS]), {
      request: TOOLS,
    });
    expect(content.map((block) => block.type)).toEqual(['text', 'thinking', 'tool_use']);
    expect(content[1]?.signature).toMatch(/^midswap\./);
  });

  it('takes linear time for one megabyte in ten thousand deltas', () => {
    const piece = 'x'.repeat(100);
    const deltas = Array.from({ length: 10_000 }, () => delta(call(0, { args: piece })));
    const chunks = [
      delta(call(0, { id: 'a', name: 'Read', args: '{"a":"' })),
      ...deltas,
      delta(call(0, { args: '"}' })),
      CALLS,
    ];
    const before = performance.now();
    const { content } = translate(sse(chunks), { request: TOOLS });
    expect(content[0]?.json).toHaveLength(1_000_008);
    expect(performance.now() - before).toBeLessThan(2_000);
  });
});

describe('calls written as text', () => {
  const written = '<tool_call>\n{"name":"Read","arguments":{"a": 1}}\n</tool_call>';
  const options = { quirks: { textToolCalls: ['hermes'] } } as const;

  it('become calls at a provider that declares them', () => {
    const stream = sse([...written].map((content) => delta({ content })).concat(STOP));
    expect(blocks(stream, options)).toEqual(['Read{"a":1}']);
    expect(translate(stream, { ...options, request: TOOLS }).stopReason).toBe('tool_use');
    expect(blocks(stream)).toEqual([`text:${written}`]);
  });

  it('are recovered from reasoning too', () => {
    const stream = sse([delta({ reasoning_content: `plan ${written} rest` }), STOP]);
    expect(blocks(stream, options)).toEqual(['thinking:plan ', 'Read{"a":1}', 'thinking:rest']);
  });

  it('count once when they are made natively too', () => {
    const native = [
      delta(call(0, { id: 'a', name: 'Read', args: '' })),
      delta(call(0, { args: '{"a"' })),
      delta(call(0, { args: ':1}' })),
    ];
    expect(blocks(sse([delta({ content: written }), ...native, CALLS]), options)).toEqual(['Read{"a":1}']);
    expect(blocks(sse([...native, delta({ content: written }), CALLS]), options)).toEqual(['Read{"a":1}']);
    const other = delta(call(0, { id: 'a', name: 'Ls', args: '{"a":1}' }));
    expect(blocks(sse([delta({ content: written }), other, CALLS]), options)).toEqual(['Read{"a":1}', 'Ls{"a":1}']);
  });
});

describe('reasoning details', () => {
  it('are put together in their order, carried, and sent back unchanged', () => {
    const details = [
      { type: 'reasoning.text', text: 'a', index: 0, format: 'x' },
      { type: 'reasoning.text', text: 'b', index: 0, signature: 's' },
      { type: 'reasoning.encrypted', data: 'e', index: 1 },
    ];
    const chunks = details.map((each) => delta({ reasoning_details: [each] }));
    const target = chatTarget({ reasoningField: 'reasoning_details', reasoningReplay: 'always' });
    const { content } = translate(sse([...chunks, delta({ content: 'x' }), STOP]), { target });
    const messages = [
      { role: 'user', content: 'q' },
      { role: 'assistant', content: content as Block[] },
      { role: 'user', content: 'r' },
    ];
    expect(sent({ messages }, target).messages[1]).toEqual({
      role: 'assistant',
      content: 'x',
      reasoning_details: [
        { type: 'reasoning.text', text: 'ab', index: 0, format: 'x', signature: 's' },
        { type: 'reasoning.encrypted', data: 'e', index: 1 },
      ],
    });
  });
});
