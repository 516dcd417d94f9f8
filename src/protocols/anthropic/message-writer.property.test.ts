import fc from 'fast-check';
import { expect, it } from 'vitest';
import { checkMessages } from '../../../test/support/messages-grammar.ts';
import { context } from '../../../test/support/messages-target.ts';
import { MessageCollector } from './message-collector.ts';
import { MessageWriter, WriterMisuse } from './message-writer.ts';

const key = fc.nat(3);
const words = fc.oneof(fc.string({ maxLength: 6 }), fc.constantFrom('"', '\\', '\n\n', '😀', '\ud83d', 'data: x\n\n'));

/** Calls in any order: what an upstream that knows no grammar would make a translator do. */
const step = fc.oneof(
  words.map((text) => (writer: MessageWriter) => writer.text(text)),
  words.map((text) => (writer: MessageWriter) => writer.thinking(text)),
  words.map((text) => (writer: MessageWriter) => writer.signature(text)),
  fc
    .tuple(
      key,
      fc.constantFrom(undefined, '', 'call_a', 'call_b', 'x y', 'srvtoolu_1'),
      fc.constantFrom(undefined, '', 'Read'),
    )
    .map(
      ([at, id, name]) =>
        (writer: MessageWriter) =>
          writer.tool(at, { id, name }),
    ),
  fc.tuple(key, words).map(
    ([at, text]) =>
      (writer: MessageWriter) =>
        writer.toolArguments(at, text),
  ),
  key.map((at) => (writer: MessageWriter) => writer.toolDone(at)),
  key.map((at) => (writer: MessageWriter) => void writer.dropTool(at)),
  fc.constant((writer: MessageWriter) => writer.redactedThinking('x')),
  fc.constant((writer: MessageWriter) => writer.openThinking()),
  fc.constant((writer: MessageWriter) => writer.closeBlock()),
  fc.constant((writer: MessageWriter) => writer.ping()),
);

function play(writer: MessageWriter, steps: readonly ((writer: MessageWriter) => void)[], reason: string): void {
  writer.start();
  for (const run of steps) {
    try {
      run(writer);
    } catch (error) {
      expect(error).toBeInstanceOf(WriterMisuse);
    }
  }
  writer.finish({ stopReason: reason });
}

it('follows the grammar whatever the order of the calls, and tells stream and message alike', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 40 }),
      fc.constantFrom('end_turn', 'tool_use', 'max_tokens'),
      (steps, reason) => {
        const { mintId } = context();
        const writer = new MessageWriter({ model: 'm', mintId });
        play(writer, steps, reason);
        const stream = checkMessages(Buffer.concat(writer.take()));
        expect(stream.problems).toEqual([]);
        expect(stream.complete).toBe(true);

        const collector = new MessageCollector((text) => ({ text }));
        play(new MessageWriter({ model: 'm', mintId: context().mintId }, collector), steps, reason);
        const message = collector.message() as { stop_reason: string; content: Record<string, unknown>[] };
        expect(message.stop_reason).toBe(stream.stopReason);
        expect(message.content.map(({ type, id, name }) => [type, id, name])).toEqual(
          stream.blocks.map(({ type, id, name }) => [type, id, name]),
        );
        for (const [at, block] of message.content.entries()) {
          const { text = block.thinking ?? (block.input as { text?: string } | undefined)?.text ?? '' } = block;
          expect(text).toBe(stream.blocks[at]?.text);
        }
      },
    ),
    { numRuns: 300 },
  );
});

it('never reaches the end of the message by itself', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const writer = new MessageWriter({ model: 'm', mintId: context().mintId });
      for (const run of steps) {
        try {
          run(writer);
        } catch (error) {
          expect(error).toBeInstanceOf(WriterMisuse);
        }
      }
      const { events } = checkMessages(Buffer.concat(writer.take()));
      expect(events).not.toContain('message_delta');
      expect(events).not.toContain('message_stop');
    }),
    { numRuns: 100 },
  );
});
