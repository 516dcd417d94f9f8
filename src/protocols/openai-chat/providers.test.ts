import { describe, expect, it } from 'vitest';
import { delta, sse, translate } from '../../../test/support/chat-answer.ts';
import { sent } from '../../../test/support/chat-request.ts';
import { catalogueTarget } from '../../../test/support/chat-target.ts';
import { assistant, result, text, use, user } from '../../../test/support/chat-turns.ts';
import type { Message } from '../../core/messages.ts';

const TOOLS = [{ name: 'Read' }, { name: 'Ls' }];
const thought = { type: 'thinking', thinking: 'plan', signature: '' };
const TURN: Message[] = [
  user('look'),
  assistant([thought, text('I look.'), use('call_1', 'Read', { path: 'a' }), use('call_2', 'Ls')]),
  user([result('call_1', 'A'), result('call_2', 'B')]),
  { role: 'system', content: 'reminder' },
];
const roles = (id: string, messages: Message[], model?: string): string[] =>
  sent({ tools: TOOLS, messages }, catalogueTarget(id, model)).messages.map(
    (message: { role: string }) => message.role,
  );

describe('a turn with tools', () => {
  it('has its reasoning where the model goes on from it', () => {
    for (const model of ['openai/gpt-oss-120b', 'openai/gpt-oss-20b', 'qwen/qwen3.8-27b']) {
      expect(sent({ tools: TOOLS, messages: TURN }, catalogueTarget('groq', model)).messages[1]).toMatchObject({
        content: 'I look.',
        reasoning: 'plan',
      });
    }
    expect(sent({ tools: TOOLS, messages: TURN }, catalogueTarget('groq')).messages[1]).not.toHaveProperty('reasoning');
    for (const model of ['mistral-medium-3.5', 'mistral-small-latest']) {
      const turn = sent({ tools: TOOLS, messages: TURN }, catalogueTarget('mistral', model)).messages[1];
      expect(turn.content).toEqual([
        { type: 'thinking', thinking: [{ type: 'text', text: 'plan' }] },
        { type: 'text', text: 'I look.' },
      ]);
      expect(turn.tool_calls).toHaveLength(2);
    }
    // "Reasoning input is not enabled for this model"
    expect(sent({ tools: TOOLS, messages: TURN }, catalogueTarget('mistral')).messages[1].content).toBe('I look.');
    const glm = sent({ tools: TOOLS, messages: TURN }, catalogueTarget('cerebras', 'zai-glm-4.7')).messages[1];
    expect(glm.content).toBe('<think>\nplan\n</think>\n\nI look.');
    expect(glm).not.toHaveProperty('reasoning_content');
  });

  it.each([
    ['together', 'moonshotai/Kimi-K2.7-Code', 'reasoning'],
    ['together', 'zai-org/GLM-5.3', 'reasoning_content'],
    ['huggingface', 'deepseek-ai/DeepSeek-V4.1-Flash', 'reasoning_content'],
    ['huggingface', 'openai/gpt-oss-120b', undefined],
    ['huggingface', 'google/gemma-4-31B-it', undefined],
    ['novita', 'deepseek/deepseek-v4-flash', 'reasoning_content'],
    ['friendliai', 'zai-org/GLM-5.3', 'reasoning_content'],
    ['deepinfra', 'deepseek-ai/DeepSeek-V4-Pro-0813', 'reasoning_content'],
    ['nvidia-nim', 'moonshotai/kimi-k3', 'reasoning_content'],
  ])('has its reasoning where the host passes it on: %s %s', (id, model, field) => {
    const turn = sent({ tools: TOOLS, messages: TURN }, catalogueTarget(id, model)).messages[1];
    const told = Object.keys(turn).filter((key) => key.startsWith('reasoning'));
    expect(told).toEqual(field === undefined ? [] : [field]);
    if (field !== undefined) expect(turn[field]).toBe('plan');
  });

  it.each([
    ['xai', ''],
    ['groq', ''],
    ['cerebras', ''],
    ['mistral', null],
    ['vllm', null],
  ])('that only calls has the content that %s wants', (id, content) => {
    const messages = [user('look'), assistant([use('call_1', 'Read')]), user([result('call_1', 'A')])];
    expect(sent({ tools: TOOLS, messages }, catalogueTarget(id)).messages[1].content).toBe(content);
  });

  it('is told as text to a provider that takes no tools', () => {
    const body = sent({ tools: TOOLS, messages: TURN }, catalogueTarget('perplexity', 'sonar'));
    expect(body).not.toHaveProperty('tools');
    expect(body.messages.map((message: { role: string }) => message.role)).toEqual(['user', 'assistant', 'user']);
  });

  it.each(['llamacpp', 'lmstudio', 'vllm', 'sglang', 'nvidia-nim', 'huggingface'])(
    'has no two user messages in a row where a chat template may refuse them: %s',
    (id) => {
      const more: Message[] = [...TURN.slice(0, 3), user('next'), { role: 'system', content: 'reminder' }];
      expect(roles(id, more)).toEqual(['user', 'assistant', 'tool', 'tool', 'user']);
    },
  );
});

