import type { Block } from '../../core/messages.ts';
import type { ChatQuirks } from '../../core/target.ts';
import { contentBlocks, isBlankText } from '../turns.ts';
import type { ImagePart, Part } from './types.ts';
import { isRecord } from './types.ts';

/** What the target can be shown, and where it is told what was left out. */
export interface ContentRules {
  readonly quirks: ChatQuirks;
  readonly vision: boolean;
  note(text: string): void;
}

/** The blocks of a user or system message as parts, in order. Blank text, thinking and calls are not content. */
export function contentParts(blocks: readonly Block[], rules: ContentRules): Part[] {
  const parts: Part[] = [];
  for (const block of blocks) addBlock(parts, block, rules);
  return parts;
}

/** Parts as `content`: one string whenever there is nothing but text, so that equal text gives equal bytes whichever
 * form the client used. */
export function asContent(parts: readonly Part[]): string | Part[] {
  return parts.every(isPlainText) ? joinedText(parts) : [...parts];
}

function isPlainText(part: Part): boolean {
  return part.type === 'text' && part.cache_control === undefined;
}

export function joinedText(parts: readonly Part[]): string {
  const [only] = parts;
  if (parts.length === 1 && only?.type === 'text') return only.text;
  return parts.map((part) => (part.type === 'text' ? part.text : '')).join('\n');
}

/** Adds what a block says to the parts of its message. */
export function addBlock(parts: Part[], block: Block, rules: ContentRules): void {
  if (block.type === 'text') addText(parts, String(block.text), rules, block.cache_control);
  else if (!SILENT.has(block.type)) parts.push(...blockParts(block, rules));
}

const SILENT = new Set(['thinking', 'redacted_thinking', 'tool_use', 'tool_addition', 'tool_removal']);

function blockParts(block: Block, rules: ContentRules): Part[] {
  switch (block.type) {
    case 'image':
      return [imagePart(block, rules)];
    case 'document':
      return documentParts(block, rules);
    case 'search_result':
      return textPart(searchResultText(block), rules, block.cache_control);
    case 'tool_reference':
      return textPart(`Tool loaded: ${String(block.tool_name ?? '')}`, rules);
    case 'compaction':
      return typeof block.content === 'string' ? textPart(block.content, rules) : [];
    default: {
      const text = serverBlockText(block);
      if (text === '') rules.note(`a ${block.type} block was left out`);
      return textPart(text, rules);
    }
  }
}

function textPart(text: string, rules: ContentRules, cacheControl?: unknown): Part[] {
  const parts: Part[] = [];
  addText(parts, text, rules, cacheControl);
  return parts;
}

function addText(parts: Part[], text: string, rules: ContentRules, cacheControl: unknown): void {
  if (isBlankText(text)) return;
  if (rules.quirks.cacheControl && isRecord(cacheControl)) {
    parts.push({ type: 'text', text, cache_control: cacheControl });
  } else parts.push({ type: 'text', text });
}

function imagePart(block: Block, rules: ContentRules): Part {
  const source = isRecord(block.source) ? block.source : {};
  const omitted = (why: string): Part => {
    rules.note(`an image was left out: ${why}`);
    return { type: 'text', text: `[image omitted: ${why}]` };
  };
  if (!rules.vision) return omitted('the model cannot see images');
  const url = imageUrl(source);
  if (url === undefined) {
    return omitted(
      typeof source.file_id === 'string' ? `file ${source.file_id} is kept by another provider` : 'no data',
    );
  }
  if (!url.startsWith('data:') && !rules.quirks.urlImages) return omitted(`only inline images can be read, not ${url}`);
  const { imageTypes } = rules.quirks;
  const type = /^data:([^;,]*)/.exec(url)?.[1];
  if (type !== undefined && imageTypes.length > 0 && !imageTypes.includes(type))
    return omitted(`${type} cannot be read, only ${imageTypes.join(', ')}`);
  return { type: 'image_url', image_url: { url } } satisfies ImagePart;
}

