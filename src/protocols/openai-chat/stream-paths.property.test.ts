import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chatBytes, chatEvents, chatScript, type Writing, writing } from '../../../test/support/chat-streams.ts';
import { chatContext, chatTarget, envelopeOf } from '../../../test/support/chat-target.ts';
import { checkMessages } from '../../../test/support/messages-grammar.ts';
import { cutBytes } from '../../../test/support/messages-streams.ts';
import type { ChatQuirks } from '../../core/target.ts';
import type { StreamTranslator } from '../protocol.ts';
import { ChatAnswer } from './answer.ts';
import { brokenFault } from './error.ts';
import { openaiChat } from './index.ts';

const ENV = envelopeOf({
  max_tokens: 100,
  stream: true,
  messages: [{ role: 'user', content: 'q' }],
  tools: [{ name: 'Read' }, { name: 'Ls' }],
});

const quirks: fc.Arbitrary<Partial<ChatQuirks>> = fc.oneof(
  { arbitrary: fc.constant({}), weight: 4 },
  { arbitrary: fc.constant({ snapshotDeltas: true }), weight: 1 },
  {
    arbitrary: fc.record({
      thinkTags: fc.boolean(),
      thinkTagStyle: fc.constantFrom<ChatQuirks['thinkTagStyle']>('start', 'implicit', 'interleaved'),
      textToolCalls: fc.constantFrom<ChatQuirks['textToolCalls']>([], ['hermes', 'glm'], ['kimi', 'dsml']),
      snapshotDeltas: fc.boolean(),
    }),
    weight: 1,
  },
);
const cuts = fc.array(fc.nat(), { maxLength: 40 });

/** What a client knows in the end: nothing of this may depend on how a chunk was read. */
function outcome(bytes: Buffer, machine: Pick<StreamTranslator, 'state' | 'fault' | 'usage'>) {
  const { problems, blocks, stopReason, usage, complete } = checkMessages(bytes);
  const { state, fault } = machine;
  return {
    problems,
    blocks: blocks.map(({ type, text, signature, id, name }) => ({ type, text, signature, id, name })),
    stopReason,
    complete,
    state,
    fault: fault && { class: fault.class, message: fault.class === 'malformed' ? '' : fault.message },
    reported: machine.usage,
    counts: usage,
  };
}

/** The stream machine on the bytes, in these pieces. */
function streamed(pieces: readonly Buffer[], flags: Partial<ChatQuirks>) {
  const machine = openaiChat.stream(ENV, chatTarget(flags), chatContext());
  const out: Buffer[] = [];
  for (const piece of pieces) out.push(...machine.push(Buffer.from(piece)));
  out.push(...machine.end());
  return outcome(Buffer.concat(out), machine);
}

/** Every event parsed, one after the other: slow, and without any memory of other chunks. */
function parsedOneByOne(events: readonly string[], done: boolean, flags: Partial<ChatQuirks>) {
  const answer = new ChatAnswer(ENV, chatTarget(flags), chatContext());
  for (const data of events) {
    if (!data.startsWith('{')) continue;
    try {
      answer.chunk(JSON.parse(data) as Record<string, unknown>);
    } catch {
      answer.fail(brokenFault('malformed', 'not JSON', chatTarget(flags)));
    }
  }
  if (done) answer.done();
  answer.end();
  return outcome(Buffer.concat(answer.take()), answer);
}

describe('the short ways through a stream', () => {
  it('give what parsing every chunk gives, whatever the chunks look like and wherever they are cut', () => {
    fc.assert(
      fc.property(chatScript, writing, quirks, cuts, (script, how, flags, at) => {
        const events = chatEvents(script, how);
        const bytes = chatBytes(events, script.done, how);
        const slow = parsedOneByOne(events, script.done, flags);
        expect(streamed([bytes], flags)).toEqual(slow);
        expect(streamed(cutBytes(bytes, at), flags)).toEqual(slow);
      }),
      { numRuns: 1_000 },
    );
  });

  it('give the same for every byte by itself', () => {
    fc.assert(
      fc.property(chatScript, writing, quirks, (script, how, flags) => {
        const events = chatEvents(script, how);
        const bytes = chatBytes(events, script.done, how);
        const bits = [...bytes].map((byte) => Buffer.from([byte]));
        expect(streamed(bits, flags)).toEqual(parsedOneByOne(events, script.done, flags));
      }),
      { numRuns: 60 },
    );
  });

  it('give the same for the same answer in another writing', () => {
    const PLAIN: Writing = {
      spaced: false,
      ascii: false,
      slashes: false,
      nulls: false,
      ids: false,
      changing: 'none',
      finishWithText: false,
      eol: '\n',
      envelope: 'data',
      comments: false,
    };
    fc.assert(
      fc.property(chatScript, writing, quirks, (script, how, flags) => {
        const other = {
          ...how,
          finishWithText: false,
          changing: how.changing === 'usage' ? 'none' : how.changing,
        } as const;
        const give = (each: Writing) => streamed([chatBytes(chatEvents(script, each), script.done, each)], flags);
        expect(give(other)).toEqual(give(PLAIN));
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['the name of an event', 'event: error\n', 'failed'],
    ['a first line of its data', 'data: 1\n', 'done'],
    ['half a line', 'data: 1', 'done'],
    ['a carriage return', 'data: 1\r', 'done'],
  ])('do not take an event for plain whose beginning came before it: %s', (_what, beginning, state) => {
    const plain = (content: string) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`;
    const before = ['one ', 'two ', 'three '].map(plain);
    const rest = [plain('lost'), ...(state === 'done' ? [plain('four'), 'data: [DONE]\n\n'] : [])];
    const pieces = [...before, beginning, ...rest].map((piece) => Buffer.from(piece));
    const result = streamed(pieces, {});
    expect(result.state).toBe(state);
    expect(result.blocks.map(({ text }) => text)).toEqual([`one two three ${state === 'done' ? 'four' : ''}`]);
  });
});
