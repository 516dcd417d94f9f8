import { describe, expect, it } from 'vitest';
import { encodeText, sent } from '../../../test/support/chat-request.ts';
import { chatContext, chatTarget, envelopeOf } from '../../../test/support/chat-target.ts';
import { assistant, result, use, user } from '../../../test/support/chat-turns.ts';
import { chatFaults } from '../../../test/support/chat-validator.ts';
import { openaiChat } from './index.ts';

describe('tools', () => {
  const names = (body: ReturnType<typeof sent>): string[] =>
    (body.tools ?? []).map((tool: ReturnType<typeof sent>) => tool.function.name);

  it('always have an object with properties', () => {
    for (const input_schema of [undefined, {}, { type: 'object' }, null]) {
      expect(sent({ tools: [{ name: 'A', input_schema }] }).tools[0].function.parameters).toEqual({
        type: 'object',
        properties: {},
      });
    }
  });

  it('keep numbers that no double holds', () => {
    const schema =
      '{"type":"object","properties":{"n":{"maximum":9223372036854775807,"enum":[18446744073709551615],"minimum":-1e400}}}';
    for (const schemaDialect of ['json-schema', 'openai', 'strict'] as const) {
      const text = encodeText(
        `{"max_tokens":9,"tools":[{"name":"A","input_schema":${schema}}],"messages":[{"role":"user","content":"q"}]}`,
        chatTarget({ schemaDialect }),
      );
      expect(text).toContain('"maximum":9223372036854775807,"enum":[18446744073709551615],"minimum":-1e400');
    }
  });

  it('are strict only where they are closed', () => {
    const input_schema = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] };
    const [tool] = sent({ tools: [{ name: 'A', input_schema }] }, { schemaDialect: 'openai', strictTools: true }).tools;
    expect(tool.function).toMatchObject({ strict: true, parameters: { additionalProperties: false } });
  });

  it('are no more than the provider takes, those in use first, and the rest is told of', () => {
    const tools = Array.from({ length: 8 }, (_, at) => ({ name: `T${at}` }));
    const used = [user('q'), assistant([use('t1', 'T6')]), user([result('t1')])];
    expect(names(sent({ tools }, { maxTools: 8 }))).toHaveLength(8);
    expect(names(sent({ tools }, { maxTools: 3 }))).toEqual(['T0', 'T1', 'T2']);
    expect(names(sent({ tools, messages: used }, { maxTools: 3 }))).toEqual(['T0', 'T1', 'T6']);
    const forced = { tools, messages: used, tool_choice: { type: 'tool', name: 'T7' } } as const;
    const body = sent(forced, { maxTools: 3 });
    expect(names(body)).toEqual(['T0', 'T6', 'T7']);
    expect(body.tool_choice).toEqual({ type: 'function', function: { name: 'T7' } });
    const { notes } = openaiChat.encode(
      envelopeOf({ max_tokens: 9, messages: used, tools }),
      chatTarget({ maxTools: 3 }),
      chatContext(),
    );
    expect(notes).toEqual(['5 tools were left out: the provider takes 3']);
  });

  it('leave server tools, blank names and twins out', () => {
    const tools = [
      { type: 'web_search_20250305', name: 'web_search' },
      { name: 'web_search', input_schema: { type: 'object', properties: { q: { type: 'string' } } } },
      { name: '' },
      { name: 'A' },
      { name: 'A' },
      { type: 'computer_20250124', name: 'computer' },
    ];
    expect(names(sent({ tools }))).toEqual(['web_search', 'A']);
  });

  it('are left out with their choice when only server tools are there', () => {
    const body = sent({
      tools: [{ type: 'web_search_20250305', name: 'web_search' }],
      tool_choice: { type: 'tool', name: 'web_search' },
    });
    expect(body).not.toHaveProperty('tools');
    expect(body).not.toHaveProperty('tool_choice');
  });

  it('have a schema when their type is known by heart', () => {
    const body = sent({
      tools: [
        { type: 'bash_20250124', name: 'bash' },
        { type: 'text_editor_20250728', name: 'str_replace_based_edit_tool' },
      ],
    });
    expect(body.tools[0].function.parameters.properties).toHaveProperty('command');
    expect(body.tools[1].function.parameters.required).toEqual(['command', 'path']);
    expect(names(body)).toEqual(['bash', 'str_replace_based_edit_tool']);
  });

  it('are not sent while they are deferred and nobody asked for them', () => {
    const tools = [
      { name: 'ToolSearch' },
      { name: 'mcp__a', defer_loading: true },
      { name: 'mcp__b', defer_loading: true },
    ];
    expect(names(sent({ tools }))).toEqual(['ToolSearch']);
    const messages = [
      user('q'),
      assistant([use('t1', 'ToolSearch')]),
      user([result('t1', [{ type: 'tool_reference', tool_name: 'mcp__b' }])]),
    ];
    expect(names(sent({ tools, messages }))).toEqual(['ToolSearch', 'mcp__b']);
    expect(JSON.stringify(sent({ tools, messages }))).not.toContain('defer_loading');
  });

  it('are all sent when nothing could load them', () => {
    const tools = [
      { type: 'tool_search_tool_bm25_20251119', name: 'tool_search_tool_bm25' },
      { name: 'mcp__a', defer_loading: true },
    ];
    expect(names(sent({ tools }))).toEqual(['mcp__a']);
  });

  it('have legal names that agree with their calls', () => {
    const name = 'mcp__srv.name__do it';
    const body = sent({
      tools: [{ name }],
      messages: [user('q'), assistant([use('t1', name)]), user([result('t1')])],
      tool_choice: { type: 'tool', name },
    });
    expect(chatFaults(body)).toEqual([]);
    expect(body.messages[1].tool_calls[0].function.name).toBe(names(body)[0]);
  });

  it('have a stand-in where the history demands tools', () => {
    const messages = [user('q'), assistant([use('t1')]), user([result('t1')])];
    expect(names(sent({ messages }, { requireToolsWithHistory: true }))).toEqual(['Read']);
    expect(sent({ messages })).not.toHaveProperty('tools');
  });

  it('have ids that the target takes, the same for call and result', () => {
    const messages = [
      user('q'),
      assistant([use('x'.repeat(70)), use('a.b:c')]),
      user([result('x'.repeat(70)), result('a.b:c')]),
    ];
    expect(chatFaults(sent({ messages }))).toEqual([]);
    const [first] = sent({ messages }, { toolIdPattern: '^[a-zA-Z0-9]{9}$', toolIdMaxLength: 9 }).messages[1]
      .tool_calls;
    expect(first.id).toMatch(/^[a-zA-Z0-9]{9}$/);
  });

  it('are strict only when that keeps their meaning', () => {
    const closed = {
      type: 'object',
      properties: { a: { type: 'string' } },
      required: ['a'],
      additionalProperties: false,
    };
    const open = { type: 'object', properties: { a: { type: 'string' } } };
    const body = sent(
      {
        tools: [
          { name: 'A', input_schema: closed },
          { name: 'B', input_schema: open },
        ],
      },
      { strictTools: true },
    );
    expect(body.tools.map((tool: ReturnType<typeof sent>) => tool.function.strict)).toEqual([true, undefined]);
  });
});

