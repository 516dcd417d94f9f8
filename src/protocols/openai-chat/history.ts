import { MidswapError } from '../../core/errors.ts';
import type { Span } from '../../core/json-skim.ts';
import type { Block, Envelope } from '../../core/messages.ts';
import { ownBytes } from '../../core/own-bytes.ts';
import type { ChatQuirks, Target } from '../../core/target.ts';
import { loadedTools } from '../deferred-tools.ts';
import { messagePlaces } from '../json-list.ts';
import type { ProtocolContext } from '../protocol.ts';
import type { ToolNames } from '../tool-names.ts';
import { isBlankText, LateResult, readTurns, type Turn } from '../turns.ts';
import { asContent } from './content.ts';
import { Conversation, type ConversationRules, type Position, START } from './conversation.ts';
import {
  type Boundary,
  firstBytes,
  isWorthKeeping,
  type KnownBeginning,
  type Resumption,
  withFewPieces,
} from './history-cache.ts';
import { formatInstruction } from './parameters.ts';
import { messagesBytes, messagesFrom, type RequestHead } from './request-parts.ts';
import { asReminder, systemParts } from './system.ts';
import { toolIdMapper } from './tool-ids.ts';
import { offeredTools } from './tools.ts';
import type { ChatMessage, Part } from './types.ts';
import { checkMessages } from './validate.ts';

export interface History {
  /** The messages as JSON, commas between them. */
  readonly messages: Buffer[];
  /** Names of tools that the conversation mentions, with the position of the first mention. */
  readonly loaded: ReadonlyMap<string, number>;
}

interface Job {
  readonly env: Envelope;
  readonly head: RequestHead;
  readonly names: ToolNames;
  readonly target: Target;
  readonly context: ProtocolContext;
  note(text: string): void;
}

/** The messages of a request in the upstream's words. What was translated before is taken over, if it may be. */
export function translateHistory(
  env: Envelope,
  head: RequestHead,
  names: ToolNames,
  target: Target,
  context: ProtocolContext,
  note: (text: string) => void,
): History {
  const job: Job = { env, head, names, target, context, note };
  const system = systemMessage(head, target);
  const cache = context.chatHistory;
  const source = messagesBytes(env);
  // Which calls are told as text depends on the tools of this very request.
  const isKept = target.quirks.chat.undeclaredToolCalls !== 'text';
  if (cache === undefined || source === undefined || !isKept || !isWorthKeeping(source)) {
    return translate(job, system, undefined, false).history;
  }
  const key = cacheKey(job, system);
  const found = cache.find(key, bytesAt(env.raw, env.spans.get('tools')), source, knownBeginning(env, cache));
  const done = resumed(job, system, found);
  const boundaries = placed(env, done);
  if (boundaries === undefined) return done.history;
  const { messages, loaded } = done.history;
  const pieces = withFewPieces(messages);
  const mark = {};
  noteBeginning(env, cache, mark);
  cache.remember({ key, mark, ...kept(env), pieces, boundaries, loaded, callIds: done.callIds }, done.from);
  return { messages: pieces, loaded };
}

/** The skim has compared a body with the one before already; what it found to be the same need not be compared again. */
function knownBeginning({ places, spans }: Envelope, cache: object): KnownBeginning | undefined {
  const note = places?.notes.get(cache);
  const span = spans.get('messages');
  return note && span && { mark: note.value, length: note.end - span[0] };
}

function noteBeginning({ places }: Envelope, cache: object, mark: object): void {
  const end = places?.elements.at(-2);
  if (end !== undefined) places?.notes.set(cache, { end, value: mark });
}

/** The bytes of a request by which its translation is known again. */
function kept({ raw, spans }: Envelope): { source: Buffer; toolBytes: Buffer | undefined } {
  const own = ownBytes(raw);
  return { source: bytesAt(own, spans.get('messages')) ?? own, toolBytes: bytesAt(own, spans.get('tools')) };
}

function bytesAt(raw: Buffer, span: Span | undefined): Buffer | undefined {
  return span && raw.subarray(span[0], span[1]);
}

