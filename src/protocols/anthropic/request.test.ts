import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { context, envelope, genuine, thirdParty } from '../../../test/support/messages-target.ts';
import type { MessagesRequest } from '../../core/messages.ts';
import type { Quirks, Target } from '../../core/target.ts';
import { anthropicMessages } from './index.ts';

const CLIENT_HEADERS = [
  'Accept',
  'application/json',
  'Authorization',
  'Bearer client-login-0123456789',
  'X-Api-Key',
  'client-key-0123456789',
  'anthropic-auth-token',
  'gateway-token-0123456789',
  'Content-Type',
  'application/json',
  'User-Agent',
  'claude-cli/2.1.329 (external, cli)',
  'X-Claude-Code-Session-Id',
  '0d9a7c1e-6a8b-4a5e-9d67-0f2f3b2a1c55',
  'X-Claude-Code-Request-Class',
  'main',
  'X-Stainless-OS',
  'Linux',
  'anthropic-beta',
  'claude-code-20250219,oauth-2025-04-20,context-management-2025-06-27',
  'anthropic-version',
  '2023-06-01',
  'x-app',
  'cli',
  'Connection',
  'keep-alive, X-Hop',
  'X-Hop',
  'gone',
  'Host',
  '127.0.0.1:5000',
  'Content-Length',
  '123',
  'accept-encoding',
  'gzip, br',
  'Transfer-Encoding',
  'chunked',
  'X-Forwarded-For',
  '10.0.0.1',
  'Cookie',
  'a=b',
  'Via',
  '1.1 x',
  'Proxy-Authorization',
  'Basic eA==',
];

function encode(body: object | string, target: Target, headers: readonly string[] = CLIENT_HEADERS, path?: string) {
  const env = envelope(body, headers, path);
  const encoded = anthropicMessages.encode(env, target, context());
  const bytes = Buffer.concat([...encoded.body]);
  return { ...encoded, env, bytes, request: JSON.parse(bytes.toString()) as MessagesRequest };
}
const third = (
  body: object,
  messages: Partial<Quirks['messages']> = {},
  options: Parameters<typeof thirdParty>[1] = {},
) => encode(body, thirdParty({ systemRole: 'keep', ...messages }, { model: undefined, ...options })).request;

