import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { context, envelope, genuine, Memory, thirdParty } from '../../../test/support/messages-target.ts';
import { mergeQuirks } from '../../catalogue/quirks.ts';
import type { MessagesRequest } from '../../core/messages.ts';
import type { Quirks, Target } from '../../core/target.ts';
import type { ProtocolContext } from '../protocol.ts';
import { PLACEHOLDER_THINKING } from './history.ts';
import { anthropicMessages } from './index.ts';
import { encodeOwnSignature } from './signature.ts';

/** A protobuf envelope in base64, as Anthropic's signatures are. */
const genuineSignature = (seed: string): string => {
  const key = Buffer.from(`\x0a\x18${seed.padEnd(24, '.')}`, 'latin1');
  return Buffer.concat([Buffer.from([0x12, key.length]), key]).toString('base64');
};
const SIG = genuineSignature('one');
const OWN = encodeOwnSignature('kimi', { details: [1] });
const UUID = '0d9a7c1e-6a8b-4a5e-9d67-0f2f3b2a1c55';

const user = (content: unknown = 'go') => ({ role: 'user', content });
const assistant = (...content: unknown[]) => ({ role: 'assistant', content });
const thinking = (signature?: string, text = 'hm') => ({
  type: 'thinking',
  thinking: text,
  ...(signature === undefined ? {} : { signature }),
});
const text = (words: string) => ({ type: 'text', text: words });
const call = (id: string) => ({ type: 'tool_use', id, name: 'Read', input: { a: 1 } });
const result = (id: string, content = 'ok') => ({ type: 'tool_result', tool_use_id: id, content });

function sent(body: object, target: Target = genuine(), options: Partial<ProtocolContext> = {}) {
  const env = envelope(body);
  const { body: pieces } = anthropicMessages.encode(env, target, context(options));
  const bytes = Buffer.concat([...pieces]);
  return { bytes, request: JSON.parse(bytes.toString()) as MessagesRequest, untouched: bytes.equals(env.raw) };
}
const history = (messages: object[], target?: Target, options?: Partial<ProtocolContext>) =>
  sent({ messages }, target, options).request.messages;

