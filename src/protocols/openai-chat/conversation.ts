import type { ToolResultBlock } from '../../core/messages.ts';
import { jsonText } from '../json-text.ts';
import { type Call, INTERRUPTED, isBlankText, type Turn } from '../turns.ts';
import { type AssistantRules, assistantMessage, callArguments, type UpstreamCall } from './assistant.ts';
import { addBlock, asContent, contentParts } from './content.ts';
import { asReminder } from './system.ts';
import { orphanParts, toolResult } from './tool-result.ts';
import type { AssistantMessage, ChatMessage, Part, UserMessage } from './types.ts';

export interface ConversationRules extends AssistantRules {
  toolId(id: string, occurrence?: number): string;
  /** The tool is offered in this request. */
  isDeclared(upstreamName: string): boolean;
}

/** What the translation of later messages depends on; a copy of it is all that is needed to go on from there. */
export interface Position {
  /** Role of the last message that was written. */
  readonly lastRole: ChatMessage['role'] | undefined;
  readonly hasDialogue: boolean;
}

export const START: Position = { lastRole: undefined, hasDialogue: false };

/** A call as the upstream sees it, with its results. */
interface SentCall extends UpstreamCall {
  readonly call: Call;
}

const ACKNOWLEDGED = 'Understood.';
const OPENING = 'Continue.';
const CONTINUE =
  'Your last message above is the beginning of your reply. Continue it exactly where it stops, without repeating it.';

/**
 * Writes turns as Chat Completions messages, one after the other. Nothing that was written changes later, so a
 * conversation that has grown is translated by going on from a position.
 */
export class Conversation {
  readonly #rules: ConversationRules;
  readonly #written: string[] = [];
  #lastRole: ChatMessage['role'] | undefined;
  #hasDialogue: boolean;
  #emitted = 0;
  /** The last message, while another one may still be joined to it. */
  #tail: ChatMessage | undefined;

  constructor(rules: ConversationRules, from: Position = START) {
    this.#rules = rules;
    this.#lastRole = from.lastRole;
    this.#hasDialogue = from.hasDialogue;
  }

  /** Messages that were added, those that joined another one included. */
  get emitted(): number {
    return this.#emitted;
  }

  /** JSON texts of the messages. No turn may be added afterwards. */
  finish(): string[] {
    this.#flush();
    return this.#written;
  }

  /**
   * Adds a turn. `isLast`: the conversation ends with it, so an assistant turn without calls is the beginning of the
   * reply that is asked for. Returns the position before it when everything before it is final.
   */
  add(turn: Turn, isLast: boolean): { position: Position; count: number } | undefined {
    switch (turn.role) {
      case 'assistant':
        return this.#addAssistant(turn, isLast);
      case 'system':
        this.#addSystem(turn);
        return undefined;
      case 'user':
        this.#addUser(turn);
        return undefined;
    }
  }

  /** Messages that are not part of the request's conversation: the system prompt. */
  addMessage(message: ChatMessage): void {
    this.#emit(message);
  }

  #addSystem(turn: Turn): void {
    const { quirks } = this.#rules;
    const parts = contentParts(turn.blocks, this.#rules);
    if (parts.length === 0) return;
    const content = asContent(parts);
    if (quirks.systemPosition === 'any' && quirks.systemRole !== 'user') {
      this.#emit({ role: quirks.systemRole, content });
      return;
    }
    const wrapped: Part[] = parts.map((part) =>
      part.type === 'text' ? { ...part, text: asReminder(part.text) } : part,
    );
    this.#emit({ role: 'user', content: typeof content === 'string' ? asReminder(content) : wrapped });
  }

