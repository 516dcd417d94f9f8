import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { conversation, quirks, tools } from '../../../test/support/chat-conversations.ts';
import { chatContext, chatTarget } from '../../../test/support/chat-target.ts';
import type { Envelope, Message, MessagesRequest } from '../../core/messages.ts';
import type { Target } from '../../core/target.ts';
import { BodyMemory } from '../anthropic/body-memory.ts';
import { readEnvelope } from '../anthropic/envelope.ts';
import { ChatHistoryCache } from './history-cache.ts';
import { leaveOut } from './long-texts.ts';
import { encodeRequest } from './request.ts';

function outcome(env: Envelope, target: Target, chatHistory?: ChatHistoryCache): string {
  try {
    const context = chatContext(chatHistory === undefined ? {} : { chatHistory });
    return Buffer.concat([...encodeRequest(env, target, context).body]).toString('utf8');
  } catch (thrown) {
    return `refused: ${(thrown as Error).message}`;
  }
}

/** The same request, and nobody knows where its long texts are. */
function withoutPlaces(env: Envelope): Envelope {
  const { raw, spans, model, stream, path, headers } = env;
  return { raw, spans, model, stream, path, headers, body: () => env.body() };
}

/** What makes a long text one that is not only passed on. */
const plainPiece = fc.constantFrom(
  'x'.repeat(600),
  'line\n\t"quoted" \\ back\r\n'.repeat(40),
  'größer → später 😀 '.repeat(40),
  '[reasoning unavailable]',
  'end ',
  '\n',
);
const oddPiece = fc.constantFrom(
  ' '.repeat(600),
  '\n'.repeat(300),
  '\u00a0'.repeat(300),
  '\u0001\u007f',
  '\u007f0\u007f',
  '\ud83d',
  ' image ',
  `{"type":"image","data":"${'A'.repeat(600)}"}`,
  '\b\f',
  '\\u007f0\\u007f/',
);
const piece = fc.oneof({ weight: 12, arbitrary: plainPiece }, { weight: 1, arbitrary: oddPiece });
const text = fc.array(piece, { minLength: 1, maxLength: 3 }).map((pieces) => pieces.join(''));

/** Makes a conversation long enough for it to be worth while. */
const LONG: Message = { role: 'user', content: [{ type: 'text', text: 'to begin with '.repeat(400) }] };

const LENGTHENED = new Set(['content', 'text', 'thinking', 'data', 'context', 'input', 'command']);

/** Puts long texts where the conversation has short ones, each in its turn. */
function lengthened(messages: readonly Message[], texts: readonly string[]): Message[] {
  let at = 0;
  const long = (value: unknown, key: string): unknown => {
    if (typeof value === 'string') {
      at += 1;
      return LENGTHENED.has(key) && at % 3 !== 0 ? (texts[at % texts.length] as string) : value;
    }
    if (Array.isArray(value)) return value.map((each) => long(each, key));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, long(each, name)]));
  };
  return messages.map((message) => long(message, '') as Message);
}

function envelope(body: Partial<MessagesRequest>, spelled: (json: string) => string = (json) => json): Envelope {
  const messages = [LONG, ...(body.messages ?? [])];
  const json = JSON.stringify({ model: 'claude-sonnet-5', max_tokens: 100, ...body, messages });
  return readEnvelope(Buffer.from(spelled(json)), '/v1/messages', []);
}

