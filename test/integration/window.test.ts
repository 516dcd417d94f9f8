import { describe, expect, it, onTestFinished } from 'vitest';
import type { FailureClass } from '../../src/core/failure.ts';
import { post } from '../support/http-client.ts';
import { startUpstream } from '../support/scripted-upstream.ts';
import { startGateway } from '../support/test-gateway.ts';

it('after a switch to a small model the conversation is refused as the client expects, and nothing is sent', async () => {
  const upstream = await startUpstream({ name: 'small' });
  onTestFinished(() => upstream.close());
  const gate = await startGateway({ small: { url: upstream.url, contextWindow: 8000 } });
  const url = `${gate.urlOf(gate.open('small'))}/v1/messages`;
  const ask = (content: string) =>
    post(url, { model: 'claude-sonnet-5', max_tokens: 9, stream: true, messages: [{ role: 'user', content }] });
  const answer = await ask('many words '.repeat(20_000));
  expect(answer.status).toBe(400);
  expect(answer.json()).toMatchObject({
    type: 'error',
    error: {
      type: 'invalid_request_error',
      message: expect.stringMatching(/^prompt is too long: \d+ tokens > 8000 maximum$/),
    },
  });
  expect(upstream.turns()).toEqual([]);
  expect((await ask('hello')).status).toBe(200);
});

describe('a conversation that is too long for its model', () => {
  async function ask(
    fallbackOn: readonly FailureClass[] | undefined,
    how: Record<string, string> = {},
    smallWindow: number | undefined = 8000,
  ) {
    const small = await startUpstream({ name: 'small' });
    small.fail({ status: 400, message: 'prompt is too long: 55000 tokens > 8000 maximum' });
    const large = await startUpstream({ name: 'large' });
    onTestFinished(() => small.close());
    onTestFinished(() => large.close());
    const given = { ...(fallbackOn && { fallbackOn }), ...(smallWindow && { contextWindow: smallWindow }) };
    const gate = await startGateway({
      small: { url: small.url, fallback: ['alike', 'large'], ...given },
      alike: { url: small.url, contextWindow: 8000 },
      large: { url: large.url, contextWindow: 200_000, protocol: 'openai-chat' },
    });
    const body = {
      model: 'claude-sonnet-5',
      max_tokens: 9,
      stream: true,
      messages: [{ role: 'user', content: 'many words '.repeat(20_000) }],
    };
    const answer = await post(`${gate.urlOf(gate.open('small'))}/v1/messages`, body, how);
    return { answer, asked: [small.turns().length, large.turns().length] };
  }

  it('goes to the larger window of the chain where that is configured, and says so', async () => {
    const { answer, asked } = await ask(['context_overflow']);
    expect([answer.status, asked]).toEqual([200, [0, 1]]);
    expect(answer.headers['x-midswap-target']).toBe('large/large-model');
    expect(answer.headers['x-midswap-attempts']).toBe('2 (small/small-model: context_overflow)');
  });

  it('is left to the client otherwise', async () => {
    const { answer, asked } = await ask(undefined);
    expect([answer.status, asked]).toEqual([400, [0, 0]]);
  });

  it('goes there when it is being compacted, also when only the small model knows that it is too long', async () => {
    const { answer, asked } = await ask(undefined, { 'x-claude-code-compaction': '1' }, 0);
    expect([answer.status, asked]).toEqual([200, [1, 1]]);
    expect(answer.headers['x-midswap-attempts']).toBe('2 (small/small-model: context_overflow 400)');
  });
});
