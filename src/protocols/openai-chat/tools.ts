import type { Message, MessagesRequest, Tool } from '../../core/messages.ts';
import type { Target } from '../../core/target.ts';
import { ToolNames } from '../tool-names.ts';
import { strictParameters, toolParameters } from '../tool-schema.ts';
import { contentBlocks } from '../turns.ts';
import { clientToolSchema, isServerTool } from '../typed-tools.ts';
import type { RequestHead } from './request-parts.ts';
import { type ChatTool, isRecord } from './types.ts';

export interface ToolChoice {
  tool_choice?: unknown;
  parallel_tool_calls?: false;
}

/** Names of all tools of the request, deferred ones too. The mapping of an answer is the same function. */
export function toolNames(head: RequestHead, target: Target): ToolNames {
  const declared = (head.tools ?? []).flatMap((tool) => (typeof tool.name === 'string' ? [tool.name] : []));
  return new ToolNames(
    declared.filter((name) => name.trim() !== ''),
    target.quirks.chat.toolNameMaxLength,
  );
}

/** The functions of the request. `loaded`: names that the conversation mentions, in order. */
export function offeredTools(
  head: RequestHead,
  loaded: ReadonlyMap<string, number>,
  names: ToolNames,
  target: Target,
  note: (text: string) => void,
): ChatTool[] {
  const { requireToolsWithHistory, toolChoice: support } = target.quirks.chat;
  const tools = chatTools(head.tools ?? [], loaded.keys(), names, target, note);
  // Where "none" cannot be said, no tools say it.
  const offered = head.tool_choice?.type === 'none' && support === 'none' ? [] : tools;
  if (offered.length > 0 || !requireToolsWithHistory) return offered;
  return toolsOfHistory(loaded.keys(), names);
}

/**
 * The tools that go upstream as functions. Server tools stay behind; of the deferred ones only those go that the
 * conversation has loaded, unless nothing on the client's side could ever load them.
 *
 * `loaded`: names that the conversation refers to, in the order of their first mention.
 */
function chatTools(
  tools: readonly Tool[],
  loaded: Iterable<string>,
  names: ToolNames,
  target: Target,
  note: (text: string) => void,
): ChatTool[] {
  const byName = new Map<string, Tool>();
  for (const tool of tools) {
    const name = typeof tool.name === 'string' ? tool.name.trim() : '';
    if (isServerTool(tool)) note(`the server tool ${name || tool.type} was left out`);
    else if (name === '') note('a tool without a name was left out');
    else if (!byName.has(tool.name)) byName.set(tool.name, tool);
  }
  const searchable = [...byName.values()].some((tool) => tool.defer_loading !== true && isSearchTool(tool.name));
  const chosen = [...byName.values()].filter((tool) => tool.defer_loading !== true || !searchable);
  if (searchable) {
    for (const name of loaded) {
      const tool = byName.get(name);
      if (tool?.defer_loading === true) chosen.push(tool);
    }
  }
  return chosen.map((tool) => chatTool(tool, names, target));
}

/** The client's own search for deferred tools. Without one nothing would ever load them. */
function isSearchTool(name: string): boolean {
  return /^tool_?search/i.test(name);
}

function chatTool(tool: Tool, names: ToolNames, target: Target): ChatTool {
  const { schemaDialect, strictTools } = target.quirks.chat;
  const schema = clientToolSchema(tool);
  const description = typeof tool.description === 'string' ? tool.description : schema.description;
  const parameters = toolParameters(schema.parameters, schemaDialect);
  const strict = strictTools ? strictParameters(parameters) : undefined;
  return {
    type: 'function',
    function: {
      name: names.upstream(tool.name),
      ...(description === undefined || description === '' ? {} : { description }),
      parameters: strict ?? parameters,
      ...(strict === undefined ? {} : { strict: true }),
    },
  };
}

/**
 * Names of tools that messages load or use (references in results, additions in system entries, calls), each with the
 * position of the first message that mentions it, in that order. `offset`: position of the first of the messages.
 */
export function loadedTools(messages: readonly Message[], offset = 0): Map<string, number> {
  const out = new Map<string, number>();
  messages.forEach((message, index) => {
    const mention = (name: string): void => {
      if (!out.has(name)) out.set(name, offset + index);
    };
    for (const block of contentBlocks(message.content)) {
      if (block.type === 'tool_use') mention(String(block.name));
      else if (block.type === 'tool_reference' || block.type === 'tool_addition') addReference(block, mention);
      else if (block.type.endsWith('tool_result')) addReferences(block.content, mention, 0);
    }
  });
  return out;
}

function addReferences(content: unknown, mention: (name: string) => void, depth: number): void {
  if (depth > 4) return;
  if (Array.isArray(content)) for (const each of content) addReferences(each, mention, depth + 1);
  else if (isRecord(content)) {
    if (content.type === 'tool_reference') addReference(content, mention);
    else if (content.tool_references !== undefined) addReferences(content.tool_references, mention, depth + 1);
  }
}

function addReference(reference: Record<string, unknown>, mention: (name: string) => void): void {
  const nested = isRecord(reference.tool) ? reference.tool : reference;
  const name = reference.tool_name ?? nested.tool_name ?? nested.name;
  if (typeof name === 'string') mention(name);
}

/** A tools list for an upstream that wants one because the history has calls. */
function toolsOfHistory(loaded: Iterable<string>, names: ToolNames): ChatTool[] {
  return [...loaded]
    .filter((name) => name.trim() !== '')
    .map((name) => ({
      type: 'function',
      function: { name: names.upstream(name), parameters: { type: 'object', properties: {} } },
    }));
}

/** `tool_choice` and `parallel_tool_calls`; both only beside tools. `thinking`: the model thinks in this request. */
export function toolChoice(
  wanted: MessagesRequest['tool_choice'],
  tools: readonly ChatTool[],
  names: ToolNames,
  target: Target,
  thinking: boolean,
): ToolChoice {
  const { chat: quirks } = target.quirks;
  if (tools.length === 0 || wanted === undefined || wanted === null) return {};
  const choice = choiceValue(wanted, tools, names, target, thinking);
  return {
    ...(choice === undefined ? {} : { tool_choice: choice }),
    ...(wanted.disable_parallel_tool_use === true && quirks.parallelToolCalls ? { parallel_tool_calls: false } : {}),
  };
}

function choiceValue(
  wanted: NonNullable<MessagesRequest['tool_choice']>,
  tools: readonly ChatTool[],
  names: ToolNames,
  target: Target,
  thinking: boolean,
): unknown {
  const { toolChoice: support, forcedToolWhileThinking } = target.quirks.chat;
  if (support === 'none') return undefined;
  const forced = support !== 'auto-only' && (!thinking || forcedToolWhileThinking);
  const named = (name: string): unknown => ({ type: 'function', function: { name } });
  switch (wanted.type) {
    case 'none':
      return 'none';
    case 'any': {
      if (!forced) return 'auto';
      if (support === 'full') return 'required';
      const [only] = tools;
      return tools.length === 1 && only !== undefined ? named(only.function.name) : 'auto';
    }
    case 'tool': {
      const name = names.upstream(wanted.name ?? '');
      return forced && tools.some((tool) => tool.function.name === name) ? named(name) : 'auto';
    }
    default:
      return 'auto';
  }
}
