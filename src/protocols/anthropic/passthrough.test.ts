import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkMessages } from '../../../test/support/messages-grammar.ts';
import {
  close,
  delta,
  expectAnswer,
  finish,
  frame,
  merged,
  open,
  request,
  run,
  START,
  say,
  start,
  stop,
  textBlock,
  toolBlock,
  whole,
} from '../../../test/support/messages-run.ts';
import { answered, cutBytes, onTheWire, RIGHT, wire } from '../../../test/support/messages-streams.ts';
import { context, envelope, genuine, Memory, thirdParty } from '../../../test/support/messages-target.ts';
import { anthropicMessages } from './index.ts';

const cuts = fc.array(fc.nat(), { maxLength: 12 });

describe('any answer of a third party', () => {
  it('arrives whole and in the grammar, however it was sent and cut', () => {
    fc.assert(
      fc.property(answered, wire, cuts, (answer, how, at) => {
        const { bytes } = onTheWire(answer, how);
        const result = run(cutBytes(bytes, at));
        expectAnswer(result, answer);
        const other = run([bytes]);
        expect(result.bytes.equals(other.bytes)).toBe(true);
        expect(result.usage).toEqual(other.usage);
        if (how.usage) expect(result.usage).toMatchObject({ inputTokens: 9, outputTokens: 7 });
        else expect(result.usage.outputTokens).toBeUndefined();
      }),
      { numRuns: 200 },
    );
  });

  it('is the same when every byte comes by itself', () => {
    fc.assert(
      fc.property(answered, wire, (answer, how) => {
        const { bytes } = onTheWire(answer, how);
        const single = run([...bytes].map((byte) => Buffer.from([byte])));
        expect(single.bytes.equals(run([bytes]).bytes)).toBe(true);
        expectAnswer(single, answer);
      }),
      { numRuns: 40 },
    );
  });

  it('that is cut before its end fails, and never looks finished', () => {
    fc.assert(
      fc.property(answered, wire, cuts, fc.nat(), (answer, how, at, cut) => {
        const { bytes, wholeAt } = onTheWire(answer, how);
        const end = cut % wholeAt;
        const result = run(cutBytes(bytes.subarray(0, end), at));
        expect(result.state).toBe('failed');
        expect(['truncated', 'empty', 'malformed']).toContain(result.fault?.class);
        const message = checkMessages(result.bytes);
        expect(message.problems.filter((problem) => !problem.includes('not whole'))).toEqual([]);
        expect(message.complete).toBe(false);
        const said = answer.blocks.map(({ pieces }) => pieces.join('')).join('\0');
        const seen = merged(message.blocks).map(({ text }) => text);
        for (const text of seen) expect(said.replaceAll('\0', '')).toContain(text.slice(0, 3));
      }),
      { numRuns: 200 },
    );
  });

  it('goes on as the bytes that came, but for the frames that have to change', () => {
    fc.assert(
      fc.property(answered, cuts, (answer, at) => {
        const { bytes } = onTheWire(answer, RIGHT);
        const { bytes: out } = run(cutBytes(bytes, at));
        const kept = (text: string) => text.split('\n\n').filter((part) => part.includes('content_block_delta'));
        expect(kept(out.toString())).toEqual(kept(bytes.toString()));
      }),
      { numRuns: 50 },
    );
  });
});

