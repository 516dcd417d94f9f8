import { describe, expect, it } from 'vitest';
import { context, envelope, genuine, Memory, thirdParty } from '../../../test/support/messages-target.ts';
import type { Target } from '../../core/target.ts';
import { anthropicMessages } from './index.ts';

const message = (extra: object = {}) => ({
  id: 'msg_01XFDUDYJgAACzvnptvVoYEL',
  type: 'message',
  role: 'assistant',
  model: 'up',
  content: [{ type: 'text', text: 'hi' }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { input_tokens: 3, output_tokens: 4, cache_read_input_tokens: 2 },
  ...extra,
});
const env = envelope({
  messages: [{ role: 'assistant', content: [{ type: 'tool_use', id: 'call_0', name: 'R', input: {} }] }],
});

function whole(body: unknown, target: Target = thirdParty(), provenance = new Memory()) {
  const raw = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return anthropicMessages.whole(raw, env, target, context({ provenance }));
}
function answer(body: unknown, target?: Target) {
  const result = whole(body, target);
  if ('fault' in result) throw new Error(result.fault.message);
  return { ...result, json: JSON.parse(result.body.toString()) };
}
function fault(body: unknown, target?: Target) {
  const result = whole(body, target);
  if (!('fault' in result)) throw new Error('was accepted');
  return result.fault;
}

describe('a whole answer', () => {
  it('of Anthropic keeps every byte but the name of the model', () => {
    const raw = JSON.stringify(message({ safeguard_results: [1.0], new: { a: 1 } }), null, 2);
    const { body, usage } = answer(raw, genuine());
    expect(body.toString()).toBe(raw.replace('"up"', '"claude-opus-5"'));
    expect(usage).toMatchObject({ inputTokens: 3, outputTokens: 4, cacheReadTokens: 2 });
  });

  it('of a third party has all that the client relies on', () => {
    const { json } = answer({
      content: [
        { type: 'text', text: 'x' },
        { type: 'thinking', thinking: 't' },
      ],
      type: 'message',
      usage: { input_tokens: null },
    });
    expect(json).toMatchObject({
      role: 'assistant',
      model: 'claude-opus-5',
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: 0, output_tokens: 0 },
      content: [{ text: 'x' }, { signature: '' }],
    });
    expect(json.id).toMatch(/^msg_[A-Za-z0-9]{24}$/);
    expect(answer(message()).json).toEqual({ ...message(), model: 'claude-opus-5' });
  });

  it('has calls with ids that are new and inputs that are objects, and says that it waits for them', () => {
    const call = (id: string | undefined, input: unknown) => ({ type: 'tool_use', id, name: 'R', input });
    const { json } = answer(
      message({
        content: [call('call_1', { a: 1 }), call('call_0', '{"b":2}'), call(undefined, null), call('call_1', 'x')],
      }),
    );
    expect(json.stop_reason).toBe('tool_use');
    expect(json.content.map((block: { input: unknown }) => block.input)).toEqual([
      { a: 1 },
      { b: 2 },
      {},
      { raw_arguments: 'x' },
    ]);
    const ids = json.content.map((block: { id: string }) => block.id);
    expect(ids[0]).toBe('call_1');
    expect(new Set(ids).size).toBe(4);
    expect(ids).not.toContain('call_0');
  });

  it('does not wait for calls that are not there', () => {
    expect(answer(message({ stop_reason: 'tool_use' })).json.stop_reason).toBe('end_turn');
    expect(answer(message({ stop_reason: 'length' })).json.stop_reason).toBe('max_tokens');
  });

  it('says that a stop sequence has ended it, where the endpoint names one that was asked for', () => {
    const asked = envelope({ stop_sequences: ['b'] });
    const told = (stop_sequence: string, extra: object = {}) => {
      const raw = Buffer.from(JSON.stringify(message({ stop_sequence, ...extra })));
      const result = anthropicMessages.whole(raw, asked, thirdParty(), context());
      return 'fault' in result ? result.fault : JSON.parse(result.body.toString()).stop_reason;
    };
    expect([told('b'), told('<eos>')]).toEqual(['stop_sequence', 'end_turn']);
    expect(told('b', { content: [{ type: 'tool_use', id: 'call_1', name: 'R', input: {} }] })).toBe('tool_use');
  });

  it('has its thinking remembered', () => {
    const provenance = new Memory();
    const body = message({
      content: [
        { type: 'thinking', thinking: 'x', signature: 'S' },
        { type: 'redacted_thinking', data: 'R' },
      ],
    });
    whole(body, genuine(), provenance);
    expect([...provenance.makers.values()]).toEqual(['genuine', 'genuine']);
    whole(body, thirdParty(), provenance);
    expect([...provenance.makers.values()]).toEqual(['corp', 'corp']);
  });

  it('that came as a stream is collected', () => {
    const { usage, content, ...rest } = message();
    const events = [
      { type: 'message_start', message: { ...rest, content: [], usage: { input_tokens: 3, output_tokens: 1 } } },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'h"i' } },
      { type: 'content_block_stop', index: 0 },
      {
        type: 'content_block_start',
        index: 1,
        content_block: { type: 'tool_use', id: 'call_a', name: 'R', input: {} },
      },
      { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: '{"a":1}' } },
      { type: 'content_block_stop', index: 1 },
      { type: 'message_delta', delta: { stop_reason: 'tool_use', stop_sequence: null }, usage: { output_tokens: 4 } },
      { type: 'message_stop' },
    ];
    const stream = (list: object[]) => list.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
    const { json, usage: counted } = answer(`: hello\n\n${stream(events)}`);
    expect(json).toMatchObject({
      model: 'claude-opus-5',
      content: [{ text: 'h"i' }, { id: 'call_a', input: { a: 1 } }],
      stop_reason: 'tool_use',
      usage: { input_tokens: 3, output_tokens: 4 },
    });
    expect(counted.outputTokens).toBe(4);
    expect(fault(stream(events.slice(0, -2))).class).toBe('truncated');
  });

  it.each([
    ['nothing', '', 'empty'],
    ['a page', '<html><title>Bad Gateway</title></html>', 'malformed'],
    ['text', 'oops', 'malformed'],
    ['cut JSON', '{"type":"message","content":[', 'malformed'],
    ['an array', '[]', 'malformed'],
    ['another protocol', { id: 'x', choices: [{ message: { content: 'a' } }] }, 'malformed'],
    ['JSON of another kind', { ok: true }, 'malformed'],
    ['an error of the API', { type: 'error', error: { type: 'overloaded_error', message: 'busy' } }, 'overloaded'],
    ['an error of OpenAI', { error: { message: 'Insufficient Balance', code: 402 } }, 'quota'],
    ['an error of a vendor', { code: 20015, message: 'model disabled', data: null }, 'model_missing'],
    ['an error in another envelope', { base_resp: { status_code: 1008, status_msg: 'insufficient balance' } }, 'quota'],
  ])('that is %s is a fault', (_name, body, failure) => {
    expect(fault(body).class).toBe(failure);
    expect(fault(body, genuine()).message).not.toBe('');
  });
});
