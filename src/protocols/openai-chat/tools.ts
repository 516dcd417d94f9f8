import type { MessagesRequest, Tool } from '../../core/messages.ts';
import type { ChatQuirks, Target } from '../../core/target.ts';
import { isSearchable } from '../deferred-tools.ts';
import { ToolNames } from '../tool-names.ts';
import { strictParameters, toolParameters } from '../tool-schema.ts';
import { clientToolSchema, isServerTool } from '../typed-tools.ts';
import type { RequestHead } from './request-parts.ts';
import type { ChatTool } from './types.ts';

export interface ToolChoice {
  tool_choice?: unknown;
  parallel_tool_calls?: false;
}

const NO_TOOLS: readonly Tool[] = [];

/** What follows from a list of tools alone. The list is the same object in every request with the same tools. */
const NAMES = new WeakMap<readonly Tool[], Map<number, ToolNames>>();
const FUNCTIONS = new WeakMap<readonly Tool[], WeakMap<ChatQuirks, Functions>>();

interface Functions {
  readonly tools: readonly ChatTool[];
  readonly notes: ReadonlySet<string>;
}

/** Names of all tools of the request, deferred ones too. The mapping of an answer is the same function. */
export function toolNames(head: RequestHead, target: Target): ToolNames {
  const tools = head.tools ?? NO_TOOLS;
  const { toolNameMaxLength } = target.quirks.chat;
  const known = NAMES.get(tools)?.get(toolNameMaxLength);
  if (known !== undefined) return known;
  const declared = tools.flatMap((tool) => (typeof tool.name === 'string' ? [tool.name] : []));
  const names = new ToolNames(
    declared.filter((name) => name.trim() !== ''),
    toolNameMaxLength,
  );
  NAMES.set(tools, (NAMES.get(tools) ?? new Map()).set(toolNameMaxLength, names));
  return names;
}

/** The functions of the request. `loaded`: names that the conversation mentions, in order. */
export function offeredTools(
  head: RequestHead,
  loaded: ReadonlyMap<string, number>,
  names: ToolNames,
  target: Target,
  note: (text: string) => void,
): readonly ChatTool[] {
  const { requireToolsWithHistory, toolChoice: support, maxTools, tools: isTaken } = target.quirks.chat;
  if (!isTaken) {
    if ((head.tools ?? NO_TOOLS).length > 0) note('the tools were left out: the provider takes none');
    return [];
  }
  const all = functions(head.tools ?? NO_TOOLS, loaded, names, target, note);
  const inUse = (): string[] => [head.tool_choice?.name ?? '', ...loaded.keys()].map((name) => names.upstream(name));
  const tools = maxTools === undefined || all.length <= maxTools ? all : fewerTools(all, maxTools, inUse(), note);
  // Where no tool can be named, it is the only one there is.
  const named = support === 'no-named' && head.tool_choice?.type === 'tool' ? head.tool_choice.name : undefined;
  const only = named === undefined ? [] : tools.filter((tool) => tool.function.name === names.upstream(named));
  if (only.length > 0) return only;
  // Where "none" cannot be said, no tools say it.
  const isUnsayable = support === 'none' || support === 'auto-only';
  const offered = head.tool_choice?.type === 'none' && isUnsayable ? [] : tools;
  if (offered.length > 0 || !requireToolsWithHistory) return offered;
  return toolsOfHistory(loaded.keys(), names);
}

/** Without deferred tools the conversation does not matter, and what was made for another request is taken. */
function functions(
  tools: readonly Tool[],
  loaded: ReadonlyMap<string, number>,
  names: ToolNames,
  target: Target,
  note: (text: string) => void,
): readonly ChatTool[] {
  const { chat: quirks } = target.quirks;
  let made = FUNCTIONS.get(tools)?.get(quirks);
  if (made === undefined) {
    const notes = new Set<string>();
    made = { tools: chatTools(tools, loaded.keys(), names, target, (text) => void notes.add(text)), notes };
    if (!tools.some((tool) => tool.defer_loading === true)) {
      FUNCTIONS.set(tools, (FUNCTIONS.get(tools) ?? new WeakMap()).set(quirks, made));
    }
  }
  for (const text of made.notes) note(text);
  return made.tools;
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
  const searchable = isSearchable([...byName.values()]);
  const chosen = [...byName.values()].filter((tool) => tool.defer_loading !== true || !searchable);
  if (searchable) {
    for (const name of loaded) {
      const tool = byName.get(name);
      if (tool?.defer_loading === true) chosen.push(tool);
    }
  }
  return chosen.map((tool) => chatTool(tool, names, target));
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

/** At most so many tools in their order, those in use before the others. */
function fewerTools(
  tools: readonly ChatTool[],
  most: number,
  inUse: readonly string[],
  note: (text: string) => void,
): ChatTool[] {
  note(`${tools.length - most} tools were left out: the provider takes ${most}`);
  const byUse = [...tools].sort((a, b) => useOf(a) - useOf(b));
  const kept = new Set(byUse.slice(0, most));
  return tools.filter((tool) => kept.has(tool));

  function useOf(tool: ChatTool): number {
    const at = inUse.indexOf(tool.function.name);
    return at === -1 ? inUse.length : at;
  }
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
      if (support === 'full' || support === 'no-named') return 'required';
      const [only] = tools;
      return tools.length === 1 && only !== undefined ? named(only.function.name) : 'auto';
    }
    case 'tool': {
      const name = names.upstream(wanted.name ?? '');
      if (!forced || !tools.some((tool) => tool.function.name === name)) return 'auto';
      return support === 'no-named' ? 'required' : named(name);
    }
    default:
      return 'auto';
  }
}
