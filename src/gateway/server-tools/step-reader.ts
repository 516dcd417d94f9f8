import type { Block } from '../../core/messages.ts';
import { SseReader } from '../../core/sse.ts';
import type { MessageWriter } from '../../protocols/anthropic/message-writer.ts';
import type { OfferedTool } from './offer.ts';

/** A call of a tool that is run here. */
export interface OwnCall {
  readonly tool: OfferedTool;
  /** The model's id of it. */
  readonly id: string;
  /** Argument text as the model wrote it. */
  readonly input: string;
}

/** How the model ended a step: `delta` of `message_delta` without what the writer writes itself. */
export interface StepEnd {
  readonly stopReason: string;
  readonly stopSequence: string | null;
  readonly delta: Readonly<Record<string, unknown>>;
}

interface OpenBlock {
  readonly block: Block;
  readonly own: OfferedTool | undefined;
  /** Written when the step is over. */
  readonly held: boolean;
  text: string;
  signature: string;
}

interface Data {
  readonly type?: string;
  readonly content_block?: Block;
  readonly delta?: Record<string, unknown>;
}

/**
 * Reads the events of one step as a translator gives them, writes to the client what is for the client, and keeps the
 * calls that are run here. A call of the client's own tools that comes behind one of those is held, since the results of
 * ours go before it.
 */
export class StepReader {
  readonly calls: OwnCall[] = [];
  /** The step as a turn of the assistant. */
  readonly content: Block[] = [];
  readonly #writer: MessageWriter;
  readonly #tools: ReadonlyMap<string, OfferedTool>;
  readonly #step: number;
  readonly #reader = new SseReader({ event: (_, data) => this.#event(JSON.parse(data.toString('utf8')) as Data) });
  readonly #held: OpenBlock[] = [];
  #open: OpenBlock | undefined;
  #end: StepEnd | undefined;
  #clientCalls = 0;

  constructor(writer: MessageWriter, tools: readonly OfferedTool[], step: number) {
    this.#writer = writer;
    this.#tools = new Map(tools.map((tool) => [tool.name, tool]));
    this.#step = step;
  }

  push(bytes: Buffer): void {
    this.#reader.push(bytes);
  }

  /** How the step ended; `undefined` while it has not. */
  get end(): StepEnd | undefined {
    return this.#end;
  }

  /** The client has to run something before the model can go on. */
  get callsClient(): boolean {
    return this.#clientCalls > 0;
  }

  /** Writes the calls that were held. */
  releaseHeld(): void {
    for (const { block, text } of this.#held.splice(0)) {
      const key = `${this.#step} ${String(block.id)}`;
      this.#writer.tool(key, { id: String(block.id), name: String(block.name) });
      this.#writer.toolArguments(key, text);
      this.#writer.toolDone(key);
    }
  }

  #event(data: Data): void {
    switch (data.type) {
      case 'content_block_start':
        return this.#start(data.content_block as Block);
      case 'content_block_delta':
        return this.#delta(data.delta ?? {});
      case 'content_block_stop':
        return this.#stop();
      case 'message_delta': {
        const { stop_reason: reason, stop_sequence: sequence, ...delta } = data.delta ?? {};
        this.#end = {
          stopReason: typeof reason === 'string' ? reason : 'end_turn',
          stopSequence: typeof sequence === 'string' ? sequence : null,
          delta,
        };
      }
    }
  }

  #start(block: Block): void {
    const own = block.type === 'tool_use' ? this.#tools.get(String(block.name)) : undefined;
    const isCall = block.type === 'tool_use' && own === undefined;
    if (isCall) this.#clientCalls += 1;
    this.#open = { block, own, held: isCall && this.calls.length > 0, text: '', signature: '' };
    if (own !== undefined || this.#open.held) return;
    if (isCall) this.#writer.tool(this.#keyOf(block), { id: String(block.id), name: String(block.name) });
    else if (block.type === 'text') {
      if (Object.keys(block).length > 2 || block.text !== '') this.#writer.openText(block);
    } else if (block.type === 'thinking') this.#writer.openThinking();
    else this.#writer.openRaw(block);
  }

  #delta(delta: Record<string, unknown>): void {
    const open = this.#open;
    if (!open) return;
    const piece = delta.text ?? delta.thinking ?? delta.partial_json;
    if (typeof piece === 'string') open.text += piece;
    if (typeof delta.signature === 'string') open.signature = delta.signature;
    if (open.own !== undefined || open.held) return;
    if (delta.type === 'text_delta' && open.block.type === 'text') this.#writer.text(String(delta.text));
    else if (delta.type === 'thinking_delta') this.#writer.thinking(String(delta.thinking));
    else if (delta.type === 'signature_delta') this.#writer.signature(String(delta.signature));
    else if (open.block.type === 'tool_use')
      this.#writer.toolArguments(this.#keyOf(open.block), String(delta.partial_json ?? ''));
    else {
      if (open.block.type === 'text' && this.#writer.openBlock === undefined) this.#writer.openText(open.block);
      this.#writer.rawDelta(delta);
    }
  }

  #stop(): void {
    const open = this.#open;
    this.#open = undefined;
    if (!open) return;
    this.content.push(wholeBlock(open));
    if (open.own !== undefined) this.calls.push({ tool: open.own, id: String(open.block.id), input: open.text });
    else if (open.held) this.#held.push(open);
    else if (open.block.type === 'tool_use') this.#writer.toolDone(this.#keyOf(open.block));
    else this.#writer.closeBlock();
  }

  /** Ids of one step are no news of another's. */
  #keyOf(block: Block): string {
    return `${this.#step} ${String(block.id)}`;
  }
}

function wholeBlock({ block, text, signature }: OpenBlock): Block {
  switch (block.type) {
    case 'text':
      return { ...block, text: `${String(block.text ?? '')}${text}` };
    case 'thinking':
      return { ...block, thinking: `${String(block.thinking ?? '')}${text}`, signature };
    case 'tool_use':
      return { ...block, input: inputOf(text) ?? {} };
    default:
      return block;
  }
}

/** The arguments of a call; `undefined` when they are no object. */
export function inputOf(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
