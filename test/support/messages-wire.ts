import type { Reply, WireBody } from './reply.ts';
import { stopReasonOf } from './reply.ts';

/** How a reply is put on the wire. */
export interface Wire {
  /** No `event:` lines. */
  readonly dataOnly?: boolean;
  readonly crlf?: boolean;
  readonly gzip?: boolean;
  /** The upstream's own name of the model in the answer. */
  readonly model?: string;
  readonly noUsage?: boolean;
  readonly noPing?: boolean;
  /** Characters in one delta. */
  readonly deltaChars?: number;
  readonly eventDelayMs?: number;
  /** Bytes in one write, so that an event arrives in pieces. */
  readonly writeBytes?: number;
  readonly writeDelayMs?: number;
}

/** One event as its name and its data. */
export type WireEvent = readonly [name: string, data: Readonly<Record<string, unknown>>];

export type Mint = (prefix: string) => string;

export function messageEvents(reply: Reply, body: WireBody, wire: Wire, mint: Mint): WireEvent[] {
  const events: WireEvent[] = [];
  const add = (type: string, fields: Record<string, unknown> = {}): void => {
    events.push([type, { type, ...fields }]);
  };
  const usage = usageOf(reply, body);
  const { output_tokens, ...input } = usage;
  const message = {
    id: reply.id ?? mint('msg'),
    type: 'message',
    role: 'assistant',
    model: wire.model ?? reply.model ?? body.model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
  };
  add('message_start', { message: wire.noUsage ? message : { ...message, usage: { ...input, output_tokens: 1 } } });
  if (!wire.noPing) add('ping');
  reply.content.forEach((block, index) => {
    const delta = (fields: Record<string, unknown>): void => add('content_block_delta', { index, delta: fields });
    if ('text' in block) {
      add('content_block_start', { index, content_block: { type: 'text', text: '' } });
      for (const text of pieces(block.text, wire)) delta({ type: 'text_delta', text });
    } else if ('thinking' in block) {
      const signature = 'signature' in block ? { signature: '' } : {};
      add('content_block_start', { index, content_block: { type: 'thinking', thinking: '', ...signature } });
      for (const thinking of pieces(block.thinking, wire)) delta({ type: 'thinking_delta', thinking });
      if (block.signature !== undefined) delta({ type: 'signature_delta', signature: block.signature });
    } else if ('tool' in block) {
      const id = block.id ?? mint('toolu');
      add('content_block_start', { index, content_block: { type: 'tool_use', id, name: block.tool, input: {} } });
      const json = block.rawInput ?? JSON.stringify(block.input ?? {});
      for (const partial_json of pieces(json, wire)) delta({ type: 'input_json_delta', partial_json });
    } else {
      add('content_block_start', { index, content_block: block.block });
    }
    add('content_block_stop', { index });
  });
  add('message_delta', {
    delta: { stop_reason: stopReasonOf(reply), stop_sequence: null, ...reply.delta },
    ...(wire.noUsage ? {} : { usage: { output_tokens } }),
  });
  add('message_stop');
  return events;
}

/** The same reply as one JSON message. */
export function wholeMessage(reply: Reply, body: WireBody, wire: Wire, mint: Mint): Record<string, unknown> {
  return {
    id: reply.id ?? mint('msg'),
    type: 'message',
    role: 'assistant',
    model: wire.model ?? reply.model ?? body.model,
    content: reply.content.map((block) => {
      if ('text' in block) return { type: 'text', text: block.text };
      if ('thinking' in block) return { type: 'thinking', ...block };
      if ('tool' in block)
        return { type: 'tool_use', id: block.id ?? mint('toolu'), name: block.tool, input: block.input ?? {} };
      return block.block;
    }),
    stop_reason: stopReasonOf(reply),
    stop_sequence: null,
    ...reply.delta,
    ...(wire.noUsage ? {} : { usage: usageOf(reply, body) }),
  };
}

export function frameOf([name, data]: WireEvent, wire: Wire): string {
  const end = wire.crlf ? '\r\n' : '\n';
  return `${wire.dataOnly ? '' : `event: ${name}${end}`}data: ${JSON.stringify(data)}${end}${end}`;
}

/** A count that is stable for equal requests. */
export function tokensOf(body: WireBody): number {
  return Math.ceil(JSON.stringify([body.system ?? '', body.messages ?? [], body.tools ?? []]).length / 4);
}

export function pieces(text: string, wire: Wire): string[] {
  const size = wire.deltaChars ?? 40;
  const out: string[] = [];
  for (let at = 0; at < text.length; at += size) out.push(text.slice(at, at + size));
  return out;
}

function usageOf(reply: Reply, body: WireBody): Record<string, number> {
  return {
    input_tokens: tokensOf(body),
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    output_tokens: 10,
    ...reply.usage,
  };
}
