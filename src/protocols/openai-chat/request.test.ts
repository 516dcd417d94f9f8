import { describe, expect, it } from 'vitest';
import { encodeText, sent } from '../../../test/support/chat-request.ts';
import { chatContext, chatTarget, envelopeOf } from '../../../test/support/chat-target.ts';
import { chatFaults } from '../../../test/support/chat-validator.ts';
import type { Block, Message } from '../../core/messages.ts';
import { encodeOwnSignature } from '../anthropic/signature.ts';
import { openaiChat } from './index.ts';
import { chatPath } from './request.ts';

const user = (content: string | Block[]): Message => ({ role: 'user', content });
const assistant = (content: string | Block[]): Message => ({ role: 'assistant', content });
const system = (content: string | Block[]): Message => ({ role: 'system', content });
const text = (value: string): Block => ({ type: 'text', text: value });
const use = (id: string, name = 'Read', input: unknown = {}): Block => ({ type: 'tool_use', id, name, input });
const result = (id: string, content: unknown = 'r', more: Record<string, unknown> = {}): Block => ({
  type: 'tool_result',
  tool_use_id: id,
  content,
  ...more,
});
const thinking = (value: string, signature = 's'): Block => ({ type: 'thinking', thinking: value, signature });
const image = (data = 'iVBORw0KGgo='): Block => ({
  type: 'image',
  source: { type: 'base64', media_type: 'image/png', data },
});

