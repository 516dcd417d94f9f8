import type { Envelope } from '../../core/messages.ts';
import type { Target } from '../../core/target.ts';
import type { StringRun } from '../anthropic/message-output.ts';
import type { MessageWriter } from '../anthropic/message-writer.ts';
import { type TextItem, TextToolCalls } from '../text-tool-calls.ts';
import { ThinkTags } from '../think-tags.ts';
import type { ToolNames } from '../tool-names.ts';
import { normalisedArguments } from './arguments.ts';
import { EndTokens } from './end-tokens.ts';
import { headOf } from './request-parts.ts';
import type { ToolCallStream } from './tool-stream.ts';

interface Piece {
  readonly thinking: boolean;
  text: string;
}

/** How much reasoning is kept in case that it turns out to be all there is. */
const KEPT_REASONING = 4_096;

/**
 * Text and reasoning of an answer between the deltas and the writer: think tags, calls written as text, end tokens. What
 * arrives while the arguments of a call are incomplete waits behind the call.
 */
export class AnswerText {
  readonly #writer: MessageWriter;
  readonly #calls: ToolCallStream;
  readonly #names: ToolNames;
  readonly #tags: ThinkTags | undefined;
  readonly #textCalls: TextToolCalls | undefined;
  readonly #reasoningCalls: TextToolCalls | undefined;
  readonly #endTokens = new EndTokens();
  readonly #opening: (extra?: unknown) => string | undefined;
  #waiting: Piece[] = [];
  /** Reasoning behind text: written when something follows, because no answer may end with it. */
  #late = '';
  #hasText = false;
  #hasReasoning = false;
  #reasoning = '';
  readonly #recovered = new Set<string>();
  #count = 0;

  /** `opening`: what `CallSink` says of it. */
  constructor(
    writer: MessageWriter,
    calls: ToolCallStream,
    names: ToolNames,
    opening: (extra?: unknown) => string | undefined,
    env: Envelope,
    target: Target,
  ) {
    const { thinkTags, thinkTagStyle, textToolCalls } = target.quirks.chat;
    this.#writer = writer;
    this.#calls = calls;
    this.#names = names;
    this.#opening = opening;
    this.#tags = thinkTags ? new ThinkTags(thinkTagStyle) : undefined;
    if (textToolCalls.length === 0) return;
    const schemas = new Map((headOf(env).tools ?? []).map((tool) => [tool.name, tool.input_schema ?? {}]));
    const schemaOf = (name: string): unknown => schemas.get(names.client(name));
    this.#textCalls = new TextToolCalls(textToolCalls, schemaOf);
    this.#reasoningCalls = new TextToolCalls(textToolCalls, schemaOf);
  }

  /** Something for a person was seen, written or waiting. */
  get hasContent(): boolean {
    return this.#hasText || this.#hasReasoning;
  }

  get hasText(): boolean {
    return this.#hasText;
  }

  get hasOnlyReasoning(): boolean {
    return this.#hasReasoning && !this.#hasText;
  }

  /** The reasoning, cut off shortly behind the length up to which it may be shown. */
  get reasoning(): string {
    return this.#reasoning;
  }