function imageUrl(source: Record<string, unknown>): string | undefined {
  if (source.type === 'url') return typeof source.url === 'string' && source.url !== '' ? source.url : undefined;
  if (source.type !== 'base64' || typeof source.data !== 'string' || source.data === '') return undefined;
  return `data:${typeof source.media_type === 'string' ? source.media_type : 'image/png'};base64,${source.data}`;
}

function documentParts(block: Block, rules: ContentRules): Part[] {
  const source = isRecord(block.source) ? block.source : {};
  const title = typeof block.title === 'string' && block.title !== '' ? block.title : undefined;
  const head = [
    title === undefined ? '' : `Document: ${title}`,
    typeof block.context === 'string' ? block.context : '',
  ];
  const asText = (body: string): Part[] =>
    textPart([...head, body].filter((line) => line !== '').join('\n'), rules, block.cache_control);
  switch (source.type) {
    case 'text':
      return asText(typeof source.data === 'string' ? source.data : '');
    case 'content': {
      const inner = typeof source.content === 'string' ? contentBlocks(source.content) : source.content;
      const parts = Array.isArray(inner) ? contentParts(inner.filter(isBlock), rules) : [];
      return [...asText(''), ...parts];
    }
    case 'base64': {
      const media = typeof source.media_type === 'string' ? source.media_type : 'application/pdf';
      const data = typeof source.data === 'string' ? source.data : '';
      if (media.startsWith('text/')) return asText(Buffer.from(data, 'base64').toString('utf8'));
      if (rules.quirks.pdf && data !== '') {
        const filename = title ?? 'document.pdf';
        return [
          ...asText('').slice(title === undefined ? 0 : 1),
          { type: 'file', file: { filename, file_data: `data:${media};base64,${data}` } },
        ];
      }
      return [omittedDocument(title, 'the model cannot read PDF', rules)];
    }
    case 'url':
      return asText(`[document at ${String(source.url ?? '')}, not fetched]`);
    default:
      return [omittedDocument(title, 'its file is kept by another provider', rules)];
  }
}

function omittedDocument(title: string | undefined, why: string, rules: ContentRules): Part {
  rules.note(`a document was left out: ${why}`);
  return { type: 'text', text: `[PDF ${title ?? 'document'} omitted: ${why}]` };
}

export function isBlock(value: unknown): value is Block {
  return isRecord(value) && typeof value.type === 'string';
}

function searchResultText(block: Block): string {
  const body = Array.isArray(block.content) ? block.content.filter(isBlock).map((each) => String(each.text ?? '')) : [];
  return [`${String(block.title ?? 'Search result')} (${String(block.source ?? '')})`, ...body].join('\n');
}

/** Calls and results of tools that an Anthropic upstream ran itself, as text another model can read. What is encrypted
 * stays out. */
function serverBlockText(block: Block): string {
  if (block.type === 'server_tool_use' || block.type === 'mcp_tool_use') {
    return `[${String(block.name ?? block.type)} was called with ${JSON.stringify(block.input ?? {})}]`;
  }
  if (!block.type.endsWith('_tool_result')) return '';
  const lines = resultLines(block.content, 0);
  return `[${block.type.replace(/_tool_result$/, '')} returned${lines.length === 0 ? ' nothing]' : `]\n${lines.join('\n')}`}`;
}

function resultLines(content: unknown, depth: number): string[] {
  if (depth > 4) return [];
  if (typeof content === 'string') return [content];
  if (Array.isArray(content)) return content.flatMap((each) => resultLines(each, depth + 1));
  if (!isRecord(content)) return [];
  const out: string[] = [];
  if (typeof content.title === 'string' || typeof content.url === 'string') {
    out.push([content.title, content.url].filter((each) => typeof each === 'string').join(' - '));
  }
  for (const key of ['text', 'stdout', 'stderr', 'error_code', 'tool_name'] as const) {
    const value = content[key];
    if (typeof value === 'string' && value !== '') out.push(value);
  }
  for (const key of ['content', 'tool_references'] as const) out.push(...resultLines(content[key], depth + 1));
  if (isRecord(content.source) && content.source.type === 'text')
    out.push(...resultLines(content.source.data, depth + 1));
  return out;
}
