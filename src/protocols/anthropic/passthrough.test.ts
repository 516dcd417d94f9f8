import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkMessages } from '../../../test/support/messages-grammar.ts';
import { type Answered, answered, cutBytes, onTheWire, RIGHT, wire } from '../../../test/support/messages-streams.ts';
import { context, envelope, genuine, Memory, thirdParty } from '../../../test/support/messages-target.ts';
import type { Envelope } from '../../core/messages.ts';
import type { Target } from '../../core/target.ts';
import { anthropicMessages } from './index.ts';

const request = envelope({ stream: true });

function run(
  chunks: readonly (Buffer | string)[],
  target: Target = thirdParty(),
  env: Envelope = request,
  provenance = new Memory(),
) {
  const translator = anthropicMessages.stream(env, target, context({ provenance }));
  const out: Buffer[] = [];
  const states: string[] = [];
  for (const chunk of chunks) {
    const output = translator.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
    if (output) out.push(output);
    states.push(translator.state);
  }
  const last = translator.end();
  if (last) out.push(last);
  return {
    bytes: Buffer.concat(out),
    state: translator.state,
    fault: translator.fault,
    usage: translator.usage,
    states,
  };
}

const frame = (data: Record<string, unknown>): string =>
  `event: ${String(data.type)}\ndata: ${JSON.stringify(data)}\n\n`;
const START = {
  id: 'msg_up',
  type: 'message',
  role: 'assistant',
  model: 'up',
  content: [],
  stop_reason: null,
  stop_sequence: null,
  usage: { input_tokens: 5, output_tokens: 1 },
};
const start = (message: object = {}): string => frame({ type: 'message_start', message: { ...START, ...message } });
const open = (index: number, block: object): string =>
  frame({ type: 'content_block_start', index, content_block: block });
const textBlock = (index = 0): string => open(index, { type: 'text', text: '' });
const toolBlock = (index: number, id: string): string => open(index, { type: 'tool_use', id, name: 'Read', input: {} });
const delta = (index: number, fields: object): string => frame({ type: 'content_block_delta', index, delta: fields });
const say = (index: number, text: string): string => delta(index, { type: 'text_delta', text });
const close = (index: number): string => frame({ type: 'content_block_stop', index });
const finish = (stop_reason: string | null, usage: object | null = { output_tokens: 7 }): string =>
  frame({ type: 'message_delta', delta: { stop_reason, stop_sequence: null }, ...(usage ? { usage } : {}) });
const stop = frame({ type: 'message_stop' });
const whole = [start(), textBlock(), say(0, 'hi'), close(0), finish('end_turn'), stop];

function expectAnswer(result: ReturnType<typeof run>, answer: Answered): void {
  expect(result.fault).toBeUndefined();
  expect(result.state).toBe('done');
  const message = checkMessages(result.bytes);
  expect(message.problems).toEqual([]);
  expect(message.complete).toBe(true);
  expect(message.model).toBe('claude-opus-5');
  expect(message.stopReason).toBe(answer.stopReason);
  expect(merged(message.blocks.map(({ type, text, signature }) => ({ type, text, signature })))).toEqual(
    merged(answer.blocks.map(({ type, pieces, signature }) => ({ type, text: pieces.join(''), signature }))),
  );
}

/** Text blocks without starts and stops between them cannot be told apart: compared as one. */
function merged(blocks: readonly { type: string; text: string; signature: string }[]) {
  const out: { type: string; text: string; signature: string }[] = [];
  for (const block of blocks) {
    const last = out.at(-1);
    if (last?.type === 'text' && block.type === 'text') last.text += block.text;
    else out.push({ ...block });
  }
  return out;
}

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
    expect(translator.push(chunk)).toBe(chunk);
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

