import type { MintId } from '../../core/ids.ts';
import type { Usage } from '../../core/usage.ts';
import { type MessageOutput, SseOutput, type StringRun } from './message-output.ts';

/** Which block is open. `raw` is one whose deltas the caller writes itself. */
type BlockKind = 'text' | 'thinking' | 'tool' | 'raw';

/** A call is `held` while another one is open or its name is missing, then `open`, then `closed`. */
export type ToolState = 'unknown' | 'held' | 'open' | 'closed';

interface ToolCall {
  id: string | undefined;
  name: string;
  /** Argument text as the inside of a JSON string, not yet written. */
  pending: string;
  state: ToolState;
  /** Its arguments are complete: close it as soon as it has been opened. */
  ended: boolean;
  block: Readonly<Record<string, unknown>>;
  /** Signature of a thinking block before it. */
  seal: string | undefined;
}

/** What a translator took over in the middle: bytes already sent to the client, not by this writer. */
export interface Resume {
  /** Blocks that were started so far. */
  readonly blocks: number;
  /** The block that is still open, if any. A tool carries the key by which it goes on. */
  readonly open?: { readonly kind: 'text' | 'thinking' | 'raw' } | { readonly kind: 'tool'; readonly key: unknown };
  /** Ids of the tool calls that were started. */
  readonly toolIds: readonly string[];
  /** The thinking block that is open has had its signature. */
  readonly signed: boolean;
}

export interface WriterOptions {
  /** Goes into `message.model`: the name that the client asked for. */
  readonly model: string;
  readonly mintId: MintId;
  /** The id occurs in the conversation already: the call gets another one. */
  readonly idTaken?: (id: string) => boolean;
  /** Signature for a thinking block that is closed without one; called once per such block, when it is closed. */
  readonly sealThinking?: () => string | undefined;
  readonly resume?: Resume;
}

/** How the upstream ended. The maps hold further fields that are passed on as they are. */
export interface Finish {
  readonly stopReason: string;
  readonly stopSequence?: string | null;
  readonly usage?: Usage;
  /** Beside `stop_reason` in `delta`: `safeguard_results`, `container`. */
  readonly delta?: Readonly<Record<string, unknown>>;
  /** Beside the token counts in `usage`: `server_tool_use`. */
  readonly usageExtra?: Readonly<Record<string, unknown>>;
  /** Beside `delta` and `usage`: `context_management`. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** Use of the writer that would break the grammar or lose bytes. A translator that meets it treats the upstream's
 * stream as malformed. */
export class WriterMisuse extends Error {
  override readonly name = 'WriterMisuse';
}

const THINKING = '{"type":"thinking","thinking":"","signature":""}';
const LEGAL_ID = /^[A-Za-z0-9_-]{1,128}$/;

/**
 * The only class that emits Messages events. It owns `message_start`, the index and the open block; whatever the order
 * of the calls, what comes out is: start, blocks one after the other without overlap, one `message_delta`,
 * `message_stop`. Blocks are opened by their first content and closed by what follows.
 *
 * Methods ending in `Raw` take the inside of a JSON string, already escaped, and copy it as it is.
 * `finish` is the only way to `message_stop`; without it the message stays open, as it must when an upstream breaks off.
 */
export class MessageWriter {
  readonly #options: WriterOptions;
  readonly #out: MessageOutput;
  readonly #calls = new Map<unknown, ToolCall>();
  readonly #ids = new Set<string>();
  #started = false;
  #finished = false;
  #blocks = 0;
  #open: BlockKind | undefined;
  #openCall: ToolCall | undefined;
  #signed = false;
  #hasContent = false;
  #hasTools = false;

  /** `output`: where events go; server-sent events unless a `MessageCollector` is given. */
  constructor(options: WriterOptions, output: MessageOutput = new SseOutput()) {
    this.#options = options;
    this.#out = output;
    if (options.resume !== undefined) this.#adopt(options.resume);
  }

  /** Something that a person or a tool can use has been written: text, thinking, a call or another block. */
  get hasContent(): boolean {
    return this.#hasContent;
  }

  /** `message_start` has been written. */
  get started(): boolean {
    return this.#started;
  }