describe('history for Anthropic', () => {
  it('that Anthropic made keeps every byte', () => {
    const block = fc.oneof(
      fc.string().map((words) => text(`x${words} "signature":"" "thinking"`)),
      fc.string({ maxLength: 20 }).map((seed) => thinking(genuineSignature(seed))),
    );
    const turn = fc.tuple(fc.array(block, { minLength: 1, maxLength: 4 }), fc.boolean());
    fc.assert(
      fc.property(fc.array(turn, { maxLength: 6 }), fc.constantFrom(undefined, 1), (turns, indent) => {
        const messages = turns.flatMap(([blocks, calls], at) => [
          user(),
          ...(calls
            ? [assistant(...blocks, call(`toolu_${at}`)), user([result(`toolu_${at}`)])]
            : [assistant(...blocks)]),
        ]);
        const raw = JSON.stringify(
          { model: 'm', messages: [...messages, user()], thinking: { type: 'adaptive' } },
          null,
          indent,
        );
        const env = envelope(raw);
        const { body } = anthropicMessages.encode(env, genuine(), context());
        expect(body).toHaveLength(1);
        expect(body[0]).toBe(env.raw);
      }),
      { numRuns: 100 },
    );
  });

  it('keeps an unknown signature that was seen coming from Anthropic, whatever it looks like', () => {
    const messages = [user(), assistant(thinking('odd'), text('x')), user()];
    expect(history(messages, genuine(), { provenance: new Memory({ odd: 'genuine' }) })).toEqual(messages);
  });

  it.each([
    ['an own signature', thinking(OWN)],
    ['a UUID', thinking(UUID)],
    ['a time stamp', thinking('1758112333123')],
    ['an opaque token', thinking(`gAAAA${'A'.repeat(95)}`)],
    ['an empty signature', thinking('')],
    ['no signature', thinking()],
    ['redacted thinking without data', { type: 'redacted_thinking', data: '' }],
  ])('loses thinking with %s', (_name, block) => {
    expect(history([user(), assistant(block, text('x')), user()])).toEqual([user(), assistant(text('x')), user()]);
  });

  it('loses what is known to be foreign, however genuine it looks', () => {
    const provenance = new Memory({ [SIG]: 'kimi', RED: 'kimi' });
    const messages = [user(), assistant(thinking(SIG), { type: 'redacted_thinking', data: 'RED' }, text('x')), user()];
    expect(history(messages, genuine(), { provenance })).toEqual([user(), assistant(text('x')), user()]);
  });

  it('keeps genuine blocks beside foreign ones, in their order', () => {
    const messages = [
      user(),
      assistant(thinking(SIG), text('a')),
      user(),
      assistant(thinking(UUID), text('b')),
      user(),
    ];
    expect(history(messages)).toEqual([
      user(),
      assistant(thinking(SIG), text('a')),
      user(),
      assistant(text('b')),
      user(),
    ]);
  });

  it('loses an assistant message that is left empty, also by blank text', () => {
    expect(history([user(), assistant(thinking(UUID)), user('b')])).toEqual([user(), user('b')]);
    expect(history([user(), assistant(thinking(UUID), text('\n\n')), user('b')])).toEqual([user(), user('b')]);
  });

  it('loses blank text of the assistant, which the API refuses, whoever wrote it', () => {
    const messages = [
      user(),
      assistant(thinking(SIG), text('\n\n'), call('toolu_a')),
      user([result('toolu_a')]),
      assistant(text(' \t\r\n')),
      user('b'),
      assistant({ text: '', type: 'text' }, text('\\n')),
      user('c'),
    ];
    const expected = [
      user(),
      assistant(thinking(SIG), call('toolu_a')),
      user([result('toolu_a')]),
      user('b'),
      assistant(text('\\n')),
      user('c'),
    ];
    expect(history(messages)).toEqual(expected);
    expect(history(messages, thirdParty({}, { model: undefined }))).toEqual(
      history(expected, thirdParty({}, { model: undefined })),
    );
  });

  it('loses thinking that stands in a message of the user', () => {
    expect(history([user([thinking(''), text('q')])])).toEqual([user([text('q')])]);
  });

  it('does not end with thinking alone, nor with any when thinking is off', () => {
    expect(history([user(), assistant(thinking(SIG))])).toEqual([user()]);
    const prefill = [user(), assistant(thinking(SIG), text('So'))];
    expect(history(prefill)).toEqual([user(), assistant(text('So'))]);
    expect(sent({ messages: prefill, thinking: { type: 'adaptive' } }).untouched).toBe(true);
  });

  it('is repaired in the same way on every later turn', () => {
    const turns = [
      user(),
      assistant(thinking(SIG), text('a')),
      user(),
      assistant(thinking(UUID), call('call_0')),
      user([result('call_0')]),
      assistant(thinking(OWN), call('call_0')),
      user([result('call_0')]),
    ];
    const short = history([...turns, user('x')]).slice(0, -1);
    const long = history([...turns, assistant(text('b')), user('y')]);
    expect(long.slice(0, short.length)).toEqual(short);
  });

  it('goes without any thinking when the upstream refused a signature', () => {
    const messages = [user(), assistant(thinking(SIG), { type: 'redacted_thinking', data: 'x' }, text('a')), user()];
    expect(history(messages, genuine(), { withoutThinking: true })).toEqual([user(), assistant(text('a')), user()]);
    expect(
      sent({ messages: [user(), assistant(text('a')), user()] }, genuine(), { withoutThinking: true }).untouched,
    ).toBe(true);
  });
});

describe('thinking of a turn whose thinking is gone', () => {
  const running = [user(), assistant(thinking(UUID), call('toolu_a')), user([result('toolu_a')])];
  const enabled = { type: 'enabled', budget_tokens: 2000 };

  it('is switched off where the API wants it at the start of the turn', () => {
    const edits = [{ type: 'clear_thinking_20251015' }, { type: 'clear_tool_uses_20250919' }];
    const { request } = sent({ messages: running, thinking: enabled, context_management: { edits } });
    expect(request.thinking).toEqual({ type: 'disabled' });
    expect(request.context_management).toEqual({ edits: [edits[1]] });
    const alone = sent({ messages: running, thinking: enabled, context_management: { edits: edits.slice(0, 1) } });
    expect(alone.request).not.toHaveProperty('context_management');
  });

  it('is switched off also when the other provider never thought', () => {
    const messages = [user(), assistant(call('toolu_a')), user([result('toolu_a')])];
    const { request } = sent({ messages, thinking: enabled });
    expect(request.thinking).toEqual({ type: 'disabled' });
    expect(request.messages).toEqual(messages);
  });

  it('is switched off also when it is midswap that asks for a budget', () => {
    const target = genuine();
    const unaware = { ...target, quirks: mergeQuirks(target.quirks, { messages: { adaptiveThinking: false } }) };
    const budgeted = { ...target, thinking: 16_000 } as const;
    for (const each of [unaware, budgeted]) {
      const { request } = sent({ messages: running, thinking: { type: 'adaptive' }, max_tokens: 32_000 }, each);
      expect(request.thinking).toEqual({ type: 'disabled' });
    }
  });

  it('stays as it is when adaptive: there a turn may begin without', () => {
    expect(sent({ messages: running, thinking: { type: 'adaptive' } }).request.thinking).toEqual({ type: 'adaptive' });
  });

  it('stays on when the turn begins with thinking, and when no turn is running', () => {
    const later = [
      user(),
      assistant(thinking(SIG), call('toolu_a')),
      user([result('toolu_a')]),
      assistant(call('toolu_b')),
      user([result('toolu_b')]),
    ];
    expect(sent({ messages: later, thinking: enabled }).untouched).toBe(true);
    expect(
      sent({ messages: [...running, assistant(text('done')), user()], thinking: enabled }).request.thinking,
    ).toEqual(enabled);
  });
});

