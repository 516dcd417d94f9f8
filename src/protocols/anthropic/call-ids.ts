import type { Block, Message } from '../../core/messages.ts';

const SERVER_PREFIX = 'srvtoolu_';
/**
 * Ids of calls that Anthropic takes: unique over the conversation, of legal characters, none that looks like a server
 * tool's. A result keeps to its call. Server tool calls that never got a result go, unless the assistant is still at it.
 * The same array when nothing had to change.
 */
export function repairCalls(messages: Message[]): Message[] {
  return withoutDeadServerCalls(withUniqueIds(messages));
}

interface Renaming {
  /** New ids of the calls of one message that wait for their results, by old id, in order. */
  readonly open: Map<string, { readonly at: number; readonly ids: string[] }>;
  /** The last one, for results that come twice. */
  readonly last: Map<string, string>;
  readonly used: Set<string>;
}

/** The part of it that holds for every endpoint of the Messages API. */
export function withUniqueIds(messages: Message[]): Message[] {
  const renaming: Renaming = { open: new Map(), last: new Map(), used: new Set() };
  let changed = false;
  const out = messages.map((message, at) => {
    if (!Array.isArray(message.content)) return message;
    const content = message.content.map((block) => renamed(block, at, renaming));
    if (content.every((block, at) => block === message.content[at])) return message;
    changed = true;
    return { ...message, content };
  });
  return changed ? out : messages;
}

function renamed(block: Block, at: number, { open, last, used }: Renaming): Block {
  if (block.type === 'tool_use' && typeof block.id === 'string') {
    const id = freeId(block.id, used);
    used.add(id);
    last.set(block.id, id);
    const waiting = open.get(block.id);
    // Calls of earlier messages that still wait never got a result: the nearest call has the next one.
    if (waiting?.at !== at) open.set(block.id, { at, ids: [id] });
    else waiting.ids.push(id);
    return id === block.id ? block : { ...block, id };
  }
  if (block.type === 'tool_result' && typeof block.tool_use_id === 'string') {
    const id = open.get(block.tool_use_id)?.ids.shift() ?? last.get(block.tool_use_id) ?? block.tool_use_id;
    return id === block.tool_use_id ? block : { ...block, tool_use_id: id };
  }
  return block;
}

/** A pure function of the history before it: the same call has the same id on every later turn. */
function freeId(id: string, used: ReadonlySet<string>): string {
  let plain = id.replace(/[^A-Za-z0-9_-]/g, '_');
  if (plain.startsWith(SERVER_PREFIX)) plain = `toolu_${plain.slice(SERVER_PREFIX.length)}`;
  if (plain === '') plain = 'toolu';
  let free = plain;
  for (let count = 2; used.has(free); count += 1) free = `${plain}_${count}`;
  return free;
}

function withoutDeadServerCalls(messages: Message[]): Message[] {
  const answered = new Set<unknown>();
  for (const { content } of messages) {
    if (!Array.isArray(content)) continue;
    for (const block of content) if (block.type.endsWith('_tool_result')) answered.add(block.tool_use_id);
  }
  let changed = false;
  const out: Message[] = [];
  for (const [at, message] of messages.entries()) {
    const { content } = message;
    const isDead = (block: Block): boolean => block.type === 'server_tool_use' && !answered.has(block.id);
    if (!Array.isArray(content) || at === messages.length - 1 || !content.some(isDead)) {
      out.push(message);
      continue;
    }
    changed = true;
    const rest = content.filter((block) => !isDead(block));
    if (rest.length > 0) out.push({ ...message, content: rest });
  }
  return changed ? out : messages;
}
