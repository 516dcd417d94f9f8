import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MidswapError } from '../../core/errors.ts';
import { readEnvelope, spliceModel, validateMessages } from './envelope.ts';

const read = (body: unknown) =>
  readEnvelope(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), '/v1/messages?beta=true', []);
const WHOLE_NUMBERS = ['100', '1e2', '1.0', '10E1'];
const GOOD = { model: 'claude-opus-5', max_tokens: 10, messages: [{ role: 'user', content: 'hi' }] };

function refusal(body: unknown): MidswapError {
  try {
    read(body);
  } catch (error) {
    if (error instanceof MidswapError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

const plainKey = fc.string({ maxLength: 8 }).filter((key) => JSON.stringify(key) === `"${key}"`);

describe('the envelope', () => {
  it('knows model, stream and the places of the fields without a parse', () => {
    const env = read('{ "stream":true,"model":"a\\u0062 é", "messages" : [] }');
    expect(env).toMatchObject({ model: 'ab é', stream: true, path: '/v1/messages?beta=true' });
    expect(env.raw.toString('utf8', ...(env.spans.get('messages') ?? []))).toBe('[]');
    expect(read(GOOD).stream).toBe(false);
  });

  it('parses on demand, once, and what it gives cannot be edited by accident', () => {
    const env = read(GOOD);
    expect(env.body()).toEqual(GOOD);
    expect(env.body()).toBe(env.body());
    expect(() => {
      env.body().messages.push({ role: 'user', content: 'x' });
    }).toThrow(TypeError);
    expect(() => {
      env.body().model = 'other';
    }).toThrow(TypeError);
  });

  it('replaces the model and nothing else, whatever the bytes around it', () => {
    fc.assert(
      fc.property(fc.dictionary(plainKey, fc.jsonValue()), fc.string({ minLength: 1 }), (extra, model) => {
        const env = read(JSON.stringify({ ...extra, ...GOOD, stream: true, system: 'x', ...cleared }, null, 1));
        const spliced = Buffer.concat(spliceModel(env, model));
        expect(JSON.parse(spliced.toString())).toEqual({ ...env.body(), model });
        const [from, to] = env.spans.get('model') ?? [0, 0];
        expect(spliced.subarray(0, from).equals(env.raw.subarray(0, from))).toBe(true);
        const tail = env.raw.subarray(to);
        expect(spliced.subarray(spliced.length - tail.length).equals(tail)).toBe(true);
      }),
    );
    const env = read(GOOD);
    expect(spliceModel(env, undefined)).toEqual([env.raw]);
    expect(spliceModel(env, 'claude-opus-5')).toEqual([env.raw]);
  });

  it('reads a document with escaped keys', () => {
    const env = read('{"mod\\u0065l":"m","messages":[]}');
    expect(env.model).toBe('m');
    expect(JSON.parse(Buffer.concat(spliceModel(env, 'n')).toString())).toEqual({ model: 'n', messages: [] });
  });
});

const cleared = Object.fromEntries(
  ['tools', 'tool_choice', 'thinking', 'metadata', 'stop_sequences', 'temperature'].map((name) => [name, null]),
);

describe('a request that is refused', () => {
  it.each([
    ['', 'invalid_json', 'no body'],
    ['{"model":"m","messages":[{"role":"user","content":"x', 'invalid_json', 'messages[0].content'],
    ['{"model":"m",\n"messages":[tru]}', 'invalid_json', 'line 2 column 13 (messages[0])'],
    [`{"model":"m","messages":${'['.repeat(100_000)}`, 'invalid_json', 'nested deeper than 512'],
    [`${'['.repeat(100_000)}${']'.repeat(100_000)}`, 'invalid_json', 'nested deeper than 512'],
    ['[]', 'invalid_request', 'must be a JSON object'],
    ['"text"', 'invalid_request', 'must be a JSON object'],
    ['null', 'invalid_request', 'must be a JSON object'],
    ['{"model":"a","model":"b","messages":[]}', 'invalid_request', 'twice'],
    ['{"model":"a","mod\\u0065l":"b","messages":[]}', 'invalid_request', 'twice'],
    [{ messages: [] }, 'invalid_request', 'model: is required'],
    [{ ...GOOD, model: '' }, 'invalid_request', 'model: must be a string'],
    [{ ...GOOD, model: 7 }, 'invalid_request', 'model: must be a string'],
    [{ ...GOOD, model: null }, 'invalid_request', 'model: must be a string'],
    [{ model: 'm' }, 'invalid_request', 'messages: is required'],
    [{ ...GOOD, messages: 'hi' }, 'invalid_request', 'messages: must be an array'],
    [{ ...GOOD, messages: null }, 'invalid_request', 'messages: must be an array'],
    [{ ...GOOD, stream: 'true' }, 'invalid_request', 'stream: must be a boolean'],
    [{ ...GOOD, max_tokens: 0 }, 'invalid_request', 'max_tokens: must be a whole number'],
    [{ ...GOOD, max_tokens: -5 }, 'invalid_request', 'max_tokens'],
    [{ ...GOOD, max_tokens: 1.5 }, 'invalid_request', 'max_tokens'],
    [{ ...GOOD, max_tokens: '10' }, 'invalid_request', 'max_tokens'],
    [{ ...GOOD, system: 5 }, 'invalid_request', 'system: must be a string or an array'],
    [{ ...GOOD, tools: {} }, 'invalid_request', 'tools: must be an array'],
    [{ ...GOOD, thinking: 'on' }, 'invalid_request', 'thinking: must be an object'],
  ])('says where and why: %#', (body, code, text) => {
    const error = refusal(body);
    expect(error.code).toBe(code);
    expect(error.status).toBe(400);
    expect(error.message).toContain(text);
  });

  it('is one whose bytes are no UTF-8', () => {
    const raw = Buffer.concat([Buffer.from('{"model":"m","messages":["'), Buffer.from([0xff]), Buffer.from('"]}')]);
    expect(() => readEnvelope(raw, '/', [])).toThrow('not valid UTF-8');
  });

  it('keeps a false escape inside the messages for those who parse', () => {
    const env = read('{"model":"m","messages":[{"role":"\\q"}]}');
    expect(() => env.body()).toThrow('messages[0].role');
  });

  it('never gets out as anything but one of our errors', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.string(),
          fc.json().map((json) => json.slice(0, json.length >> 1)),
        ),
        (text) => {
          try {
            read(text).body();
          } catch (error) {
            expect(error).toBeInstanceOf(MidswapError);
            expect((error as MidswapError).status).toBe(400);
          }
        },
      ),
    );
  });
});