describe('calls in a history for Anthropic', () => {
  it('get unique ids, and their results keep to them', () => {
    const turn = [assistant(call('call_0')), user([result('call_0')])];
    expect(history([user(), ...turn, ...turn, ...turn])).toEqual([
      user(),
      ...turn,
      assistant(call('call_0_2')),
      user([result('call_0_2')]),
      assistant(call('call_0_3')),
      user([result('call_0_3')]),
    ]);
  });

  it('of one message with the same id get their results in order', () => {
    const [, calls, results] = history([
      user(),
      assistant(call('c'), call('c')),
      user([result('c', '1'), result('c', '2')]),
    ]);
    expect(calls).toEqual(assistant(call('c'), call('c_2')));
    expect(results).toEqual(user([result('c', '1'), result('c_2', '2')]));
  });

  it('get legal ids that are no server tool ids', () => {
    const [, calls, results] = history([
      user(),
      assistant(call('functions.Read:0'), call('srvtoolu_01')),
      user([result('functions.Read:0'), result('srvtoolu_01')]),
    ]);
    expect(calls).toEqual(assistant(call('functions_Read_0'), call('toolu_01')));
    expect(results).toEqual(user([result('functions_Read_0'), result('toolu_01')]));
  });

  it('of a server tool go when they have no result, and stay when they have one or are still running', () => {
    const server = { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} };
    const answer = {
      type: 'web_search_tool_result',
      tool_use_id: 'srvtoolu_1',
      content: [{ type: 'web_search_result', encrypted_content: 'E' }],
    };
    expect(history([user(), assistant(server, text('x')), user()])).toEqual([user(), assistant(text('x')), user()]);
    expect(history([user(), assistant(server), user()])).toEqual([user(), user()]);
    expect(sent({ messages: [user(), assistant(server, answer, text('x')), user()] }).untouched).toBe(true);
    expect(sent({ messages: [user(), assistant(text('x'), server)] }).untouched).toBe(true);
  });

  it('that need nothing change nothing, also with odd values where ids are', () => {
    const messages = [
      user(),
      assistant({ id: 'a-1', type: 'tool_use', name: 'R', input: { type: 'tool_use', id: 'a-1' } }),
      user([result('a-1')]),
    ];
    expect(sent({ messages }).untouched).toBe(true);
  });
});

describe('history for a third party', () => {
  const keep = (extra: Partial<Quirks['messages']> = {}) =>
    thirdParty({ historyThinking: 'keep', ...extra }, { provider: 'kimi', model: undefined });
  const provenance = new Memory({ KIMI: 'kimi', GLM: 'glm', [SIG]: 'genuine' });

  it('keeps its own thinking and what nobody signed', () => {
    const messages = [
      user(),
      assistant(thinking('KIMI'), text('a')),
      user(),
      assistant(thinking(''), text('b')),
      user(),
    ];
    expect(sent({ messages }, keep(), { provenance }).untouched).toBe(true);
  });

  it('loses thinking of Claude and of other providers', () => {
    const messages = [
      user(),
      assistant(
        thinking(SIG),
        thinking('GLM'),
        thinking(genuineSignature('two')),
        thinking(encodeOwnSignature('groq')),
        text('a'),
      ),
      user(),
    ];
    expect(history(messages, keep(), { provenance })).toEqual([user(), assistant(text('a')), user()]);
  });

  it('is not given placeholders by an endpoint that does not ask for them', () => {
    expect(
      sent({ messages: [user(), assistant(call('t')), user([result('t')])] }, keep(), { provenance }).untouched,
    ).toBe(true);
  });

  it('goes without thinking where the endpoint takes none', () => {
    const messages = [user(), assistant(thinking('KIMI'), { type: 'redacted_thinking', data: 'x' }, text('a')), user()];
    expect(history(messages, keep({ historyThinking: 'strip' }), { provenance })).toEqual([
      user(),
      assistant(text('a')),
      user(),
    ]);
    expect(history(messages, keep(), { provenance, withoutThinking: true })).toEqual([
      user(),
      assistant(text('a')),
      user(),
    ]);
  });
});