function cacheKey({ target, context }: Job, system: ChatMessage | undefined): string {
  const { quirks, provider } = target;
  const { role, content = '' } = system ?? {};
  let words = QUIRKS.get(quirks.chat);
  if (words === undefined) {
    words = JSON.stringify(quirks.chat);
    QUIRKS.set(quirks.chat, words);
  }
  // The prompt is long: a text goes in as it is, at the end.
  const kind = typeof content;
  const start = JSON.stringify([provider, seesPictures(target), context.withoutThinking, role, kind]);
  return `${start}${words}${typeof content === 'string' ? content : JSON.stringify(content)}`;
}

const QUIRKS = new WeakMap<ChatQuirks, string>();

function seesPictures({ data, quirks }: Target): boolean {
  return data.vision ?? quirks.vision;
}

/** A boundary before its place in the received bytes is known. */
interface Found {
  readonly turn: Turn;
  readonly position: Position;
  readonly written: number;
}

interface Done {
  readonly history: History;
  readonly callIds: ReadonlyMap<string, number>;
  readonly found: readonly Found[];
  readonly from: Resumption | undefined;
}

function resumed(job: Job, system: ChatMessage | undefined, from: Resumption | undefined): Done {
  if (from === undefined) return translate(job, system, undefined, true);
  try {
    return translate(job, system, from, true);
  } catch (thrown) {
    if (thrown instanceof LateResult) return translate(job, system, undefined, true);
    throw thrown;
  }
}

/** Translates the messages behind a boundary, or all of them: where that is possible without the long texts. `isKept`:
 * somebody may go on from here. */
function translate(job: Job, system: ChatMessage | undefined, from: Resumption | undefined, isKept: boolean): Done {
  return translated(job, system, from, isKept, true) ?? (translated(job, system, from, isKept, false) as Done);
}

/** `undefined`: with every text in its place, please. */
function translated(
  job: Job,
  system: ChatMessage | undefined,
  from: Resumption | undefined,
  isKept: boolean,
  shortened: boolean,
): Done | undefined {
  const { env, target } = job;
  const first = from?.boundary.at ?? 0;
  const vision = seesPictures(target);
  const { messages, texts } = messagesFrom(env, { first, offset: from?.boundary.offset, vision, shortened });
  checkMessages(messages, first);
  const mentioned = loadedTools(messages, first);
  const loaded = from === undefined ? mentioned : joined(before(from.history.loaded, first), mentioned);
  const earlier = from === undefined ? new Map<string, number>() : before(from.history.callIds, first);
  const rules = conversationRules(job, loaded);
  const turns = readTurns(messages, rules.quirks.alternateRoles, first, (id) => earlier.has(id)).filter(
    (turn) => !isBlank(turn),
  );
  // Results of one call are compared with each other.
  if (texts !== undefined && turns.some(({ calls }) => calls.some(({ results }) => results.length > 1)))
    return undefined;
  const conversation = new Conversation(rules, from?.boundary.position ?? START);
  if (from === undefined && system !== undefined) conversation.addMessage(system);
  const boundaries: { readonly turn: Turn; readonly position: Position; readonly count: number }[] = [];
  // A call that is answered late is written with an answer from behind: what stands between does not hold by itself.
  let answeredAt = -1;
  turns.forEach((turn, index) => {
    const boundary = conversation.add(turn, index === turns.length - 1);
    if (!isKept) return;
    if (boundary !== undefined && answeredAt < turn.at) boundaries.push({ turn, ...boundary });
    for (const call of turn.calls) answeredAt = Math.max(answeredAt, call.answeredAt);
  });
  const written = conversation.finish();
  if (from === undefined && conversation.emitted === (system === undefined ? 0 : 1)) {
    throw new MidswapError('invalid_request', 'messages: at least one message with content is required');
  }
  const prefix = from === undefined ? [] : firstBytes(from.history.pieces, from.boundary.written);
  const length = from?.boundary.written ?? 0;
  const bytes = texts === undefined ? bytesOf(written, length > 0) : texts.fill(written, length);
  if (bytes === undefined) return undefined;
  const history = { messages: [...prefix, Buffer.isBuffer(bytes) ? bytes : bytes.bytes], loaded };
  if (!isKept) return { history, callIds: earlier, found: [], from };
  const ends = Buffer.isBuffer(bytes) ? endsOf(written, length) : bytes.ends;
  return {
    history,
    callIds: joined(earlier, callIds(turns)),
    found: boundaries.map(({ turn, position, count }) => ({ turn, position, written: ends[count] ?? 0 })),
    from,
  };
}

