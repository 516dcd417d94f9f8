import type { UpstreamFault } from '../../core/failure.ts';
import type { Envelope } from '../../core/messages.ts';
import type { Target } from '../../core/target.ts';
import type { Usage } from '../../core/usage.ts';
import type { MessageOutput, StringRun } from '../anthropic/message-output.ts';
import { MessageWriter, WriterMisuse } from '../anthropic/message-writer.ts';
import type { ProtocolContext, StreamState } from '../protocol.ts';
import type { ToolNames } from '../tool-names.ts';
import { upstreamFault } from '../upstream-error.ts';
import { sealReplay } from './carrier.ts';
import { type Delta, firstChoice, readDelta } from './delta.ts';
import { ReasoningDetails } from './details.ts';
import { brokenFault, faultInside } from './error.ts';
import { estimateInput, estimateTokens } from './estimate.ts';
import { type Ending, endingOf, strongerReason } from './finish.ts';
import { headOf } from './request-parts.ts';
import { AnswerText } from './text-stream.ts';
import { ToolCallStream } from './tool-stream.ts';
import { toolNames } from './tools.ts';
import { isRecord } from './types.ts';
import { asUsage, mergeUsage, type RawUsage } from './usage.ts';

/** Reasoning up to this length is shown as the answer when a model gave no other. */
const SHOWN_REASONING = 4_000;
const NO_ANSWER = '[The model ended its reply after its reasoning.]';
const FILTERED = '[The reply was stopped by the content filter of the provider.]';
const BACKSLASH = 0x5c;
const MEDIA = '[image omitted]';

/**
 * One Chat Completions answer on its way to Messages events, chunk by chunk. The same machine serves streams and whole
 * answers. Nothing ends the message but the upstream's own end.
 */
export class ChatAnswer {
  readonly #env: Envelope;
  readonly #target: Target;
  readonly #writer: MessageWriter;
  readonly #names: ToolNames;
  readonly #calls: ToolCallStream;
  readonly #text: AnswerText;
  readonly #details = new ReasoningDetails();
  readonly #usage: RawUsage = {};
  #fault: UpstreamFault | undefined;
  #done = false;
  #finish: string | undefined;
  #matchedStop: string | undefined;
  #refused = false;
  #hasMedia = false;
  #sawChunk = false;
  #characters = 0;
  /** What a provider repeats from the beginning in every delta. */
  #sentText = '';
  #sentReasoning = '';

  constructor(env: Envelope, target: Target, context: ProtocolContext, output?: MessageOutput) {
    this.#env = env;
    this.#target = target;
    this.#names = toolNames(headOf(env), target);
    const options = {
      model: env.model,
      mintId: context.mintId,
      idTaken: (id: string) => env.raw.includes(`"${id}"`),
      sealThinking: () => this.#seal(),
    };
    this.#writer = output === undefined ? new MessageWriter(options) : new MessageWriter(options, output);
    const sink = {
      writer: this.#writer,
      names: this.#names,
      repeats: () => this.#text.repeats(),
      opening: (extra: unknown) => this.#opening(extra),
      count: (characters: number) => {
        this.#characters += characters;
      },
    };
    this.#calls = new ToolCallStream(sink, target.quirks.chat.textToolCalls.length > 0);
    this.#text = new AnswerText(this.#writer, this.#calls, this.#names, sink.opening, env, target);
  }