describe('an answer of Anthropic', () => {
  it('keeps every byte but the name of the model', () => {
    fc.assert(
      fc.property(answered, fc.boolean(), fc.boolean(), cuts, (answer, padded, vendorEvents, at) => {
        const { bytes } = onTheWire(answer, { ...RIGHT, padded, vendorEvents });
        const result = run(cutBytes(bytes, at), genuine());
        expect(result.state).toBe('done');
        expect(result.bytes.toString()).toBe(
          bytes.toString().replace('"model":"up-stream"', '"model":"claude-opus-5"'),
        );
      }),
      { numRuns: 200 },
    );
  });

  it('is not copied when it comes with the name that was asked for', () => {
    const chunk = Buffer.from([start({ model: 'claude-opus-5' }), textBlock(), say(0, 'hi')].join(''));
    const translator = anthropicMessages.stream(request, genuine(), context());
    expect(translator.push(chunk)[0]).toBe(chunk);
  });

  it('passes on safeguard results and fields that nobody here knows', () => {
    const result = [{ type: 'dangerous_tool_use', status: { type: 'available', tool_uses: {} } }];
    const last = frame({
      type: 'message_delta',
      delta: { stop_reason: 'end_turn', safeguard_results: result, new: 1 },
      usage: { output_tokens: 1, x: 2 },
    });
    const { bytes } = run([start(), textBlock(), close(0), last, stop], genuine());
    expect(bytes.toString()).toContain(last);
  });

  it('has its signatures remembered as genuine', () => {
    const provenance = new Memory();
    const thinking = [
      open(0, { type: 'thinking', thinking: '', signature: '' }),
      delta(0, { type: 'signature_delta', signature: 'SIG' }),
      close(0),
    ];
    run(
      [start(), ...thinking, open(1, { type: 'redacted_thinking', data: 'RED' }), close(1), finish('end_turn'), stop],
      genuine(),
      request,
      provenance,
    );
    expect([...provenance.makers]).toEqual([
      ['SIG', 'genuine'],
      ['RED', 'genuine'],
    ]);
  });
});

