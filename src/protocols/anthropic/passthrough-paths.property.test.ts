import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkMessages } from '../../../test/support/messages-grammar.ts';
import { merged, run } from '../../../test/support/messages-run.ts';
import { type Answered, answered, cutBytes } from '../../../test/support/messages-streams.ts';
import { Memory, thirdParty } from '../../../test/support/messages-target.ts';

type Fields = Record<string, unknown>;

/** What may happen to a stream on its way: a change of the list of events at some place. */
interface Change {
  readonly what: (typeof CHANGES)[number];
  readonly at: number;
  readonly with: number;
}

const CHANGES = [
  'drop',
  'repeat',
  'swap',
  'ping',
  'unknown event',
  'unknown delta',
  'error',
  'second start',
  'index',
  'no index',
  'null',
  'done',
  'vendor fields',
  'reorder',
] as const;

const change: fc.Arbitrary<Change> = fc.record({
  what: fc.constantFrom(...CHANGES),
  at: fc.nat(60),
  with: fc.nat(60),
});
const cuts = fc.array(fc.nat(), { maxLength: 12 });

function eventsOf({ blocks, stopReason }: Answered): Fields[] {
  const usage = { input_tokens: 9, output_tokens: 1, cache_read_input_tokens: 3 };
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model: 'up', content: [], stop_reason: null };
  const events: Fields[] = [{ type: 'message_start', message: { ...message, stop_sequence: null, usage } }];
  blocks.forEach(({ type, pieces, signature }, index) => {
    const add = (delta: Fields): void => void events.push({ type: 'content_block_delta', index, delta });
    const start = {
      text: { text: '' },
      thinking: { thinking: '' },
      tool_use: { id: `t_${index}`, name: 'R', input: {} },
    };
    events.push({ type: 'content_block_start', index, content_block: { type, ...start[type] } });
    for (const piece of pieces) {
      if (type === 'text') add({ type: 'text_delta', text: piece });
      else if (type === 'thinking') add({ type: 'thinking_delta', thinking: piece });
      else add({ type: 'input_json_delta', partial_json: piece });
    }
    if (type === 'thinking') add({ type: 'signature_delta', signature });
    events.push({ type: 'content_block_stop', index });
  });
  events.push({
    type: 'message_delta',
    delta: { stop_reason: stopReason, stop_sequence: null },
    usage: { output_tokens: 7 },
  });
  events.push({ type: 'message_stop' });
  return events;
}

function changed(events: readonly Fields[], { what, at, with: other }: Change): Fields[] {
  const place = at % Math.max(1, events.length);
  const before = events.slice(0, place);
  const here = events[place] ?? {};
  const after = events.slice(place + 1);
  const insert = (event: Fields): Fields[] => [...before, event, here, ...after];
  switch (what) {
    case 'drop':
      return [...before, ...after];
    case 'repeat':
      return insert(here);
    case 'swap':
      return after.length === 0 ? [...events] : [...before, after[0] as Fields, here, ...after.slice(1)];
    case 'ping':
      return insert({ type: 'ping' });
    case 'unknown event':
      return insert({ type: 'vendor_usage', tokens: other });
    case 'unknown delta':
      return insert({ type: 'content_block_delta', index: here.index ?? 0, delta: { type: 'new_delta', text: 'x' } });
    case 'error':
      return insert({ type: 'error', error: { type: 'overloaded_error', message: 'busy' } });
    case 'second start':
      return insert(events[0] ?? {});
    case 'index':
      return [...before, 'index' in here ? { ...here, index: other % 7 } : here, ...after];
    case 'no index': {
      const { index, ...rest } = here;
      return [...before, rest, ...after];
    }
    case 'null': {
      const keys = Object.keys(here).filter((key) => key !== 'type');
      const key = keys[other % Math.max(1, keys.length)];
      return [...before, key === undefined ? here : { ...here, [key]: null }, ...after];
    }
    case 'done':
      return insert({ done: true });
    case 'vendor fields':
      return [...before, { ...here, vendor: { text: '"}}' } }, ...after];
    case 'reorder':
      return [...before, Object.fromEntries(Object.entries(here).reverse()), ...after];
  }
}

/** Behind the stop reason an answer is whole: what else is said there may be told or not. */
function untilTheEnd(events: readonly Fields[]): Fields[] {
  const end = events.findIndex(({ type }) => type === 'message_delta');
  const counts = ({ type }: Fields): boolean => ['message_delta', 'message_stop', 'ping'].includes(String(type));
  return events.filter((event, at) => end === -1 || at < end || counts(event));
}

function bytesOf(events: readonly Fields[], eventLines: boolean): Buffer {
  const frames = events.map((event) => {
    if (event.done === true) return 'data: [DONE]\n\n';
    return `${eventLines ? `event: ${String(event.type)}\n` : ''}data: ${JSON.stringify(event)}\n\n`;
  });
  return Buffer.from(frames.join(''), 'utf8');
}

function outcome(pieces: readonly Buffer[]) {
  const provenance = new Memory();
  const { bytes, state, fault, usage } = run(pieces, thirdParty(), undefined, provenance);
  const message = checkMessages(bytes);
  const blocks = message.blocks.map(({ type, text, signature }) => ({ type, text, signature }));
  return {
    problems: message.problems,
    // An empty block of text says nothing, sent or not.
    blocks: merged(blocks.filter((block) => block.type !== 'text' || block.text !== '')),
    calls: message.blocks.flatMap(({ id, name }) => (name === undefined ? [] : [[id, name]])),
    complete: message.complete,
    // What a message tells of its end counts when it has one.
    ending: message.complete ? { reason: message.stopReason, usage: message.usage } : undefined,
    state,
    fault: fault && { class: fault.class, status: fault.status },
    usage,
    makers: [...provenance.makers],
  };
}

describe('the short way through a stream of the Messages API', () => {
  it('tells what the reader of every event tells, whatever is wrong with the stream', () => {
    fc.assert(
      fc.property(answered, fc.array(change, { maxLength: 3 }), cuts, (answer, changes, at) => {
        const events = untilTheEnd(changes.reduce<Fields[]>(changed, eventsOf(answer)));
        const frames = bytesOf(events, true);
        const slow = outcome([bytesOf(events, false)]);
        expect(slow.problems).toEqual([]);
        expect(outcome([frames])).toEqual(slow);
        expect(outcome(cutBytes(frames, at))).toEqual(slow);
      }),
      { numRuns: 1_000 },
    );
  });
});
