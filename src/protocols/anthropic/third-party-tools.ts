import type { CacheControl, Message, Tool } from '../../core/messages.ts';
import type { Target } from '../../core/target.ts';
import { isSearchable, loadedTools } from '../deferred-tools.ts';
import { isSchema, UNIONS } from '../json-schema.ts';
import { type SchemaDialect, toolParameters } from '../tool-schema.ts';
import { clientToolSchema, isServerTool, isTypedTool } from '../typed-tools.ts';
import type { RequestDraft } from './draft.ts';
import { validateMessages } from './envelope.ts';

/** Fields of a tool that every endpoint of the dialect knows. Others stand behind betas of Anthropic. */
const TOOL_FIELDS = new Set(['name', 'description', 'input_schema', 'type', 'cache_control']);

/**
 * Tools that the endpoint can be told about: server tools that it does not run go, tools known by a type alone come with
 * a schema, deferred tools come as ordinary ones once the history refers to them, fields behind betas go. A choice among
 * tools that are gone goes too.
 */
export function fitTools(draft: RequestDraft, target: Target): void {
  const tools = draft.get('tools');
  if (!Array.isArray(tools)) return;
  const loaded = namesLoaded(draft, tools as Tool[]);
  const kept = (tools as Tool[]).flatMap((tool) => fitted(tool, target, loaded));
  const names = new Set(kept.map((tool) => tool.name));
  for (const tool of tools as Tool[]) {
    if (!names.has(tool.name) && tool.defer_loading !== true)
      draft.notes.push(`tool ${tool.name ?? tool.type} was left out`);
  }
  const unique = kept.filter((tool, at) => kept.findIndex((other) => other.name === tool.name) === at);
  if (unique.length === 0) {
    draft.delete('tools');
    draft.delete('tool_choice');
    return;
  }
  if (unique.length !== tools.length || unique.some((tool, at) => tool !== tools[at])) draft.set('tools', unique);
  const choice = draft.get('tool_choice') as { type?: unknown; name?: unknown } | null | undefined;
  if (choice?.type === 'tool' && !names.has(String(choice.name))) {
    draft.delete('tool_choice', `the choice of tool ${String(choice.name)} was left out with the tool`);
  }
}

function fitted(given: Tool, target: Target, loaded: ReadonlySet<string> | 'all'): Tool[] {
  const { messages: quirks } = target.quirks;
  if (isServerTool(given)) return quirks.serverTools.some((prefix) => given.type?.startsWith(prefix)) ? [given] : [];
  if (typeof given.name !== 'string' || given.name.trim() === '') return [];
  const isTyped = isTypedTool(given);
  if (isTyped && quirks.typedTools) return [given];
  const tool = isTyped ? withSchema(given) : fittedSchema(given, quirks.schemaDialect);
  if (tool.defer_loading === true && loaded !== 'all' && !loaded.has(tool.name)) return [];
  const fields = Object.entries(tool).filter(
    ([name]) => TOOL_FIELDS.has(name) && (name !== 'cache_control' || quirks.cacheControl),
  );
  const cache = tool.cache_control;
  const plainCache = cache === undefined || cache === null || isPlainCache(cache);
  if (fields.length === Object.keys(tool).length && plainCache) return [tool];
  const plain = Object.fromEntries(fields) as Tool;
  if (plain.cache_control && !plainCache) plain.cache_control = { type: plain.cache_control.type };
  return [plain];
}

function withSchema({ type: _type, ...tool }: Tool): Tool {
  const { description, parameters } = clientToolSchema({ ...tool, type: _type } as Tool);
  return { ...tool, description: tool.description ?? description ?? '', input_schema: parameters } as Tool;
}

/** The same tool when its schema is one that the endpoint takes. */
function fittedSchema(tool: Tool, dialect: SchemaDialect): Tool {
  const { input_schema: schema } = tool;
  const isPlain =
    isSchema(schema) &&
    schema.type === 'object' &&
    UNIONS.every((key) => schema[key] === undefined) &&
    !('$ref' in schema);
  if (isPlain && (dialect === 'json-schema' || !('properties' in schema))) return tool;
  return { ...tool, input_schema: toolParameters(schema, dialect) };
}

/** A lifetime or a scope of a cache mark is behind a beta. */
export function isPlainCache(cache: CacheControl): boolean {
  return Object.keys(cache).length === 1;
}

/** Deferred tools that the history has loaded. With a search that Anthropic would run, or none at all, nothing could ever
 * be loaded: then all of them come. */
function namesLoaded(draft: RequestDraft, tools: readonly Tool[]): ReadonlySet<string> | 'all' {
  if (!tools.some((tool) => tool?.defer_loading === true)) return new Set();
  if (!isSearchable(tools.filter((tool) => typeof tool.name === 'string' && !isServerTool(tool)))) return 'all';
  const messages = draft.get('messages');
  validateMessages({ model: draft.env.model, messages: messages as Message[] });
  return new Set(loadedTools(messages as Message[]).keys());
}
