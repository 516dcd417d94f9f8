import { describe, expect, it } from 'vitest';
import { context, envelope, thirdParty } from '../../../test/support/messages-target.ts';
import type { MessagesRequest } from '../../core/messages.ts';
import type { Quirks } from '../../core/target.ts';
import { anthropicMessages } from './index.ts';

/** What an endpoint gets for a request. Its own model name is the client's, so that only what is looked at changes. */
function third(body: object, quirks: Partial<Quirks['messages']> = {}): MessagesRequest {
  const target = thirdParty({ systemRole: 'keep', ...quirks }, { model: undefined });
  const encoded = anthropicMessages.encode(envelope(body), target, context());
  return JSON.parse(Buffer.concat([...encoded.body]).toString()) as MessagesRequest;
}

describe('tools for a third party', () => {
  const plain = { name: 'Read', description: 'reads', input_schema: { type: 'object' } };

  it('come without what stands behind betas', () => {
    const tool = {
      ...plain,
      eager_input_streaming: true,
      input_examples: [],
      strict: true,
      allowed_callers: [],
      cache_control: { type: 'ephemeral', ttl: '1h' },
    };
    expect(third({ tools: [tool] }).tools).toEqual([{ ...plain, cache_control: { type: 'ephemeral' } }]);
    expect(third({ tools: [tool] }, { cacheControl: false }).tools).toEqual([plain]);
  });

  it('of the server come only where the endpoint runs them', () => {
    const search = { type: 'web_search_20250305', name: 'web_search', max_uses: 8 };
    const body = { tools: [plain, search], tool_choice: { type: 'tool', name: 'web_search' } };
    expect(third(body)).toMatchObject({ tools: [plain] });
    expect(third(body)).not.toHaveProperty('tool_choice');
    expect(third(body, { serverTools: ['web_search'] })).toMatchObject(body);
    const only = third({ tools: [search], tool_choice: { type: 'auto' } });
    expect(only).not.toHaveProperty('tools');
    expect(only).not.toHaveProperty('tool_choice');
  });

  it('that are deferred come once the history refers to them', () => {
    const search = { ...plain, name: 'ToolSearch' };
    const tools = [
      plain,
      search,
      { ...plain, name: 'mcp__a', defer_loading: true },
      { ...plain, name: 'mcp__b', defer_loading: true },
    ];
    const content = [
      { type: 'tool_result', tool_use_id: 't', content: [{ type: 'tool_reference', tool_name: 'mcp__b' }] },
    ];
    const messages = [
      { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'ToolSearch', input: {} }] },
      { role: 'user', content },
    ];
    const request = third({ tools, messages });
    expect(request.tools).toEqual([plain, search, { ...plain, name: 'mcp__b' }]);
    expect(request.messages[1]?.content).toEqual([
      { ...content[0], content: [{ type: 'text', text: 'Tool loaded: mcp__b' }] },
    ]);
    expect(third({ tools }).tools).toEqual([plain, search]);
    const called = [
      { role: 'user', content: 'q' },
      { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'mcp__a', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: 'ok' }] },
    ];
    expect(third({ tools, messages: called }).tools).toEqual([plain, search, { ...plain, name: 'mcp__a' }]);
    expect(third({ tools: [plain, tools[2]] }).tools).toEqual([plain, { ...plain, name: 'mcp__a' }]);
  });

  it('that a search of Anthropic would load come all', () => {
    const tools = [
      { type: 'tool_search_tool_bm25_20251119', name: 'search' },
      { ...plain, defer_loading: true },
    ];
    expect(third({ tools }).tools).toEqual([plain]);
  });

  it('come once each', () => {
    const search = { type: 'web_search_20250305', name: 'web_search' };
    expect(
      third({ tools: [search, { ...plain, name: 'web_search' }] }, { serverTools: ['web_search'] }).tools,
    ).toHaveLength(1);
  });

  it('known by their type alone come with a schema, or as they are where the endpoint knows them too', () => {
    const bash = { type: 'bash_20250124', name: 'bash', cache_control: { type: 'ephemeral' } };
    const editor = { type: 'text_editor_20250728', name: 'str_replace_based_edit_tool', max_characters: 9 };
    const memory = { type: 'memory_20250818', name: 'memory' };
    const screen = { type: 'computer_20250124', name: 'computer', display_width_px: 1, display_height_px: 1 };
    const tools = [bash, editor, memory, screen];
    const sent = third({ tools, tool_choice: { type: 'tool', name: 'bash' } });
    expect(sent.tools?.map((tool) => tool.name)).toEqual(['bash', 'str_replace_based_edit_tool', 'memory']);
    for (const tool of sent.tools ?? []) {
      expect(tool).not.toHaveProperty('type');
      expect(tool.description).not.toBe('');
      expect(tool.input_schema).toMatchObject({ type: 'object', properties: { command: {} } });
    }
    expect(sent.tools?.[0]?.cache_control).toEqual({ type: 'ephemeral' });
    expect(sent.tools?.[1]).not.toHaveProperty('max_characters');
    expect(sent.tool_choice).toEqual({ type: 'tool', name: 'bash' });
    expect(third({ tools }, { typedTools: true }).tools).toEqual([bash, editor, memory]);
  });

  it('have a schema of an object, and none of them is without a name', () => {
    const union = { anyOf: [{ type: 'object', properties: { a: { type: 'string' } } }] };
    for (const input_schema of [undefined, null, {}, { type: 'string' }]) {
      expect(third({ tools: [{ ...plain, input_schema }] }).tools?.[0]?.input_schema).toEqual({
        type: 'object',
        properties: {},
      });
    }
    expect(
      third({
        tools: [
          { ...plain, input_schema: union },
          { ...plain, name: ' ' },
        ],
      }).tools,
    ).toEqual([{ ...plain, input_schema: { type: 'object', properties: { a: { type: 'string' } } } }]);
  });

  it('have their schemas in the dialect of the endpoint', () => {
    const properties = { a: { type: 'string', anyOf: [{ minLength: 1 }, { type: 'null' }] } };
    const tool = { ...plain, input_schema: { type: 'object', properties } };
    expect(third({ tools: [tool] }).tools).toEqual([tool]);
    expect(third({ tools: [tool] }, { schemaDialect: 'moonshot' }).tools?.[0]?.input_schema).toEqual({
      type: 'object',
      properties: { a: { anyOf: [{ minLength: 1, type: 'string' }, { type: 'null' }] } },
    });
  });

  it('keep numbers that no double holds', () => {
    const raw =
      '{"model":"m","max_tokens":9,"tools":[{"name":"A","strict":true,"input_schema":{"type":"object","properties":{"n":{"maximum":9223372036854775807}}}}],"messages":[{"role":"user","content":"q"}]}';
    const encoded = anthropicMessages.encode(envelope(raw), thirdParty({}, { model: undefined }), context());
    expect(Buffer.concat([...encoded.body]).toString()).toBe(raw.replace('"strict":true,', ''));
  });
});
