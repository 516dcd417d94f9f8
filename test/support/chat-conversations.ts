import fc from 'fast-check';
import type { Block, Message, MessagesRequest, Tool } from '../../src/core/messages.ts';
import type { ChatQuirks } from '../../src/core/target.ts';

const words = fc.constantFrom(
  'hello',
  'wörld',
  '',
  '  ',
  '\ud800',
  '"q"',
  '\n',
  '{"a":1}',
  '<system-reminder>x</system-reminder>',
);
const ids = fc.constantFrom('t1', 't2', 't3', 'toolu_01', 'functions.Read:0', `x${'y'.repeat(80)}`, '');
const names = fc.constantFrom('Read', 'Ls', 'a.b', `mcp__${'n'.repeat(90)}`, '');
const textBlock: fc.Arbitrary<Block> = words.map((text) => ({ type: 'text', text }));
const imageBlock: fc.Arbitrary<Block> = fc.constantFrom(
  { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
  { type: 'image', source: { type: 'base64', media_type: 'image/png', data: '' } },
  { type: 'image', source: { type: 'url', url: 'https://h/i.png' } },
  { type: 'image', source: { type: 'file', file_id: 'f' } },
);
const documentBlock: fc.Arbitrary<Block> = fc.constantFrom(
  { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'AAAA' }, title: 'a.pdf' },
  { type: 'document', source: { type: 'text', data: 'text' } },
  { type: 'search_result', source: 's', title: 't', content: [{ type: 'text', text: 'b' }] },
  { type: 'container_upload', file_id: 'f' },
);
const resultContent = fc.oneof(
  words,
  fc.array(
    fc.oneof(textBlock, imageBlock, documentBlock, fc.constant({ type: 'tool_reference', tool_name: 'Ls' } as Block)),
    { maxLength: 3 },
  ),
  fc.constantFrom<unknown>(null, undefined, { ok: true }, 3, [{ strange: 1 }, 'x']),
);
const resultBlock: fc.Arbitrary<Block> = fc
  .tuple(ids, resultContent, fc.boolean())
  .map(([tool_use_id, content, is_error]) => ({ type: 'tool_result', tool_use_id, content, is_error }));
const useBlock: fc.Arbitrary<Block> = fc
  .tuple(
    ids,
    names,
    fc.oneof(
      fc.constantFrom<unknown>(null, undefined, [], 'x', '{"a":1}'),
      fc.dictionary(fc.string(), words, { maxKeys: 2 }),
    ),
  )
  .map(([id, name, input]) => ({ type: 'tool_use', id, name, input }));
const thinkingBlock: fc.Arbitrary<Block> = fc.constantFrom<Block>(
  { type: 'thinking', thinking: 'plan', signature: 's' },
  { type: 'thinking', thinking: '', signature: '' },
  { type: 'redacted_thinking', data: 'x' },
);
const content = (block: fc.Arbitrary<Block>) => fc.oneof(words, fc.array(block, { maxLength: 4 }));
export const message: fc.Arbitrary<Message> = fc.oneof(
  content(fc.oneof(textBlock, imageBlock, documentBlock, resultBlock, resultBlock, resultBlock, thinkingBlock)).map(
    (value) => ({ role: 'user', content: value }),
  ),
  content(fc.oneof(textBlock, useBlock, useBlock, thinkingBlock)).map((value) => ({
    role: 'assistant',
    content: value,
  })),
  content(fc.oneof(textBlock, fc.constant({ type: 'tool_addition', name: 'Ls' } as Block))).map((value) => ({
    role: 'system',
    content: value,
  })),
);
export const conversation = fc
  .array(message, { maxLength: 10 })
  .map((messages) => [{ role: 'user', content: 'begin' }, ...messages]);
export const quirks: fc.Arbitrary<Partial<ChatQuirks>> = fc.record({
  systemPosition: fc.constantFrom('any' as const, 'first' as const),
  systemRole: fc.constantFrom('system' as const, 'developer' as const, 'user' as const),
  alternateRoles: fc.boolean(),
  assistantBetweenToolAndUser: fc.boolean(),
  undeclaredToolCalls: fc.constantFrom('keep' as const, 'text' as const),
  requireToolsWithHistory: fc.boolean(),
  prefill: fc.constantFrom('none' as const, 'plain' as const),
  urlImages: fc.boolean(),
  tools: fc.boolean(),
  toolChoice: fc.constantFrom('full' as const, 'no-named' as const),
  imageTypes: fc.constantFrom([], ['image/jpeg']),
  pdf: fc.boolean(),
  structuredOutputs: fc.constantFrom('json_schema' as const, 'json_object' as const, 'none' as const),
  reasoningField: fc.constantFrom('none' as const, 'think-tags' as const, 'thinking-parts' as const),
  reasoningReplay: fc.constantFrom('never' as const, 'always' as const),
});
export const tools: fc.Arbitrary<Tool[]> = fc.constantFrom<Tool[]>(
  [],
  [{ name: 'Read' }, { name: 'a.b', input_schema: { anyOf: [] } }, { name: '' }],
  [{ name: 'ToolSearch' }, { name: 'Ls', defer_loading: true }, { name: 'Read', defer_loading: true }],
  [{ type: 'web_search_20250305', name: 'web_search' }],
);
export const choice = fc.constantFrom<MessagesRequest['tool_choice']>(
  undefined,
  { type: 'auto' },
  { type: 'any', disable_parallel_tool_use: true },
  { type: 'tool', name: 'Read' },
  { type: 'none' },
);
