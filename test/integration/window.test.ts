import { expect, it, onTestFinished } from 'vitest';
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
