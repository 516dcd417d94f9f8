import type { UpstreamFault } from '../../core/failure.ts';
import type { MintId } from '../../core/ids.ts';
import type { Block, Envelope, Message } from '../../core/messages.ts';
import { emptyUsage, type Usage } from '../../core/usage.ts';
import { MessageCollector } from '../../protocols/anthropic/message-collector.ts';
import { MessageWriter } from '../../protocols/anthropic/message-writer.ts';
import type { StreamSink } from '../relay.ts';
import type { Reply } from '../reply.ts';
import { type CallContext, type CallResult, failedCall, runCall } from './calls.ts';
import { nextRequest, type Offer, type OfferedTool, OWN_ID, type ToolKind } from './offer.ts';
import { inputOf, type OwnCall, StepReader } from './step-reader.ts';
import { toolFault } from './tool-fault.ts';

/** Requests to the model for one of the client, whatever happens. */
const MAX_STEPS = 20;

export interface ToolLoop {
  readonly envelope: Envelope;
  readonly offer: Offer;
  readonly reply: Pick<Reply, 'begin' | 'write' | 'onDrain' | 'end' | 'send'>;
  readonly mintId: MintId;
  readonly calls: Omit<CallContext, 'isKnown'>;
  /** Sends one request to the model; its stream goes to the sink. */
  ask(envelope: Envelope, sink: StreamSink): Promise<UpstreamFault | undefined>;
  /** Usage of the last request. */
  usage(): Usage;
  /** The client gets something. */
  onContent(nowMs: number): void;
  /** What runs now is not the model: its silence means nothing. */
  onBusy(busy: boolean): void;
  /** The client has gone, or the attempt was ended. */
  stopped(): UpstreamFault | undefined;
  headers(stream: boolean): readonly string[];
}

/**
 * Answers one request whose server tools are run here: asks the model, runs what it calls, tells it the results, until
 * it needs nothing more or the client has to run a tool of its own. The client gets one message with calls and results
 * as server tools. Resolves with the fault of the step that failed, if one did, and the usage of all of them.
 */
export async function runToolLoop(loop: ToolLoop): Promise<{ fault: UpstreamFault | undefined; usage: Usage }> {
  const run = new Run(loop);
  return { fault: await run.toTheEnd(), usage: run.usage };
}

class Run {
  usage: Usage = emptyUsage();
  readonly #loop: ToolLoop;
  readonly #collector: MessageCollector | undefined;
  readonly #writer: MessageWriter;
  readonly #turns: Message[] = [];
  readonly #uses = new Map<OfferedTool, number>();
  readonly #done: Record<ToolKind, number> = { search: 0, fetch: 0 };
  /** What the model was told by results; holds addresses that it may go to. */
  #told = '';
  #asked: string | undefined;
  #misused: unknown;

  constructor(loop: ToolLoop) {
    this.#loop = loop;
    this.#collector = loop.envelope.stream ? undefined : new MessageCollector();
    this.#writer = new MessageWriter({ model: loop.envelope.model, mintId: loop.mintId }, this.#collector);
  }