describe('validation of the messages', () => {
  const check = (extra: Record<string, unknown>) => validateMessages(read({ ...GOOD, ...extra }).body());

  it('accepts what the client sends', () => {
    check({
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'x' }] },
        { role: 'system', content: 'note' },
        { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'b', input: {} }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a' }] },
      ],
      tools: [{ name: 'x' }, { type: 'web_search_20250305' }],
      system: [{ type: 'text', text: 'x' }],
    });
  });

  it.each([
    [{ messages: [7] }, 'messages[0]: must be an object'],
    [{ messages: [{ content: 'x' }] }, 'messages[0].role: must be a string'],
    [
      {
        messages: [
          { role: 'user', content: 'x' },
          { role: 'tool', content: 'x' },
        ],
      },
      'messages[1].role: must be "user"',
    ],
    [{ messages: [{ role: 'user', content: 5 }] }, 'messages[0].content: must be a string or an array'],
    [{ messages: [{ role: 'user' }] }, 'messages[0].content: must be'],
    [{ messages: [{ role: 'user', content: ['x'] }] }, 'messages[0].content[0]: must be an object'],
    [{ messages: [{ role: 'user', content: [{ text: 'x' }] }] }, 'messages[0].content[0].type: must be a string'],
    [{ messages: [{ role: 'user', content: [{ type: 'text' }] }] }, 'messages[0].content[0].text: must be a string'],
    [{ messages: [{ role: 'user', content: [{ type: 'tool_result' }] }] }, 'content[0].tool_use_id: must be a string'],
    [{ system: [{ type: 'text', text: 4 }] }, 'system[0].text: must be a string'],
    [{ tools: [null] }, 'tools[0]: must be an object'],
    [{ tools: [{ description: 'x' }] }, 'tools[0].name: is required'],
  ])('names the path of the fault: %#', (extra, text) => {
    expect(() => check(extra)).toThrow(text);
  });

  it.each(WHOLE_NUMBERS)('max_tokens may be written as %s', (text) => {
    const raw = Buffer.from(JSON.stringify(GOOD).replace('"max_tokens":10', `"max_tokens":${text}`));
    expect(readEnvelope(raw, '/v1/messages', []).model).toBe(GOOD.model);
  });
});
