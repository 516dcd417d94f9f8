import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { skimWithList } from '../../core/json-skim.ts';
import type { Message } from '../../core/messages.ts';
import { BodyMemory } from './body-memory.ts';

/** Long enough to be worth remembering. */
const LONG: Message = { role: 'user', content: 'é'.repeat(20_000) };

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom('é', 'è', '→', '↓', '😀', '😁', 'xé', 'xè', '"]}', '\\'),
);
const message = fc.record({ role: fc.constantFrom('user', 'assistant'), content: text });
const messages = fc.array(message, { maxLength: 5 });

function body(given: readonly Message[], more: Record<string, unknown>): Buffer {
  return Buffer.from(JSON.stringify({ model: 'm', messages: [LONG, ...given], ...more }));
}

describe('the memory of bodies', () => {
  it('changes nothing in what is found, whatever was received before', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(messages, messages, fc.dictionary(fc.constantFrom('system', 'tools'), text)), {
          minLength: 1,
          maxLength: 3,
        }),
        fc.nat(400),
        fc.nat(400),
        fc.oneof(fc.integer({ min: 0x80, max: 0xff }), fc.constantFrom(0x00, 0x1f, 0x22, 0x5c)),
        (turns, cut, place, byte) => {
          const memory = new BodyMemory();
          const bodies: Buffer[] = [];
          for (const [start, added, more] of turns) bodies.push(body(start, more), body([...start, ...added], more));
          const last = bodies.at(-1) as Buffer;
          bodies.push(last.subarray(0, last.length - cut), last);
          const broken = Buffer.from(last);
          broken[last.length - 1 - place] = byte;
          bodies.push(broken, last);
          for (const raw of bodies) {
            const isText = Buffer.from(raw.toString('utf8')).equals(raw);
            const expected = isText ? skimWithList(raw, 'messages') : undefined;
            const found = memory.skim(raw);
            expect(found && [...found.spans]).toEqual(expected && [...expected.spans]);
            expect(found?.places).toEqual(expected?.places);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('keeps one body of a conversation that grows', () => {
    const memory = new BodyMemory();
    const turns: Message[] = [];
    for (let turn = 0; turn < 5; turn += 1) {
      turns.push({ role: 'assistant', content: `a${turn}` }, { role: 'user', content: `u${turn}` });
      const raw = body(turns, {});
      memory.skim(raw);
      expect(memory.bytes).toBe(raw.buffer.byteLength);
    }
  });

  it('keeps a body beside one that only began alike', () => {
    const memory = new BodyMemory();
    const start: Message[] = [
      { role: 'assistant', content: 'a' },
      { role: 'user', content: 'b' },
    ];
    const first = body([...start, { role: 'user', content: 'x'.repeat(90_000) }], {});
    const second = body([...start, { role: 'user', content: 'y'.repeat(90_000) }], {});
    for (const raw of [first, second, first, second]) memory.skim(raw);
    expect(memory.bytes).toBe(first.buffer.byteLength + second.buffer.byteLength);
  });

  it('keeps to its bytes', () => {
    const memory = new BodyMemory(200_000);
    for (let at = 0; at < 10; at += 1) {
      memory.skim(Buffer.from(JSON.stringify({ system: `${at}`, model: 'm', messages: [LONG, LONG] })));
      expect(memory.bytes).toBeLessThanOrEqual(200_000);
    }
    expect(memory.bytes).toBeGreaterThan(80_000);
    memory.skim(body([LONG, LONG, LONG, LONG, LONG], {}));
    expect(memory.bytes).toBeLessThanOrEqual(200_000);
  });
});
