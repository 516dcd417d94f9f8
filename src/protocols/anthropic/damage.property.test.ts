import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { damage, damaged } from '../../../test/support/json-damage.ts';
import { checkMessages } from '../../../test/support/messages-grammar.ts';
import { run } from '../../../test/support/messages-run.ts';
import { answered, cutBytes, onTheWire, RIGHT } from '../../../test/support/messages-streams.ts';
import { context, envelope, Memory, thirdParty } from '../../../test/support/messages-target.ts';
import { anthropicMessages } from './index.ts';

type Fields = Record<string, unknown>;

const damages = fc.array(damage, { minLength: 1, maxLength: 4 });
const WHOLE = {
  type: 'message',
  id: 'msg_01XFDUDYJgAACzvnptvVoYEL',
  role: 'assistant',
  model: 'up',
  content: [
    { type: 'thinking', thinking: 't', signature: 's' },
    { type: 'text', text: 'x' },
    { type: 'tool_use', id: 'a', name: 'Read', input: { a: 1 } },
  ],
  stop_reason: 'tool_use',
  stop_sequence: null,
  usage: { input_tokens: 1, output_tokens: 2, cache_read_input_tokens: 3 },
};

describe('an answer of a third party whose fields hold anything', () => {
  it('is a stream that the client can read, or a fault', () => {
    fc.assert(
      fc.property(
        answered,
        damages,
        fc.boolean(),
        fc.array(fc.nat(), { maxLength: 5 }),
        (answer, changes, named, at) => {
          const frames = onTheWire(answer, RIGHT).bytes.toString().split('\n\n').slice(0, -1);
          const events = frames.map((frame): Fields => JSON.parse(frame.slice(frame.indexOf('data: ') + 6)) as Fields);
          const lines = changes
            .reduce(damaged, events)
            .map(
              (event, index) =>
                `${named ? `event: ${String(events[index]?.type)}\n` : ''}data: ${JSON.stringify(event)}\n\n`,
            );
          const { bytes, state, fault } = run(cutBytes(Buffer.from(lines.join('')), at));
          const message = checkMessages(bytes);
          expect(message.problems).toEqual([]);
          expect(state).toBe(message.complete ? 'done' : 'failed');
          if (!message.complete) expect(fault?.message).not.toMatch(/^$|\bundefined\b|\[object/);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('is a message that the client can read, or a fault', () => {
    fc.assert(
      fc.property(damages, (changes) => {
        const [body] = changes.reduce(damaged, [WHOLE]);
        const bytes = Buffer.from(JSON.stringify(body));
        const whole = anthropicMessages.whole(bytes, envelope(), thirdParty(), context({ provenance: new Memory() }));
        if ('fault' in whole) {
          expect(whole.fault.message).not.toMatch(/^$|\bundefined\b|\[object/);
          return;
        }
        const message = JSON.parse(whole.body.toString()) as { content: Fields[]; stop_reason: unknown; usage: Fields };
        for (const block of message.content) {
          if (block.type === 'text') expect(block.text).toBeTypeOf('string');
          if (block.type === 'thinking')
            expect([typeof block.thinking, typeof block.signature]).toEqual(['string', 'string']);
          if (block.type !== 'tool_use') continue;
          expect(block.id).toMatch(/^[A-Za-z0-9_-]+$/);
          expect(block.name).toMatch(/./);
          expect(Object.prototype.toString.call(block.input)).toBe('[object Object]');
        }
        expect(message.stop_reason).toBeTypeOf('string');
        expect([typeof message.usage.input_tokens, typeof message.usage.output_tokens]).toEqual(['number', 'number']);
      }),
      { numRuns: 1_000 },
    );
  });
});
