import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from './server.ts';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await startSandbox();
});
afterAll(() => sandbox.close());

interface Answer {
  readonly content: { type: string; text: string; id: string }[];
  readonly stop_reason: string;
}
const jsonOf = async (reply: Promise<Response>) => (await (await reply).json()) as Answer;
const ask = (path: string, body: unknown) =>
  fetch(`${sandbox.origin}${path}`, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) });
const prompt = (content: string, more: object = {}) => ({
  model: 'sandbox-swift',
  messages: [{ role: 'user', content }],
  ...more,
});

describe('the simulated models', () => {
  it('say who they are and repeat what they were told', async () => {
    const message = await jsonOf(ask('/v1/messages', prompt('hello')));
    expect(message).toMatchObject({ model: 'sandbox-swift', stop_reason: 'end_turn' });
    expect(JSON.stringify(message.content)).toContain('You said: hello');
  });

  it('follow a script turn by turn, a tool call ending a turn', async () => {
    const script = '@sandbox think Hm.\n@sandbox tool Bash {"command":"pwd"}\n@sandbox say Done.';
    const first = await jsonOf(ask('/v1/messages', prompt(script)));
    expect(first.content).toMatchObject([
      { type: 'thinking', thinking: 'Hm.' },
      { type: 'tool_use', name: 'Bash', input: { command: 'pwd' } },
    ]);
    expect(first.stop_reason).toBe('tool_use');
    const messages = [
      { role: 'user', content: script },
      { role: 'assistant', content: first.content },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: first.content[1]?.id, content: '/tmp' }] },
    ];
    const second = await jsonOf(ask('/v1/messages', { model: 'sandbox-swift', messages }));
    expect(second.content).toEqual([{ type: 'text', text: 'Done.' }]);
  });

  it('never let a permission check pass', async () => {
    const body = prompt('may this run?', { stop_sequences: ['</block>'] });
    const message = await jsonOf(ask('/v1/messages', body));
    expect(message.content[0]?.text).toMatch(/^<block>yes/);
  });

  it('answer a schema with an instance of it', async () => {
    const schema = {
      type: 'object',
      properties: { title: { type: 'string' }, n: { type: 'integer' }, kind: { enum: ['a', 'b'] } },
    };
    const body = prompt('x', { output_config: { format: { type: 'json_schema', schema } } });
    const message = await jsonOf(ask('/v1/messages', body));
    expect(JSON.parse(message.content[0]?.text ?? '')).toEqual({ title: expect.any(String), n: 1, kind: 'a' });
  });
});

describe('both protocols', () => {
  it('stream the same text', async () => {
    const script = prompt('@sandbox say Grüße, 世界 and a longer sentence than one piece.', { stream: true });
    const messages = await (await ask('/v1/messages', script)).text();
    const chat = await (await ask('/v1/chat/completions', script)).text();
    const text = (stream: string, pattern: RegExp) =>
      [...stream.matchAll(pattern)].map((m) => JSON.parse(m[1] as string)).join('');
    const expected = 'Grüße, 世界 and a longer sentence than one piece.';
    expect(text(messages, /"text_delta","text":("(?:[^"\\]|\\.)*")/g)).toBe(expected);
    expect(text(chat, /"delta":\{"content":("(?:[^"\\]|\\.)*")/g)).toBe(expected);
    expect(messages).toMatch(/message_stop/);
    expect(chat.trim().endsWith('data: [DONE]')).toBe(true);
  });

  it('cut before the end when the script asks for it', async () => {
    const reply = await ask('/v1/messages', prompt('@sandbox say Half\n@sandbox fault cut', { stream: true }));
    await expect(reply.text()).rejects.toThrow();
  });

  it.each([
    ['overloaded', 529],
    ['rate-limit', 429],
    ['credential', 401],
    ['overflow', 400],
  ])('refuse with the fault %s', async (fault, status) => {
    const reply = await ask('/v1/messages', prompt(`@sandbox fault ${fault}`));
    expect(reply.status).toBe(status);
    expect(await reply.json()).toMatchObject({ type: 'error' });
  });

  it('refuse what is not JSON and models they do not have', async () => {
    expect((await ask('/v1/messages', '{')).status).toBe(400);
    expect((await ask('/v1/messages', { ...prompt('x'), model: 'gpt' })).status).toBe(404);
  });
});
