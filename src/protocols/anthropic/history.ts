import type { Block, Message, ThinkingBlock } from '../../core/messages.ts';
import type { Target } from '../../core/target.ts';
import type { ProtocolContext, Provenance } from '../protocol.ts';
import { repairCalls, withUniqueIds } from './call-ids.ts';
import type { RequestDraft } from './draft.ts';
import { scanHistory } from './history-scan.ts';
import { decodeOwnSignature, isOwnSignature, looksLikeAnthropicSignature } from './signature.ts';

/** Stands for the thinking of a turn whose thinking is gone, where an endpoint demands some. */
export const PLACEHOLDER_THINKING = '[The reasoning of this turn is not available.]';

/**
 * Makes the history of a request fit for its target, by who made its thinking. The same history always gives the same
 * result, so that caches and signed prefixes stay valid from turn to turn; a history that needs nothing is not even
 * parsed.
 */
export function repairHistory(draft: RequestDraft, target: Target, context: ProtocolContext): void {
  dropBlankText(draft);
  if (target.quirks.anthropicGenuine) repairForAnthropic(draft, context);
  else repairForThirdParty(draft, target, context);
}

/** Models of other providers begin a call with line breaks. The API refuses text of the assistant without content. */
function dropBlankText(draft: RequestDraft): void {
  if (!scanHistory(draft.env).blankText) return;
  const before = readableMessages(draft);
  if (!before?.some(holdsBlank)) return;
  const after = before.flatMap((message): Message[] => {
    if (!holdsBlank(message)) return [message];
    const content = (message.content as Block[]).filter((block) => !isBlank(block));
    return content.every(isThinking) ? [] : [{ ...message, content }];
  });
  draft.set('messages', after);
}

function holdsBlank({ role, content }: Message): boolean {
  return role === 'assistant' && Array.isArray(content) && content.some(isBlank);
}

/**
 * For Anthropic: thinking that Anthropic did not make goes, with the messages that it leaves empty; tool call ids are
 * made unique and legal; server tool calls without a result go. Where the turn that is running has lost its thinking,
 * thinking is switched off for this request: with `thinking: enabled` the API wants that turn to begin with it.
 */
function repairForAnthropic(draft: RequestDraft, context: ProtocolContext): void {
  const scan = scanHistory(draft.env);
  const enabled = thinkingType(draft) === 'enabled';
  const foreign = (signature: string): boolean => !isGenuine(signature, context.provenance);
  const suspicious =
    (context.withoutThinking ? scan.thinks : scan.redacted || scan.unsigned || scan.signatures.some(foreign)) ||
    scan.endsWithAssistant ||
    scan.oddCalls ||
    enabled;
  if (!suspicious) return;
  const before = readableMessages(draft);
  if (before === undefined) return;
  const keeps = (block: Block): boolean => !context.withoutThinking && isGenuineBlock(block, context.provenance);
  let messages = withoutTrailingThinking(filterThinking(before, keeps), thinkingType(draft));
  messages = repairCalls(messages);
  if (messages !== before) draft.set('messages', messages);
  if (enabled && runningTurnLacksThinking(messages)) switchThinkingOff(draft);
}

/**
 * Thinking by what the endpoint declares. `keep`: what this provider made, and thinking without a signature.
 * `require-on-tool-turns`: as text without signatures, a placeholder where a turn with calls has none. `strip`: nothing.
 * A conversation that began elsewhere may hold ids of calls that no endpoint of this dialect takes.
 */
