import type { MessagesRequest } from '../../core/messages.ts';
import { contentBlocks, isBlankText } from '../turns.ts';
import type { TextPart } from './types.ts';

const ATTRIBUTION = 'x-anthropic-billing-header:';

/**
 * The system prompt as text parts, without the attribution line: it changes with every request, belongs to Anthropic,
 * and only counts when it leads. The same words anywhere else are somebody's text.
 */
export function systemParts(system: MessagesRequest['system'], keepCacheControl: boolean): TextPart[] {
  if (system === undefined || system === null) return [];
  const parts: TextPart[] = [];
  contentBlocks(system).forEach((block, index) => {
    if (block.type !== 'text' || typeof block.text !== 'string') return;
    const text = index === 0 ? withoutAttribution(block.text) : block.text;
    if (isBlankText(text)) return;
    const part: TextPart = { type: 'text', text };
    if (keepCacheControl && block.cache_control !== undefined) part.cache_control = block.cache_control;
    parts.push(part);
  });
  return parts;
}

function withoutAttribution(text: string): string {
  if (!text.startsWith(ATTRIBUTION)) return text;
  const end = text.indexOf('\n');
  return end === -1 ? '' : text.slice(end + 1).replace(/^\n+/, '');
}

/** A system entry for an upstream that takes no system role at this place. */
export function asReminder(text: string): string {
  return text.startsWith('<system-reminder>') ? text : `<system-reminder>\n${text}\n</system-reminder>`;
}