describe('a request to Anthropic', () => {
  it('keeps every byte but the model', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('a', 'betas', 'safeguards', 'metadata', 'new_field'), fc.jsonValue()),
        fc.constantFrom(undefined, 1, '\t'),
        (extra, indent) => {
          const body = { ...extra, model: 'claude-opus-5', messages: [{ role: 'user', content: 'hi' }], metadata: {} };
          const raw = JSON.stringify(body, null, indent);
          const { bytes } = encode(raw, genuine({ model: 'claude-haiku-5' }));
          expect(bytes.toString()).toBe(raw.replace('"claude-opus-5"', '"claude-haiku-5"'));
          const { body: pieces, env } = encode(raw, genuine());
          expect(pieces).toEqual([env.raw]);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('keeps the headers in their case and order, without those of this hop and without credentials', () => {
    expect(encode({}, genuine()).headers).toEqual([
      'Accept',
      'application/json',
      'Content-Type',
      'application/json',
      'User-Agent',
      'claude-cli/2.1.329 (external, cli)',
      'X-Claude-Code-Session-Id',
      '0d9a7c1e-6a8b-4a5e-9d67-0f2f3b2a1c55',
      'X-Claude-Code-Request-Class',
      'main',
      'X-Stainless-OS',
      'Linux',
      'anthropic-beta',
      'claude-code-20250219,oauth-2025-04-20,context-management-2025-06-27',
      'anthropic-version',
      '2023-06-01',
      'x-app',
      'cli',
      'accept-encoding',
      'identity',
    ]);
  });

  it('keeps its query, which no other endpoint gets', () => {
    expect(encode({}, genuine()).path).toBe('/v1/messages?beta=true');
    expect(encode({}, thirdParty()).path).toBe('/v1/messages');
    expect(encode({}, thirdParty(), [], '/v1/messages/count_tokens?beta=true').path).toBe('/v1/messages/count_tokens');
  });

  it('that holds half a character is mended where it is, and nothing else', () => {
    const raw =
      '{"model":"m","messages":[{"role":"user","content":"a\\ud83d b\\ud83d\\ude00 c\\\\ud83d d\\uDE00 e\\ud7ff \\u0000"}]}';
    const { bytes } = encode(raw, genuine());
    expect(bytes.toString()).toBe(
      '{"model":"m","messages":[{"role":"user","content":"a\\ufffd b\\ud83d\\ude00 c\\\\ud83d d\\ufffd e\\ud7ff \\u0000"}]}',
    );
    expect(bytes.toString().length).toBe(raw.length);
  });

  it('for a model that is declared not to know adaptive thinking asks for a budget', () => {
    const manual = genuine({ model: 'old' });
    const target = {
      ...manual,
      quirks: { ...manual.quirks, messages: { ...manual.quirks.messages, adaptiveThinking: false } },
    };
    const { request } = encode({ thinking: { type: 'adaptive' }, max_tokens: 8000 }, target);
    expect(request.thinking).toEqual({ type: 'enabled', budget_tokens: 7999 });
    expect(encode({ thinking: { type: 'adaptive' }, max_tokens: 1000 }, target).request).not.toHaveProperty('thinking');
  });

  it('for a model that is declared not to know effort has none', () => {
    const target = genuine({ model: 'old' });
    const { quirks } = target;
    const messages = { ...quirks.messages, adaptiveThinking: false, effort: 'no' } as const;
    const old = { ...target, quirks: { ...quirks, messages } };
    const config = { effort: 'high', format: { type: 'json_schema', schema: {} } };
    const { request } = encode({ thinking: { type: 'adaptive' }, output_config: config, max_tokens: 32_000 }, old);
    expect(request.thinking).toEqual({ type: 'enabled', budget_tokens: 16_000 });
    expect(request.output_config).toEqual({ format: config.format });
  });
});

describe('a request to a third party', () => {
  it('tells it nothing of the user, of Anthropic and of other credentials', () => {
    const { headers, bytes } = encode(
      {
        metadata: { user_id: '{"account":"acc-1"}' },
        safeguards: [{ type: 'dangerous_tool_use', classifier_context: { cwd: '/home/me' } }],
        context_management: { edits: [] },
        container: 'c',
        mcp_servers: [],
        system: [
          { type: 'text', text: 'x-anthropic-billing-header: cc_version=2.1; secret' },
          { type: 'text', text: 'You are Claude Code' },
        ],
      },
      thirdParty(),
    );
    expect(headers).toEqual([
      'Accept',
      'application/json',
      'Content-Type',
      'application/json',
      'User-Agent',
      'claude-cli/2.1.329 (external, cli)',
      'anthropic-version',
      '2023-06-01',
      'accept-encoding',
      'identity',
    ]);
    expect(JSON.parse(bytes.toString())).toEqual({
      model: 'corp-large',
      max_tokens: 1000,
      messages: [{ role: 'user', content: 'hi' }],
      system: [{ type: 'text', text: 'You are Claude Code' }],
    });
  });

  it('sends the messages as the bytes that came when only other fields are in the way', () => {
    const raw =
      '{"metadata":{"user_id":"x"},"messages":[ {"role":"user", "content":"\\u00e9 1.0"} ],"model":"m","max_tokens":1e2}'.replace(
        '1e2',
        '100',
      );
    const { bytes } = encode(raw, thirdParty());
    expect(bytes.toString()).toBe(
      '{"messages":[ {"role":"user", "content":"\\u00e9 1.0"} ],"model":"corp-large","max_tokens":100}',
    );
  });

  it.each([
    ['a leading block', [{ type: 'text', text: 'x-anthropic-billing-header: a' }], undefined],
    ['a leading line', 'x-anthropic-billing-header: a\n\nYou are', 'You are'],
    [
      'a block with more behind the line',
      [{ type: 'text', text: 'x-anthropic-billing-header: a\nYou are' }],
      [{ type: 'text', text: 'You are' }],
    ],
    [
      'the same words elsewhere',
      'Keep this literal:\nx-anthropic-billing-header: example',
      'Keep this literal:\nx-anthropic-billing-header: example',
    ],
    [
      'the same words in a later block',
      [
        { type: 'text', text: 'a' },
        { type: 'text', text: 'x-anthropic-billing-header: a' },
      ],
      [
        { type: 'text', text: 'a' },
        { type: 'text', text: 'x-anthropic-billing-header: a' },
      ],
    ],
  ])('the attribution: %s', (_name, system, expected) => {
    expect(third({ system }).system).toEqual(expected);
  });

  it('keeps fields of a vendor, unless an unknown beta may own them', () => {
    const body = { provider: { order: ['x'] } };
    expect(encode(body, thirdParty()).request).toHaveProperty('provider');
    const headers = ['anthropic-beta', 'claude-code-20250219, provider-order-2027-01-01'];
    const { request, notes } = encode(body, thirdParty(), headers);
    expect(request).not.toHaveProperty('provider');
    expect(notes).toContain('provider was left out with the beta provider-order-2027-01-01');
  });

  it.each<[string, object, Partial<Quirks['messages']>, object | undefined]>([
    [
      'adaptive to a budget by effort',
      { thinking: { type: 'adaptive', display: 'omitted' }, output_config: { effort: 'low' }, max_tokens: 32000 },
      {},
      { type: 'enabled', budget_tokens: 4000 },
    ],
    [
      'adaptive to a budget below max_tokens',
      { thinking: { type: 'adaptive' }, max_tokens: 3000 },
      {},
      { type: 'enabled', budget_tokens: 2999 },
    ],
    ['adaptive without room', { thinking: { type: 'adaptive' }, max_tokens: 1024 }, {}, undefined],
    [
      'adaptive where it is known, without its display',
      { thinking: { type: 'adaptive', display: 'omitted' } },
      { adaptiveThinking: true },
      { type: 'adaptive' },
    ],
    [
      'enabled to adaptive',
      { thinking: { type: 'enabled', budget_tokens: 2000 } },
      { adaptiveThinking: true, enabledThinking: false },
      { type: 'adaptive' },
    ],
    [
      'a budget over max_tokens',
      { thinking: { type: 'enabled', budget_tokens: 9000 }, max_tokens: 5000 },
      {},
      { type: 'enabled', budget_tokens: 4999 },
    ],
    [
      'a budget that is too small',
      { thinking: { type: 'enabled', budget_tokens: 100 }, max_tokens: 5000 },
      {},
      { type: 'enabled', budget_tokens: 1024 },
    ],
    ['disabled', { thinking: { type: 'disabled' } }, {}, { type: 'disabled' }],
    [
      'disabled of a model that always thinks',
      { thinking: { type: 'disabled' } },
      { disabledThinking: false },
      undefined,
    ],
  ])('thinking: %s', (_name, body, quirks, expected) => {
    expect(third(body, quirks).thinking).toEqual(expected);
  });

  it('leaves thinking out for a model that is known not to think', () => {
    expect(third({ thinking: { type: 'adaptive' } }, {}, { data: { thinking: false } })).not.toHaveProperty('thinking');
  });

  it.each<[Partial<Quirks['messages']>, string, object | undefined]>([
    [{ effort: 'yes', outputFormat: true }, 'disabled', { effort: 'high', format: { type: 'json_schema' } }],
    [{ effort: 'not-when-thinking-off', outputFormat: true }, 'disabled', { format: { type: 'json_schema' } }],
    [
      { effort: 'not-when-thinking-off', outputFormat: true },
      'enabled',
      { effort: 'high', format: { type: 'json_schema' } },
    ],
    [{ effort: 'yes', outputFormat: false }, 'enabled', { effort: 'high' }],
    [{ effort: 'yes', outputFormat: false, effortValues: { high: 'max' } }, 'enabled', { effort: 'max' }],
    [{ effort: 'yes', outputFormat: false, effortValues: { low: 'max' } }, 'enabled', { effort: 'high' }],
    [{ effort: 'no', outputFormat: false }, 'enabled', undefined],
  ])('effort and format: %j with thinking %s', (quirks, type, expected) => {
    const output_config = { effort: 'high', format: { type: 'json_schema' }, task_budget: 5 };
    expect(third({ thinking: { type }, output_config }, quirks).output_config).toEqual(expected);
  });

  it('follows what the slot says about thinking', () => {
    const choose = (thinking: Target['thinking'], body: object) =>
      encode(body, { ...thirdParty({ adaptiveThinking: true }), ...(thinking === undefined ? {} : { thinking }) })
        .request;
    expect(choose('off', { thinking: { type: 'adaptive' } }).thinking).toEqual({ type: 'disabled' });
    expect(choose('on', { temperature: 0.2 })).toMatchObject({ thinking: { type: 'adaptive' } });
    expect(choose('on', { temperature: 0.2 })).not.toHaveProperty('temperature');
    expect(choose(2048, { max_tokens: 8000 }).thinking).toEqual({ type: 'enabled', budget_tokens: 2048 });
  });

  it('clamps what has limits', () => {
    expect(third({ stop_sequences: ['a', 'b', 'c'] }, { maxStopSequences: 2 }).stop_sequences).toEqual(['a', 'b']);
    expect(third({ stop_sequences: ['a'] }, { maxStopSequences: 0 })).not.toHaveProperty('stop_sequences');
    for (const target of [genuine(), thirdParty({}, { model: undefined })]) {
      expect(encode({ stop_sequences: ['\n\n', 'a', ''] }, target).request.stop_sequences).toEqual(['a']);
      expect(encode({ stop_sequences: ['\n'] }, target).request).not.toHaveProperty('stop_sequences');
    }
    expect(third({ temperature: 0 }, { minTemperature: 0.01 }).temperature).toBe(0.01);
    expect(third({ temperature: 1 }, { minTemperature: 0.01 }).temperature).toBe(1);
    expect(third({ max_tokens: 200_000 }, {}, { data: { maxOutputTokens: 8192 } }).max_tokens).toBe(8192);
  });
});

describe('messages for a third party', () => {
  const user = (content: unknown) => ({ role: 'user', content });
  const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } };
  const messages = (body: object[], quirks?: Partial<Quirks['messages']>, options?: Parameters<typeof thirdParty>[1]) =>
    third({ messages: body }, quirks, options).messages;
  const reminder = (text: string) => ({ type: 'text', text: `<system-reminder>\n${text}\n</system-reminder>` });

  it('have system entries wrapped where they are not known', () => {
    const entries = [
      user('a'),
      { role: 'system', content: 'note' },
      {
        role: 'system',
        content: [
          { type: 'tool_addition', name: 'x' },
          { type: 'text', text: 'n2' },
        ],
      },
      user('b'),
    ];
    expect(messages(entries, { systemRole: 'wrap' })).toEqual([
      user('a'),
      user([reminder('note')]),
      user([reminder('n2')]),
      user('b'),
    ]);
    expect(messages([entries[0] as object, entries[1] as object, entries[3] as object])).toEqual([
      entries[0],
      entries[1],
      entries[3],
    ]);
  });

  it('have system entries between a call and its result moved behind the result', () => {
    const call = { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'R', input: {} }] };
    const result = { type: 'tool_result', tool_use_id: 't', content: 'ok' };
    const wedged = [call, { role: 'system', content: 'note' }, user([result])];
    expect(messages(wedged, { systemRole: 'wrap' })).toEqual([call, user([result, reminder('note')])]);
    const [, behind] = messages(wedged.slice(0, 2), { systemRole: 'wrap' });
    expect(behind?.content).toMatchObject([{ type: 'tool_result', tool_use_id: 't' }, reminder('note')]);
  });

  it('have images replaced for a model that cannot see', () => {
    const blocks = [{ type: 'text', text: 'look' }, image];
    expect(messages([user(blocks)])).toEqual([user(blocks)]);
    const omitted = { type: 'text', text: '[image omitted: the model cannot see images]' };
    expect(messages([user(blocks)], {}, { data: { vision: false } })).toEqual([user([blocks[0], omitted])]);
    expect(messages([user(blocks)], {}, { quirks: { vision: false } })).toEqual([user([blocks[0], omitted])]);
  });

  it('have images in results and by address replaced where only others are read', () => {
    const result = (content: unknown) => user([{ type: 'tool_result', tool_use_id: 't', content }]);
    const call = { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'R', input: {} }] };
    const [, message] = messages([call, result([image])], { toolResultImages: false });
    expect(message).toEqual(result([{ type: 'text', text: '[image omitted: tool results can only be text here]' }]));
    const url = { type: 'image', source: { type: 'url', url: 'https://e/x.png' } };
    expect(messages([user([url])])[0]).toEqual(
      user([{ type: 'text', text: '[image omitted: only inline images can be read, not https://e/x.png]' }]),
    );
    expect(messages([user([url])], { urlImages: true })[0]).toEqual(user([url]));
  });

  it('have documents as text, as far as they are text', () => {
    const document = (source: object) => user([{ type: 'document', title: 'T', source }]);
    const text = (words: string) => user([{ type: 'text', text: words }]);
    expect(messages([document({ type: 'text', media_type: 'text/plain', data: 'body' })])[0]).toEqual(
      text('Document: T\nbody'),
    );
    expect(
      messages([document({ type: 'base64', media_type: 'text/csv', data: Buffer.from('a,b').toString('base64') })])[0],
    ).toEqual(text('Document: T\na,b'));
    expect(messages([document({ type: 'base64', media_type: 'application/pdf', data: 'JVBE' })])[0]).toEqual(
      text('Document: T\n[document omitted: this model cannot read it]'),
    );
    const pdf = document({ type: 'base64', media_type: 'application/pdf', data: 'JVBE' });
    expect(messages([pdf], { documents: true })[0]).toEqual(pdf);
    expect(messages([document({ type: 'file', file_id: 'f' })], { documents: true })[0]).not.toEqual(
      document({ type: 'file', file_id: 'f' }),
    );
  });

  it('have cache marks in the form that the endpoint knows', () => {
    const marked = (cache_control?: object) => [
      user([{ type: 'text', text: 'a', ...(cache_control ? { cache_control } : {}) }]),
    ];
    expect(messages(marked({ type: 'ephemeral' }))).toEqual(marked({ type: 'ephemeral' }));
    expect(messages(marked({ type: 'ephemeral', ttl: '1h', scope: 'global' }))).toEqual(marked({ type: 'ephemeral' }));
    expect(messages(marked({ type: 'ephemeral' }), { cacheControl: false })).toEqual(marked());
  });

  it('have what only Anthropic runs as text, or not at all', () => {
    const content = [
      { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} },
      {
        type: 'web_search_tool_result',
        tool_use_id: 'srvtoolu_1',
        content: [{ type: 'web_search_result', url: 'https://e', title: 'E', encrypted_content: 'x' }],
      },
      { type: 'compaction', content: 'summary' },
      { type: 'container_upload', file_id: 'f' },
      { type: 'text', text: 'a', citations: [{}] },
    ];
    expect(messages([user('q'), { role: 'assistant', content }, user('x')])[1]?.content).toEqual([
      { type: 'text', text: 'E https://e' },
      { type: 'text', text: 'summary' },
      { type: 'text', text: 'a' },
    ]);
  });

  it('are not touched by words that only look like blocks', () => {
    const content = 'the "image" of a "system" with "cache_control" and "tool_reference", "ttl"';
    const { body, env } = encode(
      { messages: [user(content)] },
      thirdParty({ cacheControl: false, documents: false }, { model: undefined }),
    );
    expect(body).toEqual([env.raw]);
  });

  it('that are not what they must be are refused with the place of the fault', () => {
    const refused = (...body: unknown[]) => expect(() => messages(body as object[]));
    refused(user([image]), user([{ type: 'text' }])).toThrow('messages[1].content[0].text: must be a string');
    refused(user([{ type: 'image' }])).toThrow('messages[0].content[0].source: must be an object');
    refused(null).toThrow('messages[0]: must be an object');
    refused({ role: 'tool', content: 'x' }).toThrow('messages[0].role: must be "user", "assistant" or "system"');
    refused({ role: 'user' }).toThrow('messages[0].content: must be a string or an array of blocks');
    refused(user([{ type: 'tool_result' }])).toThrow('messages[0].content[0].tool_use_id: must be a string');
    expect(() => third({ tools: [null] })).toThrow('tools[0]: must be an object');
    expect(() => third({ tool_choice: { type: 'tool', name: 5 } })).toThrow('tool_choice.name: must be a string');
  });
});
