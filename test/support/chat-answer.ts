import type { UpstreamFault } from '../../src/core/failure.ts';
import type { MessagesRequest } from '../../src/core/messages.ts';
import type { ChatQuirks, Target } from '../../src/core/target.ts';
import { openaiChat } from '../../src/protocols/openai-chat/index.ts';
import type { StreamState } from '../../src/protocols/protocol.ts';
import { chatContext, chatTarget, envelopeOf } from './chat-target.ts';

type Fields = Record<string, unknown>;

export interface Translated {
  readonly bytes: string;
  readonly events: readonly Fields[];
  readonly states: readonly StreamState[];
  readonly fault: UpstreamFault | undefined;
  /** Blocks as a client that applies deltas by index has them; argument text is kept as text in `json`. */
  readonly content: readonly Fields[];
  readonly stopReason: unknown;
  readonly stopSequence: unknown;
  readonly usage: Fields;
}

export interface TranslateOptions {
  readonly quirks?: Partial<ChatQuirks>;
  readonly target?: Target;
  readonly request?: Partial<MessagesRequest>;
}

const REQUEST = { max_tokens: 1024, messages: [{ role: 'user', content: 'q' }] };

/** Chunks as a stream of events, with `[DONE]` behind them unless told otherwise. */
export function sse(chunks: readonly unknown[], done = true): string {
  const events = chunks.map((chunk) => `data: ${typeof chunk === 'string' ? chunk : JSON.stringify(chunk)}\n\n`);
  return events.join('') + (done ? 'data: [DONE]\n\n' : '');
}

/** A chunk with one choice. */
export function delta(fields: unknown, finish: string | null = null, more: Fields = {}): Fields {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta: fields, finish_reason: finish }],
    ...more,
  };
}

export function call(index: number | undefined, fields: { id?: string; name?: string; args?: string }): Fields {
  const { id, name, args } = fields;
  return {
    tool_calls: [
      {
        ...(index === undefined ? {} : { index }),
        ...(id === undefined ? {} : { id, type: 'function' }),
        function: { ...(name === undefined ? {} : { name }), ...(args === undefined ? {} : { arguments: args }) },
      },
    ],
  };
}

/** What the client gets for a stream that arrives in the given pieces. */
export function translate(stream: string | readonly (string | Buffer)[], options: TranslateOptions = {}): Translated {
  const target = options.target ?? chatTarget(options.quirks);
  const env = envelopeOf({ ...REQUEST, stream: true, ...options.request });
  const translator = openaiChat.stream(env, target, chatContext());
  const out: Buffer[] = [];
  const states: StreamState[] = [];
  const take = (pieces: readonly Buffer[]): void => {
    out.push(...pieces);
    states.push(translator.state);
  };
  for (const piece of typeof stream === 'string' ? [stream] : stream) take(translator.push(Buffer.from(piece)));
  take(translator.end());
  return { ...readEvents(Buffer.concat(out).toString('utf8')), states, fault: translator.fault };
}

/** What the client gets for a whole answer. */
export function translateWhole(body: unknown, options: TranslateOptions = {}): Fields {
  const target = options.target ?? chatTarget(options.quirks);
  const env = envelopeOf({ ...REQUEST, ...options.request });
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const result = openaiChat.whole(bytes, env, target, chatContext());
  return 'fault' in result ? { fault: result.fault } : (JSON.parse(result.body.toString('utf8')) as Fields);
}

function readEvents(bytes: string): Omit<Translated, 'states' | 'fault'> {
  const events = bytes
    .split('\n\n')
    .filter((each) => each !== '')
    .map((each) => JSON.parse(each.slice(each.indexOf('data: ') + 6)) as Fields);
  const content: Fields[] = [];
  let final: Fields = {};
  for (const event of events) {
    const block = content[event.index as number];
    if (event.type === 'content_block_start') content[event.index as number] = { ...(event.content_block as Fields) };
    else if (event.type === 'message_delta') final = event;
    else if (event.type === 'content_block_delta' && block !== undefined) apply(block, event.delta as Fields);
  }
  const last = (final.delta ?? {}) as Fields;
  return {
    bytes,
    events,
    content,
    stopReason: last.stop_reason,
    stopSequence: last.stop_sequence,
    usage: (final.usage ?? {}) as Fields,
  };
}

function apply(block: Fields, change: Fields): void {
  if (change.type === 'text_delta') block.text = `${block.text as string}${change.text as string}`;
  else if (change.type === 'thinking_delta') block.thinking = `${block.thinking as string}${change.thinking as string}`;
  else if (change.type === 'signature_delta') block.signature = change.signature;
  else if (change.type === 'input_json_delta')
    block.json = `${(block.json as string) ?? ''}${change.partial_json as string}`;
}