  /** A tool call has been written or is held. */
  get hasTools(): boolean {
    if (this.#hasTools) return true;
    for (const call of this.#calls.values()) if (call.name !== '') return true;
    return false;
  }

  get openBlock(): BlockKind | undefined {
    return this.#open;
  }

  /**
   * Writes `message_start`; the first content does it too. A given id is kept if it can be unique, else one is minted.
   * Unknown token counts are written as 0. Throws when the message was started.
   */
  start(message: { id?: string; usage?: Usage; usageExtra?: Readonly<Record<string, unknown>> } = {}): void {
    if (this.#started) throw new WriterMisuse('the message was started before');
    this.#started = true;
    const id = message.id !== undefined && canBeUnique(message.id) ? message.id : this.#options.mintId('msg');
    this.#out.start(id, this.#options.model, {
      ...message.usageExtra,
      input_tokens: message.usage?.inputTokens ?? 0,
      cache_creation_input_tokens: message.usage?.cacheWriteTokens ?? 0,
      cache_read_input_tokens: message.usage?.cacheReadTokens ?? 0,
      output_tokens: message.usage?.outputTokens ?? 0,
    });
  }

  /** Text of the answer. Ends an open thinking block or tool call and writes held calls first. Empty text is nothing. */
  text(text: string): void {
    if (text !== '') this.textRaw(escaped(text));
  }

  textRaw(json: string): void {
    if (json === '') return;
    if (this.#open !== 'text') this.#openPlain('text', '{"type":"text","text":""}');
    this.#out.text(json);
  }

  /** Several pieces of text, a delta for each. */
  textRun(run: StringRun): void {
    if (this.#open !== 'text') this.#openPlain('text', '{"type":"text","text":""}');
    this.#out.textRun(run);
  }

  /** Opens a text block with further fields (`citations`), even without content. */
  openText(block: Readonly<Record<string, unknown>>): void {
    this.#openPlain('text', JSON.stringify({ ...block, type: 'text', text: '' }));
    if (typeof block.text === 'string') this.text(block.text);
  }

  /** Thinking. A new block is opened after text, a call, or a block that has its signature. */
  thinking(text: string): void {
    if (text !== '') this.thinkingRaw(escaped(text));
  }

  thinkingRaw(json: string): void {
    if (json === '') return;
    if (this.#open !== 'thinking' || this.#signed) this.openThinking();
    this.#out.thinking(json);
  }

  thinkingRun(run: StringRun): void {
    if (this.#open !== 'thinking' || this.#signed) this.openThinking();
    this.#out.thinkingRun(run);
  }

  /** More text of the open thinking block, even behind its signature: some upstreams send that first. */
  moreThinking(text: string): void {
    if (this.#open === 'thinking' && text !== '') this.#out.thinking(escaped(text));
    else this.thinking(text);
  }

  /** Opens a thinking block that may stay without text (its text is withheld by the upstream). */
  openThinking(): void {
    this.#openPlain('thinking', THINKING);
    this.#signed = false;
  }

  /** Signature of the open thinking block; opens an empty one if none is open. */
  signature(signature: string): void {
    if (this.#open !== 'thinking') this.openThinking();
    this.#signed = true;
    this.#out.signature(escaped(signature));
  }

  redactedThinking(data: string): void {
    this.block({ type: 'redacted_thinking', data });
  }

  /**
   * Announces a tool call or completes what is known of it. `key` is the upstream's name for the call (its index).
   * The first name and the first id that are not empty count. The call is written when it has a name and no other call
   * is open; until then it is held, with its arguments. An id that is missing, illegal, of a server tool, or known in
   * the conversation is replaced. `block` holds further fields of the block. `seal` is the signature of the thinking
   * block before the call: one without text, if none is open then.
   */
  tool(
    key: unknown,
    call: {
      id?: string | undefined;
      name?: string | undefined;
      block?: Record<string, unknown>;
      seal?: string | undefined;
    },
  ): void {
    this.#demandUnfinished();
    const known = this.#calls.get(key);
    if (known === undefined) {
      this.#calls.set(key, {
        id: call.id || undefined,
        name: call.name ?? '',
        pending: '',
        state: 'held',
        ended: false,
        block: call.block ?? {},
        seal: call.seal,
      });
    } else {
      if (known.state !== 'held') return;
      known.id ??= call.id || undefined;
      known.seal ??= call.seal;
      if (known.name === '') known.name = call.name ?? '';
    }
    this.#openNextCall();
  }

  /** Replaces the name of a call that is still held. Returns false when it is too late. */
  renameTool(key: unknown, name: string): boolean {
    const call = this.#calls.get(key);
    if (call === undefined || call.state !== 'held') return false;
    call.name = name;
    this.#openNextCall();
    return true;
  }

  toolState(key: unknown): ToolState {
    return this.#calls.get(key)?.state ?? 'unknown';
  }

  /** Name of an announced call; empty while unknown. */
  toolName(key: unknown): string {
    return this.#calls.get(key)?.name ?? '';
  }

  /** A piece of the argument text, passed on as it is. Throws for a call that was not announced or is closed. */
  toolArguments(key: unknown, text: string): void {
    if (text !== '') this.toolArgumentsRaw(key, escaped(text));
  }

  toolArgumentsRaw(key: unknown, json: string): void {
    if (json === '') return;
    this.#demandUnfinished();
    const call = this.#calls.get(key);
    if (call === undefined) throw new WriterMisuse('arguments for a tool call that was not announced');
    if (call.state === 'closed') throw new WriterMisuse('arguments for a tool call that is closed');
    if (call.state === 'open') this.#out.toolArguments(json);
    else call.pending += json;
  }

  /** The arguments of the call are complete. It is closed, or will be when its turn comes. */
  toolDone(key: unknown): void {
    const call = this.#calls.get(key);
    if (call === undefined || call.state === 'closed') return;
    call.ended = true;
    if (call.state === 'open') this.#closeBlock();
    this.#openNextCall();
  }

  /** A call that turned out not to be one: forgotten, if it has not been written. Returns whether it could be. */
  dropTool(key: unknown): boolean {
    const call = this.#calls.get(key);
    if (call?.state !== 'held') return false;
    this.#calls.delete(key);
    return true;
  }

  /** A whole block at once: `redacted_thinking`, a server tool's result, anything with its content in the start. */
  block(block: Readonly<Record<string, unknown>>): void {
    this.openRaw(block);
    this.#closeBlock();
  }

  /** Opens a block whose deltas follow by `rawDelta`: `server_tool_use`, unknown types. */
  openRaw(block: Readonly<Record<string, unknown>>): void {
    this.#openPlain('raw', JSON.stringify(block));
  }

  /** A delta of any type for the open block: `citations_delta`, `input_json_delta` of a server tool, unknown ones. */
  rawDelta(delta: Readonly<Record<string, unknown>>): void {
    if (this.#open === undefined) throw new WriterMisuse('a delta without an open block');
    this.#out.delta(delta);
  }

  /** Closes the open block, if there is one. Tool calls are better ended by `toolDone`. */
  closeBlock(): void {
    if (this.#openCall !== undefined) this.#openCall.ended = true;
    this.#closeBlock();
    this.#openNextCall();
  }

  /** A sign of life. */
  ping(): void {
    this.#demandUnfinished();
    this.#out.ping();
  }

  /**
   * The upstream said that it is finished: held calls are written, the open block is closed, then `message_delta` and
   * `message_stop`. Calls that never got a name are dropped. `end_turn` becomes `tool_use` when there are calls, and
   * `tool_use` becomes `end_turn` when there are none. Throws when the message was finished before.
   */
  finish(finish: Finish): void {
    this.#demandUnfinished();
    if (!this.#started) this.start();
    this.#settleCalls();
    this.#closeBlock();
    this.#finished = true;
    const { usage } = finish;
    const counts: Record<string, unknown> = { ...finish.usageExtra };
    if (usage?.inputTokens !== undefined) counts.input_tokens = usage.inputTokens;
    if (usage?.cacheWriteTokens !== undefined) counts.cache_creation_input_tokens = usage.cacheWriteTokens;
    if (usage?.cacheReadTokens !== undefined) counts.cache_read_input_tokens = usage.cacheReadTokens;
    counts.output_tokens = usage?.outputTokens ?? 0;
    const delta = {
      ...finish.delta,
      stop_reason: honestStopReason(finish.stopReason, this.#hasTools),
      stop_sequence: finish.stopSequence ?? null,
    };
    this.#out.finish(delta, counts, finish.extra ?? {});
  }

  /** What was written since the last call, for the client; nothing when a collector has it. */
  take(): readonly Buffer[] {
    return this.#out.take();
  }

  #adopt(resume: Resume): void {
    this.#started = true;
    this.#blocks = resume.blocks;
    this.#hasContent = resume.blocks > 0;
    this.#hasTools = resume.toolIds.length > 0;
    for (const id of resume.toolIds) this.#ids.add(id);
    if (resume.open === undefined) return;
    this.#open = resume.open.kind;
    this.#signed = resume.signed;
    this.#out.resume(resume.blocks - 1);
    if (resume.open.kind !== 'tool') return;
    this.#openCall = { id: undefined, name: '', pending: '', state: 'open', ended: false, block: {}, seal: undefined };
    this.#calls.set(resume.open.key, this.#openCall);
  }

  #openPlain(kind: 'text' | 'thinking' | 'raw', block: string): void {
    this.#demandUnfinished();
    this.#settleCalls();
    this.#openBlock(kind, block);
  }

  #openBlock(kind: BlockKind, block: string): void {
    if (!this.#started) this.start();
    this.#closeBlock();
    this.#open = kind;
    this.#hasContent = true;
    this.#out.openBlock(this.#blocks, block);
    this.#blocks += 1;
  }

  #closeBlock(): void {
    if (this.#open === undefined) return;
    if (this.#open === 'thinking' && !this.#signed) {
      const seal = this.#options.sealThinking?.();
      if (seal !== undefined) this.#out.signature(escaped(seal));
    }
    if (this.#openCall !== undefined) this.#openCall.state = 'closed';
    this.#openCall = undefined;
    this.#open = undefined;
    this.#signed = false;
    this.#out.closeBlock();
  }

  /** Opens held calls in the order of their announcement, up to the first one that is not complete. */
  #openNextCall(): void {
    if (this.#openCall !== undefined) return;
    for (const call of this.#calls.values()) {
      if (call.state !== 'held') continue;
      if (call.name === '') return;
      this.#writeCall(call);
      if (!call.ended) return;
      this.#closeBlock();
    }
  }

  /** Writes every held call that has a name, and leaves none open. */
  #settleCalls(): void {
    if (this.#openCall !== undefined) this.#closeBlock();
    for (const call of this.#calls.values()) {
      if (call.state !== 'held' || call.name === '') continue;
      this.#writeCall(call);
      this.#closeBlock();
    }
  }

  #writeCall(call: ToolCall): void {
    const id = this.#uniqueId(call.id);
    if (call.seal !== undefined) this.#seal(call.seal);
    this.#openBlock('tool', JSON.stringify({ ...call.block, type: 'tool_use', id, name: call.name, input: {} }));
    this.#hasTools = true;
    this.#openCall = call;
    call.state = 'open';
    if (call.pending !== '') this.#out.toolArguments(call.pending);
    call.pending = '';
  }

  #seal(signature: string): void {
    if (this.#open !== 'thinking' || this.#signed) this.#openBlock('thinking', THINKING);
    this.#signed = true;
    this.#out.signature(escaped(signature));
  }

  #uniqueId(given: string | undefined): string {
    let id = given;
    if (id === undefined || !isLegalCallId(id) || this.#isTaken(id)) {
      do id = this.#options.mintId('toolu');
      while (this.#isTaken(id));
    }
    this.#ids.add(id);
    return id;
  }

  #isTaken(id: string): boolean {
    return this.#ids.has(id) || this.#options.idTaken?.(id) === true;
  }

  #demandUnfinished(): void {
    if (this.#finished) throw new WriterMisuse('the message is finished');
  }
}

/** Some upstreams give every message the same id, or none, and the client takes equal ids for the same message. */
export function canBeUnique(id: string): boolean {
  return id.length >= 16 && LEGAL_ID.test(id) && new Set(id).size >= 8;
}

/** Id of a call that the client and the API take: legal characters, and not the form of a server tool's. */
export function isLegalCallId(id: string): boolean {
  return LEGAL_ID.test(id) && !id.startsWith('srvtoolu_');
}

/** Stop reason that agrees with the blocks: the client runs tools only on `tool_use`, and waits for them then. */
export function honestStopReason(reason: string, hasTools: boolean): string {
  if (reason === 'end_turn' && hasTools) return 'tool_use';
  if (reason === 'tool_use' && !hasTools) return 'end_turn';
  return reason;
}

function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
