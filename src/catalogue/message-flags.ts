import type { Quirks } from '../core/target.ts';
import { boolean, choice, type Flags, list, map, optionalInteger, optionalNumber } from './flags.ts';

/**
 * Quirks of endpoints that speak the Messages API without being Anthropic. The defaults are the careful ones: what an
 * unknown compatible endpoint most likely takes.
 */
export const MESSAGE_FLAGS: Flags<Quirks['messages']> = {
  systemRole: choice(
    ['keep', 'wrap'],
    'wrap',
    'Entries with `role: "system"` inside `messages`: kept, or wrapped as a marked user message. Many compatible endpoints answer them with 400.',
  ),
  historyThinking: choice(
    ['keep', 'require-on-tool-turns', 'strip'],
    'keep',
    'Thinking of earlier turns: kept as it came from this provider; a placeholder added where a turn with tool calls has none; or all of it removed.',
  ),
  adaptiveThinking: boolean(
    false,
    '`thinking.type: "adaptive"` is understood. Otherwise it becomes `enabled` with a budget.',
  ),
  enabledThinking: boolean(true, '`thinking.type: "enabled"` is understood. Otherwise it becomes `adaptive`.'),
  disabledThinking: boolean(
    true,
    '`thinking.type: "disabled"` is understood. Otherwise it is left out: a model that always thinks may refuse it.',
  ),
  effort: choice(
    ['yes', 'no', 'not-when-thinking-off'],
    'no',
    '`output_config.effort` is understood; `not-when-thinking-off`: refused beside `thinking: disabled` and left out there.',
  ),
  effortValues: map({}, "The provider's word for each of the client's efforts; one without a word goes out as it is."),
  outputFormat: boolean(false, '`output_config.format` (a JSON schema for the answer) is understood.'),
  cacheControl: boolean(true, '`cache_control` on blocks and tools is accepted, whether or not it has an effect.'),
  serverTools: list(
    'Server tools that the endpoint runs itself, by the start of their type: `web_search`. Others are removed.',
  ),
  typedTools: boolean(
    false,
    'Tools that the client runs are known by their type (`bash_20250124`, `text_editor_20250728`, `memory_20250818`). Otherwise they are sent with a schema.',
  ),
  schemaDialect: choice(
    ['json-schema', 'openai', 'moonshot', 'gemini', 'strict', 'grammar'],
    'json-schema',
    'What tool schemas may hold, as `chat.schema_dialect`.',
  ),
  toolResultImages: boolean(true, 'Images inside tool results are accepted.'),
  urlImages: boolean(false, 'Images given by URL are fetched by the endpoint.'),
  documents: boolean(false, '`document` blocks (PDF, text) are accepted.'),
  countTokens: boolean(false, '`/v1/messages/count_tokens` exists. Otherwise the count is estimated.'),
  maxStopSequences: optionalInteger('Most stop sequences that are accepted.'),
  minTemperature: optionalNumber('Lowest temperature that is accepted; a lower one is raised to it.'),
  inputIncludesCached: boolean(
    false,
    '`input_tokens` includes what was read from the cache; it is subtracted, so that nothing is counted twice.',
  ),
};