describe('texts that are left out', () => {
  it('come out as if they had been parsed and written, in any conversation', () => {
    let shortened = 0;
    fc.assert(
      fc.property(
        conversation,
        fc.array(text, { minLength: 1, maxLength: 4 }),
        quirks,
        tools,
        fc.boolean(),
        fc.constantFrom(
          (json: string) => json,
          (json: string) => json.replaceAll('/', '\\/'),
          (json: string) => json.replaceAll('":"', '" : "'),
          (json: string) => json.replaceAll('ö', '\\u00f6'),
          (json: string) => json.replaceAll('"quoted', '\\q'),
          (json: string) => json.replaceAll('\\n', '\n'),
        ),
        (messages, texts, flags, given, vision, spelled) => {
          const env = envelope({ messages: lengthened(messages, texts), tools: given }, spelled);
          const target = chatTarget(flags, { data: { vision } });
          if (leaveOut(env.raw, env.spans.get('messages') ?? [0, 0], env.places?.strings ?? [], true, vision)) {
            shortened += 1;
          }
          const expected = outcome(withoutPlaces(env), target);
          expect(outcome(env, target)).toBe(expected);
          const cache = new ChatHistoryCache();
          expect(outcome(env, target, cache)).toBe(expected);
          expect(outcome(env, target, cache)).toBe(expected);
        },
      ),
      { numRuns: 1500 },
    );
    expect(shortened).toBeGreaterThan(300);
  });

  it('come out right in a conversation that grows, changes and is cut, with all that is remembered of it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(conversation, fc.nat(12)), { minLength: 1, maxLength: 4 }),
        fc.array(text, { minLength: 1, maxLength: 4 }),
        quirks,
        fc.array(tools, { minLength: 1, maxLength: 2 }),
        (steps, texts, flags, lists) => {
          const bodies = new BodyMemory();
          const cache = new ChatHistoryCache();
          const target = chatTarget(flags);
          let messages: Message[] = [{ role: 'user', content: 'y'.repeat(40_000) }];
          for (const [at, [added, kept]] of steps.entries()) {
            messages = [...messages.slice(0, 1 + kept), ...lengthened(added, texts)];
            const request = { model: 'm', max_tokens: 9, messages, tools: lists[at % lists.length] };
            const env = readEnvelope(Buffer.from(JSON.stringify(request)), '/v1/messages', [], bodies);
            expect(outcome(env, target, cache)).toBe(outcome(withoutPlaces(env), target));
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('are left out of files and of what commands said', () => {
    const content = 'a "file"\n\twith → lines\n'.repeat(50);
    const messages: Message[] = [
      { role: 'user', content: [{ type: 'text', text: content }] },
      { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'Read', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content }] },
    ];
    const env = envelope({ messages });
    const texts = leaveOut(env.raw, env.spans.get('messages') ?? [0, 0], env.places?.strings ?? [], true, true);
    expect(texts?.json.length).toBeLessThan(400);
    expect(texts?.json).not.toContain('lines');
  });

  it('stay where a rule compares or trims them', () => {
    const long = 'word '.repeat(200);
    const named = Buffer.from('\u007f0\u007f').toString('base64');
    const picture = `{"type":"image","data":"${'A'.repeat(600)}"}`;
    const call: Message = { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'Read', input: {} }] };
    const result = { type: 'tool_result', tool_use_id: 't', content: long };
    for (const messages of [
      [call, { role: 'user', content: [result, { ...result, content: [{ type: 'text', text: long }] }] }],
      [call, { role: 'user', content: [{ ...result, content: picture }] }],
      [
        {
          role: 'user',
          content: [{ type: 'document', source: { type: 'base64', media_type: 'text/x', data: named } }],
        },
      ],
      [
        { role: 'user', content: long },
        { role: 'user', content: `${'word'.repeat(200)}\u007f0\u007f` },
      ],
      [
        { role: 'user', content: 'q' },
        { role: 'assistant', content: long },
      ],
      [
        { role: 'user', content: 'q' },
        { role: 'system', content: `<system-reminder>${long}</system-reminder>` },
      ],
      [{ role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'Write', input: { content: long } }] }],
    ] as Message[][]) {
      const env = envelope({ messages });
      for (const prefill of ['none', 'plain'] as const) {
        const target = chatTarget({ prefill, systemPosition: 'first' }, { data: { vision: false } });
        expect(outcome(env, target)).toBe(outcome(withoutPlaces(env), target));
      }
    }
  });
});
