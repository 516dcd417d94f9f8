import { describe, expect, it } from 'vitest';
import { MessageCollector } from './message-collector.ts';
import { MessageWriter, WriterMisuse } from './message-writer.ts';

let minted = 0;
const mintId = (prefix: string) => `${prefix}_${String(++minted).padStart(6, '0')}abcdefghij`;
const writer = (extra = {}) => new MessageWriter({ model: 'claude-x', mintId, ...extra });

interface Event {
  readonly type: string;
  readonly index?: number;
  readonly message: { readonly id: string };
  readonly content_block?: { readonly type: string; readonly id?: string; readonly name?: string };
  readonly delta?: Readonly<Record<string, string>>;
}

function events(bytes: Buffer | undefined): Event[] {
  return (bytes?.toString('utf8') ?? '')
    .split('\n\n')
    .filter((frame) => frame !== '')
    .map((frame) => {
      const [event, data] = frame.split('\n') as [string, string];
      const value = JSON.parse(data.slice('data: '.length)) as Event;
      expect(event).toBe(`event: ${value.type}`);
      return value;
    });
}
const short = (bytes: Buffer | undefined) =>
  events(bytes).map((event) =>
    [
      event.type.replace('content_block_', '').replace('message_', 'm_'),
      event.index,
      event.content_block?.type ?? event.delta?.type ?? event.delta?.stop_reason,
      event.delta?.text ?? event.delta?.thinking ?? event.delta?.partial_json ?? event.content_block?.name,
    ]
      .filter((part) => part !== undefined)
      .join(' '),
  );

