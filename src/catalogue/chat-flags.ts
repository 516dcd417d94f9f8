import type { ChatQuirks } from '../core/target.ts';
import {
  boolean,
  choice,
  type Flags,
  integer,
  list,
  listOf,
  map,
  optionalInteger,
  optionalNumber,
  optionalText,
  text,
} from './flags.ts';

/** Quirks of the Chat Completions dialect. The defaults are what most compatible servers accept. */
export const CHAT_FLAGS: Flags<ChatQuirks> = {
  maxTokensField: choice(
    ['max_tokens', 'max_completion_tokens'],
    'max_tokens',
    'Field of the output limit. Reasoning models of OpenAI refuse `max_tokens`.',
  ),
  systemRole: choice(
    ['system', 'developer', 'user'],
    'system',
    'Role in which system text is sent; `user` for templates without a system role.',
  ),
  systemPosition: choice(
    ['any', 'first'],
    'first',
    'Where system messages may stand. With `first`, later ones become marked user messages: many chat templates refuse or reorder them.',
  ),
  reasoningField: choice(
    ['none', 'reasoning_content', 'reasoning', 'reasoning_details', 'think-tags', 'thinking-parts'],
    'none',
    'Field in which reasoning of earlier turns is sent back, or its place in the content: in tags, or as a part of type `thinking`. A field that the server does not know is a 400 on strict ones.',
  ),
  reasoningReplay: choice(
    ['never', 'tool-turns', 'always'],
    'never',
    'When reasoning is sent back: never, on turns with tool calls, or on every turn.',
  ),
  reasoningPlaceholder: optionalText(
    'Text sent as the reasoning of a turn that should have some by `reasoning_replay` and has none, where the server refuses such turns.',
  ),
  unsignedCalls: optionalText(
    'Text sent as the thought signature of a turn with tool calls that has none, where the server refuses such turns: those of another model.',
  ),
  thinkingParam: choice(
    ['none', 'reasoning_effort', 'reasoning', 'thinking', 'enable_thinking', 'chat_template_kwargs'],
    'none',
    'How thinking is asked for: `reasoning_effort`; `reasoning: {effort}`; `thinking: {type}`; `enable_thinking`; or `chat_template_kwargs`.',
  ),
  effortValues: map(
    { low: 'low', medium: 'medium', high: 'high', xhigh: 'high', max: 'high' },
    "The provider's word for each of the client's efforts; one without a word takes that of the nearest. Empty: none is sent. `none`: the word for no thinking, or for the least where the models cannot do without.",
  ),
  toolIdPattern: text(
    '^[a-zA-Z0-9_-]+$',
    'Regular expression that tool call ids must match; others are replaced on call and result alike.',
  ),
  toolIdMaxLength: integer(64, 'Longest tool call id.'),
  schemaDialect: choice(
    ['json-schema', 'openai', 'moonshot', 'gemini', 'strict', 'grammar'],
    'json-schema',
    'What tool schemas may hold: anything; no unions at the root; no type beside `anyOf`; no keywords unknown to Gemini; only what constrained decoders take; or no lengths, counts and patterns, of which grammars become too large.',
  ),
  strictTools: boolean(false, '`strict: true` on function tools is understood.'),
  pdf: boolean(false, 'PDF is accepted as a `file` part. Otherwise a visible note takes its place.'),
  urlImages: boolean(true, 'Images given by URL are fetched by the server.'),
  imageTypes: list('Kinds of pictures that are read (`image/png`); others are left out with a note. Empty: all.'),
  tools: boolean(true, 'Tools are accepted. Otherwise none are sent, and calls of the history are told as text.'),
  toolChoice: choice(
    ['full', 'no-required', 'no-named', 'auto-only', 'none'],
    'full',
    'Which `tool_choice` is accepted: all; none that forces a call; none that names a tool; only `auto`; or not even the key.',
  ),
  parallelToolCalls: boolean(true, '`parallel_tool_calls` is accepted.'),
  usageInStream: boolean(true, '`stream_options.include_usage` is accepted. Otherwise usage is estimated.'),
  textToolCalls: listOf(
    ['kimi', 'dsml', 'deepseek', 'qwen-xml', 'hermes', 'glm', 'minimax', 'llama', 'mistral', 'harmony'],
    'Notations of tool calls that the models leak into their text, where they are recovered.',
  ),
  thinkTags: boolean(false, '`<think>` in the text is reasoning.'),
  thinkTagStyle: choice(
    ['start', 'implicit', 'interleaved'],
    'start',
    'Where think tags count: one pair at the very start; from the start on although the opening tag is missing; or pairs anywhere.',
  ),
  structuredOutputs: choice(
    ['json_schema', 'json_object', 'none'],
    'none',
    'Strongest `response_format` that is accepted. Below `json_schema` the schema is also put into words.',
  ),
  responseFormatAlone: listOf(
    ['tools', 'stream', 'thinking'],
    'Beside what `response_format` is refused: there the schema is only put into words.',
  ),
  prefill: choice(
    ['none', 'plain', 'prefix', 'partial'],
    'none',
    'How a started answer at the end is continued: not at all; as it is; with `prefix: true`; or with `partial: true`.',
  ),
  alternateRoles: boolean(false, 'User and assistant must alternate: neighbours of one role are merged.'),
  assistantBetweenToolAndUser: boolean(
    false,
    'A user message must not follow a tool message: a short assistant message goes between.',
  ),
  emptyAssistantContent: choice(
    ['null', 'empty-string'],
    'null',
    'Content of an assistant message that only calls tools.',
  ),
  promptCacheKey: boolean(false, '`prompt_cache_key` is accepted: requests of one session reach the same cache.'),
  cacheControl: boolean(false, '`cache_control` on content parts is passed on.'),
  stop: boolean(true, '`stop` is accepted.'),
  sampling: boolean(true, '`temperature` and `top_p` are accepted. Reasoning models of OpenAI refuse them.'),
  maxStopSequences: integer(4, 'Most stop sequences that are accepted.'),
  toolNameMaxLength: integer(64, 'Longest tool name; longer ones are shortened and restored in the answer.'),
  maxTools: optionalInteger(
    'Most tools that are accepted: of more, those that the conversation uses and then the first ones go.',
  ),
  requireToolsWithHistory: boolean(
    false,
    'Tools must be declared while the history holds tool calls: a stand-in is declared when there are none.',
  ),
  undeclaredToolCalls: choice(
    ['keep', 'text'],
    'keep',
    'Calls of the history whose tool is no longer declared: kept, or told as text.',
  ),
  thinkingByDefault: boolean(
    false,
    'The models think unless told not to: a request without thinking gets the explicit off switch.',
  ),
  thinkingOnValue: choice(['enabled', 'adaptive'], 'enabled', 'The word that switches thinking on in `thinking.type`.'),
  keepThinking: boolean(
    false,
    '`thinking.clear_thinking: false` is sent, so that the server keeps the reasoning of earlier turns.',
  ),
  thinkingNeedsStream: boolean(false, 'Thinking is refused for answers that are not streamed, and switched off there.'),
  templateThinkingKey: choice(
    ['enable_thinking', 'thinking'],
    'enable_thinking',
    'Key in `chat_template_kwargs` that switches thinking.',
  ),
  forcedToolWhileThinking: boolean(
    true,
    'A forced `tool_choice` is accepted while thinking. Otherwise it is sent as `auto`.',
  ),
  topK: boolean(false, '`top_k` is accepted.'),
  minTemperature: optionalNumber('Lowest temperature that is accepted; a lower one is raised to it.'),
  minOutputTokens: optionalInteger('Lowest output limit that is accepted; a lower one is raised to it.'),
  maxTokensUnstreamed: optionalInteger(
    'Highest output limit of an answer in one piece; above it a stream is asked for and put together.',
  ),
  toolResultImages: choice(
    ['inline', 'move'],
    'move',
    'Images in tool results: left in the tool message, or moved to a user message behind the results.',
  ),
  snapshotDeltas: boolean(false, 'Deltas may repeat what was already sent: only the remainder is used.'),
};
