import type { Block, Message, ToolResultBlock } from '../core/messages.ts';

/** Stands for the result of a call that never got one. */
export const INTERRUPTED = '[No result: the tool call was interrupted before it finished.]';

/** Leads what is left of a result whose call is gone. */
export function orphanHead(id: string): string {
  return `[result of an earlier tool call ${id}]`;
}

/** A tool call of the history with every result that belongs to it, wherever in the later messages they stood. */
export interface Call {
  readonly block: Block;
  readonly results: ToolResultBlock[];
  /** How many calls of the same turn have the same id before it. */
  readonly occurrence: number;
  /** Position of the last message that holds a result of it; -1 without one. */
  answeredAt: number;
}

export interface Turn {
  readonly role: 'user' | 'assistant' | 'system';
  /** Position of its first message in the request. */
  readonly at: number;
  /** Blocks without the results that belong to a call. */
  readonly blocks: Block[];
  readonly calls: Call[];
  /** Whether a cache mark or anything else made it more than one message. */
  messages: number;
}

/** Thrown when a result belongs to a call of the part that was translated before: then all of it is translated. */
export class LateResult extends Error {
  override readonly name = 'LateResult';
}

/**
 * Messages as turns. Every tool result goes to the nearest call before it with its id, however far behind it stands;
 * one that has none stays a block of its user turn. Assistant messages that follow a message with calls join it: calls
 * and results must stand together.
 *
 * `offset`: position of the first of these messages in the request. `earlierIds`: call ids of the messages before.
 */
export function readTurns(
  messages: readonly Message[],
  mergeAssistants: boolean,
  offset = 0,
  earlierIds: (id: string) => boolean = () => false,
): Turn[] {
  const turns: Turn[] = [];
  const open = new Map<string, Call[]>();
  let at = offset;
  for (const message of messages) {
    const role = message.role as Turn['role'];
    const turn = turnFor(turns, role, at, mergeAssistants);
    turn.messages += 1;
    for (const block of contentBlocks(message.content)) {
      if (role === 'assistant') addToAssistant(turn, block, open);
      else if (block.type !== 'tool_result') turn.blocks.push(block);
      else claim(turn, block as ToolResultBlock, at, open, earlierIds);
    }
    at += 1;
  }
  return turns;
}

function turnFor(turns: Turn[], role: Turn['role'], at: number, mergeAssistants: boolean): Turn {
  const last = turns.at(-1);
  if (role === 'assistant' && last?.role === 'assistant' && (mergeAssistants || last.calls.length > 0)) return last;
  const turn: Turn = { role, at, blocks: [], calls: [], messages: 0 };
  turns.push(turn);
  return turn;
}

function addToAssistant(turn: Turn, block: Block, open: Map<string, Call[]>): void {
  turn.blocks.push(block);
  // A call without a name is the trace of a broken stream: neither it nor its result can be sent.
  if (block.type !== 'tool_use') return;
  const id = String(block.id);
  const twins = turn.calls.length === 0 ? [] : turn.calls.filter((call) => call.block.id === id);
  const call: Call = { block, results: [], occurrence: twins.length, answeredAt: -1 };
  turn.calls.push(call);
  open.set(id, [...twins, call]);
}

function claim(
  turn: Turn,
  result: ToolResultBlock,
  at: number,
  open: Map<string, Call[]>,
  earlierIds: (id: string) => boolean,
): void {
  const calls = open.get(result.tool_use_id);
  if (calls === undefined) {
    if (earlierIds(result.tool_use_id)) throw new LateResult();
    turn.blocks.push(result);
    return;
  }
  const call = calls.find((each) => each.results.length === 0) ?? calls[0];
  if (call === undefined) return;
  call.results.push(result);
  call.answeredAt = at;
}

/** There is nothing to see in it. The same as to trim it and to look at the length, but it ends with the first letter. */
export function isBlankText(text: string): boolean {
  return !VISIBLE.test(text);
}

const VISIBLE = /\S/;

/** A string is one text block. */
export function contentBlocks(content: string | readonly Block[]): readonly Block[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}
