import { expect } from 'vitest';
import type { Envelope } from '../../src/core/messages.ts';
import type { Target } from '../../src/core/target.ts';
import { anthropicMessages } from '../../src/protocols/anthropic/index.ts';
import { checkMessages } from './messages-grammar.ts';
import type { Answered } from './messages-streams.ts';
import { context, envelope, Memory, thirdParty } from './messages-target.ts';

export const request = envelope({ stream: true });

/** Pushes the chunks through the translator of a stream and ends it. */
export function run(
  chunks: readonly (Buffer | string)[],
  target: Target = thirdParty(),
  env: Envelope = request,
  provenance = new Memory(),
) {
  const translator = anthropicMessages.stream(env, target, context({ provenance }));
  const out: Buffer[] = [];
  const states: string[] = [];
  for (const chunk of chunks) {
    out.push(...translator.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk));
    states.push(translator.state);
  }
  out.push(...translator.end());
  return {
    bytes: Buffer.concat(out),
    state: translator.state,
    fault: translator.fault,
    usage: translator.usage,
    states,
  };
}

export const frame = (data: Record<string, unknown>): string =>
  `event: ${String(data.type)}\ndata: ${JSON.stringify(data)}\n\n`;
export const START = {
  id: 'msg_up',
  type: 'message',
  role: 'assistant',
  model: 'up',
  content: [],
  stop_reason: null,
  stop_sequence: null,
  usage: { input_tokens: 5, output_tokens: 1 },
};
export const start = (message: object = {}): string =>
  frame({ type: 'message_start', message: { ...START, ...message } });
export const open = (index: number, block: object): string =>
  frame({ type: 'content_block_start', index, content_block: block });
export const textBlock = (index = 0): string => open(index, { type: 'text', text: '' });
export const toolBlock = (index: number, id: string): string =>
  open(index, { type: 'tool_use', id, name: 'Read', input: {} });
export const delta = (index: number, fields: object): string =>
  frame({ type: 'content_block_delta', index, delta: fields });
export const say = (index: number, text: string): string => delta(index, { type: 'text_delta', text });
export const close = (index: number): string => frame({ type: 'content_block_stop', index });
export const finish = (stop_reason: string | null, usage: object | null = { output_tokens: 7 }): string =>
  frame({ type: 'message_delta', delta: { stop_reason, stop_sequence: null }, ...(usage ? { usage } : {}) });
export const stop = frame({ type: 'message_stop' });
export const whole = [start(), textBlock(), say(0, 'hi'), close(0), finish('end_turn'), stop];

/** The stream tells this answer, whole and in the grammar. */
export function expectAnswer(result: ReturnType<typeof run>, answer: Answered): void {
  expect(result.fault).toBeUndefined();
  expect(result.state).toBe('done');
  const message = checkMessages(result.bytes);
  expect(message.problems).toEqual([]);
  expect(message.complete).toBe(true);
  expect(message.model).toBe('claude-opus-5');
  expect(message.stopReason).toBe(answer.stopReason);
  expect(merged(message.blocks.map(({ type, text, signature }) => ({ type, text, signature })))).toEqual(
    merged(answer.blocks.map(({ type, pieces, signature }) => ({ type, text: pieces.join(''), signature }))),
  );
}

/** Text blocks without starts and stops between them cannot be told apart: compared as one. */
export function merged(blocks: readonly { type: string; text: string; signature: string }[]) {
  const out: { type: string; text: string; signature: string }[] = [];
  for (const block of blocks) {
    const last = out.at(-1);
    if (last?.type === 'text' && block.type === 'text') last.text += block.text;
    else out.push({ ...block });
  }
  return out;
}