describe('the effort', () => {
  const GLM = ['zai-org/GLM-5.3', 'zai-org/GLM-5.3-Flash'];

  it.each(GLM)('of %s at Together is a word, and its thinking is not switched off, which it cannot be', (model) => {
    const asked = (more: object): unknown => sent(more, catalogueTarget('together', model));
    const adaptive = { thinking: { type: 'adaptive' } };
    expect(asked({ ...adaptive, output_config: { effort: 'low' } })).toMatchObject({ reasoning_effort: 'low' });
    expect(asked({ ...adaptive, output_config: { effort: 'max' } })).toMatchObject({ reasoning_effort: 'max' });
    for (const key of ['reasoning', 'reasoning_effort']) {
      expect(asked({ thinking: { type: 'disabled' } })).not.toHaveProperty(key);
    }
  });
});

describe('GLM 5.3 at Fireworks', () => {
  const target = catalogueTarget('fireworks', 'accounts/fireworks/models/glm-5p3-flash');

  it('is never told not to think, which it answers with 400, and knows a low effort', () => {
    expect(sent({ thinking: { type: 'disabled' } }, target)).not.toHaveProperty('reasoning_effort');
    const effort = (word: string): unknown =>
      sent({ thinking: { type: 'adaptive' }, output_config: { effort: word } }, target).reasoning_effort;
    expect(['low', 'medium', 'high', 'xhigh', 'max'].map(effort)).toEqual(['low', 'high', 'high', 'max', 'max']);
    expect(target.quirks.messages.disabledThinking).toBe(false);
  });
});

describe('a picture', () => {
  const picture = (type: string): Message =>
    user([{ type: 'image', source: { type: 'base64', media_type: type, data: 'UklGRg==' } }]);
  const isSent = (id: string, type: string): boolean =>
    JSON.stringify(sent({ messages: [picture(type)] }, catalogueTarget(id, 'x'))).includes('image_url');

  it.each([
    ['llamacpp', ['image/png', 'image/jpeg', 'image/gif'], ['image/webp']],
    ['ollama', ['image/png', 'image/jpeg', 'image/webp'], ['image/gif']],
    ['lmstudio', ['image/png', 'image/jpeg', 'image/webp'], ['image/gif']],
    ['xai', ['image/png', 'image/jpeg'], ['image/webp', 'image/gif']],
    ['vllm', ['image/png', 'image/jpeg', 'image/webp', 'image/gif'], []],
  ])('goes to %s when it is %j, not %j', (id, yes, no) => {
    for (const type of yes) expect(isSent(id, type)).toBe(true);
    for (const type of no) expect(isSent(id, type)).toBe(false);
  });
});

describe('the schema of a tool', () => {
  it('has no lengths and patterns for llama.cpp, which makes a grammar of all schemas together', () => {
    const tools = [{ name: 'A', input_schema: { properties: { s: { type: 'string', maxLength: 65_536 } } } }];
    expect(sent({ tools }, catalogueTarget('llamacpp')).tools[0].function.parameters).toEqual({
      type: 'object',
      properties: { s: { type: 'string' } },
    });
    expect(catalogueTarget('llamacpp').quirks.messages.schemaDialect).toBe('grammar');
  });
});

