import { MidswapError } from '../../core/errors.ts';
import type { Envelope, Message, MessagesRequest } from '../../core/messages.ts';
import { keepNumbers, parseExact } from '../exact-numbers.ts';
import { messageTexts } from '../json-list.ts';
import { knownTools } from './known-tools.ts';
import { type LongTexts, leaveOut } from './long-texts.ts';

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
  for (const [key, [start, end]] of env.spans) {
    if (key === 'messages') continue;
    if (key === 'stream') head.stream = env.stream;
    else if (key === 'tools') head.tools = knownTools(env.raw.subarray(start, end), () => parsed(env, key, start, end));
    else head[key] = parsed(env, key, start, end);
  }
  const parts: RequestHead = env.spans.size === 0 ? env.body() : (head as RequestHead);
  HEADS.set(env, parts);
  return parts;
}

/** Bytes of the list of messages, brackets included; `undefined` when it is no list. */
export function messagesBytes(env: Envelope): Buffer | undefined {
  const span = env.spans.get('messages');
  return span === undefined || env.raw[span[0]] !== 0x5b ? undefined : env.raw.subarray(span[0], span[1]);
}

export interface MessagesWanted {
  /** Position of the first of them. */
  readonly first: number;
  /** Where it starts in `messagesBytes`; `undefined` for all messages. */
  readonly offset: number | undefined;
  readonly vision: boolean;
  /** Long texts may be left out. */
  readonly shortened: boolean;
}

/** The messages from a position on; `texts` are those that were left out. */
export function messagesFrom(
  env: Envelope,
  { first, offset, vision, shortened }: MessagesWanted,
): { messages: readonly Message[]; texts: LongTexts | undefined } {
  const span = env.spans.get('messages');
  if (span === undefined) return { messages: listOf(env.body().messages), texts: undefined };
  const from = span[0] + (offset ?? 0);
  const { places } = env;
  const strings = shortened ? places?.strings : undefined;
  const texts = strings && leaveOut(env.raw, [from, span[1]], strings, offset === undefined, vision);
  const json = texts?.json ?? env.raw.toString('utf8', from, span[1]);
  const messages = listOf(parsedText(env, offset === undefined ? json : `[${json}`));
  texts?.settle(messages, places?.elements ?? [], first);
  const textOf = messageTexts(env);
  keepNumbers(messages, json, (index) => textOf(first + index));
  return { messages, texts };
}

function listOf(value: unknown): Message[] {
  if (Array.isArray(value) && value.length > 0) return value;
  throw new MidswapError('invalid_request', 'messages: at least one message is required');
}

function parsed(env: Envelope, key: string, start: number, end: number): unknown {
  return parsedText(env, env.raw.toString('utf8', start, end), EXACT_FIELDS.has(key));
}

/** Fields with numbers of somebody else's, which have to come out as they went in. */
const EXACT_FIELDS = new Set(['tools', 'output_config']);

function parsedText(env: Envelope, text: string, exact = false): unknown {
  try {
    return exact ? parseExact(text) : JSON.parse(text);
  } catch {
    // The whole body tells what is wrong and where.
    env.body();
    throw new MidswapError('invalid_json', 'the request body is not valid JSON');
  }
}
