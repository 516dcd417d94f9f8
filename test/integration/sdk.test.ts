import Anthropic, { APIError } from '@anthropic-ai/sdk';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';
import { startGateway, type TestGateway } from '../support/test-gateway.ts';

let upstream: ScriptedUpstream;
let gate: TestGateway;
let client: Anthropic;

beforeEach(async () => {
  upstream = await startUpstream({ name: 'up', wire: { dataOnly: true, crlf: true, model: 'up-model' } });
  gate = await startGateway({ corp: { url: upstream.url } });
  client = new Anthropic({ baseURL: gate.urlOf(gate.open('corp')), apiKey: 'unused', maxRetries: 0 });
  onTestFinished(async () => {
    expect(gate.internalErrors).toEqual([]);
    await upstream.close();
  });
});

const turn = (content: string) => ({
  model: 'claude-sonnet-5',
  max_tokens: 100,
  messages: [{ role: 'user' as const, content }],
});

describe('the Anthropic SDK through the gateway', () => {
  it('collects a streamed message with thinking and a tool call', async () => {
    upstream.play('all', [
      [
        { thinking: 'hm', signature: 'c2ln' },
        'some text',
        { tool: 'lookup', input: { q: 'ü😀', n: [1, 2] }, id: 'toolu_1' },
      ],
    ]);
    const message = await client.messages.stream(turn('play:all')).finalMessage();
    expect(message.model).toBe('claude-sonnet-5');
    expect(message.stop_reason).toBe('tool_use');
    expect(message.content.map((block) => block.type)).toEqual(['thinking', 'text', 'tool_use']);
    expect(message.content[2]).toMatchObject({ id: 'toolu_1', name: 'lookup', input: { q: 'ü😀', n: [1, 2] } });
    expect(message.usage.output_tokens).toBe(10);
  });

  it('takes a whole message', async () => {
    const message = await client.messages.create(turn('hello'));
    expect(message).toMatchObject({ model: 'claude-sonnet-5', content: [{ type: 'text', text: 'reply from up' }] });
  });

  it('counts tokens and lists models', async () => {
    expect(
      (await client.messages.countTokens({ model: 'm', messages: turn('x').messages })).input_tokens,
    ).toBeGreaterThan(0);
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids.length).toBeGreaterThan(0);
  });

  it.each([
    [401, 'authentication_error'],
    [429, 'rate_limit_error'],
    [529, 'overloaded_error'],
  ])('raises its own error for %i', async (status, type) => {
    upstream.fail({ status, times: 9 });
    const fault: unknown = await client.messages.create(turn('x')).catch((thrown: unknown) => thrown);
    expect(fault).toBeInstanceOf(APIError);
    expect((fault as APIError).status).toBe(status);
    expect(JSON.stringify((fault as APIError).error)).toContain(type);
  });

  it('raises an error when the stream is cut, and never returns half of it', async () => {
    upstream.fail({ mode: 'cut', afterEvents: 4, times: 9 });
    await expect(client.messages.stream(turn('x')).finalMessage()).rejects.toThrow();
  });
});