describe('a stream that is not quite right', () => {
  const problems = (bytes: Buffer) => checkMessages(bytes).problems;

  it('of a third party has its signatures remembered as foreign', () => {
    const provenance = new Memory();
    const thinking = [
      open(0, { type: 'thinking', thinking: '' }),
      delta(0, { type: 'signature_delta', signature: 'SIG' }),
      close(0),
    ];
    run([start(), ...thinking, finish('end_turn'), stop], thirdParty(), request, provenance);
    run(
      [start(), ...thinking, finish('end_turn'), stop].map((text) => text.replace(/^event.*\n/, '')),
      thirdParty(),
      request,
      provenance,
    );
    expect([...provenance.makers]).toEqual([['SIG', 'corp']]);
  });

  it('gets an id of its own where the upstream repeats one or gives none', () => {
    for (const id of ['', 'msg_1', undefined, 7]) {
      expect(checkMessages(run([start({ id }), ...whole.slice(1)]).bytes).id).toMatch(/^msg_[A-Za-z0-9]{24}$/);
    }
    const good = 'msg_01XFDUDYJgAACzvnptvVoYEL';
    expect(checkMessages(run([start({ id: good }), ...whole.slice(1)]).bytes).id).toBe(good);
  });

  it('has a call renamed whose id the conversation knows', () => {
    const env = envelope({
      stream: true,
      messages: [{ role: 'assistant', content: [{ type: 'tool_use', id: 'call_0', name: 'R', input: {} }] }],
    });
    const stream = [start(), toolBlock(0, 'call_0'), close(0), finish('tool_use'), stop];
    for (const wireForm of [stream, stream.map((text) => text.replace(/^event.*\n/, ''))]) {
      const [call] = checkMessages(run(wireForm, thirdParty(), env).bytes).blocks;
      expect(call?.id).toMatch(/^toolu_/);
    }
    expect(checkMessages(run(stream).bytes).blocks[0]?.id).toBe('call_0');
  });

  it('keeps usage that comes late, and the last numbers win', () => {
    const late = { input_tokens: 900, output_tokens: 7, cache_read_input_tokens: 800 };
    const result = run([
      start({ usage: { input_tokens: 0, output_tokens: 0 } }),
      textBlock(),
      say(0, 'x'),
      close(0),
      finish('end_turn', late),
      stop,
    ]);
    expect(result.usage).toMatchObject({ inputTokens: 900, outputTokens: 7, cacheReadTokens: 800 });
    expect(checkMessages(result.bytes).usage).toMatchObject(late);
  });

  it('has cached tokens subtracted once where the endpoint is declared to count them as input', () => {
    const usage = { input_tokens: 900, output_tokens: 7, cache_read_input_tokens: 800 };
    const result = run(
      [start({ usage }), ...whole.slice(1, 4), finish('end_turn', usage), stop],
      thirdParty({ inputIncludesCached: true }),
    );
    expect(result.usage).toMatchObject({ inputTokens: 100, cacheReadTokens: 800 });
    expect(checkMessages(result.bytes).usage).toMatchObject({ input_tokens: 100, cache_read_input_tokens: 800 });
  });

  it.each([
    ['end_turn', 'tool_use'],
    [null, 'tool_use'],
    ['tool_calls', 'tool_use'],
    ['stop', 'tool_use'],
    ['length', 'max_tokens'],
  ])('with a call and stop reason %s says %s', (said, told) => {
    const { bytes, state } = run([
      start(),
      toolBlock(0, 'call_a'),
      delta(0, { type: 'input_json_delta', partial_json: '{}' }),
      close(0),
      finish(said),
      stop,
    ]);
    expect(state).toBe('done');
    expect(problems(bytes)).toEqual([]);
    expect(checkMessages(bytes).stopReason).toBe(told);
  });

  it.each([
    ['tool_use', 'end_turn'],
    ['STOP', 'end_turn'],
    ['content_filter', 'refusal'],
    ['whatever', 'end_turn'],
    ['pause_turn', 'pause_turn'],
  ])('without calls and with stop reason %s says %s', (said, told) => {
    expect(checkMessages(run([...whole.slice(0, 4), finish(said), stop]).bytes).stopReason).toBe(told);
  });

  // llama.cpp's server calls an answer finished that a stop sequence has ended, and names the sequence.
  it.each([
    ['one that the client asked for', ['a', 'b'], 'b', 'stop_sequence'],
    ['one of the server', ['a'], '<eos>', 'end_turn'],
    ['one, and none was asked for', undefined, 'b', 'end_turn'],
  ])('an end at a stop sequence is told as such: %s', (_, stop_sequences, stop_sequence, told) => {
    const env = envelope({ stream: true, stop_sequences });
    const end = frame({
      type: 'message_delta',
      delta: { stop_reason: 'end_turn', stop_sequence },
      usage: { output_tokens: 7 },
    });
    for (const write of [(text: string) => text, (text: string) => text.replace(/^event.*\n/, '')]) {
      const { bytes } = run([...whole.slice(0, 4), end, stop].map(write), thirdParty(), env);
      expect(checkMessages(bytes)).toMatchObject({ problems: [], stopReason: told });
      expect(bytes.toString()).toContain(`"stop_sequence":"${stop_sequence}"`);
    }
    const call = [
      start(),
      toolBlock(0, 'call_a'),
      delta(0, { type: 'input_json_delta', partial_json: '{}' }),
      close(0),
    ];
    expect(checkMessages(run([...call, end, stop], thirdParty(), env).bytes).stopReason).toBe('tool_use');
  });

  it('gets a start for a block without one, and closes a block before the next', () => {
    const { bytes } = run([
      start(),
      say(0, 'a'),
      textBlock(1),
      say(1, 'b'),
      open(2, { type: 'thinking', thinking: '' }),
      delta(2, { type: 'thinking_delta', thinking: 't' }),
      finish('end_turn'),
      stop,
    ]);
    expect(problems(bytes)).toEqual([]);
    expect(checkMessages(bytes).blocks.map(({ type, text }) => [type, text])).toEqual([
      ['text', 'ab'],
      ['thinking', 't'],
    ]);
  });

  it('keeps calls apart that overlap', () => {
    const json = (index: number, partial_json: string) => delta(index, { type: 'input_json_delta', partial_json });
    const { bytes } = run([
      start(),
      toolBlock(0, 'call_a'),
      json(0, '{"a"'),
      toolBlock(1, 'call_b'),
      json(1, '{"b"'),
      json(0, ':1}'),
      json(1, ':2}'),
      close(0),
      close(1),
      finish('tool_use'),
      stop,
    ]);
    expect(problems(bytes)).toEqual([]);
    expect(checkMessages(bytes).blocks.map(({ id, text }) => [id, text])).toEqual([
      ['call_a', '{"a":1}'],
      ['call_b', '{"b":2}'],
    ]);
  });

  it('loses unknown events and delta types, a second start, a stop too many and [DONE]', () => {
    const { bytes } = run([
      start(),
      frame({ type: 'vendor_usage', x: 1 }),
      textBlock(),
      start(),
      say(0, 'a'),
      delta(0, { type: 'vendor_delta', x: 1 }),
      delta(0, { type: 'text_delta', text: null }),
      close(0),
      close(0),
      finish('end_turn'),
      'event: done\ndata: [DONE]\n\n',
      stop,
    ]);
    expect(problems(bytes)).toEqual([]);
    expect(checkMessages(bytes).events).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
  });

  it('takes reasoning under another name as thinking', () => {
    const { bytes } = run([
      start(),
      open(0, { type: 'thinking', thinking: '' }),
      delta(0, { type: 'reasoning_delta', reasoning: 'hm' }),
      close(0),
      finish('end_turn'),
      stop,
    ]);
    expect(checkMessages(bytes).blocks).toMatchObject([{ type: 'thinking', text: 'hm' }]);
  });

  it('turns comments into signs of life', () => {
    const { bytes } = run([': PROCESSING\n\n', start(), ': PROCESSING\n\n', ...whole.slice(1)]);
    expect(problems(bytes)).toEqual([]);
    expect(checkMessages(bytes).events.slice(0, 3)).toEqual(['message_start', 'ping', 'content_block_start']);
  });

  it('is finished when its stop reason was seen, also without message_stop', () => {
    for (const target of [thirdParty(), genuine()]) {
      for (const last of [
        finish('end_turn'),
        finish('end_turn').slice(0, -1),
        finish('end_turn').replace(/^event.*\n/, ''),
      ]) {
        const { bytes, state } = run([...whole.slice(0, 4), last], target);
        expect(state).toBe('done');
        expect(problems(bytes)).toEqual([]);
        expect(checkMessages(bytes).complete).toBe(true);
      }
    }
  });

  it('is content only when there is something to show', () => {
    expect(run([start(), frame({ type: 'ping' }), textBlock(), say(0, 'x')]).states).toEqual([
      'empty',
      'empty',
      'empty',
      'content',
    ]);
    expect(run([start(), toolBlock(0, 'call_a')]).states).toEqual(['empty', 'content']);
  });

  it('that is a whole message becomes a stream', () => {
    const message = {
      ...START,
      content: [
        { type: 'thinking', thinking: 'hm', signature: 's' },
        { type: 'text', text: 'hé' },
        { type: 'tool_use', id: 'call_a', name: 'Read', input: { a: [1] } },
      ],
      stop_reason: 'tool_use',
      safeguard_results: [1],
    };
    for (const json of [JSON.stringify(message), `\n\ufeff`.slice(0, 1) + JSON.stringify(message, null, 2)]) {
      const { bytes, state, usage } = run([json.slice(0, 20), json.slice(20)]);
      expect(state).toBe('done');
      expect(problems(bytes)).toEqual([]);
      expect(checkMessages(bytes).blocks.map(({ text }) => text)).toEqual(['hm', 'hé', '{"a":[1]}']);
      expect(usage.inputTokens).toBe(5);
      expect(bytes.toString()).toContain('"safeguard_results":[1]');
    }
  });
});
