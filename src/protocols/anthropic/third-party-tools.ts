import type { CacheControl, Tool } from '../../core/messages.ts';
import type { Target } from '../../core/target.ts';
import type { RequestDraft } from './draft.ts';

/** Fields of a tool that every endpoint of the dialect knows. Others stand behind betas of Anthropic. */
const TOOL_FIELDS = new Set(['name', 'description', 'input_schema', 'type', 'cache_control']);

/**
 * Tools that the endpoint can be told about: server tools that it does not run go, deferred tools come as ordinary ones
 * once the history refers to them, fields behind betas go. A choice among tools that are gone goes too.
 */
export function fitTools(draft: RequestDraft, target: Target): void {
  const tools = draft.get('tools');
  if (!Array.isArray(tools)) return;
  const loaded = loadedTools(draft, tools as Tool[]);
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

function fitted(tool: Tool, target: Target, loaded: ReadonlySet<string> | 'all'): Tool[] {
  const { messages: quirks } = target.quirks;
  if (isServerTool(tool)) return quirks.serverTools.some((prefix) => tool.type?.startsWith(prefix)) ? [tool] : [];
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

/** What Anthropic runs, or knows without a schema. */
function isServerTool(tool: Tool): boolean {
  return typeof tool.type === 'string' && tool.type !== 'custom' && tool.input_schema === undefined;
}

/** A lifetime or a scope of a cache mark is behind a beta. */
export function isPlainCache(cache: CacheControl): boolean {
  return Object.keys(cache).length === 1;
}

const REFERENCE = '"tool_reference"';

/** Deferred tools that the history has loaded. With a search that Anthropic would run, nothing could ever be loaded: then
 * all of them come. */
function loadedTools(draft: RequestDraft, tools: readonly Tool[]): ReadonlySet<string> | 'all' {
  const loaded = new Set<string>();
  if (!tools.some((tool) => tool?.defer_loading === true)) return loaded;
  if (tools.some((tool) => isServerTool(tool) && tool.type?.startsWith('tool_search_tool'))) return 'all';
  if (!draft.mentions('messages', REFERENCE)) return loaded;
  collectReferences(draft.get('messages'), loaded);
  return loaded;
}

function collectReferences(value: unknown, loaded: Set<string>): void {
  if (Array.isArray(value)) {
    for (const item of value) collectReferences(item, loaded);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const { type, tool_name: name, content } = value as { type?: unknown; tool_name?: unknown; content?: unknown };
  if (type === 'tool_reference' && typeof name === 'string') loaded.add(name);
  else if (content !== undefined) collectReferences(content, loaded);
}
