import http from 'node:http';
import { MidswapError } from '../core/errors.ts';
import type { Block, Message } from '../core/messages.ts';
import { ASK_TIMEOUT_MS, type DemoAnswer, type DemoClient } from './client.ts';

const MAX_STEPS = 8;

/** A client of a few lines for machines without Claude Code: it streams, runs one tool, and keeps the conversation. */
export function startBuiltInClient(baseUrl: string): DemoClient {
  const messages: Message[] = [];
  return {
    name: 'the built-in client (Claude Code was not found)',
    tool: { name: 'multiply', input: { a: 6, b: 7 } },
    async ask(prompt) {
      messages.push({ role: 'user', content: prompt });
      const tools: string[] = [];
      for (let step = 0; step < MAX_STEPS; step++) {
        const content = await send(baseUrl, messages);
        messages.push({ role: 'assistant', content });
        const calls = content.filter((block) => block.type === 'tool_use');
        if (calls.length === 0) return answerOf(content, tools);
        for (const call of calls) tools.push(String(call.name));
        messages.push({ role: 'user', content: calls.map(runTool) });
      }
      throw new MidswapError('upstream_failed', `the conversation did not end within ${MAX_STEPS} steps`);
    },
    async close() {},
  };
}

function answerOf(content: readonly Block[], tools: readonly string[]): DemoAnswer {
  const text = content.map((block) => (block.type === 'text' ? String(block.text) : '')).join('');
  return { text, tools };
}

function runTool(call: Block): Block {
  const { a, b } = call.input as { a?: number; b?: number };
  return { type: 'tool_result', tool_use_id: call.id, content: String((a ?? 0) * (b ?? 0)) };
}

async function send(baseUrl: string, messages: readonly Message[]): Promise<Block[]> {
  const tools = [
    {
      name: 'multiply',
      description: 'Multiplies two numbers',
      input_schema: { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } } },
    },
  ];
  const stream = await post(
    `${baseUrl}/v1/messages`,
    JSON.stringify({ model: 'claude-sonnet-5', max_tokens: 1024, stream: true, tools, messages }),
  );
  return collect(stream);
}

function collect(stream: string): Block[] {
  const content: Block[] = [];
  const inputs: string[] = [];
  for (const line of stream.split('\n')) {
    if (!line.startsWith('data: ')) continue;
    const event = JSON.parse(line.slice(6));
    if (event.type === 'error') throw new MidswapError('upstream_failed', event.error.message);
    if (event.type === 'content_block_start') content[event.index] = event.content_block;
    if (event.type !== 'content_block_delta') continue;
    const block = content[event.index] as Block;
    const { delta } = event;
    if (delta.type === 'text_delta') block.text = `${block.text}${delta.text}`;
    if (delta.type === 'thinking_delta') block.thinking = `${block.thinking}${delta.thinking}`;
    if (delta.type === 'signature_delta') block.signature = delta.signature;
    if (delta.type === 'input_json_delta') inputs[event.index] = (inputs[event.index] ?? '') + delta.partial_json;
  }
  if (!stream.includes('event: message_stop'))
    throw new MidswapError('upstream_failed', 'the stream ended in the middle');
  for (const [index, input] of inputs.entries()) if (input) (content[index] as Block).input = JSON.parse(input);
  return content;
}

function post(url: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      'anthropic-version': '2023-06-01',
      'content-length': Buffer.byteLength(body),
    };
    const request = http.request(url, { method: 'POST', headers, timeout: ASK_TIMEOUT_MS }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk) => {
        text += chunk;
      });
      answer.on('error', reject);
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve(text);
        else
          reject(
            new MidswapError('upstream_failed', `the gateway answered ${answer.statusCode}: ${text.slice(0, 200)}`),
          );
      });
    });
    request.on('error', reject).end(body);
  });
}