  #addUser(turn: Turn): void {
    const parts: Part[] = [];
    for (const block of turn.blocks) {
      if (block.type === 'tool_result') parts.push(...orphanParts(block as ToolResultBlock, this.#rules));
      else addBlock(parts, block, this.#rules);
    }
    if (parts.length > 0) this.#emit({ role: 'user', content: asContent(parts) });
  }

  #addAssistant(turn: Turn, isLast: boolean): { position: Position; count: number } | undefined {
    const rules = this.#rules;
    const calls: SentCall[] = [];
    const told: Call[] = [];
    for (const call of turn.calls) {
      if (isBlankText(String(call.block.name))) continue;
      if (!this.#isSent(call)) told.push(call);
      else calls.push({ id: rules.toolId(String(call.block.id), call.occurrence), block: call.block, call });
    }
    const blocks = told.length === 0 ? turn.blocks : [...turn.blocks, ...told.map(callAsText)];
    const message = assistantMessage(blocks, calls, rules);
    if (message === undefined) return undefined;
    this.#flush();
    const boundary = {
      position: { lastRole: this.#lastRole, hasDialogue: this.#hasDialogue },
      count: this.#written.length,
    };
    if (isLast && calls.length === 0 && told.length === 0) {
      this.#emitPrefill(message);
      return boundary;
    }
    this.#emit(message);
    this.#addResults(calls, told);
    return boundary;
  }

  #isSent(call: Call): boolean {
    const { quirks, names } = this.#rules;
    if (!quirks.tools) return false;
    return quirks.undeclaredToolCalls === 'keep' || this.#rules.isDeclared(names.upstream(String(call.block.name)));
  }

  /** Tool messages directly behind their calls; what they cannot hold follows in a user message. */
  #addResults(sent: readonly SentCall[], told: readonly Call[]): void {
    const moved: Part[] = [];
    for (const { id, call } of sent) {
      const { content, images } = toolResult(call.results, this.#rules);
      this.#emit({ role: 'tool', tool_call_id: id, content: call.results.length === 0 ? INTERRUPTED : content });
      if (images.length > 0) moved.push({ type: 'text', text: `[attached to the result of ${id}]` }, ...images);
    }
    for (const call of told) {
      const { content, images } = toolResult(call.results, this.#rules);
      const head = `[result of ${String(call.block.name)}]`;
      const body: Part[] = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
      moved.push({ type: 'text', text: head }, ...(call.results.length === 0 ? [] : body), ...images);
    }
    if (moved.length > 0) this.#emit({ role: 'user', content: asContent(moved) });
  }

  /** An upstream that cannot go on in an open message is asked to; one that can gets it as the last message. */
  #emitPrefill(message: ChatMessage & { role: 'assistant' }): void {
    const { prefill } = this.#rules.quirks;
    const content = saidText(message.content).trimEnd();
    if (prefill === 'none') {
      this.#emit({ ...message, content });
      this.#emit({ role: 'user', content: CONTINUE });
      return;
    }
    const marks =
      prefill === 'prefix' ? { prefix: true as const } : prefill === 'partial' ? { partial: true as const } : {};
    this.#emit({ ...message, content, ...marks });
  }

  #emit(message: ChatMessage): void {
    this.#emitted += 1;
    const { quirks } = this.#rules;
    const isSystem = message.role === 'system' || message.role === 'developer';
    const needsUserBefore = !this.#hasDialogue || this.#last() === 'assistant';
    if (quirks.alternateRoles && message.role === 'assistant' && needsUserBefore) {
      this.#push({ role: 'user', content: OPENING });
    }
    if (message.role === 'user' && quirks.assistantBetweenToolAndUser && this.#last() === 'tool') {
      this.#push({ role: 'assistant', content: ACKNOWLEDGED });
    }
    if (quirks.alternateRoles && this.#joins(message)) return;
    this.#push(message);
    if (!isSystem) this.#hasDialogue = true;
  }

  #last(): ChatMessage['role'] | undefined {
    return this.#tail?.role ?? this.#lastRole;
  }

  /** Adds the message to the one before it when both are of the user. */
  #joins(message: ChatMessage): boolean {
    const tail = this.#tail;
    if (message.role !== 'user' || tail?.role !== 'user') return false;
    this.#tail = joined(tail, message);
    return true;
  }

  #push(message: ChatMessage): void {
    this.#flush();
    this.#tail = message;
  }

  #flush(): void {
    if (this.#tail === undefined) return;
    this.#written.push(jsonText(this.#tail));
    this.#lastRole = this.#tail.role;
    this.#tail = undefined;
  }
}

function joined(first: UserMessage, second: UserMessage): UserMessage {
  const parts = (content: string | Part[]): Part[] =>
    typeof content === 'string' ? [{ type: 'text', text: content }] : content;
  return { role: 'user', content: asContent([...parts(first.content), ...parts(second.content)]) };
}

function saidText(content: AssistantMessage['content']): string {
  if (typeof content === 'string' || content === null) return content ?? '';
  return content.map((part) => (part.type === 'text' ? part.text : '')).join('');
}

function callAsText(call: Call): { type: 'text'; text: string } {
  return { type: 'text', text: `[called ${String(call.block.name)} with ${callArguments(call.block.input)}]` };
}
