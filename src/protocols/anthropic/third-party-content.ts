import { MidswapError } from '../../core/errors.ts';
import type { Block, Message } from '../../core/messages.ts';
import type { Target } from '../../core/target.ts';
import { callInput, isObject } from '../call-input.ts';
import { shownText } from '../inline-pictures.ts';
import { jsonText } from '../json-text.ts';
import { orderCalls } from './call-order.ts';
import type { RequestDraft } from './draft.ts';
import { validateMessages } from './envelope.ts';
import { isPlainCache } from './third-party-tools.ts';

/** Messages in the blocks and roles that the endpoint knows, and in the order that every endpoint demands. Throws
 * `invalid_request` with the path of what is malformed. */
export function fitMessages(draft: RequestDraft, target: Target): void {
  fitSystem(draft, target);
  const before = draft.get('messages') as Message[];
  if (before.length === 0) throw new MidswapError('invalid_request', 'messages: at least one message is required');
  const after = fitHistory(before, target, draft);
  if (after.length === 0) {
    throw new MidswapError('invalid_request', 'messages: at least one message with content is required');
  }
  if (after !== before) draft.set('messages', after);
}

function fitSystem(draft: RequestDraft, target: Target): void {
  const before = draft.get('system');
  if (!Array.isArray(before)) return;
  const after = fitBlocks(before as Block[], target, draft);
  if (after.length === 0) draft.delete('system');
  else if (after !== before) draft.set('system', after);
}

function fitHistory(messages: Message[], target: Target, draft: RequestDraft): Message[] {
  validateMessages({ model: draft.env.model, messages });
  let changed = false;
  const fitted = messages.flatMap((message) => {
    if (typeof message.content === 'string') {
      if (message.content.trim() !== '') return [message];
      changed = true;
      return [];
    }
    const content = fitBlocks(message.content, target, draft);
    if (content === message.content && content.length > 0) return [message];
    changed = true;
    return content.length === 0 ? [] : [{ ...message, content }];
  });
  const current = changed ? fitted : messages;
  const wrapped = target.quirks.messages.systemRole === 'wrap' ? wrapSystem(current) : current;
  return withoutTrailingSpace(orderCalls(wrapped));
}

/** "final assistant content cannot end with trailing whitespace" */
function withoutTrailingSpace(messages: Message[]): Message[] {
  const last = messages.at(-1);
  if (last?.role !== 'assistant') return messages;
  const blocks = blocksOf(last.content);
  const tail = blocks.at(-1);
  if (tail?.type !== 'text' || !/\s$/.test(String(tail.text))) return messages;
  const text = String(tail.text).trimEnd();
  const content = typeof last.content === 'string' ? text : [...blocks.slice(0, -1), { ...tail, text }];
  return [...messages.slice(0, -1), { ...last, content }];
}

/**
 * System entries among the messages as marked user messages. One that stands between a call and its result goes behind
 * the results: these must follow their calls at once.
 */
function wrapSystem(messages: Message[]): Message[] {
  if (!messages.some((message) => message.role === 'system')) return messages;
  const out: Message[] = [];
  let waiting: Block[] = [];
  for (const message of messages) {
    if (message.role === 'system') {
      const notes = blocksOf(message.content).flatMap(asReminder);
      if (notes.length === 0) continue;
      if (hasCalls(out.at(-1))) waiting.push(...notes);
      else out.push({ role: 'user', content: notes });
    } else if (waiting.length > 0) {
      if (message.role === 'user') out.push({ ...message, content: [...blocksOf(message.content), ...waiting] });
      else out.push({ role: 'user', content: waiting }, message);
      waiting = [];
    } else out.push(message);
  }
  if (waiting.length > 0) out.push({ role: 'user', content: waiting });
  return out;
}

function asReminder(block: Block): Block[] {
  if (block.type !== 'text' || typeof block.text !== 'string' || block.text.trim() === '') return [];
  if (block.text.startsWith('<system-reminder>')) return [block];
  return [{ ...block, text: `<system-reminder>\n${block.text}\n</system-reminder>` }];
}

function hasCalls(message: Message | undefined): boolean {
  return message?.role === 'assistant' && blocksOf(message.content).some((block) => block.type === 'tool_use');
}

function blocksOf(content: string | Block[]): Block[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}

/** The same array when nothing had to change. */
function fitBlocks(blocks: Block[], target: Target, draft: RequestDraft, inResult = false): Block[] {
  const fitted = blocks.flatMap((block) => fitBlock(block, target, draft, inResult));
  return fitted.length === blocks.length && fitted.every((block, at) => block === blocks[at]) ? blocks : fitted;
}

function fitBlock(block: Block, target: Target, draft: RequestDraft, inResult: boolean): Block[] {
  const { messages: quirks } = target.quirks;
  const [fitted] = fitFields(block, target);
  switch (fitted.type) {
    case 'text':
      return typeof fitted.text === 'string' && fitted.text.trim() === '' ? [] : [fitted];
    case 'tool_use':
      return [isObject(fitted.input) ? fitted : { ...fitted, input: callInput(fitted.input) }];
    case 'image':
      return [fitImage(fitted, target, draft, inResult)];
    case 'document':
      return quirks.documents && !isFile(fitted) ? [fitted] : documentText(fitted, draft);
    case 'tool_reference':
      return [text(`Tool loaded: ${String(fitted.tool_name ?? '')}`)];
    case 'compaction':
      return typeof fitted.content === 'string' && fitted.content !== '' ? [text(fitted.content)] : [];
    case 'search_result':
      return quirks.serverTools.length > 0 ? [fitted] : [text(searchText(fitted))];
    case 'container_upload':
    case 'fallback':
    case 'tool_addition':
    case 'tool_removal':
      draft.notes.push(`a ${fitted.type} block was left out`);
      return [];
    case 'tool_result':
      return [fitResult(fitted, target, draft)];
    default:
      return quirks.serverTools.length > 0 ? [fitted] : withoutServerBlock(fitted);
  }
}

