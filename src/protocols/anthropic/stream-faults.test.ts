import { describe, expect, it } from 'vitest';
import { checkMessages } from '../../../test/support/messages-grammar.ts';
import {
  delta,
  expectAnswer,
  finish,
  frame,
  request,
  run,
  say,
  start,
  stop,
  whole,
} from '../../../test/support/messages-run.ts';
import { type Answered, onTheWire, RIGHT } from '../../../test/support/messages-streams.ts';
import { context, genuine, thirdParty } from '../../../test/support/messages-target.ts';
import { anthropicMessages } from './index.ts';

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
    expect(translator.push(Buffer.from(whole.join('')))).toEqual([]);
    expect(translator.end()).toEqual([]);
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