describe('the message writer', () => {
  it('writes a whole message around plain text', () => {
    const w = writer();
    w.text('a"b');
    w.textRaw('\\u00e9');
    w.finish({ stopReason: 'end_turn' });
    expect(short(Buffer.concat(w.take()))).toEqual([
      'm_start',
      'start 0 text',
      'delta 0 text_delta a"b',
      'delta 0 text_delta é',
      'stop 0',
      'm_delta end_turn',
      'm_stop',
    ]);
  });

  it('closes thinking, text and calls in the order of their content', () => {
    const w = writer();
    w.thinking('t');
    w.text('x');
    w.thinking('u');
    w.tool(0, { id: 'call_aaaaaaaaaa', name: 'Read' });
    w.toolArguments(0, '{}');
    w.text('after');
    w.finish({ stopReason: 'end_turn' });
    expect(short(Buffer.concat(w.take())).slice(1)).toEqual([
      'start 0 thinking',
      'delta 0 thinking_delta t',
      'stop 0',
      'start 1 text',
      'delta 1 text_delta x',
      'stop 1',
      'start 2 thinking',
      'delta 2 thinking_delta u',
      'stop 2',
      'start 3 tool_use Read',
      'delta 3 input_json_delta {}',
      'stop 3',
      'start 4 text',
      'delta 4 text_delta after',
      'stop 4',
      'm_delta tool_use',
      'm_stop',
    ]);
  });

  it('holds a call that is interleaved with the open one and writes it in its turn', () => {
    const w = writer();
    w.tool(0, { id: 'call_a', name: 'A' });
    w.toolArguments(0, '1');
    w.tool(1, { id: 'call_b', name: 'B' });
    w.toolArguments(1, '2');
    w.toolArguments(0, '3');
    w.toolArguments(1, '4');
    expect(w.toolState(1)).toBe('held');
    w.toolDone(0);
    expect(w.toolState(1)).toBe('open');
    w.toolArguments(1, '5');
    w.finish({ stopReason: 'tool_use' });
    expect(short(Buffer.concat(w.take())).slice(1, -2)).toEqual([
      'start 0 tool_use A',
      'delta 0 input_json_delta 1',
      'delta 0 input_json_delta 3',
      'stop 0',
      'start 1 tool_use B',
      'delta 1 input_json_delta 24',
      'delta 1 input_json_delta 5',
      'stop 1',
    ]);
  });

  it('waits for a late name and keeps the arguments that came before it', () => {
    const w = writer();
    w.tool(0, { id: 'call_a' });
    w.toolArguments(0, '{"a"');
    expect(w.take()).toEqual([]);
    w.tool(0, { name: 'A' });
    w.toolArguments(0, ':1}');
    w.finish({ stopReason: 'tool_use' });
    expect(short(Buffer.concat(w.take())).slice(1, 4)).toEqual([
      'start 0 tool_use A',
      'delta 0 input_json_delta {"a"',
      'delta 0 input_json_delta :1}',
    ]);
  });

  it('drops a call that never got a name and does not ask for its result', () => {
    const w = writer();
    w.text('x');
    w.tool(0, { id: 'call_a' });
    w.finish({ stopReason: 'tool_use' });
    expect(short(Buffer.concat(w.take())).slice(3)).toEqual(['stop 0', 'm_delta end_turn', 'm_stop']);
  });

  it.each([
    ['missing', undefined],
    ['illegal', 'functions.Read:0'],
    ['of a server tool', 'srvtoolu_01'],
    ['known in the conversation', 'call_known'],
    ['of another call of this message', 'call_first'],
  ])('gives a call whose id is %s another one', (_name, id) => {
    const w = writer({ idTaken: (given: string) => given === 'call_known' });
    w.tool('first', { id: 'call_first', name: 'A' });
    w.tool('second', { id, name: 'B' });
    w.finish({ stopReason: 'tool_use' });
    const ids = events(Buffer.concat(w.take())).flatMap((event) => event.content_block?.id ?? []);
    expect(ids[0]).toBe('call_first');
    expect(ids[1]).toMatch(/^toolu_[A-Za-z0-9_-]+$/);
  });

  it('seals thinking that has no signature of its own when it is closed', () => {
    const w = writer({ sealThinking: () => 'midswap.1.x' });
    w.thinking('a');
    w.signature('theirs');
    w.thinking('b');
    w.text('c');
    const signatures = events(Buffer.concat(w.take())).flatMap((event) => event.delta?.signature ?? []);
    expect(signatures).toEqual(['theirs', 'midswap.1.x']);
  });

  it('never reaches message_stop without being told', () => {
    const w = writer();
    w.text('half');
    w.tool(0, { id: 'call_a', name: 'A' });
    expect(Buffer.concat(w.take()).toString()).not.toContain('message_stop');
  });

  it('refuses what would break the grammar', () => {
    const w = writer();
    w.tool(0, { id: 'call_a', name: 'A' });
    w.text('x');
    expect(() => w.toolArguments(0, 'late')).toThrow(WriterMisuse);
    expect(() => w.toolArguments(7, 'unknown')).toThrow(WriterMisuse);
    expect(() => w.start()).toThrow(WriterMisuse);
    w.finish({ stopReason: 'end_turn' });
    for (const late of [() => w.text('y'), () => w.finish({ stopReason: 'end_turn' }), () => w.ping()]) {
      expect(late).toThrow(WriterMisuse);
    }
    expect(() => writer().rawDelta({ type: 'citations_delta' })).toThrow(WriterMisuse);
  });

  it('keeps an id that can be unique and replaces one that repeats', () => {
    const id = (given?: string) => {
      const w = writer();
      w.start(given === undefined ? {} : { id: given });
      return events(Buffer.concat(w.take()))[0]?.message.id;
    };
    expect(id('msg_01XFDUDYJgAACzvnptvVoYEL')).toBe('msg_01XFDUDYJgAACzvnptvVoYEL');
    for (const poor of [undefined, '', 'msg_1', 'msg_0000000000000000', 'with space 0123456789abc']) {
      expect(id(poor)).toMatch(/^msg_\d{6}abc/);
    }
  });

  it('writes numbers for usage, and further fields beside them', () => {
    const w = writer();
    w.text('x');
    const usage = {
      inputTokens: 5,
      cacheReadTokens: 3,
      cacheWriteTokens: undefined,
      outputTokens: undefined,
      reasoningTokens: undefined,
    };
    w.finish({ stopReason: 'end_turn', usage, delta: { safeguard_results: [1] }, extra: { context_management: {} } });
    const last = events(Buffer.concat(w.take())).at(-2);
    expect(last).toEqual({
      type: 'message_delta',
      delta: { safeguard_results: [1], stop_reason: 'end_turn', stop_sequence: null },
      usage: { input_tokens: 5, cache_read_input_tokens: 3, output_tokens: 0 },
      context_management: {},
    });
  });

  it('goes on where an untouched stream stopped being right', () => {
    const w = writer({
      resume: { blocks: 2, open: { kind: 'tool', key: 1 }, toolIds: ['call_a'], signed: false },
    });
    w.toolArguments(1, '}');
    w.tool(2, { id: 'call_a', name: 'B' });
    w.finish({ stopReason: 'end_turn' });
    expect(short(Buffer.concat(w.take()))).toEqual([
      'delta 1 input_json_delta }',
      'stop 1',
      'start 2 tool_use B',
      'stop 2',
      'm_delta tool_use',
      'm_stop',
    ]);
  });
});

describe('the message collector', () => {
  it('gives the message that the stream would have told', () => {
    const collector = new MessageCollector();
    const w = new MessageWriter({ model: 'claude-x', mintId }, collector);
    w.thinking('th');
    w.signature('s1');
    w.text('a');
    w.textRaw('\\n');
    w.rawDelta({ type: 'citations_delta', citation: { url: 'u' } });
    w.tool(0, { id: 'call_a', name: 'A' });
    w.toolArguments(0, '{"x":');
    w.toolArguments(0, '1}');
    w.tool(1, { id: 'call_b', name: 'B' });
    w.toolArguments(1, 'nonsense');
    expect(collector.message()).toBeUndefined();
    w.finish({ stopReason: 'tool_use', delta: { safeguard_results: [] } });
    expect(w.take()).toEqual([]);
    expect(collector.message()).toMatchObject({
      type: 'message',
      role: 'assistant',
      model: 'claude-x',
      content: [
        { type: 'thinking', thinking: 'th', signature: 's1' },
        { type: 'text', text: 'a\n', citations: [{ url: 'u' }] },
        { type: 'tool_use', id: 'call_a', name: 'A', input: { x: 1 } },
        { type: 'tool_use', id: 'call_b', name: 'B', input: { raw_arguments: 'nonsense' } },
      ],
      stop_reason: 'tool_use',
      stop_sequence: null,
      safeguard_results: [],
      usage: { input_tokens: 0, output_tokens: 0 },
    });
  });
});
