import { describe, expect, it } from 'vitest';
import { checkMessages } from '../../../test/support/messages-grammar.ts';
import {
  close,
  delta,
  finish,
  frame,
  open,
  run,
  say,
  start,
  stop,
  textBlock,
  toolBlock,
  whole,
} from '../../../test/support/messages-run.ts';
import { context, envelope, genuine, thirdParty } from '../../../test/support/messages-target.ts';
import { anthropicMessages } from './index.ts';

const json = (index: number, partial_json: string) => delta(index, { type: 'input_json_delta', partial_json });
const think = (index: number, thinking: string) => delta(index, { type: 'thinking_delta', thinking });
const sign = (index: number, signature: unknown) => delta(index, { type: 'signature_delta', signature });
const thinkingBlock = open(0, { type: 'thinking', thinking: '', signature: '' });
const END = [finish('end_turn'), stop];

/** Frames as they should be, and without their event lines: two readers, one answer. */
const WRITINGS: readonly (readonly [string, (frame: string) => string])[] = [
  ['', (text) => text],
  [' without event lines', (text) => text.replace(/^event.*\n/, '')],
];

function blocks(frames: readonly string[]) {
  const { bytes, fault } = run(frames);
  const message = checkMessages(bytes);
  expect(fault).toBeUndefined();
  expect(message.problems).toEqual([]);
  return { ...message, shown: message.blocks.map(({ type, name, text }) => `${name ?? type}:${text}`), bytes };
}

describe.each(WRITINGS)('a stream of a third party%s', (_name, write) => {
  it('may give every block the same index', () => {
    const call = (id: string, text: string) => [toolBlock(0, id), json(0, text), close(0)];
    const frames = [start(), textBlock(), say(0, 'x'), close(0), ...call('call_a', '{"a":1}'), ...call('call_b', '{}')];
    expect(blocks([...frames, finish('tool_use'), stop].map(write)).shown).toEqual([
      'text:x',
      'Read:{"a":1}',
      'Read:{}',
    ]);
  });

  // llama.cpp's server closes all blocks at the end, and signs the thinking there: the client would take a block behind
  // the text for the answer.
  it.each(['', 'S1'])('may sign thinking when the text is there: "%s"', (signature) => {
    const text = [open(1, { type: 'text', text: '' }), say(1, 'x')];
    const late = [start(), thinkingBlock, think(0, 'hm'), ...text, sign(0, signature), close(0), close(1), ...END];
    expect(blocks(late.map(write)).shown).toEqual(['thinking:hm', 'text:x']);
    const call = [toolBlock(1, 'call_a'), json(1, '{"a":1}')];
    const called = [start(), thinkingBlock, think(0, 'hm'), ...call, sign(0, signature), close(0), close(1)];
    expect(blocks([...called, finish('tool_use'), stop].map(write)).shown).toEqual(['thinking:hm', 'Read:{"a":1}']);
  });

  it('may leave the index out', () => {
    const frames = [
      start(),
      toolBlock(0, 'call_a'),
      json(0, '{"a":1}'),
      close(0),
      toolBlock(1, 'call_b'),
      json(1, '{}'),
    ];
    const without = [...frames, close(1), finish('tool_use'), stop].map((text) =>
      text.replace(/"index":\d,/, '').replace(/,"index":\d/, ''),
    );
    expect(blocks(without.map(write)).shown).toEqual(['Read:{"a":1}', 'Read:{}']);
  });

  it('may sign its thinking before the text, or with nothing', () => {
    const {
      shown,
      blocks: told,
      bytes,
    } = blocks(
      [start(), thinkingBlock, sign(0, 'S1'), think(0, 'hm'), sign(0, null), sign(0, 'S2'), close(0), ...END].map(
        write,
      ),
    );
    expect(shown).toEqual(['thinking:hm']);
    expect(told[0]?.signature).toBe('S2');
    expect(bytes.toString()).not.toContain('null}}');
  });

  it('loses deltas that no client knows, and keeps sources before the text', () => {
    const source = delta(0, { type: 'citations_delta', citation: { url: 'u' } });
    const { shown, bytes } = blocks(
      [
        start(),
        open(0, { type: 'text', text: '', citations: [] }),
        source,
        delta(0, { type: 'new_delta', text: 'lost' }),
        say(0, 'x'),
        close(0),
        ...END,
      ].map(write),
    );
    expect(shown).toEqual(['text:x']);
    expect(bytes.toString()).toContain('"citation":{"url":"u"}');
    expect(bytes.toString()).not.toContain('lost');
  });

  it.each(['error', 'network_error', 'abort', 'insufficient_system_resource'])(
    'is broken off by stop reason %s',
    (reason) => {
      const { fault, bytes } = run([...whole.slice(0, 4), finish(reason), stop].map(write));
      expect(fault).toMatchObject({ status: 502, type: 'api_error' });
      expect(bytes.toString()).not.toMatch(/message_delta|message_stop/);
    },
  );

  it.each([
    ['a quotation mark', 'say "hi"'],
    ['an end of its own', 'a"}}'],
    ['an escape that is none', 'a\\x'],
    ['half an escape', 'a\\u12'],
    ['a control character', 'a\tb'],
  ])('with %s in the text of a delta is malformed', (_what, text) => {
    const broken = say(0, 'MARK').replace('MARK', text);
    const { fault, bytes } = run([start(), textBlock(), say(0, 'x'), broken, close(0), ...END].map(write));
    expect(fault).toMatchObject({ class: 'malformed' });
    expect(checkMessages(bytes).problems).toEqual([]);
  });

  it('counts only in numbers', () => {
    const nulls = { input_tokens: null, cache_read_input_tokens: 'x', output_tokens: 9 };
    const { bytes } = run([...whole.slice(0, 4), finish('end_turn', nulls), stop].map(write));
    expect(checkMessages(bytes).usage).toMatchObject({ input_tokens: 5, output_tokens: 9 });
    expect(bytes.toString()).not.toMatch(/_tokens":(?:null|")/);
    const words = run([...whole.slice(0, 4), finish('end_turn', { output_tokens: 'x' }), stop].map(write));
    expect(checkMessages(words.bytes)).toMatchObject({ problems: [], usage: { output_tokens: 1 } });
  });

  it('has every field that the client reads, and nothing in the place of an object or a text', () => {
    const nothing = delta(0, {}).replace('"delta":{}', '"delta":null');
    const { shown, bytes } = blocks(
      [
        start(),
        open(0, { type: 'thinking', thinking: null, signature: 'S' }),
        nothing,
        think(0, 'hm'),
        close(0),
        open(1, { type: 'text', text: null }),
        say(1, 'x'),
        close(1),
        open(2, { type: 'vendor_block' }),
        nothing.replace('"index":0', '"index":2'),
        delta(2, { type: 'input_json_delta', partial_json: null }),
        close(2),
        ...END,
      ].map(write),
    );
    expect(shown).toEqual(['thinking:hm', 'text:x', 'vendor_block:']);
    expect(bytes.toString()).not.toMatch(/"(?:thinking|text|delta|partial_json)":null/);
  });

  it('tells its end although the object that holds it is missing', () => {
    const frames = [start(), toolBlock(0, 'call_a'), json(0, '{}'), close(0)];
    const end = frame({ type: 'message_delta', delta: null, usage: { output_tokens: 7 } });
    const { stopReason, complete } = blocks([...frames, end, stop].map(write));
    expect({ stopReason, complete }).toEqual({ stopReason: 'tool_use', complete: true });
  });
});

