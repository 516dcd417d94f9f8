import { describe, expect, it, onTestFinished } from 'vitest';
import type { LocalAnswers } from '../../src/core/snapshot.ts';
import { post } from '../support/http-client.ts';
import { startUpstream } from '../support/scripted-upstream.ts';
import { GENUINE, startGateway } from '../support/test-gateway.ts';

const LOGIN = { authorization: 'Bearer login-of-the-user-0123456789' };
const probe = (content: string, more: Record<string, unknown> = {}) => ({
  model: 'claude-sonnet-5',
  max_tokens: 1,
  messages: [{ role: 'user', content }],
  ...more,
});

async function start(localAnswers?: LocalAnswers) {
  const upstream = await startUpstream({ name: 'one' });
  onTestFinished(() => upstream.close());
  const gate = await startGateway(
    {
      corp: { url: upstream.url },
      chat: { url: upstream.url, protocol: 'openai-chat' },
      key: { url: upstream.url, quirks: { anthropicGenuine: true }, model: null },
      login: { url: upstream.url, quirks: GENUINE, credential: { kind: 'client' }, model: null },
      nokey: { url: upstream.url, credential: { kind: 'missing', reason: 'no key: set IT' } },
    },
    { settings: localAnswers ? { localAnswers } : {} },
  );
  const ask = (profile: string, body: unknown) => post(`${gate.urlOf(gate.open(profile))}/v1/messages`, body, LOGIN);
  return { upstream, gate, ask };
}

describe("the client's look at its limits", () => {
  it.each(['corp', 'chat', 'key'])('is answered here for %s', async (profile) => {
    const { upstream, gate, ask } = await start();
    const answer = await ask(profile, probe('quota'));
    expect([answer.status, answer.json().type, answer.json().model]).toEqual([200, 'message', 'claude-sonnet-5']);
    expect(upstream.requests).toEqual([]);
    expect(gate.records.map(({ outcome }) => outcome)).toEqual(['local']);
  });

  it("is the subscription's to answer, with the headers that tell of them", async () => {
    const { upstream, ask } = await start();
    expect((await ask('login', probe('quota'))).status).toBe(200);
    expect(upstream.turns()).toHaveLength(1);
  });

  it('says what is missing where nobody can be asked', async () => {
    const { ask } = await start();
    expect((await ask('nokey', probe('quota'))).text).toContain('no key: set IT');
  });

  it('goes to the model where that is wanted', async () => {
    const { upstream, ask } = await start({ quotaCheck: false });
    await ask('corp', probe('quota'));
    expect(upstream.turns()).toHaveLength(1);
  });

  it.each([
    ['more than one token', probe('quota', { max_tokens: 2 })],
    ['a stream', probe('quota', { stream: true })],
    ['another word', probe('quotas')],
    [
      'a conversation',
      {
        ...probe('x'),
        messages: [
          { role: 'user', content: 'quota' },
          { role: 'assistant', content: 'x' },
          { role: 'user', content: 'quota' },
        ],
      },
    ],
  ])('is not what asks for %s', async (_, body) => {
    const { upstream, ask } = await start();
    await ask('corp', body);
    expect(upstream.turns()).toHaveLength(1);
  });
});

describe('whether a name is a model', () => {
  it('is answered here, unless that is switched off', async () => {
    const { upstream, ask } = await start();
    expect((await ask('corp', probe('Hi', { model: 'corp' }))).status).toBe(200);
    expect((await ask('corp', probe('Hi', { model: 'nobody-knows-this' }))).status).toBe(404);
    expect(upstream.requests).toEqual([]);
    const off = await start({ modelCheck: false });
    expect((await off.ask('corp', probe('Hi', { model: 'corp' }))).status).toBe(200);
    expect(off.upstream.turns()).toHaveLength(1);
  });
});