  async toTheEnd(): Promise<UpstreamFault | undefined> {
    const { envelope, offer } = this.#loop;
    for (let step = 1; ; step += 1) {
      const isLast = step === MAX_STEPS;
      const choice = isLast || this.#isExhausted() ? 'none' : step === 1 ? 'as asked' : 'free';
      const request = nextRequest(envelope, offer, this.#turns, choice);
      const reader = new StepReader(this.#writer, offer.tools, step);
      const fault = await this.#loop.ask(request, this.#sink(reader));
      add(this.usage, this.#loop.usage());
      if (fault) return fault;
      if (this.#misused) throw this.#misused;
      const { end, calls } = reader;
      const isCut = end?.stopReason === 'max_tokens' || end?.stopReason === 'model_context_window_exceeded';
      if (calls.length > 0 && !isCut) await this.#serve(reader);
      const stopped = this.#loop.stopped();
      if (stopped) return stopped;
      if (calls.length === 0 || isCut || reader.callsClient || isLast) {
        reader.releaseHeld();
        this.#finish(end?.stopReason ?? 'end_turn', end?.stopSequence ?? null, end?.delta ?? {});
        return undefined;
      }
    }
  }

  /** Runs the calls of a step, all at once, and tells client and model. */
  async #serve({ calls, content }: StepReader): Promise<void> {
    const ids = calls.map(() => `${OWN_ID}${this.#loop.mintId('').slice(1)}`);
    for (const [at, call] of calls.entries()) {
      this.#writer.openRaw({ type: 'server_tool_use', id: ids[at], name: `web_${call.tool.kind}`, input: {} });
      const input = inputOf(call.input);
      this.#writer.rawDelta({ type: 'input_json_delta', partial_json: input ? call.input : '{}' });
      this.#writer.closeBlock();
    }
    this.#flush();
    this.#loop.onBusy(true);
    const results = await Promise.all(calls.map((call) => this.#run(call)));
    this.#loop.onBusy(false);
    const told = results.map((result, at): Block => {
      this.#writer.block({ ...result.block, tool_use_id: ids[at] });
      const id = calls[at]?.id;
      return {
        type: 'tool_result',
        tool_use_id: id,
        content: result.text,
        ...(result.isError ? { is_error: true } : {}),
      };
    });
    this.#flush();
    this.#told += results.map(({ text }) => `\n${text}`).join('');
    this.#turns.push({ role: 'assistant', content }, { role: 'user', content: told });
  }

  async #run({ tool, input: text }: OwnCall): Promise<CallResult> {
    const used = this.#uses.get(tool) ?? 0;
    if (used >= tool.maxUses)
      return failedCall(tool, toolFault('max_uses_exceeded', `this tool may be used ${tool.maxUses} times, and was`));
    this.#uses.set(tool, used + 1);
    const input = inputOf(text);
    if (!input) return failedCall(tool, toolFault('invalid_tool_input', 'the arguments are not a JSON object'));
    const result = await runCall(tool, input, { ...this.#loop.calls, isKnown: (url) => this.#isKnown(url) });
    if (!result.isError) this.#done[tool.kind] += 1;
    return result;
  }

  #isExhausted(): boolean {
    const { tools } = this.#loop.offer;
    const isOnlyOurs = this.#loop.offer.body.tools?.length === tools.length;
    return isOnlyOurs && tools.every((tool) => (this.#uses.get(tool) ?? 0) >= tool.maxUses);
  }

  /** An address that the model made up could carry what it knows to somebody who waits for it. */
  #isKnown(url: string): boolean {
    const plain = withoutScheme(url);
    if (plain.length < 4) return false;
    this.#asked ??= givenTexts(this.#loop.envelope.body()).join('\n');
    return this.#asked.includes(plain) || this.#told.includes(plain);
  }

  #sink(reader: StepReader): StreamSink {
    const take = (pieces: readonly Buffer[] = []) => {
      if (this.#misused) return true;
      try {
        for (const piece of pieces) reader.push(piece);
        return this.#flush();
      } catch (thrown) {
        // Called from a socket's event, where nobody would catch it.
        this.#misused = thrown;
        return true;
      }
    };
    return {
      begin: () => {},
      write: take,
      end: (pieces) => void take(pieces),
      onDrain: (then) => this.#loop.reply.onDrain(then),
    };
  }

  /** False when the client reads slower than this. */
  #flush(): boolean {
    const pieces = this.#writer.take();
    if (pieces.length === 0) return true;
    const { reply } = this.#loop;
    const now = performance.now();
    reply.begin(this.#loop.headers(true));
    this.#loop.onContent(now);
    return reply.write(pieces, now);
  }

  #finish(stopReason: string, stopSequence: string | null, delta: Readonly<Record<string, unknown>>): void {
    const { reply } = this.#loop;
    const server_tool_use = { web_search_requests: this.#done.search, web_fetch_requests: this.#done.fetch };
    this.#writer.finish({ stopReason, stopSequence, delta, usage: this.usage, usageExtra: { server_tool_use } });
    if (this.#collector) {
      this.#loop.onContent(performance.now());
      reply.send(200, this.#loop.headers(false), this.#collector.bytes() ?? Buffer.alloc(0));
      return;
    }
    this.#flush();
    reply.end();
  }
}

function add(sum: Usage, more: Usage): void {
  for (const name of Object.keys(sum) as (keyof Usage)[])
    if (more[name] !== undefined) sum[name] = (sum[name] ?? 0) + more[name];
}

function withoutScheme(url: string): string {
  return url
    .replace(/^https?:\/\/(?:www\.)?/i, '')
    .replace(/#.*$/, '')
    .replace(/\/+$/, '');
}

/** Everything that was said to the model, and nothing that it said itself. */
function givenTexts({
  messages,
  system,
}: {
  readonly messages: readonly Message[];
  readonly system?: unknown;
}): string[] {
  const texts: string[] = [];
  const collect = (value: unknown): void => {
    if (typeof value === 'string') texts.push(value);
    else if (Array.isArray(value)) for (const item of value) collect(item);
    else if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) collect(inner);
  };
  collect(system);
  for (const message of messages) if (message.role !== 'assistant') collect(message.content);
  return texts;
}