describe('a stream of Anthropic', () => {
  it('keeps deltas that nobody here knows', () => {
    const news = delta(0, { type: 'new_delta', text: 'kept' });
    for (const write of WRITINGS.map(([, each]) => each)) {
      const { bytes } = run([start(), textBlock(), say(0, 'x'), news, close(0), ...END].map(write), genuine());
      expect(bytes.toString()).toContain('kept');
    }
  });
});

describe('a whole message of a third party', () => {
  const env = envelope();
  const read = (content: unknown, more: object = {}) => {
    const message = {
      type: 'message',
      id: 'x',
      role: 'assistant',
      content,
      stop_reason: 'tool_use',
      usage: {},
      ...more,
    };
    return anthropicMessages.whole(Buffer.from(JSON.stringify(message)), env, thirdParty(), context());
  };
  const told = (content: unknown) => {
    const result = read(content);
    if ('fault' in result) throw new Error(result.fault.message);
    return JSON.parse(result.body.toString()) as { content: unknown; stop_reason: string };
  };

  it('may have a text in place of blocks, alone and as an answer to a stream', () => {
    expect(told('hi').content).toEqual([{ type: 'text', text: 'hi' }]);
    const message = { type: 'message', id: 'x', role: 'assistant', content: 'hi', stop_reason: 'end_turn', usage: {} };
    expect(blocks([JSON.stringify(message)]).shown).toEqual(['text:hi']);
  });

  it('loses calls without a name and what is no block', () => {
    const nameless = { type: 'tool_use', id: 'a', name: '', input: {} };
    const thinking = { type: 'thinking', thinking: null };
    const content = [
      null,
      'hi',
      { type: 'text', text: null },
      { type: 7 },
      nameless,
      thinking,
      { type: 'text', text: 'x' },
    ];
    expect(told(content)).toMatchObject({
      content: [
        { type: 'text', text: 'hi' },
        { type: 'thinking', thinking: '', signature: '' },
        { type: 'text', text: 'x' },
      ],
      stop_reason: 'end_turn',
    });
  });

  it('is broken off by a stop reason that says so', () => {
    expect(read([{ type: 'text', text: 'x' }], { stop_reason: 'network_error' })).toMatchObject({
      fault: { status: 502 },
    });
  });
});
