import type { Message, Tool } from '../core/messages.ts';
import { isObject } from './call-input.ts';

/** The client has a search of its own for deferred tools. Without one nothing would ever load them. */
export function isSearchable(tools: readonly Tool[]): boolean {
  return tools.some((tool) => tool.defer_loading !== true && /^tool_?search/i.test(tool.name));
}

/**
 * Names of tools that messages load or use (references in results, additions in system entries, calls), each with the
 * position of the first message that mentions it, in that order. `offset`: position of the first of the messages.
 */
export function loadedTools(messages: readonly Message[], offset = 0): Map<string, number> {
  const out = new Map<string, number>();
  let at = offset - 1;
  const mention = (name: string): void => {
    if (!out.has(name)) out.set(name, at);
  };
  for (const { content } of messages) {
    at += 1;
    if (typeof content === 'string') continue;
    for (const block of content) {
      if (block.type === 'text') continue;
      if (block.type === 'tool_use') mention(String(block.name));
      else if (block.type === 'tool_reference' || block.type === 'tool_addition') addReference(block, mention);
      else if (block.type.endsWith('tool_result')) addReferences(block.content, mention, 0);
    }
  }
  return out;
}

function addReferences(content: unknown, mention: (name: string) => void, depth: number): void {
  if (depth > 4) return;
  if (Array.isArray(content)) for (const each of content) addReferences(each, mention, depth + 1);
  else if (isObject(content)) {
    if (content.type === 'tool_reference') addReference(content, mention);
    else if (content.tool_references !== undefined) addReferences(content.tool_references, mention, depth + 1);
  }
}

function addReference(reference: Record<string, unknown>, mention: (name: string) => void): void {
  const nested = isObject(reference.tool) ? reference.tool : reference;
  const name = reference.tool_name ?? nested.tool_name ?? nested.name;
  if (typeof name === 'string') mention(name);
}
