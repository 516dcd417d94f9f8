import Anthropic, { APIError } from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import type { ChatCompletion, ChatCompletionCreateParamsNonStreaming } from 'openai/resources/chat/completions';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { PartialQuirks } from '../../src/catalogue/quirks.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';
import { startGateway, type TestGateway } from '../support/test-gateway.ts';
import { requestFaults } from '../support/valid-requests.ts';

let upstream: ScriptedUpstream;
let gate: TestGateway;
let client: Anthropic;

beforeEach(async () => {
  upstream = await startUpstream({ name: 'up', wire: { crlf: true, deltaChars: 3, model: 'up-model' } });
  gate = await startGateway({ corp: { url: `${upstream.url}/v1`, protocol: 'openai-chat' } });
  client = new Anthropic({ baseURL: gate.urlOf(gate.open('corp')), apiKey: 'unused', maxRetries: 0 });
  onTestFinished(async () => {
    expect(gate.internalErrors).toEqual([]);
    expect(requestFaults(upstream)).toEqual([]);
    await upstream.close();
  });
});

const LOOKUP: Anthropic.Tool = {
  name: 'lookup',
  description: 'Looks something up.',
  input_schema: { type: 'object', properties: { q: { type: 'string' }, n: { type: 'array', items: {} } } },
};

/** A conversation with everything that the SDK's types allow in a history. */
const CONVERSATION: Anthropic.MessageCreateParamsNonStreaming = {
  model: 'claude-sonnet-5',
  max_tokens: 2_000,
  system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }],
  stop_sequences: ['</block>'],
  tools: [LOOKUP],
  tool_choice: { type: 'tool', name: 'lookup', disable_parallel_tool_use: true },
  messages: [
    {
      role: 'user',
      content: [
        { type: 'text', text: 'What is this?' },
        { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } },
      ],
    },
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'I look it up', signature: 'c2ln' },
        { type: 'text', text: 'Let me see.' },
        { type: 'tool_use', id: 'toolu_1', name: 'lookup', input: { q: 'ü😀' } },
        { type: 'tool_use', id: 'toolu_2', name: 'lookup', input: {} },
      ],
    },
    {
      role: 'user',
      content: [
        { type: 'tool_result', tool_use_id: 'toolu_2', content: 'the second', is_error: true },
        { type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: 'the first' }] },
        { type: 'text', text: 'and now?' },
      ],
    },
  ],
};

const turn = (content: string): Anthropic.MessageCreateParamsNonStreaming => ({
  model: 'claude-sonnet-5',
  max_tokens: 100,
  messages: [{ role: 'user', content }],
});