function repairForThirdParty(draft: RequestDraft, target: Target, context: ProtocolContext): void {
  const mode = context.withoutThinking ? 'strip' : target.quirks.messages.historyThinking;
  const thinks = thinkingType(draft);
  const requires = mode === 'require-on-tool-turns' && thinks !== 'disabled';
  const keeps = (block: Block): boolean => mode === 'keep' && isOf(target.provider, block, context.provenance);
  const scan = scanHistory(draft.env);
  const changes = (signature: string): boolean =>
    isOwnSignature(signature) || !keeps({ type: 'thinking', thinking: 'x', signature });
  const filters = mode !== 'keep' || scan.redacted || scan.unsigned || scan.userThinks || scan.signatures.some(changes);
  const suspicious = requires || (scan.thinks && (filters || scan.endsWithAssistant)) || scan.oddCalls;
  if (!suspicious) return;
  const before = readableMessages(draft);
  if (before === undefined) return;
  const thoughtOut = requires ? withRequiredThinking(before) : withoutMarks(filterThinking(before, keeps));
  const after = withUniqueIds(withoutTrailingThinking(thoughtOut, thinks));
  if (after !== before) draft.set('messages', after);
}

/** Thinking that the gateway translated was never signed by anybody; the mark is nothing to an upstream. */
function withoutMarks(messages: Message[]): Message[] {
  const isMarked = (block: Block): boolean => block.type === 'thinking' && isOwnSignature(block.signature);
  if (!messages.some(({ content }) => Array.isArray(content) && content.some(isMarked))) return messages;
  return messages.map((message) => {
    const { content } = message;
    if (!Array.isArray(content) || !content.some(isMarked)) return message;
    return { ...message, content: content.map((block) => (isMarked(block) ? { ...block, signature: '' } : block)) };
  });
}

/** The messages, if they are what they should be. If not, the request goes on as it is: the upstream says what is wrong
 * with it. */
function readableMessages(draft: RequestDraft): Message[] | undefined {
  const messages = draft.get('messages');
  if (!Array.isArray(messages)) return undefined;
  const readable = messages.every((message: unknown) => {
    if (!isRecord(message)) return false;
    const { content } = message;
    if (typeof content === 'string') return true;
    return Array.isArray(content) && content.every((block) => isRecord(block) && typeof block.type === 'string');
  });
  return readable ? (messages as Message[]) : undefined;
}

function thinkingType(draft: RequestDraft): unknown {
  const thinking = draft.get('thinking');
  return isRecord(thinking) ? thinking.type : undefined;
}

/** Whether Anthropic made this signature: what is remembered decides, then its structure. */
function isGenuine(signature: string, provenance: Provenance): boolean {
  if (signature === '' || isOwnSignature(signature) || provenance.isForeign(signature)) return false;
  return looksLikeAnthropicSignature(signature) || provenance.isGenuine(signature);
}

function isGenuineBlock(block: Block, provenance: Provenance): boolean {
  if (block.type === 'thinking') return typeof block.signature === 'string' && isGenuine(block.signature, provenance);
  // The data of redacted thinking is cipher text without a known form: it goes only when it is known to be foreign.
  const { data } = block;
  return typeof data === 'string' && data !== '' && !isOwnSignature(data) && !provenance.isForeign(data);
}

/** Whether a block can go back to this provider: its own, or thinking that nobody signed. */
function isOf(provider: string, block: Block, provenance: Provenance): boolean {
  if (block.type === 'redacted_thinking') {
    return typeof block.data === 'string' && provenance.makerOf?.(block.data) === provider;
  }
  if (typeof block.thinking !== 'string' || block.thinking === PLACEHOLDER_THINKING) return false;
  const { signature } = block;
  if (typeof signature !== 'string' || signature === '') return true;
  const maker = provenance.makerOf?.(signature);
  if (maker !== undefined) return maker === provider;
  if (isOwnSignature(signature)) return decodeOwnSignature(signature)?.provider === provider;
  return (
    !provenance.isGenuine(signature) && !provenance.isForeign(signature) && !looksLikeAnthropicSignature(signature)
  );
}

function isThinking(block: Block): block is ThinkingBlock {
  return block.type === 'thinking' || block.type === 'redacted_thinking';
}

/** The messages with only the thinking that is kept; the same array when that is all. A message of an assistant that is
 * left with nothing to say is dropped: the API refuses empty content. */
