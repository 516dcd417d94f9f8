import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chatEvents, chatScript, writing } from '../../../test/support/chat-streams.ts';
import { chatContext, chatTarget, envelopeOf } from '../../../test/support/chat-target.ts';
import { damage, damaged } from '../../../test/support/json-damage.ts';
import { checkMessages } from '../../../test/support/messages-grammar.ts';
import type { ChatQuirks } from '../../core/target.ts';
import { openaiChat } from './index.ts';

const ENV = envelopeOf({
  max_tokens: 100,
  stream: true,
  messages: [{ role: 'user', content: 'q' }],
  tools: [{ name: 'Read' }, { name: 'Ls' }],
});
const quirks = fc.constantFrom<Partial<ChatQuirks>>(
  {},
  {},
  { thinkTags: true, thinkTagStyle: 'interleaved' },
  { textToolCalls: ['hermes', 'glm'] },
  { reasoningField: 'reasoning_details', reasoningReplay: 'always' },
  { snapshotDeltas: true },
);
const damages = fc.array(damage, { minLength: 1, maxLength: 4 });

function documentOf(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return data;
  }
}

function streamed(bytes: Buffer, flags: Partial<ChatQuirks>) {
  const machine = openaiChat.stream(ENV, chatTarget(flags), chatContext());
  const out = [...machine.push(bytes), ...machine.end()].map((piece) => Buffer.from(piece));
  return { message: checkMessages(Buffer.concat(out)), machine };
}

interface WholeMessage {
  readonly content: readonly { readonly type: string; readonly input?: unknown }[];
  readonly stop_reason: string;
  readonly usage: Readonly<Record<string, unknown>>;
}

describe('a stream whose fields hold anything', () => {
  it('is a message or a fault, in one piece as in many', () => {
    fc.assert(
      fc.property(chatScript, writing, damages, quirks, (script, how, changes, flags) => {
        const documents = changes.reduce(damaged, chatEvents({ ...script, broken: undefined }, how).map(documentOf));
        const lines = documents.map((each) => `data: ${typeof each === 'string' ? each : JSON.stringify(each)}\n\n`);
        const bytes = Buffer.from(`${lines.join('')}${script.done ? 'data: [DONE]\n\n' : ''}`);
        const { message, machine } = streamed(bytes, flags);
        expect(message.problems).toEqual([]);
        expect(machine.state).toBe(message.complete ? 'done' : 'failed');
        if (!message.complete) expect(machine.fault?.message).not.toMatch(/^$|\bundefined\b|\[object/);
        for (const block of message.blocks) if (block.type === 'text') expect(block.text).not.toBe('');

        const whole = openaiChat.whole(bytes, ENV, chatTarget(flags), chatContext());
        expect('fault' in whole).toBe(!message.complete);
        if ('fault' in whole) return;
        const { content, stop_reason, usage } = JSON.parse(whole.body.toString()) as WholeMessage;
        expect(stop_reason).toBe(message.stopReason);
        expect(content.map(({ type }) => type)).toEqual(message.blocks.map(({ type }) => type));
        for (const { type, input } of content) {
          if (type === 'tool_use') expect(Object.prototype.toString.call(input)).toBe('[object Object]');
        }
        for (const told of [usage, message.usage]) {
          for (const name of ['input_tokens', 'output_tokens']) expect(told[name]).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns: 500 },
    );
  });
});