describe('the format of an answer', () => {
  const format = { type: 'json_schema', schema: { type: 'object', properties: { title: { type: 'string' } } } };
  const has = (id: string, more: object): boolean =>
    'response_format' in sent({ output_config: { format }, ...more }, catalogueTarget(id));

  it('is only described to Groq beside a stream or tools, and to Cerebras beside tools', () => {
    expect([has('groq', {}), has('groq', { stream: true }), has('groq', { tools: TOOLS })]).toEqual([
      true,
      false,
      false,
    ]);
    expect([has('cerebras', { stream: true }), has('cerebras', { tools: TOOLS })]).toEqual([true, false]);
  });
});

describe('a forced tool', () => {
  it.each(['lmstudio', 'llamacpp'])('is the only one that is offered where none can be named: %s', (id) => {
    const body = sent({ tools: TOOLS, tool_choice: { type: 'tool', name: 'Ls' } }, catalogueTarget(id));
    expect(body).toMatchObject({ tool_choice: 'required', tools: [{ function: { name: 'Ls' } }] });
  });
});

describe('a long answer in one piece', () => {
  it('is streamed by Fireworks, which gives no other', () => {
    expect(sent({ max_tokens: 8192 }, catalogueTarget('fireworks'))).toMatchObject({ stream: true, max_tokens: 8192 });
    expect(sent({ max_tokens: 1024 }, catalogueTarget('fireworks'))).not.toHaveProperty('stream');
  });
});

describe('effort', () => {
  const effort = (id: string, model: string, more: object): unknown =>
    sent(more, catalogueTarget(id, model)).reasoning_effort;
  const wish = (effort: string) => ({ thinking: { type: 'adaptive' }, output_config: { effort } });

  it.each([
    ['xai', 'grok-4.3', wish('max'), 'high'],
    ['xai', 'grok-4.3', { thinking: { type: 'disabled' } }, 'none'],
    ['xai', 'grok-4.7', { thinking: { type: 'disabled' } }, 'low'],
    ['xai', 'grok-4.6', wish('max'), 'xhigh'],
    ['xai', 'grok-4.5', wish('max'), 'high'],
    ['xai', 'grok-4.5', { thinking: { type: 'disabled' } }, 'low'],
    ['mistral', 'mistral-small-latest', wish('low'), 'high'],
    ['mistral', 'mistral-medium-3-5', wish('max'), 'high'],
    ['mistral', 'mistral-medium-3.5', { thinking: { type: 'disabled' } }, 'none'],
    ['mistral', 'devstral-latest', wish('high'), undefined],
    ['cerebras', 'zai-glm-4.7', wish('high'), undefined],
    ['cerebras', 'zai-glm-4.7', { thinking: { type: 'disabled' } }, 'none'],
    ['fireworks', 'accounts/fireworks/models/glm-5p3', wish('low'), 'low'],
    ['fireworks', 'accounts/fireworks/models/glm-5p3', wish('max'), 'max'],
    ['fireworks', 'accounts/fireworks/models/kimi-k2p7-code', wish('xhigh'), 'high'],
  ])('of %s %s for %j is %s', (id, model, wanted, word) => {
    expect(effort(id, model, wanted)).toBe(word);
  });
});

describe('a call that the server left in the text', () => {
  it.each([
    ['sglang', '{"name": "Read", "parameters": {"path": "a"}}'],
    ['vllm', '[TOOL_CALLS][{"name": "Read", "arguments": {"path": "a"}}]'],
    ['lmstudio', '<|channel|>commentary to=functions.Read <|constrain|>json<|message|>{"path":"a"}'],
  ])('of %s is made: %s', (id, written) => {
    const chunks = [...[...written].map((letter) => delta({ content: letter })), delta({}, 'stop')];
    const told = translate(sse(chunks), { target: catalogueTarget(id), request: { tools: TOOLS } });
    expect(told).toMatchObject({ stopReason: 'tool_use', content: [{ type: 'tool_use', name: 'Read' }] });
  });
});
