import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commonLength } from '../core/common-length.ts';
import { resumeSkim, type Skim, skimWithList } from '../core/json-skim.ts';
import type { Message } from '../core/messages.ts';
import { readPromptChoice } from './prompt-choice.ts';
import { sketchEnvelope, sketchSnapshot } from './snapshot.fixture.ts';

const snapshot = sketchSnapshot({ profiles: { fast: { provider: 'groq' } }, aliases: { g5: 'glm:glm-5' } });
const choice = (...messages: Message[]) => readPromptChoice(snapshot, sketchEnvelope({ messages }));
const user = (content: Message['content']): Message => ({ role: 'user', content });

describe('a prompt that begins with @', () => {
  it.each([
    ['a profile', '@fast why is this slow?', 'fast'],
    ['an alias, in any case', '@G5\nwhy?', 'G5'],
    ['nothing but the name', '@fast', 'fast'],
    ['a path of the user', '@src/fast.ts explain', undefined],
    ['a name nobody has', '@faster why?', undefined],
    ['a name in the middle', 'ask @fast about it', undefined],
    ['a longer path behind a name', '@fast/readme.md explain', undefined],
  ])('names %s', (_what, prompt, expected) => {
    expect(choice(user(prompt))).toBe(expected);
    expect(
      choice(
        user([
          { type: 'text', text: '<system-reminder>x</system-reminder>' },
          { type: 'text', text: prompt },
        ]),
      ),
    ).toBe(expected);
  });

  it('holds during the tool turns that follow, and ends with the next prompt', () => {
    const turn: Message[] = [
      user('@fast why?'),
      { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'Read', input: {} }] },
      user([{ type: 'tool_result', tool_use_id: 't', content: '@g5 is in a file' }]),
    ];
    expect(choice(...turn)).toBe('fast');
    expect(choice(...turn, { role: 'assistant', content: 'Because.' }, user('thanks'))).toBeUndefined();
  });

  it('is not parsed out of a body that has none', () => {
    const envelope = {
      ...sketchEnvelope({ messages: [user('say "@fast" aloud, or \\"@fast"')] }),
      body: () => expect.unreachable(),
    };
    expect(readPromptChoice(snapshot, envelope)).toBeUndefined();
  });

  it('is found in a conversation whose beginning was looked at before', () => {
    const prompt = fc.constantFrom('hello', '@fast why?', '@faster', 'say "@fast"', '@g5');
    const prompts = fc.array(prompt, { minLength: 2, maxLength: 6 });
    fc.assert(
      fc.property(prompts, prompts, (start, added) => {
        const first = sketchEnvelope({ messages: start.map(user) });
        const before = { raw: first.raw, skim: skimWithList(first.raw, 'messages') as Skim };
        readPromptChoice(snapshot, { ...first, places: before.skim.places });
        const next = sketchEnvelope({ messages: [...start, ...added].map(user) });
        const common = commonLength(first.raw, next.raw);
        const skim = resumeSkim(next.raw, before, 'messages', common);
        expect(skim).toBeDefined();
        expect(readPromptChoice(snapshot, { ...next, places: skim?.places })).toBe(readPromptChoice(snapshot, next));
      }),
    );
  });

  it('is a name of the configuration or nothing, whatever the text', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string().map((rest) => `@fast${rest}`),
    );
    fc.assert(
      fc.property(text, (prompt) => {
        const expected = /^@fast(?![\w.-])(?=\s|$)/.test(prompt) ? 'fast' : undefined;
        expect(choice(user(prompt))).toBe(expected);
      }),
    );
  });
});