describe('the Anthropic SDK in front of a Chat Completions upstream', () => {
  it.each([true, false])('gets thinking, text and parallel calls (streamed: %s)', async (stream) => {
    upstream.play('all', [
      [
        { thinking: 'hm, ü😀' },
        'some text',
        { tool: 'lookup', input: { q: 'ü😀', n: [1, 2.5, null] }, id: 'call_a' },
        { tool: 'lookup', input: {}, id: 'call_b' },
      ],
    ]);
    const request = { ...turn('play:all'), tools: [LOOKUP] };
    const message = stream
      ? await client.messages.stream(request).finalMessage()
      : await client.messages.create(request);
    expect(message).toMatchObject({ model: 'claude-sonnet-5', stop_reason: 'tool_use', role: 'assistant' });
    expect(message.content).toMatchObject([
      { type: 'thinking', thinking: 'hm, ü😀' },
      { type: 'text', text: 'some text' },
      { type: 'tool_use', id: 'call_a', name: 'lookup', input: { q: 'ü😀', n: [1, 2.5, null] } },
      { type: 'tool_use', id: 'call_b', name: 'lookup', input: {} },
    ]);
    expect(message.usage.output_tokens).toBe(10);
    expect(message.usage.input_tokens).toBeGreaterThan(0);
  });

  it('goes on with what it got, turn after turn', async () => {
    upstream.play('loop', [
      [{ thinking: 'first' }, { tool: 'lookup', input: { q: '1' } }],
      [{ thinking: 'second' }, { tool: 'lookup', input: { q: '2' } }],
      'found it',
    ]);
    const request = { ...turn('play:loop'), tools: [LOOKUP] };
    const messages: Anthropic.MessageParam[] = [...request.messages];
    let message = await client.messages.stream({ ...request, messages }).finalMessage();
    while (message.stop_reason === 'tool_use') {
      const results = message.content
        .filter((block) => block.type === 'tool_use')
        .map(({ id }) => ({ type: 'tool_result' as const, tool_use_id: id, content: 'nothing' }));
      messages.push({ role: 'assistant', content: message.content }, { role: 'user', content: results });
      message = await client.messages.stream({ ...request, messages }).finalMessage();
    }
    expect(message.content).toMatchObject([{ type: 'text', text: 'found it' }]);
    expect(upstream.turns()).toHaveLength(3);
  });

  it.each([
    [401, 'authentication_error'],
    [429, 'rate_limit_error'],
    [503, 'overloaded_error'],
  ])('raises its own error for %i', async (status, type) => {
    upstream.fail({ status, body: '{"error":{"message":"not now","code":"x"}}', times: 9 });
    const fault: unknown = await client.messages.create(turn('x')).catch((thrown: unknown) => thrown);
    expect(fault).toBeInstanceOf(APIError);
    expect(JSON.stringify((fault as APIError).error)).toContain(type);
    expect(String((fault as APIError).message)).toContain('not now');
  });

  it('is asked again without the reasoning that the upstream takes from nobody', async () => {
    const quirks: PartialQuirks = { chat: { reasoningField: 'reasoning_content', reasoningReplay: 'tool-turns' } };
    const keeping = await startGateway({ corp: { url: `${upstream.url}/v1`, protocol: 'openai-chat', quirks } });
    const asking = new Anthropic({ baseURL: keeping.urlOf(keeping.open('corp')), apiKey: 'unused', maxRetries: 0 });
    const message = "messages.2.assistant.reasoning_content: property 'reasoning_content' is unsupported";
    upstream.fail({ status: 400, body: JSON.stringify({ message, code: 'wrong_api_format' }) });
    upstream.play('on', [['It goes on.']]);
    const messages = [...CONVERSATION.messages, { role: 'user' as const, content: 'play:on' }];
    const answer = await asking.messages.create({ ...CONVERSATION, messages });
    expect(answer.content).toMatchObject([{ type: 'text', text: 'It goes on.' }]);
    const sent = upstream.turns().map(({ body }) => JSON.stringify(body).includes('I look it up'));
    expect(sent).toEqual([true, false]);
  });

  it.each(['cut', 'end', 'sse-error'] as const)('raises an error when the stream breaks off: %s', async (mode) => {
    upstream.fail({ mode, afterEvents: 4, times: 9 });
    await expect(client.messages.stream(turn('x')).finalMessage()).rejects.toThrow();
  });

  it('counts tokens and lists models', async () => {
    const { messages } = turn('some words to count');
    expect((await client.messages.countTokens({ model: 'm', messages })).input_tokens).toBeGreaterThan(3);
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids.length).toBeGreaterThan(0);
    expect(upstream.requests).toEqual([]);
  });
});

describe('the openai package as the other end', () => {
  it('has a parameter for every field of a translated request', async () => {
    await client.messages.create(CONVERSATION);
    const request = upstream.turns()[0]?.body as unknown as ChatCompletionCreateParamsNonStreaming;
    const known: (keyof ChatCompletionCreateParamsNonStreaming)[] = [
      'max_tokens',
      'messages',
      'model',
      'parallel_tool_calls',
      'stop',
      'tool_choice',
      'tools',
    ];
    expect(Object.keys(request).sort()).toEqual(known);
    expect(request.tool_choice).toEqual({ type: 'function', function: { name: 'lookup' } });
    expect(request.messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'tool', 'tool', 'user']);
  });

  it.each([true, false])('sends that request itself and gets the same answer (streamed: %s)', async (stream) => {
    upstream.play('all', [['some text', { tool: 'lookup', input: { q: 'ü😀' }, id: 'call_a' }]]);
    const asked = {
      ...CONVERSATION,
      messages: [...CONVERSATION.messages, { role: 'user' as const, content: 'play:all' }],
    };
    const translated = stream
      ? await client.messages.stream(asked).finalMessage()
      : await client.messages.create(asked);
    const encoded = upstream.turns()[0]?.body as unknown as ChatCompletionCreateParamsNonStreaming;
    const direct = new OpenAI({ baseURL: `${upstream.url}/v1`, apiKey: 'unused', maxRetries: 0 });
    const { stream: _, ...rest } = encoded;
    const completion: ChatCompletion = stream
      ? await direct.chat.completions.stream({ ...rest, stream: true }).finalChatCompletion()
      : await direct.chat.completions.create(rest);
    // What the package puts on the wire is what was translated: nothing in it had to be dropped or changed.
    expect(JSON.parse(upstream.turns()[1]?.raw.toString() ?? '')).toEqual(encoded);
    const [choice] = completion.choices;
    const [call] = choice?.message.tool_calls ?? [];
    const [text, use] = translated.content;
    expect(text).toMatchObject({ type: 'text', text: choice?.message.content });
    if (call?.type !== 'function' || use?.type !== 'tool_use') throw new Error('both answers have a call');
    expect([use.id, use.name, use.input]).toEqual([call.id, call.function.name, JSON.parse(call.function.arguments)]);
    expect([choice?.finish_reason, translated.stop_reason]).toEqual(['tool_calls', 'tool_use']);
    expect(completion.usage?.completion_tokens).toBe(translated.usage.output_tokens);
  });
});
