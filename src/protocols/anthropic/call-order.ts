import type { Block, Message, ToolResultBlock } from '../../core/messages.ts';
import { type Call, INTERRUPTED, orphanHead, readTurns, type Turn } from '../turns.ts';

const CALL = Buffer.from('"tool_use"');
const RESULT = Buffer.from('"tool_use_id"');
const ROLE = Buffer.from('"role"');
const TEXT_KEYS = 80;

/**
 * Whether calls and results may stand otherwise than every endpoint demands: the results of a turn at the beginning of
 * the message behind it, one for each call and nothing between them. Looks at bytes only, and says yes where it is not
 * sure: whoever parses then sees.
 */
export function hasOddOrder(raw: Buffer, start: number, end: number): boolean {
  const marks = [...placesOf(raw, CALL, start, end), ...placesOf(raw, RESULT, start, end)];
  if (marks.length === 0) return false;
  marks.push(...placesOf(raw, ROLE, start, end));
  marks.sort((a, b) => a - b);
  const waiting = new Set<string>();
  let role = '';
  let roleAt = start;
  let resultAt = -1;
  for (const at of marks) {
    if (raw.compare(ROLE, 0, ROLE.length, at, at + ROLE.length) === 0) {
      const next = wordAfter(raw, at + ROLE.length);
      if (waiting.size > 0 && !(role === 'assistant' && next === 'user')) return true;
      [role, roleAt, resultAt] = [next, at, -1];
    } else if (raw.compare(RESULT, 0, RESULT.length, at, at + RESULT.length) === 0) {
      const id = wordAfter(raw, at + RESULT.length);
      if (role !== 'user' || !waiting.delete(id)) return true;
      if (resultAt === -1 ? at - roleAt > TEXT_KEYS || hasOther(raw, roleAt, at) : hasOther(raw, resultAt, at))
        return true;
      resultAt = at;
    } else {
      const id =
        raw.toString('latin1', at + CALL.length, at + CALL.length + 7) === ',"id":"'
          ? wordAfter(raw, at + CALL.length + 5)
          : '';
      if (role !== 'assistant' || id === '' || waiting.has(id)) return true;
      waiting.add(id);
    }
  }
  return waiting.size > 0;
}

/** The last message is the assistant's. */
export function endsWithAssistant(raw: Buffer, start: number, end: number): boolean {
  const at = raw.lastIndexOf(ROLE, end);
  return at > start && wordAfter(raw, at + ROLE.length) === 'assistant';
}

function placesOf(raw: Buffer, what: Buffer, start: number, end: number): number[] {
  const places: number[] = [];
  for (let at = raw.indexOf(what, start); at !== -1 && at < end; at = raw.indexOf(what, at + 1)) places.push(at);
  return places;
}

/** The plain string behind a key and its colon; empty where it is not written that plainly. */
function wordAfter(raw: Buffer, from: number): string {
  if (raw[from] !== 0x3a || raw[from + 1] !== 0x22) return '';
  const close = raw.indexOf(0x22, from + 2);
  return close === -1 || close - from > 200 ? '' : raw.toString('latin1', from + 2, close);
}

/** A block that is no result may begin between two places. */
function hasOther(raw: Buffer, from: number, to: number): boolean {
  const type = Buffer.from('"type":"');
  for (let at = raw.indexOf(type, from); at !== -1 && at < to; at = raw.indexOf(type, at + 1)) {
    if (raw.toString('latin1', at + type.length, at + type.length + 12) !== 'tool_result"') return true;
  }
  return false;
}

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
