import type { Block, Message, ToolResultBlock } from '../../core/messages.ts';
import { type Call, INTERRUPTED, orphanHead, readTurns, type Turn } from '../turns.ts';

/**
 * Messages in which every turn with calls is followed by one user message that begins with their results. A result goes
 * to the nearest call before it, a call without one gets a stand-in, a result without a call becomes text. The same array
 * when nothing had to change.
 */
export function orderCalls(messages: Message[]): Message[] {
  if (isInOrder(messages)) return messages;
  const out: Message[] = [];
  let results: Block[] = [];
  for (const turn of readTurns(messages, false)) {
    const content = turn.blocks.flatMap((block) => (isTruePart(block, turn) ? [block] : asText(block)));
    if (turn.role === 'user' && results.length > 0) {
      out.push({ role: 'user', content: [...results, ...content] });
      results = [];
      continue;
    }
    // A system entry may stand here: then the results go before it.
    if (results.length > 0) out.push({ role: 'user', content: results });
    results = turn.calls.map(resultOf);
    if (content.length > 0) out.push({ role: turn.role, content });
  }
  if (results.length > 0) out.push({ role: 'user', content: results });
  return out;
}

function isInOrder(messages: readonly Message[]): boolean {
  const waiting = new Set<unknown>();
  for (const { role, content } of messages) {
    // Where system entries are known, they may stand between a call and its result.
    if (role === 'system') continue;
    const blocks = typeof content === 'string' ? [] : content;
    const answered = blocks.filter((block) => block.type === 'tool_result');
    if (waiting.size > 0 && (role !== 'user' || answered.length !== waiting.size)) return false;
    if (
      answered.length > 0 &&
      (role !== 'user' || blocks.slice(0, answered.length).some((block) => block.type !== 'tool_result'))
    )
      return false;
    for (const block of answered) if (!waiting.delete(block.tool_use_id)) return false;
    for (const block of blocks) {
      if (block.type !== 'tool_use') continue;
      if (role !== 'assistant' || waiting.has(block.id)) return false;
      waiting.add(block.id);
    }
  }
  return waiting.size === 0;
}

function resultOf({ block, results }: Call): Block {
  const [only, ...more] = results;
  if (only === undefined) {
    return { type: 'tool_result', tool_use_id: block.id, is_error: true, content: INTERRUPTED };
  }
  return more.length === 0 ? only : { ...only, content: results.flatMap(contentOf) };
}

function contentOf({ content }: ToolResultBlock): unknown[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  return Array.isArray(content) ? content : [];
}

/** Calls belong to the assistant; results were handed to their calls. */
function isTruePart(block: Block, turn: Turn): boolean {
  return block.type !== 'tool_result' && (block.type !== 'tool_use' || turn.role === 'assistant');
}

function asText(block: Block): Block[] {
  if (block.type === 'tool_use') return [];
  const parts = contentOf(block as ToolResultBlock) as Block[];
  return [{ type: 'text', text: orphanHead(String(block.tool_use_id)) }, ...parts];
}
