import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { translateWhole } from '../../../test/support/chat-answer.ts';
import { choice, conversation, message, quirks, tools } from '../../../test/support/chat-conversations.ts';
import { encodeText, sent } from '../../../test/support/chat-request.ts';
import { chatTarget } from '../../../test/support/chat-target.ts';
import { chatFaults } from '../../../test/support/chat-validator.ts';
import type { Block } from '../../core/messages.ts';

describe('any conversation', () => {
  it('becomes a request that a strict server takes', () => {
    fc.assert(
      fc.property(
        conversation,
        quirks,
        tools,
        choice,
        fc.constantFrom(undefined, 'S', ''),
        (messages, flags, given, tool_choice, system) => {
          const request = {
            messages,
            tools: given,
            ...(tool_choice === undefined ? {} : { tool_choice }),
            ...(system === undefined ? {} : { system }),
          };
          const body = sent(request, flags);
          expect(chatFaults(body)).toEqual([]);
          expect(encodeText({ max_tokens: 1, ...request }, chatTarget(flags))).not.toMatch(/[^\\]\\ud[89a-f]/);
          if (flags.alternateRoles === true && flags.systemPosition === 'first') {
            const roles: string[] = body.messages
              .map((each: { role: string }) => each.role)
              .filter((role: string) => role !== 'system' && role !== 'developer' && role !== 'tool');
            if (flags.prefill === 'none')
              for (let at = 1; at < roles.length; at += 1)
                expect(roles[at] === 'user' && roles[at - 1] === 'user').toBe(false);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('loses no text', () => {
    const marked = fc.array(message, { maxLength: 8 }).map((messages) =>
      messages.map((each, at) => ({
        ...each,
        content: [...(typeof each.content === 'string' ? [] : each.content), { type: 'text', text: `mark-${at}` }],
      })),
    );
    fc.assert(
      fc.property(marked, quirks, (messages, flags) => {
        fc.pre(messages.length > 0);
        const written = encodeText({ max_tokens: 1, messages }, chatTarget(flags));
        for (const at of messages.keys()) expect(written.split(`mark-${at}`)).toHaveLength(2);
      }),
    );
  });

  it('is written the same twice, and does not change what it was given', () => {
    fc.assert(
      fc.property(conversation, quirks, (messages, flags) => {
        const before = JSON.stringify(messages);
        expect(encodeText({ messages }, chatTarget(flags))).toBe(encodeText({ messages }, chatTarget(flags)));
        expect(JSON.stringify(messages)).toBe(before);
      }),
    );
  });
});

describe('an answer and the next request', () => {
  it('bring the same message back to the upstream', () => {
    const call = fc.record({
      id: fc.uuid().map((id) => `call_${id.slice(0, 8)}`),
      type: fc.constant('function'),
      function: fc.record({
        name: fc.constantFrom('Read', 'Ls'),
        arguments: fc
          .dictionary(fc.constantFrom('a', 'b'), fc.oneof(fc.string(), fc.integer(), fc.boolean()))
          .map((value) => JSON.stringify(value)),
      }),
    });
    const upstream = fc.record({
      content: fc.constantFrom('answer', 'wörld\n"q"'),
      reasoning_content: fc.constantFrom('plan', 'a\n\nb'),
      tool_calls: fc.uniqueArray(call, { minLength: 1, maxLength: 3, selector: (each) => each.id }),
    });
    fc.assert(
      fc.property(upstream, (given) => {
        const answer = translateWhole({
          choices: [{ index: 0, message: { role: 'assistant', ...given }, finish_reason: 'tool_calls' }],
        });
        const results = given.tool_calls.map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: 'r' }));
        const messages = [
          { role: 'user', content: 'q' },
          { role: 'assistant', content: answer.content as Block[] },
          { role: 'user', content: results },
        ];
        const body = sent({ messages }, { reasoningField: 'reasoning_content', reasoningReplay: 'always' });
        expect(body.messages[1]).toEqual({ role: 'assistant', ...given });
      }),
    );
  });
});