describe('tool choice', () => {
  const tools = [{ name: 'Read' }, { name: 'Ls' }];
  const choice = (tool_choice: object, quirks = {}, more = {}): unknown =>
    sent({ tools, tool_choice: tool_choice as never, ...more }, quirks).tool_choice;
  const read = { type: 'function', function: { name: 'Read' } };

  it.each([
    [{ type: 'auto' }, 'auto'],
    [{ type: 'any' }, 'required'],
    [{ type: 'tool', name: 'Read' }, read],
    [{ type: 'none' }, 'none'],
    [{ type: 'tool', name: 'web_search' }, 'auto'],
  ])('%j is %j', (wanted, expected) => {
    expect(choice(wanted)).toEqual(expected);
  });

  it('is weakened where the provider cannot', () => {
    expect(choice({ type: 'any' }, { toolChoice: 'no-required' })).toBe('auto');
    expect(choice({ type: 'any' }, { toolChoice: 'no-required' }, { tools: [{ name: 'Read' }] })).toEqual(read);
    expect(choice({ type: 'tool', name: 'Read' }, { toolChoice: 'auto-only' })).toBe('auto');
    expect(choice({ type: 'any' }, { toolChoice: 'none' })).toBeUndefined();
    for (const toolChoice of ['none', 'auto-only'] as const) {
      expect(sent({ tools, tool_choice: { type: 'none' } }, { toolChoice })).not.toHaveProperty('tools');
    }
  });

  it('of one tool forces a call of the only one that is offered, where no name can be said', () => {
    const named = sent({ tools, tool_choice: { type: 'tool', name: 'Ls' } }, { toolChoice: 'no-named' });
    expect(named).toMatchObject({ tool_choice: 'required', tools: [{ function: { name: 'Ls' } }] });
    expect(named.tools).toHaveLength(1);
    expect(choice({ type: 'tool', name: 'Gone' }, { toolChoice: 'no-named' })).toBe('auto');
    expect(choice({ type: 'any' }, { toolChoice: 'no-named' })).toBe('required');
    expect(choice({ type: 'none' }, { toolChoice: 'no-named' })).toBe('none');
  });

  it('is not forced on a thinking model that refuses it', () => {
    const quirks = { thinkingParam: 'thinking', forcedToolWhileThinking: false };
    expect(choice({ type: 'any' }, quirks, { thinking: { type: 'adaptive' } })).toBe('auto');
    expect(choice({ type: 'any' }, quirks, { thinking: { type: 'disabled' } })).toBe('required');
  });

  it('needs tools, and so does the parallel switch', () => {
    expect(sent({ tools: [], tool_choice: { type: 'auto', disable_parallel_tool_use: true } })).not.toHaveProperty(
      'tool_choice',
    );
    const off = { tools, tool_choice: { type: 'any', disable_parallel_tool_use: true } };
    expect(sent(off)).toMatchObject({ tool_choice: 'required', parallel_tool_calls: false });
    expect(sent(off, { parallelToolCalls: false })).not.toHaveProperty('parallel_tool_calls');
  });

  it('is left out with the tools where the provider takes none, and a note says so', () => {
    const target = chatTarget({ tools: false, requireToolsWithHistory: true });
    const request = { tools, tool_choice: { type: 'any' } as const };
    expect(Object.keys(sent(request, target))).toEqual(['model', 'max_tokens', 'messages']);
    const envelope = envelopeOf({ ...request, messages: [{ role: 'user', content: 'q' }] });
    expect(openaiChat.encode(envelope, target, chatContext()).notes).toEqual([
      'the tools were left out: the provider takes none',
    ]);
  });
});