describe('a stream that fails', () => {
  it.each([
    ['nothing', [], 'empty'],
    ['only comments', [': a\n\n', ': b\n\n'], 'malformed'],
    ['only a ping', [frame({ type: 'ping' })], 'empty'],
    ['a page', ['<html><body>Bad', ' Gateway</body></html>'], 'malformed'],
    ['plain text', ['Internal Server Error'], 'malformed'],
    ['undeclared gzip', [Buffer.from([0x1f, 0x8b, 8, 0])], 'malformed'],
    ['no stop reason', [...whole.slice(0, 4), stop], 'truncated'],
    ['a stop reason of null', [...whole.slice(0, 4), finish(null), stop], 'truncated'],
    ['an end after a stop reason of null', [...whole.slice(0, 4), finish(null)], 'truncated'],
    ['an end before message_delta', whole.slice(0, 4), 'truncated'],
    ['an end in the middle of a block', whole.slice(0, 3), 'truncated'],
    [
      'broken JSON',
      [
        ...whole.slice(0, 2),
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a\n\n',
        stop,
      ],
      'malformed',
    ],
    ['another protocol', ['data: {"id":"x","choices":[{"delta":{"content":"a"}}]}\n\n'], 'malformed'],
    ['arguments of no call', [start(), delta(0, { type: 'input_json_delta', partial_json: '{' })], 'malformed'],
    ['a JSON error', ['{"error":{"message":"Insufficient Balance"}}'], 'quota'],
    ['JSON that is no message', ['{"ok":true}'], 'empty'],
    ['JSON that is cut', ['{"type":"message","content":['], 'malformed'],
  ])('%s is told as %s', (_name, chunks, failure) => {
    const { state, fault, bytes } = run(chunks as string[]);
    expect(state).toBe('failed');
    expect(fault?.class).toBe(failure);
    expect(fault?.message).not.toBe('');
    expect(bytes.toString()).not.toContain('message_stop');
  });

  it.each([
    [
      'an error event',
      frame({ type: 'error', error: { type: 'overloaded_error', message: 'busy' } }),
      'overloaded',
      529,
      'overloaded_error',
    ],
    [
      'an error of another type',
      frame({ type: 'error', error: { type: 'BadRequestError', message: 'no' } }),
      'server_error',
      500,
      'api_error',
    ],
    [
      'an error without event line',
      'data: {"type":"error","error":{"type":"rate_limit_error","message":"slow"}}\n\n',
      'rate_limit',
      429,
      'rate_limit_error',
    ],
    ['an OpenAI error', 'data: {"error":{"message":"x","type":"server_error"}}\n\n', 'server_error', 500, 'api_error'],
    ['an error with a code', 'data: {"error":{"message":"pay","code":402}}\n\n', 'quota', 402, 'billing_error'],
    [
      'an overflow',
      'data: {"error":{"message":"maximum context length is 4096 tokens","code":400}}\n\n',
      'context_overflow',
      400,
      'invalid_request_error',
    ],
  ])('by %s has its class, status and type, and nothing follows', (_name, text, failure, status, type) => {
    for (const before of [[], whole.slice(0, 3)]) {
      const { fault, bytes } = run([...before, text, stop, say(0, 'more')]);
      expect(fault).toMatchObject({ class: failure, status, type });
      expect(bytes.toString()).not.toMatch(/message_stop|more|event: error/);
    }
  });

  it('keeps the words of an error of Anthropic', () => {
    const text = frame({
      type: 'error',
      error: {
        type: 'invalid_request_error',
        message: 'messages.3.content.0: Invalid `signature` in `thinking` block',
      },
    });
    expect(run([text], genuine()).fault).toMatchObject({
      class: 'thinking_signature',
      status: 400,
      type: 'invalid_request_error',
      message: 'messages.3.content.0: Invalid `signature` in `thinking` block',
    });
  });

  it('gives no more output afterwards', () => {
    const translator = anthropicMessages.stream(request, thirdParty(), context());
    translator.push(Buffer.from(frame({ type: 'error', error: { type: 'api_error', message: 'x' } })));
    expect(translator.push(Buffer.from(whole.join('')))).toBeUndefined();
    expect(translator.end()).toBeUndefined();
    expect(translator.state).toBe('failed');
  });

  it('because its event never ends is refused in time', () => {
    const translator = anthropicMessages.stream(request, thirdParty(), context());
    const chunk = Buffer.alloc(1 << 20, 0x61);
    translator.push(Buffer.from('event: content_block_delta\ndata: '));
    for (let count = 0; count < 80 && translator.state !== 'failed'; count += 1) translator.push(chunk);
    expect(translator.fault?.class).toBe('malformed');
  });
});

/** Faults that such code is known to have; each must be seen by the checks above. */
describe('the checker', () => {
  const answer: Answered = {
    blocks: [
      { type: 'text', pieces: ['hé', 'llo'], signature: '' },
      { type: 'tool_use', pieces: ['{"a"', ':1}'], signature: '' },
    ],
    stopReason: 'tool_use',
  };
  const { bytes } = onTheWire(answer, RIGHT);
  const good = run([bytes]);
  const damaged = (change: (text: string) => string) => ({
    ...good,
    bytes: Buffer.from(change(good.bytes.toString('latin1')), 'latin1'),
  });

  it('accepts the good stream', () => expectAnswer(good, answer));

  it.each([
    ['a lost delta', (text: string) => text.replace(/event: content_block_delta\n[^\n]*llo[^\n]*\n\n/, '')],
    [
      'text in a tool block',
      (text: string) =>
        text.replace(
          '"index":0,"delta":{"type":"text_delta","text":"llo"',
          '"index":1,"delta":{"type":"text_delta","text":"llo"',
        ),
    ],
    [
      'a wrong index',
      (text: string) =>
        text.replace('"type":"content_block_start","index":1', '"type":"content_block_start","index":2'),
    ],
    ['a block that stays open', (text: string) => text.replace(/event: content_block_stop\n[^\n]*\n\n/, '')],
    ['end_turn with calls', (text: string) => text.replace('"stop_reason":"tool_use"', '"stop_reason":"end_turn"')],
    ['a second message_start', (text: string) => text.replace(/^(event: message_start\n[^\n]*\n\n)/, '$1$1')],
    ['events after the end', (text: string) => `${text}event: ping\ndata: {"type":"ping"}\n\n`],
    ['carriage returns', (text: string) => text.replaceAll('\n', '\r\n')],
    ['half a character', (text: string) => text.replace('\xc3\xa9', '\xef\xbf\xbd')],
    ['no event lines', (text: string) => text.replace(/event: content_block_delta\n/, '')],
    ['the name of another model', (text: string) => text.replace('claude-opus-5', 'up-stream')],
    ['no usage', (text: string) => text.replace(/"usage":\{"output_tokens":7\}/, '"usage":null')],
    ['a lost end', (text: string) => text.replace(/event: message_stop\n[^\n]*\n\n/, '')],
  ])('sees %s', (_name, change) => {
    expect(() => expectAnswer(damaged(change), answer)).toThrow();
  });

  it('sees an end that was made up for a stream that was cut', () => {
    const cut = run([bytes.subarray(0, bytes.indexOf('message_delta'))]);
    const faked = Buffer.concat([cut.bytes, Buffer.from(stop)]);
    expect(checkMessages(faked).problems).not.toEqual([]);
  });
});
