import { MidswapError } from '../../core/errors.ts';
import { valueEnd } from '../../core/json-skim.ts';
import type { Envelope, Message, MessagesRequest } from '../../core/messages.ts';

/** A request without its messages: what answers and errors need of it too. */
export type RequestHead = Pick<
  MessagesRequest,
  | 'model'
  | 'system'
  | 'max_tokens'
  | 'stream'
  | 'tools'
  | 'tool_choice'
  | 'thinking'
  | 'output_config'
  | 'stop_sequences'
  | 'temperature'
  | 'top_p'
  | 'top_k'
> & {
  /** Where earlier clients put the format of the answer. */
  readonly output_format?: unknown;
};

const HEADS = new WeakMap<Envelope, RequestHead>();

/** Everything but the messages, parsed once per request: the messages are nearly all of the bytes. */
export function headOf(env: Envelope): RequestHead {
  const known = HEADS.get(env);
  if (known !== undefined) return known;
  const head: Record<string, unknown> = {};
  for (const [key, span] of env.spans) if (key !== 'messages') head[key] = parsed(env, span[0], span[1]);
  const parts: RequestHead = env.spans.size === 0 ? env.body() : (head as RequestHead);
  HEADS.set(env, parts);
  return parts;
}

/** Bytes of the list of messages, brackets included; `undefined` when it is no list. */
export function messagesBytes(env: Envelope): Buffer | undefined {
  const span = env.spans.get('messages');
  return span === undefined || env.raw[span[0]] !== 0x5b ? undefined : env.raw.subarray(span[0], span[1]);
}

/** The messages from a position on: `offset` is where the first of them starts in `messagesBytes`. */
export function messagesFrom(env: Envelope, offset: number | undefined): readonly Message[] {
  const span = env.spans.get('messages');
  if (span === undefined) return listOf(env.body().messages);
  if (offset === undefined) return listOf(parsed(env, span[0], span[1]));
  return listOf(parsedText(env, `[${env.raw.toString('utf8', span[0] + offset, span[1])}`));
}

/** Where the elements of a JSON list start and end, from the element at `from` on; `undefined` when it is no list. */
export function elementSpans(bytes: Buffer, from: number): (readonly [number, number])[] | undefined {
  const out: (readonly [number, number])[] = [];
  let at = pastSpace(bytes, from);
  if (bytes[at] === 0x5d) return out;
  for (;;) {
    const end = valueEnd(bytes, at);
    if (end === -1) return undefined;
    out.push([at, end]);
    at = pastSpace(bytes, end);
    if (bytes[at] === 0x5d) return out;
    if (bytes[at] !== 0x2c) return undefined;
    at = pastSpace(bytes, at + 1);
  }
}

function pastSpace(bytes: Buffer, from: number): number {
  let at = from;
  while (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09) at += 1;
  return at;
}

function listOf(value: unknown): readonly Message[] {
  if (Array.isArray(value) && value.length > 0) return value;
  throw new MidswapError('invalid_request', 'messages: at least one message is required');
}

function parsed(env: Envelope, start: number, end: number): unknown {
  return parsedText(env, env.raw.toString('utf8', start, end));
}

function parsedText(env: Envelope, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The whole body tells what is wrong and where.
    env.body();
    throw new MidswapError('invalid_json', 'the request body is not valid JSON');
  }
}