  add(text: string): void {
    if (this.#tags === undefined) {
      this.#addText(text);
      return;
    }
    for (const segment of this.#tags.push(text)) this.#addSegment(segment.thinking, segment.text);
  }

  addReasoning(text: string): void {
    if (this.#reasoningCalls === undefined) this.#say(true, text);
    else this.#items(true, this.#reasoningCalls.push(text));
  }

  /** Text as the inside of a JSON string that can be copied as it is. False, and nothing done, when it has to be read. */
  addPlain(json: string): boolean {
    if (!this.#isPlain() || json.includes('<') || json.includes('[')) return false;
    this.#writer.textRaw(json);
    return true;
  }

  /** The same for texts in which no end token begins. */
  addPlainRun(run: StringRun): boolean {
    if (!this.#isPlain()) return false;
    this.#writer.textRun(run);
    return true;
  }

  addPlainReasoning(json: string): boolean {
    if (!this.#isPlainReasoning()) return false;
    this.#writer.thinkingRaw(json);
    return true;
  }

  addPlainReasoningRun(run: StringRun): boolean {
    if (!this.#isPlainReasoning()) return false;
    this.#writer.thinkingRun(run);
    return true;
  }

  /** What comes is more of the text that is being written, and nothing reads it on the way. */
  #isPlain(): boolean {
    const isOpen =
      this.#writer.openBlock === 'text' && this.#hasText && this.#waiting.length === 0 && this.#late === '';
    return isOpen && this.#tags === undefined && this.#textCalls === undefined && this.#endTokens.isIdle;
  }

  #isPlainReasoning(): boolean {
    const isOpen = this.#writer.openBlock === 'thinking' && this.#waiting.length === 0;
    return isOpen && this.#reasoningCalls === undefined && this.#reasoning.length >= KEPT_REASONING;
  }

  /** Everything that was held back, in order. */
  end(): void {
    for (const segment of this.#tags?.end() ?? []) this.#addSegment(segment.thinking, segment.text);
    if (this.#reasoningCalls !== undefined) this.#items(true, this.#reasoningCalls.end());
    if (this.#textCalls !== undefined) this.#items(false, this.#textCalls.end());
    this.#say(false, this.#endTokens.end());
  }

  /** Writes what waited, if no call is incomplete any more. */
  release(): void {
    if (this.#waiting.length === 0 || this.#calls.isWaiting) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const piece of waiting) this.#write(piece.thinking, piece.text);
  }

  /** Tells the native calls that repeat one that was recovered from text, once there is one. */
  repeats(): ((name: string, text: string) => boolean) | undefined {
    if (this.#recovered.size === 0) return undefined;
    return (name, text) => this.#recovered.has(callKey(name, text));
  }

  #addSegment(thinking: boolean, text: string): void {
    if (thinking) this.addReasoning(text);
    else this.#addText(text);
  }

  #addText(text: string): void {
    if (this.#textCalls === undefined) this.#say(false, this.#endTokens.push(text));
    else this.#items(false, this.#textCalls.push(text));
  }

  #items(thinking: boolean, items: readonly TextItem[]): void {
    for (const item of items) {
      if (item.kind === 'text') this.#say(thinking, thinking ? item.text : this.#endTokens.push(item.text));
      else this.#recover(item.call.name, item.call.arguments);
    }
  }

  #recover(name: string, text: string): void {
    const key = callKey(name, text);
    if (this.#calls.hasCall(name, text)) return;
    this.#recovered.add(key);
    this.#count += 1;
    const writerKey = `text ${this.#count}`;
    this.#writer.tool(writerKey, { name: this.#names.client(name), seal: this.#opening() });
    this.#writer.toolArguments(writerKey, normalisedArguments(text));
    this.#writer.toolDone(writerKey);
  }

  #say(thinking: boolean, text: string): void {
    if (text === '') return;
    if (thinking) {
      this.#hasReasoning = true;
      if (this.#reasoning.length < KEPT_REASONING) this.#reasoning += text;
    } else this.#hasText ||= text.trim() !== '';
    const last = this.#waiting.at(-1);
    if (this.#waiting.length === 0 && !this.#calls.isWaiting) this.#write(thinking, text);
    else if (last?.thinking === thinking) last.text += text;
    else this.#waiting.push({ thinking, text });
  }

  /** Reasoning that was kept back for something to follow. */
  writeLate(): void {
    const late = this.#late;
    this.#late = '';
    this.#writer.thinking(late);
  }

  #write(thinking: boolean, text: string): void {
    const inText = this.#writer.openBlock === 'text';
    if (thinking) {
      if (inText && this.#hasText) this.#late += text;
      else this.#writer.thinking(text);
      return;
    }
    const seal = inText && this.#late === '' ? undefined : this.#opening();
    if (seal !== undefined) this.#writer.signature(seal);
    this.#writer.text(text);
  }
}

function callKey(name: string, text: string): string {
  return `${name} ${normalisedArguments(text)}`;
}