/** Messages in short: `user: q`, `assistant: a [t1 Read {}]`, `tool t1: r`. */
function lines(messages: Message[], quirks: Parameters<typeof sent>[1] = {}, more = {}): string[] {
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

describe('system entries in the middle', () => {
  const messages = [user('a'), assistant('b'), system('note'), user('c')];

  it('stay in place where they may', () => {
    expect(lines(messages, { systemPosition: 'any' })).toEqual(['user: a', 'assistant: b', 'system: note', 'user: c']);
  });

  it('become marked user messages where they may not', () => {
    expect(lines(messages)[2]).toBe('user: <system-reminder>\nnote\n</system-reminder>');
  });

  it('stand behind the results when they were wedged in', () => {
    const wedged = [user('a'), assistant([use('t1')]), system('note'), user([result('t1')])];
    expect(lines(wedged, { systemPosition: 'any' })).toEqual([
      'user: a',
      'assistant: null [t1 Read {}]',
      'tool t1: r',
      'system: note',
    ]);
  });

  it('lose the parts that speak of tools', () => {
    const entry = system([{ type: 'tool_addition', name: 'mcp__x__y' }, text('new tools')]);
    expect(lines([user('a'), entry], { systemPosition: 'any' })).toEqual(['user: a', 'system: new tools']);
  });
});

describe('content', () => {
  it.each<[string, Block[], string]>([
    ['one text block is a string', [text('x')], 'x'],
    ['text blocks are separated', [text('<r>r</r>'), text('do it')], '<r>r</r>\ndo it'],
    ['blank blocks are dropped', [text(''), text('q'), text('  ')], 'q'],
    ['thinking of a user is ignored', [thinking('x'), text('q')], 'q'],
    [
      'text documents',
      [{ type: 'document', title: 'n.txt', context: 'c', source: { type: 'text', data: 'hello' } }],
      'Document: n.txt\nc\nhello',
    ],
    ['documents of blocks', [{ type: 'document', source: { type: 'content', content: [text('hello')] } }], 'hello'],
    [
      'PDF without support',
      [
        {
          type: 'document',
          title: 'spec.pdf',
          source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0x' },
        },
      ],
      '[PDF spec.pdf omitted: the model cannot read PDF]',
    ],
    [
      'files of another provider',
      [{ type: 'document', source: { type: 'file', file_id: 'f' } }],
      '[PDF document omitted: its file is kept by another provider]',
    ],
    [
      'search results',
      [{ type: 'search_result', source: 'https://e.x', title: 'T', content: [text('body')] }],
      'T (https://e.x)\nbody',
    ],
    [
      'images of another provider',
      [{ type: 'image', source: { type: 'file', file_id: 'file_1' } }],
      '[image omitted: file file_1 is kept by another provider]',
    ],
    ['compactions', [{ type: 'compaction', content: 'summary' }], 'summary'],
    ['unknown blocks', [{ type: 'container_upload', file_id: 'f' }, text('q')], 'q'],
  ])('%s', (_name, blocks, expected) => {
    expect(lines([user(blocks)])).toEqual([`user: ${expected}`]);
  });

  it('keeps pictures in their place', () => {
    expect(sent({ messages: [user([text('a'), image(), text('b')])] }).messages[0].content).toEqual([
      { type: 'text', text: 'a' },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
      { type: 'text', text: 'b' },
    ]);
  });

  it('passes image URLs on, or says that it cannot', () => {
    const messages = [user([{ type: 'image', source: { type: 'url', url: 'https://h/i.png' } }])];
    expect(sent({ messages }).messages[0].content[0].image_url.url).toBe('https://h/i.png');
    expect(lines(messages, { urlImages: false })[0]).toContain('https://h/i.png]');
  });

  it('replaces pictures for a model without eyes', () => {
    const target = chatTarget({}, { data: { vision: false } });
    const messages = [user([text('a'), image()])];
    expect(lines(messages, target)).toEqual(['user: a\n[image omitted: the model cannot see images]']);
    expect(openaiChat.encode(envelopeOf({ messages }), target, chatContext()).notes).toHaveLength(1);
  });

  it('sends PDF as a file where it is read', () => {
    const source = { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0x' };
    const body = sent({ messages: [user([{ type: 'document', title: 'spec.pdf', source }])] }, { pdf: true });
    expect(body.messages[0].content).toEqual([
      { type: 'file', file: { filename: 'spec.pdf', file_data: 'data:application/pdf;base64,JVBERi0x' } },
    ]);
  });

  it('writes JSON that strict decoders take, whatever the text holds', () => {
    const written = encodeText(
      { messages: [user('bad \ud800 char \u0000'), assistant([use('t', 'Read', { a: '\udc00' })])] },
      chatTarget(),
    );
    expect(written).not.toMatch(/\\ud[89a-f]/i);
    expect(JSON.parse(written).messages[0].content).toBe('bad \ufffd char \u0000');
    expect(JSON.parse(JSON.parse(written).messages[1].tool_calls[0].function.arguments)).toEqual({ a: '\ufffd' });
  });

  it('leaves typed escapes alone', () => {
    expect(sent({ messages: [user('a \\ud800 b')] }).messages[0].content).toBe('a \\ud800 b');
  });

  it('tells what an Anthropic server tool found', () => {
    const blocks = [
      { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'x' } },
      {
        type: 'web_search_tool_result',
        tool_use_id: 'srvtoolu_1',
        content: [{ type: 'web_search_result', title: 'T', url: 'https://u', encrypted_content: 'SECRET' }],
      },
      text('answer'),
    ];
    const [, said] = lines([user('q'), assistant(blocks), user('more')]);
    expect(said).toContain('T - https://u');
    expect(said).not.toContain('SECRET');
  });
});

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

describe('assistant turns', () => {
  it('stay one message with their calls', () => {
    const messages = [user('q'), assistant([text('first'), use('t1'), text('second')]), user([result('t1')])];
    expect(lines(messages)[1]).toBe('assistant: first\nsecond [t1 Read {}]');
    const split = [
      user('q'),
      assistant([use('t1')]),
      assistant([text('x'), use('t2')]),
      user([result('t1'), result('t2')]),
    ];
    expect(lines(split)[1]).toBe('assistant: x [t1 Read {}] [t2 Read {}]');
  });

  it('have null or an empty text beside calls alone', () => {
    const messages = [user('q'), assistant([use('t1')]), user([result('t1')])];
    expect(sent({ messages }).messages[1].content).toBeNull();
    expect(sent({ messages }, { emptyAssistantContent: 'empty-string' }).messages[1].content).toBe('');
  });

  it.each([[null], [undefined], [[]], ['']])('write arguments as an object when the input is %j', (input) => {
    const messages = [user('q'), assistant([{ type: 'tool_use', id: 't1', name: 'Ls', input }]), user([result('t1')])];
    expect(sent({ messages }).messages[1].tool_calls[0].function.arguments).toBe('{}');
  });

  it('write numbers as the model wrote them', () => {
    const written = '{"id":12345678901234567890,"n":1.0,"e":1e3,"s":"1.0","a":[0.10]}';
    const raw = `{"max_tokens":5,"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"Read","input":${written}}]}]}`;
    expect(JSON.parse(encodeText(raw, chatTarget())).messages[1].tool_calls[0].function.arguments).toBe(written);
  });

  it('keep the input of a broken call readable', () => {
    const messages = [user('q'), assistant([use('t1', 'Ls', '{"a":')]), user([result('t1')])];
    expect(sent({ messages }).messages[1].tool_calls[0].function.arguments).toBe('{"raw_arguments":"{\\"a\\":"}');
  });

  it('are dropped when nothing is left of them', () => {
    const messages = [user('a'), assistant([]), user('b'), assistant([thinking('x')]), user('c')];
    expect(lines(messages)).toEqual(['user: a', 'user: b', 'user: c']);
    expect(lines(messages, { alternateRoles: true })).toEqual(['user: a\nb\nc']);
  });

  it('lose calls without a name, with their results', () => {
    expect(lines([user('a'), assistant([text('x'), use('t1', '')]), user([result('t1'), text('b')])])).toEqual([
      'user: a',
      'assistant: x',
      'user: b',
    ]);
  });

  it('tell undeclared calls as text where they are refused', () => {
    const messages = [user('a'), assistant([use('t1', 'Gone', { a: 1 })]), user([result('t1', 'out')])];
    const written = lines(messages, { undeclaredToolCalls: 'text' }, { tools: [{ name: 'Read' }] });
    expect(written[1]).toBe('assistant: [called Gone with {"a":1}]');
    expect(written[2]).toContain('out');
  });
});

describe('the order of roles', () => {
  it('alternates where it must', () => {
    const messages = [assistant('hi'), user('a'), user('b'), assistant('c'), assistant('d'), user('e')];
    expect(lines(messages, { alternateRoles: true })).toEqual([
      'user: Continue.',
      'assistant: hi',
      'user: a\nb',
      'assistant: c\nd',
      'user: e',
    ]);
    expect(lines(messages)).toHaveLength(6);
  });

  it('has an assistant between tool and user where it must', () => {
    const messages = [user('a'), assistant([use('t1')]), user([result('t1'), text('next')])];
    expect(lines(messages, { assistantBetweenToolAndUser: true }).slice(2)).toEqual([
      'tool t1: r',
      'assistant: Understood.',
      'user: next',
    ]);
  });

  it.each([
    ['none', { role: 'user', content: expect.stringContaining('Continue') }],
    ['plain', { role: 'assistant', content: '{"a":' }],
    ['prefix', { role: 'assistant', content: '{"a":', prefix: true }],
    ['partial', { role: 'assistant', content: '{"a":', partial: true }],
  ] as const)('ends a started reply by %s', (prefill, expected) => {
    expect(sent({ messages: [user('q'), assistant('{"a": \n')] }, { prefill }).messages.at(-1)).toEqual(expected);
  });

  it('does not take calls at the end for a started reply', () => {
    expect(lines([user('q'), assistant([use('t1')])]).at(-1)).toMatch(/^tool t1/);
  });
});

describe('reasoning of the history', () => {
  const messages = [
    user('q'),
    assistant([thinking('plan'), text('x'), thinking('more'), use('t1')]),
    user([result('t1')]),
    assistant([thinking('end'), text('y')]),
    user('z'),
  ];

  it('is left out unless the provider takes it', () => {
    expect(JSON.stringify(sent({ messages }))).not.toContain('plan');
  });

  it('goes out in the field, on the turns that want it', () => {
    const tools = sent({ messages }, { reasoningField: 'reasoning_content', reasoningReplay: 'tool-turns' }).messages;
    expect([tools[1].reasoning_content, tools[3].reasoning_content]).toEqual(['plan\n\nmore', undefined]);
    const all = sent({ messages }, { reasoningField: 'reasoning', reasoningReplay: 'always' }).messages;
    expect([all[1].reasoning, all[3].reasoning]).toEqual(['plan\n\nmore', 'end']);
    const tags = sent({ messages }, { reasoningField: 'think-tags', reasoningReplay: 'always' }).messages;
    expect(tags[3].content).toBe('<think>\nend\n</think>\n\ny');
  });

  it('has a placeholder on tool turns that lack it, and knows placeholders again', () => {
    const quirks = {
      reasoningField: 'reasoning_content',
      reasoningReplay: 'tool-turns',
      reasoningPlaceholder: 'none kept',
    } as const;
    for (const block of [thinking(''), thinking('[reasoning unavailable]'), { type: 'redacted_thinking', data: 'x' }]) {
      const body = sent({ messages: [user('q'), assistant([block, use('t1')]), user([result('t1')])] }, quirks);
      expect(body.messages[1].reasoning_content).toBe('none kept');
    }
  });

  it('gives a provider its own details back, and nobody else', () => {
    const details = [{ type: 'reasoning.encrypted', data: 'x', index: 0 }];
    const own = [
      user('q'),
      assistant([thinking('plan', encodeOwnSignature('corp', { details })), use('t1')]),
      user([result('t1')]),
    ];
    const quirks = { reasoningField: 'reasoning_details', reasoningReplay: 'always' } as const;
    expect(sent({ messages: own }, quirks).messages[1].reasoning_details).toEqual(details);
    const other = sent({ messages: own }, chatTarget(quirks, { provider: 'other' })).messages[1];
    expect(other).toMatchObject({ reasoning: 'plan' });
    expect(other).not.toHaveProperty('reasoning_details');
  });

  it('gives a call its data back', () => {
    const extra = { google: { thought_signature: 'sig' } };
    const own = [
      user('q'),
      assistant([use('t0'), thinking('', encodeOwnSignature('corp', { extra })), use('t1')]),
      user([result('t0'), result('t1')]),
    ];
    const calls = sent({ messages: own }).messages[1].tool_calls;
    expect(calls[0]).not.toHaveProperty('extra_content');
    expect(calls[1].extra_content).toEqual(extra);
    expect(sent({ messages: own }, chatTarget({}, { provider: 'other' })).messages[1].tool_calls[1]).not.toHaveProperty(
      'extra_content',
    );
  });
});

describe('tools', () => {
  const names = (body: ReturnType<typeof sent>): string[] =>
    (body.tools ?? []).map((tool: ReturnType<typeof sent>) => tool.function.name);

  it('always have an object with properties', () => {
    for (const input_schema of [undefined, {}, { type: 'object' }, null]) {
      expect(sent({ tools: [{ name: 'A', input_schema }] }).tools[0].function.parameters).toEqual({
        type: 'object',
        properties: {},
      });
    }
  });

  it('leave server tools, blank names and twins out', () => {
    const tools = [
      { type: 'web_search_20250305', name: 'web_search' },
      { name: 'web_search', input_schema: { type: 'object', properties: { q: { type: 'string' } } } },
      { name: '' },
      { name: 'A' },
      { name: 'A' },
      { type: 'computer_20250124', name: 'computer' },
    ];
    expect(names(sent({ tools }))).toEqual(['web_search', 'A']);
  });

  it('are left out with their choice when only server tools are there', () => {
    const body = sent({
      tools: [{ type: 'web_search_20250305', name: 'web_search' }],
      tool_choice: { type: 'tool', name: 'web_search' },
    });
    expect(body).not.toHaveProperty('tools');
    expect(body).not.toHaveProperty('tool_choice');
  });

  it('have a schema when their type is known by heart', () => {
    const body = sent({
      tools: [
        { type: 'bash_20250124', name: 'bash' },
        { type: 'text_editor_20250728', name: 'str_replace_based_edit_tool' },
      ],
    });
    expect(body.tools[0].function.parameters.properties).toHaveProperty('command');
    expect(body.tools[1].function.parameters.required).toEqual(['command', 'path']);
    expect(names(body)).toEqual(['bash', 'str_replace_based_edit_tool']);
  });

  it('are not sent while they are deferred and nobody asked for them', () => {
    const tools = [
      { name: 'ToolSearch' },
      { name: 'mcp__a', defer_loading: true },
      { name: 'mcp__b', defer_loading: true },
    ];
    expect(names(sent({ tools }))).toEqual(['ToolSearch']);
    const messages = [
      user('q'),
      assistant([use('t1', 'ToolSearch')]),
      user([result('t1', [{ type: 'tool_reference', tool_name: 'mcp__b' }])]),
    ];
    expect(names(sent({ tools, messages }))).toEqual(['ToolSearch', 'mcp__b']);
    expect(JSON.stringify(sent({ tools, messages }))).not.toContain('defer_loading');
  });

  it('are all sent when nothing could load them', () => {
    const tools = [
      { type: 'tool_search_tool_bm25_20251119', name: 'tool_search_tool_bm25' },
      { name: 'mcp__a', defer_loading: true },
    ];
    expect(names(sent({ tools }))).toEqual(['mcp__a']);
  });

  it('have legal names that agree with their calls', () => {
    const name = 'mcp__srv.name__do it';
    const body = sent({
      tools: [{ name }],
      messages: [user('q'), assistant([use('t1', name)]), user([result('t1')])],
      tool_choice: { type: 'tool', name },
    });
    expect(chatFaults(body)).toEqual([]);
    expect(body.messages[1].tool_calls[0].function.name).toBe(names(body)[0]);
  });

  it('have a stand-in where the history demands tools', () => {
    const messages = [user('q'), assistant([use('t1')]), user([result('t1')])];
    expect(names(sent({ messages }, { requireToolsWithHistory: true }))).toEqual(['Read']);
    expect(sent({ messages })).not.toHaveProperty('tools');
  });

  it('have ids that the target takes, the same for call and result', () => {
    const messages = [
      user('q'),
      assistant([use('x'.repeat(70)), use('a.b:c')]),
      user([result('x'.repeat(70)), result('a.b:c')]),
    ];
    expect(chatFaults(sent({ messages }))).toEqual([]);
    const [first] = sent({ messages }, { toolIdPattern: '^[a-zA-Z0-9]{9}$', toolIdMaxLength: 9 }).messages[1]
      .tool_calls;
    expect(first.id).toMatch(/^[a-zA-Z0-9]{9}$/);
  });

  it('are strict only when that keeps their meaning', () => {
    const closed = {
      type: 'object',
      properties: { a: { type: 'string' } },
      required: ['a'],
      additionalProperties: false,
    };
    const open = { type: 'object', properties: { a: { type: 'string' } } };
    const body = sent(
      {
        tools: [
          { name: 'A', input_schema: closed },
          { name: 'B', input_schema: open },
        ],
      },
      { strictTools: true },
    );
    expect(body.tools.map((tool: ReturnType<typeof sent>) => tool.function.strict)).toEqual([true, undefined]);
  });
});

describe('tool choice', () => {
  const tools = [{ name: 'Read' }, { name: 'Ls' }];
  const choice = (tool_choice: object, quirks = {}, more = {}): unknown =>
    sent({ tools, tool_choice: tool_choice as never, ...more }, quirks).tool_choice;
  const read = { type: 'function', function: { name: 'Read' } };

  it.each([
    [{ type: 'auto' }, 'auto'],
    [{ type: 'any' }, 'required'],
    [{ type: 'tool', name: 'Read' }, read],
    [{ type: 'none' }, 'none'],
    [{ type: 'tool', name: 'web_search' }, 'auto'],
  ])('%j is %j', (wanted, expected) => {
    expect(choice(wanted)).toEqual(expected);
  });

  it('is weakened where the provider cannot', () => {
    expect(choice({ type: 'any' }, { toolChoice: 'no-required' })).toBe('auto');
    expect(choice({ type: 'any' }, { toolChoice: 'no-required' }, { tools: [{ name: 'Read' }] })).toEqual(read);
    expect(choice({ type: 'tool', name: 'Read' }, { toolChoice: 'auto-only' })).toBe('auto');
    expect(choice({ type: 'any' }, { toolChoice: 'none' })).toBeUndefined();
    expect(sent({ tools, tool_choice: { type: 'none' } }, { toolChoice: 'none' })).not.toHaveProperty('tools');
  });

  it('is not forced on a thinking model that refuses it', () => {
    const quirks = { thinkingParam: 'thinking', forcedToolWhileThinking: false };
    expect(choice({ type: 'any' }, quirks, { thinking: { type: 'adaptive' } })).toBe('auto');
    expect(choice({ type: 'any' }, quirks, { thinking: { type: 'disabled' } })).toBe('required');
  });

  it('needs tools, and so does the parallel switch', () => {
    expect(sent({ tools: [], tool_choice: { type: 'auto', disable_parallel_tool_use: true } })).not.toHaveProperty(
      'tool_choice',
    );
    const off = { tools, tool_choice: { type: 'any', disable_parallel_tool_use: true } };
    expect(sent(off)).toMatchObject({ tool_choice: 'required', parallel_tool_calls: false });
    expect(sent(off, { parallelToolCalls: false })).not.toHaveProperty('parallel_tool_calls');
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
    expect(sent({ stop_sequences: ['a'] }).stop).toEqual(['a']);
  });

  it('asks for usage in streams where it may', () => {
    expect(sent({ stream: true })).toMatchObject({ stream: true, stream_options: { include_usage: true } });
    expect(sent({ stream: true }, { usageInStream: false })).not.toHaveProperty('stream_options');
    expect(sent({})).not.toHaveProperty('stream');
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
  ])('%j is refused with the path of the fault', (request, message) => {
    expect(() => encodeText(request as never, chatTarget())).toThrow(message);
    expect(() => encodeText(request as never, chatTarget())).toThrow(expect.objectContaining({ status: 400 }));
  });
});