  get state(): StreamState {
    if (this.#fault !== undefined) return 'failed';
    if (this.#done) return 'done';
    return this.#writer.hasContent || this.#text.hasContent ? 'content' : 'empty';
  }

  get fault(): UpstreamFault | undefined {
    return this.#fault;
  }

  get usage(): Usage {
    return asUsage(this.#usage);
  }

  get isOver(): boolean {
    return this.#done || this.#fault !== undefined;
  }

  take(): readonly Buffer[] {
    return this.#writer.take();
  }

  /** A chunk that adds nothing but plain text, as the inside of a JSON string; only after a whole chunk of that shape. */
  plainText(json: string): boolean {
    if (this.#target.quirks.chat.snapshotDeltas || !this.#text.addPlain(json)) return false;
    this.#characters += charactersIn(json);
    return true;
  }

  /** The same for several chunks, of which each says some of it. */
  plainTexts(run: StringRun): boolean {
    if (this.#target.quirks.chat.snapshotDeltas || !this.#text.addPlainRun(run)) return false;
    this.#characters += charactersOf(run);
    return true;
  }

  plainReasonings(run: StringRun): boolean {
    if (this.#target.quirks.chat.snapshotDeltas || !this.#text.addPlainReasoningRun(run)) return false;
    this.#characters += charactersOf(run);
    return true;
  }

  plainReasoning(json: string): boolean {
    if (this.#target.quirks.chat.snapshotDeltas || !this.#text.addPlainReasoning(json)) return false;
    this.#characters += charactersIn(json);
    return true;
  }

  plainArguments(index: number | undefined, json: string): boolean {
    if (!this.#calls.more(index, json)) return false;
    this.#text.release();
    return true;
  }

  chunk(chunk: Record<string, unknown>): void {
    if (this.isOver) return;
    this.#guarded(() => this.#chunk(chunk));
  }

  /** The upstream said `[DONE]`, or gave its whole answer at once. */
  done(): void {
    if (this.isOver) return;
    this.#guarded(() => this.#complete());
  }

  /** Nothing more comes. Without a finish reason that is a cut, wherever it happened. */
  end(): void {
    if (this.isOver) return;
    if (this.#finish !== undefined) this.done();
    else if (this.#sawChunk)
      this.fail(brokenFault('truncated', 'the stream ended before the answer did', this.#target));
    else this.fail(brokenFault('empty', 'the answer was empty', this.#target));
  }

  fail(fault: UpstreamFault): void {
    if (!this.isOver) this.#fault = fault;
  }

  #guarded(step: () => void): void {
    try {
      step();
    } catch (thrown) {
      if (!(thrown instanceof WriterMisuse)) throw thrown;
      this.fail(brokenFault('malformed', thrown.message, this.#target));
    }
  }

  #chunk(chunk: Record<string, unknown>): void {
    const fault = faultInside(chunk, this.#env, this.#target);
    if (fault !== undefined) {
      this.fail(fault);
      return;
    }
    const vendor = isRecord(chunk.x_groq) ? chunk.x_groq : undefined;
    mergeUsage(this.#usage, vendor?.usage);
    mergeUsage(this.#usage, chunk.usage);
    const choice = firstChoice(chunk);
    if (choice === undefined) return;
    this.#sawChunk = true;
    mergeUsage(this.#usage, choice.usage);
    const delta = readDelta(choice);
    if (delta !== undefined) this.#add(delta);
    if (typeof choice.finish_reason === 'string' && choice.finish_reason !== '') {
      this.#finish = strongerReason(this.#finish, choice.finish_reason);
    }
    const matched = choice.stop_reason ?? choice.matched_stop;
    if (typeof matched === 'string') this.#matchedStop = matched;
  }

  #add(delta: Delta): void {
    // A final chunk in the shape of a message repeats what was streamed.
    const isRepeat = delta.isWhole && this.state !== 'empty';
    if (isRepeat) return;
    this.#details.add(this.#keepsDetails() ? delta.details : []);
    const reasoning = this.#remainder(delta.reasoning, '#sentReasoning');
    if (reasoning !== '') {
      this.#characters += reasoning.length;
      this.#text.addReasoning(reasoning);
    }
    const text = this.#remainder(delta.text, '#sentText');
    if (text !== '') {
      this.#characters += text.length;
      this.#text.add(text);
    }
    if (delta.refusal !== '') {
      this.#refused = true;
      this.#text.add(delta.refusal);
    }
    this.#hasMedia ||= delta.hasMedia;
    for (const entry of delta.calls) this.#calls.entry(entry);
    this.#text.release();
  }

  /** With a provider whose deltas repeat everything, only what is new. */
  #remainder(told: string, field: '#sentText' | '#sentReasoning'): string {
    if (!this.#target.quirks.chat.snapshotDeltas || told === '') return told;
    const sent = field === '#sentText' ? this.#sentText : this.#sentReasoning;
    const isSnapshot = sent !== '' && told.startsWith(sent);
    const all = isSnapshot ? told : sent + told;
    if (field === '#sentText') this.#sentText = all;
    else this.#sentReasoning = all;
    return isSnapshot ? told.slice(sent.length) : told;
  }

  #complete(): void {
    const ending = endingOf(this.#finish ?? 'stop');
    if (this.#finish === undefined && (!this.#sawChunk || this.#calls.isCut)) {
      const failure = this.#sawChunk ? 'truncated' : 'empty';
      this.fail(brokenFault(failure, 'the answer ended without a finish reason', this.#target));
      return;
    }
    if (ending.kind === 'fault') {
      this.fail(brokenFault(ending.class, `the answer was broken off (${this.#finish})`, this.#target));
      return;
    }
    this.#text.end();
    this.#calls.finish();
    this.#text.release();
    if (this.#isOverflow(ending)) {
      const text = 'the request exceeds the context length: no room was left for an answer';
      this.fail(upstreamFault(400, {}, { message: text, type: '', code: '' }, this.#env, this.#target));
      return;
    }
    this.#finishMessage(ending.reason);
  }

  #finishMessage(told: string): void {
    const writer = this.#writer;
    const reason = this.#refused && told === 'end_turn' ? 'refusal' : told;
    if (this.#hasMedia && !this.#text.hasText) writer.text(MEDIA);
    else if (reason === 'refusal' && !this.#text.hasText && !this.#calls.any) writer.text(FILTERED);
    else if (reason === 'end_turn' && this.#text.hasOnlyReasoning && !writer.hasTools) {
      const reasoning = this.#text.reasoning;
      writer.text(reasoning !== '' && reasoning.length <= SHOWN_REASONING ? reasoning : NO_ANSWER);
    }
    if (writer.hasTools) this.#text.writeLate();
    writer.closeBlock();
    // An answer ends with what it says: the client takes the last block for its result. Behind calls there is none yet.
    if (!this.#details.isEmpty && writer.hasTools) writer.signature(this.#seal());
    const stop = this.#matchedStop;
    const isStop =
      reason === 'end_turn' && stop !== undefined && headOf(this.#env).stop_sequences?.includes(stop) === true;
    writer.finish({
      stopReason: isStop ? 'stop_sequence' : reason,
      stopSequence: isStop ? stop : null,
      usage: this.#usageForClient(),
    });
    this.#done = true;
  }

  /** "Length" with nothing written: there was no room at all, and going on would never end. */
  #isOverflow(ending: Ending): boolean {
    if (ending.kind !== 'stop' || ending.reason !== 'max_tokens') return false;
    if (this.#writer.hasContent || this.#usage.completion !== 0) return false;
    const { contextWindow } = this.#target.data;
    const { prompt } = this.#usage;
    if (contextWindow !== undefined && prompt !== undefined) return prompt >= contextWindow * 0.9;
    return (headOf(this.#env).max_tokens ?? 0) > 64;
  }

  /** The client counts on numbers: what the upstream did not tell is estimated by length. */
  #usageForClient(): Usage {
    const usage = this.usage;
    const isCounted = usage.outputTokens !== undefined && (usage.outputTokens > 0 || this.#characters === 0);
    return {
      ...usage,
      inputTokens: usage.inputTokens ?? estimateInput(this.#env),
      outputTokens: isCounted ? usage.outputTokens : estimateTokens(this.#characters),
    };
  }

  #keepsDetails(): boolean {
    return this.#target.quirks.chat.reasoningField === 'reasoning_details';
  }

  /** Something else than reasoning is about to be told: what was kept back goes before it. */
  #opening(extra: unknown): string | undefined {
    this.#text.writeLate();
    if (extra !== undefined) return this.#seal(extra);
    // An open block of reasoning takes the details when it is closed.
    return this.#details.isEmpty || this.#writer.openBlock === 'thinking' ? undefined : this.#seal();
  }

  #seal(extra?: unknown): string {
    const details = this.#details.isEmpty ? {} : { details: this.#details.take() };
    const replay = extra === undefined ? details : { ...details, extra };
    return sealReplay(this.#target.provider, Object.keys(replay).length === 0 ? undefined : replay);
  }
}

/** Length of what the inside of a JSON string means. */
function charactersIn(json: string): number {
  return json.includes('\\') ? (JSON.parse(`"${json}"`) as string).length : json.length;
}

/** The same for strings that are bytes: whatever the way a chunk is read, the same text counts as much. */
function charactersOf({ bytes, spans }: StringRun): number {
  let count = 0;
  for (let index = 0; index < spans.length; index += 2) {
    const end = spans[index + 1] as number;
    for (let at = spans[index] as number; at < end; at += 1) {
      const byte = bytes[at] as number;
      if (byte === BACKSLASH) at += 1;
      if (byte < 0x80 || byte >= 0xc0) count += byte < 0xf0 ? 1 : 2;
    }
  }
  return count;
}