describe('history for an endpoint that wants thinking on every turn with calls', () => {
  it('follows the thinking that is sent, not the one that was asked for', () => {
    const messages = [user(), assistant(call('t')), user([result('t')])];
    const target = (thinking: 'on' | 'off'): Target => ({
      ...thirdParty({ historyThinking: 'require-on-tool-turns', adaptiveThinking: true }, { model: undefined }),
      thinking,
    });
    const off = sent({ messages, thinking: { type: 'adaptive' } }, target('off')).request;
    expect([off.thinking, off.messages]).toEqual([{ type: 'disabled' }, messages]);
    const on = sent({ messages, thinking: { type: 'disabled' } }, target('on')).request;
    expect(on.thinking).toEqual({ type: 'adaptive' });
    expect(on.messages[1]).toEqual(assistant({ type: 'thinking', thinking: PLACEHOLDER_THINKING }, call('t')));
  });

  const demanding = thirdParty({ historyThinking: 'require-on-tool-turns' }, { model: undefined });
  const placeholder = { type: 'thinking', thinking: PLACEHOLDER_THINKING };
  const lead = (...content: object[]) => {
    const message = history([user(), assistant(...content), user([result('t')])], demanding)[1];
    return message?.content;
  };

  it.each([
    [
      'thinking with text and a signature',
      [thinking(SIG, 'plan'), call('t')],
      [thinking(undefined, 'plan'), call('t')],
    ],
    ['thinking without text', [thinking(SIG, ''), call('t')], [placeholder, call('t')]],
    ['redacted thinking', [{ type: 'redacted_thinking', data: 'x' }, call('t')], [placeholder, call('t')]],
    ['no thinking', [text('a'), call('t')], [placeholder, text('a'), call('t')]],
    [
      'thinking behind text',
      [text('a'), thinking('', 'b'), call('t')],
      [placeholder, text('a'), thinking(undefined, 'b'), call('t')],
    ],
    ['no calls', [text('a')], [text('a')]],
  ])('with %s', (_name, before, after) => {
    expect(lead(...before)).toEqual(after);
  });

  it('adds no second placeholder to one that came back', () => {
    expect(lead(placeholder, call('t'))).toEqual([placeholder, call('t')]);
  });

  it('adds none when thinking is off', () => {
    const messages = [user(), assistant(call('t')), user([result('t')])];
    expect(sent({ messages, thinking: { type: 'disabled' } }, demanding).request.messages).toEqual(messages);
  });

  it('does not send a placeholder to others as thought', () => {
    const messages = [user(), assistant(placeholder, call('t')), user([result('t')])];
    expect(history(messages, thirdParty())[1]).toEqual(assistant(call('t')));
    expect(history(messages)[1]).toEqual(assistant(call('t')));
  });
});

describe('a history that is none', () => {
  it('is left to Anthropic, which says what is wrong', () => {
    for (const messages of [
      [null],
      [{ role: 'assistant' }],
      [{ role: 'assistant', content: [7] }],
      [{ role: 'assistant', content: [{ type: 'thinking' }, null] }],
    ]) {
      expect(sent({ messages, thinking: { type: 'enabled', budget_tokens: 2000 } }).untouched).toBe(true);
    }
  });
});

describe('switching back and forth', () => {
  it('a hundred times never gives Anthropic thinking that is not its own, nor an id twice', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('claude', 'kimi', 'plain'), { minLength: 1, maxLength: 100 }), (makers) => {
        const messages = makers.flatMap((maker, at) => {
          const block =
            maker === 'claude' ? [thinking(genuineSignature(`t${at}`))] : maker === 'kimi' ? [thinking(UUID)] : [];
          const id = maker === 'claude' ? `toolu_${at}` : 'call_0';
          return [assistant(...block, call(id)), user([result(id)])];
        });
        const sentMessages = history([user(), ...messages]);
        const ids: string[] = [];
        for (const message of sentMessages) {
          for (const block of Array.isArray(message.content) ? message.content : []) {
            if (block.type === 'thinking') expect(block.signature).not.toBe(UUID);
            if (block.type === 'tool_use') ids.push(String(block.id));
          }
        }
        expect(new Set(ids).size).toBe(makers.length);
        const results = sentMessages.flatMap(({ role, content }) =>
          role === 'user' && Array.isArray(content) ? content : [],
        );
        expect(results.map((block) => block.tool_use_id)).toEqual(ids);
        const kept = sentMessages
          .flatMap(({ content }) => (Array.isArray(content) ? content : []))
          .filter(({ type }) => type === 'thinking');
        expect(kept).toHaveLength(makers.filter((maker) => maker === 'claude').length);
      }),
      { numRuns: 50 },
    );
  });
});
