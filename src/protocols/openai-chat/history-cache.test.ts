import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { conversation, message, quirks, tools } from '../../../test/support/chat-conversations.ts';
import { encodeText } from '../../../test/support/chat-request.ts';
import { chatTarget } from '../../../test/support/chat-target.ts';
import type { Message, MessagesRequest } from '../../core/messages.ts';
import type { ChatQuirks, Target } from '../../core/target.ts';
import { ToolNames } from '../tool-names.ts';
import { ChatHistoryCache } from './history-cache.ts';

/** Long enough to be worth remembering. */
const LONG: Message = { role: 'user', content: 'x'.repeat(9_000) };

function request(messages: Message[], more: Partial<MessagesRequest> = {}): string {
  return JSON.stringify({ model: 'm', max_tokens: 5, system: 'S', messages: [LONG, ...messages], ...more });
}

function outcome(body: string, target: Target, cache?: ChatHistoryCache): string {
  try {
    return encodeText(body, target, cache === undefined ? {} : { chatHistory: cache });
  } catch (thrown) {
    return `refused: ${(thrown as Error).message}`;
  }
}

type Edit = (messages: readonly Message[]) => Message[];
/** What happens to a conversation between two requests: it grows, is edited, marked, cut back, compacted. */
const edit: fc.Arbitrary<Edit> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.array(message, { maxLength: 3 }).map(
      (added): Edit =>
        (messages) => [...messages, ...added],
    ),
  },
  fc.tuple(fc.nat(), message).map(
    ([at, other]): Edit =>
      (messages) =>
        messages.with === undefined || messages.length === 0 ? [other] : messages.with(at % messages.length, other),
  ),
  fc.nat().map(
    (at): Edit =>
      (messages) =>
        messages.slice(0, at % (messages.length + 1)),
  ),
  fc.nat().map(
    (at): Edit =>
      (messages) =>
        messages.filter((_, index) => index !== at % Math.max(1, messages.length)),
  ),
  fc.nat().map(
    (at): Edit =>
      (messages) =>
        messages.map((each, index) => {
          if (index !== at % Math.max(1, messages.length) || typeof each.content === 'string') return each;
          return {
            ...each,
            content: each.content.map((block) => ({ ...block, cache_control: { type: 'ephemeral' } })),
          };
        }),
  ),
  fc.tuple(fc.nat(), message).map(
    ([at, other]): Edit =>
      (messages) =>
        messages.toSpliced(at % (messages.length + 1), 0, other),
  ),
);

describe('translations that are used again', () => {
  it('give the same bytes as none, for any conversation and whatever happens to it', () => {
    fc.assert(
      fc.property(
        conversation,
        fc.array(edit, { maxLength: 6 }),
        quirks,
        tools,
        fc.constantFrom('S', 'T'),
        (start, edits, flags, given, system) => {
          const cache = new ChatHistoryCache();
          const target = chatTarget(flags);
          let messages: Message[] = start;
          for (const change of [(same: readonly Message[]) => [...same], ...edits]) {
            messages = change(messages);
            const body = request(messages, { tools: given, system });
            expect(outcome(body, target, cache)).toBe(outcome(body, target));
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  it('do not keep the answer of a call that came late and is gone', () => {
    const call = (id: string): Message => ({
      role: 'assistant',
      content: [{ type: 'tool_use', id, name: 'Read', input: {} }],
    });
    const start: Message[] = [
      { role: 'user', content: 'begin' },
      call('late'),
      { role: 'user', content: 'hello' },
      call('other'),
    ];
    const answer: Message = {
      role: 'user',
      content: [{ type: 'tool_result', tool_use_id: 'late', content: 'the answer' }],
    };
    const cache = new ChatHistoryCache();
    const target = chatTarget({});
    for (const messages of [[...start, answer], start, [...start, answer]]) {
      expect(outcome(request(messages), target, cache)).toBe(outcome(request(messages), target));
    }
  });

  it('do not mix targets, tools, system prompts or thinking', () => {
    const flags = fc.array(quirks, { minLength: 2, maxLength: 3 });
    fc.assert(
      fc.property(
        conversation,
        flags,
        fc.array(tools, { minLength: 2, maxLength: 2 }),
        fc.boolean(),
        (messages, kinds, lists, withoutThinking) => {
          const cache = new ChatHistoryCache();
          for (const kind of kinds)
            for (const given of lists)
              for (const system of ['S', 'T']) {
                const target = chatTarget({
                  ...kind,
                  reasoningField: 'reasoning',
                  reasoningReplay: 'always',
                } as Partial<ChatQuirks>);
                const body = request(
                  [...messages, { role: 'assistant', content: 'a' }, { role: 'user', content: 'b' }],
                  { tools: given, system },
                );
                const context = { withoutThinking };
                expect(encodeText(body, target, { ...context, chatHistory: cache })).toBe(
                  encodeText(body, target, context),
                );
              }
        },
      ),
    );
  });

  it('notice a tool whose name is that of another one mapped', () => {
    const cache = new ChatHistoryCache();
    const mapped = new ToolNames([], 64).upstream('a.b');
    const turns: Message[] = [
      { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'a.b', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: 'r' }] },
      { role: 'assistant', content: 'a' },
      { role: 'user', content: 'b' },
    ];
    for (const given of [[], [{ name: mapped }]]) {
      const body = request(turns, { tools: given });
      expect(encodeText(body, chatTarget(), { chatHistory: cache })).toBe(encodeText(body, chatTarget()));
    }
  });

  it('are used: only what is new is read', () => {
    const cache = new ChatHistoryCache();
    const target = chatTarget();
    const turns: Message[] = [
      { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'Read', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: 'r' }] },
      { role: 'assistant', content: 'a' },
      { role: 'user', content: 'b' },
    ];
    encodeText(request(turns), target, { chatHistory: cache });
    const longer = request([...turns, { role: 'assistant', content: 'c' }, { role: 'user', content: 'd' }]);
    const find = vi.spyOn(cache, 'find');
    encodeText(longer, target, { chatHistory: cache });
    expect(find.mock.results[0]?.value?.boundary.at).toBe(3);
    expect(encodeText(longer, target, { chatHistory: cache })).toBe(encodeText(longer, target));
  });

  it('keep to their memory', () => {
    const cache = new ChatHistoryCache(100_000);
    for (let at = 0; at < 50; at += 1) {
      const body = request(
        [
          { role: 'assistant', content: `a${at}` },
          { role: 'user', content: `${at}` },
        ],
        { system: `S${at}` },
      );
      encodeText(body, chatTarget(), { chatHistory: cache });
      expect(cache.bytes).toBeLessThanOrEqual(100_000);
    }
    expect(cache.bytes).toBeGreaterThan(50_000);
  });

  it('tell a fault by its place in the whole conversation', () => {
    const cache = new ChatHistoryCache();
    const turns: Message[] = [
      { role: 'assistant', content: 'a' },
      { role: 'user', content: 'b' },
    ];
    encodeText(request(turns), chatTarget(), { chatHistory: cache });
    const bad = request([...turns, { role: 'nobody', content: 'c' }]);
    expect(outcome(bad, chatTarget(), cache)).toMatch(/^refused: messages\.3\.role/);
  });
});