/** Messages as bytes; `follows`: others stand before them. */
function bytesOf(written: readonly string[], follows: boolean): Buffer {
  return Buffer.from(follows && written.length > 0 ? `,${written.join(',')}` : written.join(','), 'utf8');
}

/** Where the first `n` messages end, for every `n`, in bytes and without the comma behind them. */
function endsOf(written: readonly string[], start: number): number[] {
  const ends = [start];
  let at = start;
  for (const text of written) {
    at += (at === 0 ? 0 : 1) + Buffer.byteLength(text, 'utf8');
    ends.push(at);
  }
  return ends;
}

/** The boundaries with their places in the received bytes; `undefined` when those cannot be told. */
function placed(env: Envelope, { found, from }: Done): Boundary[] | undefined {
  const span = env.spans.get('messages');
  const elements = messagePlaces(env);
  if (elements === undefined || span === undefined) return undefined;
  const boundaries = from?.history.boundaries.filter((boundary) => boundary.at < from.boundary.at) ?? [];
  for (const { turn, position, written } of found) {
    const offset = elements[2 * turn.at];
    const turnEnd = elements[2 * (turn.at + turn.messages) - 1];
    if (offset === undefined || turnEnd === undefined) continue;
    boundaries.push({ at: turn.at, offset: offset - span[0], turnEnd: turnEnd - span[0], position, written });
  }
  return boundaries;
}

function before(map: ReadonlyMap<string, number>, end: number): Map<string, number> {
  const out = new Map<string, number>();
  for (const [name, at] of map) if (at < end) out.set(name, at);
  return out;
}

/** Adds to the first map what it has not. */
function joined(first: Map<string, number>, second: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  for (const [name, at] of second) if (!first.has(name)) first.set(name, at);
  return first;
}

function callIds(turns: readonly Turn[]): Map<string, number> {
  const out = new Map<string, number>();
  for (const turn of turns)
    for (const call of turn.calls) if (!out.has(String(call.block.id))) out.set(String(call.block.id), turn.at);
  return out;
}

function conversationRules(
  { head, names, target, context, note }: Job,
  loaded: ReadonlyMap<string, number>,
): ConversationRules {
  let offered: ReadonlySet<string> | undefined;
  return {
    quirks: target.quirks.chat,
    vision: seesPictures(target),
    provider: target.provider,
    names,
    withoutThinking: context.withoutThinking,
    toolId: toolIdMapper(target.quirks.chat),
    isDeclared: (name) => {
      offered ??= new Set(offeredTools(head, loaded, names, target, note).map((tool) => tool.function.name));
      return offered.has(name);
    },
    note,
  };
}

/** The system prompt, with what has to be said about the format of the answer. */
function systemMessage(head: RequestHead, target: Target): ChatMessage | undefined {
  const { chat: quirks } = target.quirks;
  const parts: Part[] = systemParts(head.system, quirks.cacheControl);
  const instruction = formatInstruction(head, target);
  if (instruction !== undefined) parts.push({ type: 'text', text: instruction });
  if (parts.length === 0) return undefined;
  const content = asContent(parts);
  if (quirks.systemRole !== 'user') return { role: quirks.systemRole, content };
  return { role: 'user', content: typeof content === 'string' ? asReminder(content) : content };
}

/** Nothing in it reaches an upstream. */
function isBlank(turn: Turn): boolean {
  return turn.calls.length === 0 && turn.blocks.every(isBlankBlock);
}

function isBlankBlock(block: Block): boolean {
  if (block.type === 'text') return isBlankText(String(block.text));
  return block.type === 'thinking' || block.type === 'redacted_thinking';
}
