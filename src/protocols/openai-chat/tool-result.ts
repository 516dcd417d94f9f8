import type { ToolResultBlock } from '../../core/messages.ts';
import { shownText } from '../inline-pictures.ts';
import { jsonText } from '../json-text.ts';
import { orphanHead } from '../turns.ts';
import { addBlock, asContent, type ContentRules, isBlock } from './content.ts';
import type { Part } from './types.ts';

export const NO_OUTPUT = '(no output)';
const FAILED = '[tool error] ';

/** What tool messages say, and the pictures that do not fit into them. */
export interface ToolResult {
  readonly content: string | Part[];
  readonly images: readonly Part[];
}

/** The results for one call: usually one; several are told one after the other, equal ones once. */
export function toolResult(results: readonly ToolResultBlock[], rules: ContentRules): ToolResult {
  const only = results[0];
  if (only === undefined) return { content: NO_OUTPUT, images: NONE };
  // Nearly all of them.
  if (results.length === 1 && typeof only.content === 'string' && only.content !== '' && only.is_error !== true) {
    return { content: shownText(only.content, rules.vision), images: NONE };
  }
  const parts = results.length === 1 ? resultParts(only, rules) : distinctParts(results, rules);
  if (parts.length > 0 && parts.every((part) => part.type === 'text'))
    return { content: asContent(parts), images: NONE };
  const inline = rules.quirks.toolResultImages === 'inline';
  const kept = inline ? parts : parts.filter((part) => part.type === 'text');
  const images = inline ? [] : parts.filter((part) => part.type !== 'text');
  if (kept.length === 0) return { content: images.length === 0 ? NO_OUTPUT : '[see the next message]', images };
  return { content: asContent(kept), images };
}

const NONE: readonly Part[] = [];

function distinctParts(results: readonly ToolResultBlock[], rules: ContentRules): Part[] {
  const seen = new Set<string>();
  return results.flatMap((result) => {
    const parts = resultParts(result, rules);
    const key = JSON.stringify(parts);
    if (seen.has(key)) return [];
    seen.add(key);
    return parts;
  });
}

/** Text of a result for which no call is known, to stand in a user message. */
export function orphanParts(result: ToolResultBlock, rules: ContentRules): Part[] {
  const parts = resultParts(result, rules);
  return [{ type: 'text', text: orphanHead(result.tool_use_id) }, ...parts];
}

function resultParts(result: ToolResultBlock, rules: ContentRules): Part[] {
  const parts = contentOf(result.content, rules);
  if (result.is_error !== true) return parts;
  const [first, ...rest] = parts;
  if (first?.type === 'text') return [{ ...first, text: FAILED + first.text }, ...rest];
  return [{ type: 'text', text: `${FAILED}${NO_OUTPUT}` }, ...parts];
}

function contentOf(content: unknown, rules: ContentRules): Part[] {
  if (content === undefined || content === null) return [];
  // Strings stay as they are, also those that look like JSON: another spacing would break prefix caches.
  if (typeof content === 'string')
    return content === '' ? [] : [{ type: 'text', text: shownText(content, rules.vision) }];
  if (!Array.isArray(content)) return [{ type: 'text', text: jsonText(content) }];
  const parts: Part[] = [];
  for (const each of content) {
    if (isBlock(each) && isKnown(each.type)) addBlock(parts, each, rules);
    else if (typeof each === 'string') parts.push({ type: 'text', text: each });
    else parts.push({ type: 'text', text: jsonText(each) });
  }
  if (rules.vision) return parts;
  return parts.map((part) => (part.type === 'text' ? { ...part, text: shownText(part.text, rules.vision) } : part));
}

const KNOWN = new Set(['text', 'image', 'document', 'search_result', 'tool_reference']);

function isKnown(type: string): boolean {
  return KNOWN.has(type);
}
