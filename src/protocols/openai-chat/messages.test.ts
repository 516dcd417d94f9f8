import { describe, expect, it } from 'vitest';
import { encodeText, sent } from '../../../test/support/chat-request.ts';
import { chatContext, chatTarget, envelopeOf } from '../../../test/support/chat-target.ts';
import {
  assistant,
  image,
  lines,
  result,
  system,
  text,
  thinking,
  use,
  user,
} from '../../../test/support/chat-turns.ts';
import type { Block, Message } from '../../core/messages.ts';
import { encodeOwnSignature } from '../anthropic/signature.ts';
import { openaiChat } from './index.ts';

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

  it('passes only kinds of pictures on that can be read, and says which was left out', () => {
    const messages = [
      user([image(), { type: 'image', source: { type: 'base64', media_type: 'image/webp', data: 'UklGRg==' } }]),
    ];
    const target = chatTarget({ imageTypes: ['image/png', 'image/jpeg'] });
    const parts = sent({ messages }, target).messages[0].content;
    expect(parts).toEqual([
      { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
      { type: 'text', text: '[image omitted: image/webp cannot be read, only image/png, image/jpeg]' },
    ]);
    expect(openaiChat.encode(envelopeOf({ messages }), target, chatContext()).notes).toHaveLength(1);
    const byUrl = [user([{ type: 'image', source: { type: 'url', url: 'https://h/i.webp' } }])];
    expect(sent({ messages: byUrl }, target).messages[0].content[0].image_url.url).toBe('https://h/i.webp');
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

  it('tell every call as text where no tools are taken', () => {
    const messages = [
      user('a'),
      assistant([text('x'), use('t1', 'Read', { a: 1 })]),
      user([result('t1', 'out'), text('b')]),
    ];
    const quirks = { tools: false, alternateRoles: true };
    expect(lines(messages, quirks, { tools: [{ name: 'Read' }] })).toEqual([
      'user: a',
      'assistant: x\n[called Read with {"a":1}]',
      'user: [result of Read]\nout\nb',
    ]);
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
    const parts = sent({ messages }, { reasoningField: 'thinking-parts', reasoningReplay: 'always' }).messages;
    expect(parts[1].content[0]).toEqual({ type: 'thinking', thinking: [{ type: 'text', text: expect.any(String) }] });
    expect(parts.map((each: { content: unknown }) => JSON.stringify(each.content))).not.toContain('[]');
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

  it('signs the first call of a turn that nobody signed, where the server refuses such turns', () => {
    const quirks = { unsignedCalls: 'nobody' } as const;
    const extra = { google: { thought_signature: 'sig' } };
    const signed = assistant([thinking('', encodeOwnSignature('corp', { extra })), use('t1'), use('t2')]);
    const turns = (turn: Message) => [user('q'), turn, user([result('t1'), result('t2')])];
    const calls = (turn: Message, target = chatTarget(quirks)) =>
      sent({ messages: turns(turn) }, target).messages[1].tool_calls;
    const [first, second] = calls(assistant([use('t1'), use('t2')]));
    expect(first.extra_content).toEqual({ google: { thought_signature: 'nobody' } });
    expect(second).not.toHaveProperty('extra_content');
    expect(calls(signed)[0].extra_content).toEqual(extra);
    expect(calls(signed, chatTarget(quirks, { provider: 'other' }))[0].extra_content).toEqual({
      google: { thought_signature: 'nobody' },
    });
    const without = sent({ messages: turns(signed) }, quirks, { withoutThinking: true }).messages[1].tool_calls;
    expect(without[0].extra_content).toEqual({ google: { thought_signature: 'nobody' } });
    expect(calls(assistant([use('t1'), use('t2')]), chatTarget())[0]).not.toHaveProperty('extra_content');
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