function fitResult(block: Block, target: Target, draft: RequestDraft): Block {
  const vision = target.data.vision ?? target.quirks.vision;
  const { content } = block;
  if (content === undefined || content === null) return block;
  if (typeof content === 'string') {
    const shown = shownText(content, vision);
    return shown === content ? block : { ...block, content: shown };
  }
  if (!Array.isArray(content)) return { ...block, content: jsonText(content) };
  const blocks: Block[] = content.every(isBlock)
    ? content
    : content.map((each) => (isBlock(each) ? each : text(asWords(each))));
  const fitted = fitBlocks(blocks, target, draft, true).map((each) => {
    const shown = typeof each.text === 'string' ? shownText(each.text, vision) : each.text;
    return shown === each.text ? each : { ...each, text: shown };
  });
  if (fitted.length === content.length && fitted.every((each, at) => each === content[at])) return block;
  return { ...block, content: fitted.length === 0 ? '' : fitted };
}

function isBlock(value: unknown): value is Block {
  return isObject(value) && typeof value.type === 'string';
}

function asWords(value: unknown): string {
  return typeof value === 'string' ? value : jsonText(value);
}

/** Fields on blocks that stand behind betas, or that the endpoint does not know. */
function fitFields(block: Block, target: Target): [Block] {
  const { messages: quirks } = target.quirks;
  const cache = block.cache_control;
  const drop = new Set<string>();
  if (cache !== undefined && !quirks.cacheControl) drop.add('cache_control');
  if (block.type === 'tool_use' && block.caller !== undefined) drop.add('caller');
  if (block.citations !== undefined && quirks.serverTools.length === 0 && block.type === 'text') drop.add('citations');
  const shorten = cache && quirks.cacheControl && !isPlainCache(cache);
  if (drop.size === 0 && !shorten) return [block];
  const plain = Object.fromEntries(Object.entries(block).filter(([name]) => !drop.has(name))) as Block;
  if (shorten) plain.cache_control = { type: cache.type };
  return [plain];
}

function fitImage(block: Block, target: Target, draft: RequestDraft, inResult: boolean): Block {
  const { messages: quirks, vision } = target.quirks;
  const source = (block.source ?? {}) as { type?: unknown; url?: unknown };
  const omitted = (why: string): Block => {
    draft.notes.push(`an image was left out: ${why}`);
    return text(`[image omitted: ${why}]`);
  };
  if (!(target.data.vision ?? vision)) return omitted('the model cannot see images');
  if (inResult && !quirks.toolResultImages) return omitted('tool results can only be text here');
  if (source.type === 'url' && !quirks.urlImages)
    return omitted(`only inline images can be read, not ${String(source.url)}`);
  if (isFile(block)) return omitted('the file is kept by another provider');
  return block;
}

function isFile(block: Block): boolean {
  return (block.source as { type?: unknown } | undefined)?.type === 'file';
}

/** A document as text, as far as it is text. */
function documentText(block: Block, draft: RequestDraft): Block[] {
  const source = (block.source ?? {}) as {
    type?: unknown;
    data?: unknown;
    media_type?: unknown;
    content?: unknown;
    url?: unknown;
  };
  const head = [
    typeof block.title === 'string' && block.title !== '' ? `Document: ${block.title}` : '',
    typeof block.context === 'string' ? block.context : '',
  ].filter((line) => line !== '');
  const asText = (body: string): Block[] => [text([...head, body].join('\n'))];
  if (source.type === 'text' && typeof source.data === 'string') return asText(source.data);
  if (source.type === 'base64' && String(source.media_type).startsWith('text/')) {
    return asText(Buffer.from(String(source.data), 'base64').toString('utf8'));
  }
  if (source.type === 'content') {
    const inner = blocksOf(source.content as string | Block[]);
    return Array.isArray(inner) ? [...(head.length > 0 ? [text(head.join('\n'))] : []), ...inner] : [];
  }
  draft.notes.push('a document was left out: the endpoint takes none');
  const url = source.type === 'url' ? ` ${String(source.url)}` : '';
  return asText(`[document${url} omitted: this model cannot read it]`);
}

function searchText(block: Block): string {
  const inner = Array.isArray(block.content) ? (block.content as Block[]) : [];
  return [block.title, block.source, ...inner.map((part) => part.text)]
    .filter((line) => typeof line === 'string')
    .join('\n');
}

/** Calls of tools that another provider ran, and their results, as text that says what came out. */
function withoutServerBlock(block: Block): Block[] {
  if (block.type === 'server_tool_use' || block.type === 'mcp_tool_use') return [];
  if (!block.type.endsWith('_tool_result') || block.type === 'tool_result') return [block];
  const results = Array.isArray(block.content) ? (block.content as Block[]) : [];
  const lines = results.flatMap((result) => {
    if (typeof result.text === 'string') return [result.text];
    return typeof result.url === 'string' ? [`${String(result.title ?? '')} ${result.url}`.trim()] : [];
  });
  return lines.length === 0 ? [] : [text(lines.join('\n'))];
}

function text(content: string): Block {
  return { type: 'text', text: content };
}