function filterThinking(messages: Message[], keeps: (block: Block) => boolean): Message[] {
  let changed = false;
  const out: Message[] = [];
  for (const message of messages) {
    const { content } = message;
    const gone = (block: Block): boolean => isThinking(block) && (message.role !== 'assistant' || !keeps(block));
    if (!Array.isArray(content) || !content.some(gone)) {
      out.push(message);
      continue;
    }
    changed = true;
    const rest = content.filter((block) => !gone(block) && !isBlank(block));
    if (rest.length > 0) out.push({ ...message, content: rest });
  }
  return changed ? out : messages;
}

function isBlank(block: Block): boolean {
  return block.type === 'text' && typeof block.text === 'string' && block.text.trim() === '';
}

/** An assistant message in the final position may not hold thinking alone, nor any when thinking is off. */
function withoutTrailingThinking(messages: Message[], thinking: unknown): Message[] {
  const last = messages.at(-1);
  if (last?.role !== 'assistant' || !Array.isArray(last.content)) return messages;
  if (last.content.length > 0 && last.content.every(isThinking)) return messages.slice(0, -1);
  if (thinking === 'enabled' || thinking === 'adaptive' || !last.content.some(isThinking)) return messages;
  return [...messages.slice(0, -1), { ...last, content: last.content.filter((block) => !isThinking(block)) }];
}

/** Whether a tool loop is running whose first assistant message does not begin with thinking. */
function runningTurnLacksThinking(messages: readonly Message[]): boolean {
  let first: Message | undefined;
  for (let at = messages.length - 1; at >= 0; at -= 1) {
    const message = messages[at];
    if (message?.role === 'assistant') first = message;
    else if (message?.role === 'user' && !isOnlyResults(message)) break;
  }
  if (first === undefined || messages.at(-1)?.role === 'assistant') return false;
  const [lead] = Array.isArray(first.content) ? first.content : [];
  return lead === undefined || !isThinking(lead);
}

function isOnlyResults({ content }: Message): boolean {
  return Array.isArray(content) && content.some((block) => block.type === 'tool_result');
}

/** Thinking off, with what only makes sense beside it. */
function switchThinkingOff(draft: RequestDraft): void {
  draft.set('thinking', { type: 'disabled' });
  draft.notes.push('thinking is off for this request: the running turn began without it');
  const management = draft.get('context_management');
  if (!isRecord(management) || !Array.isArray(management.edits)) return;
  const edits = management.edits.filter((edit) => !(isRecord(edit) && String(edit.type).startsWith('clear_thinking')));
  if (edits.length === management.edits.length) return;
  if (edits.length === 0) draft.delete('context_management');
  else draft.set('context_management', { ...management, edits });
}

/** Every turn of the assistant with calls begins with thinking that has text; nothing is signed. A message of nothing but
 * thinking goes. */
function withRequiredThinking(messages: Message[]): Message[] {
  let changed = false;
  const out = messages.map((message) => {
    const { content } = message;
    if (!Array.isArray(content)) return message;
    const isSpoken = content.some((block) => !isThinking(block));
    const plain = content.flatMap((block): Block[] =>
      !isThinking(block) ? [block] : isSpoken ? unsigned(message, block) : [],
    );
    const calls = plain.some((block) => block.type === 'tool_use');
    if (message.role === 'assistant' && calls && plain[0]?.type !== 'thinking') {
      plain.unshift({ type: 'thinking', thinking: PLACEHOLDER_THINKING });
    }
    if (plain.length === content.length && plain.every((block, at) => block === content[at])) return message;
    changed = true;
    return { ...message, content: plain };
  });
  return changed ? out.filter(({ content }) => content.length > 0) : messages;
}

function unsigned(message: Message, block: ThinkingBlock): Block[] {
  if (message.role !== 'assistant' || typeof block.thinking !== 'string' || block.thinking.trim() === '') return [];
  if (block.signature === undefined) return [block];
  const { signature, ...rest } = block;
  return [rest];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
