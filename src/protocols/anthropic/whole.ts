import type { UpstreamFault } from '../../core/failure.ts';
import { skimObject } from '../../core/json-skim.ts';
import { excerpt } from '../../core/redact.ts';
import { SseOverflow, SseReader } from '../../core/sse.ts';
import type { Usage } from '../../core/usage.ts';
import { readErrorValue, tellsFault } from '../upstream-error.ts';
import type { Answer } from './answer.ts';
import { errorInside } from './error.ts';
import { contentOf, EventTranslator } from './event-translator.ts';
import { MessageCollector } from './message-collector.ts';
import { canBeUnique, isLegalCallId } from './message-writer.ts';
import { isBrokenOff } from './stop-reason.ts';
import { countsOf } from './usage.ts';

type Fields = Readonly<Record<string, unknown>>;
export type WholeAnswer = { readonly body: Buffer; readonly usage: Usage } | { readonly fault: UpstreamFault };

const EVENT_STREAM = /^\s*(?:event|data|id|retry)?:/;

/**
 * A complete answer to a request without `stream`. Anthropic's own keeps its bytes but for the name of the model; of
 * any other endpoint what is missing is completed. An answer that came as a stream all the same is collected.
 */
export function wholeAnswer(body: Buffer, answer: Answer): WholeAnswer {
  const text = body.toString('utf8').replace(/^\ufeff/, '');
  const message = parsed(text);
  if (message === undefined) return EVENT_STREAM.test(text) ? collected(body, answer) : unreadable(text, answer);
  if (message.type !== 'message' && tellsFault(message)) {
    return { fault: errorInside(readErrorValue(message), answer.env, answer.target) };
  }
  if (message.type !== 'message' && !Array.isArray(message.content)) {
    const words = readErrorValue(message);
    if (words.message !== '' && message.choices === undefined)
      return { fault: errorInside(words, answer.env, answer.target) };
    return { fault: answer.broken('malformed', `did not answer with a message: ${excerpt(text)}`) };
  }
  rememberThinking(message, answer);
  const usage = answer.tap(message.usage);
  if (answer.genuine) return { body: withModel(body, message, answer.env.model), usage: answer.usage };
  const { stop_reason: reason } = message;
  if (typeof reason === 'string' && isBrokenOff(reason))
    return { fault: answer.broken('server_error', `broke the answer off (${reason})`) };
  return { body: Buffer.from(JSON.stringify(completed(message, usage, answer)), 'utf8'), usage: answer.usage };
}

function unreadable(text: string, answer: Answer): WholeAnswer {
  if (text.trim() === '') return { fault: answer.broken('empty', 'sent an empty answer') };
  return { fault: answer.broken('malformed', `sent no message but: ${excerpt(text)}`) };
}

function collected(body: Buffer, answer: Answer): WholeAnswer {
  const collector = new MessageCollector();
  const events = new EventTranslator(answer, answer.writer(collector));
  const reader = new SseReader({ event: (name, data) => events.event(name, data) });
  try {
    reader.push(body);
    reader.end();
  } catch (error) {
    if (!(error instanceof SseOverflow)) throw error;
  }
  events.end();
  const bytes = collector.bytes();
  if (events.fault !== undefined || bytes === undefined) {
    const fault = events.fault?.class === 'empty' ? unreadable(body.toString('utf8'), answer) : undefined;
    return fault ?? { fault: events.fault ?? answer.broken('truncated', 'ended in the middle of the answer') };
  }
  return { body: bytes, usage: answer.usage };
}

function rememberThinking(message: Fields, answer: Answer): void {
  if (!Array.isArray(message.content)) return;
  for (const block of message.content as Fields[]) {
    if (block?.type === 'thinking') answer.remember(block.signature);
    else if (block?.type === 'redacted_thinking') answer.remember(block.data);
  }
}

/** The message with everything that the client relies on. */
function completed(message: Fields, usage: unknown, answer: Answer): Fields {
  const { mintId } = answer.context;
  const ids = new Set<string>();
  const content = contentOf(message).flatMap((block): Fields[] => {
    if (typeof block.type !== 'string' || (block.type === 'text' && typeof block.text !== 'string')) return [];
    if (block.type === 'thinking')
      return [{ ...block, thinking: textOf(block.thinking), signature: textOf(block.signature) }];
    if (block.type !== 'tool_use') return [block];
    if (typeof block.name !== 'string' || block.name.trim() === '') return [];
    let id = typeof block.id === 'string' ? block.id : '';
    if (!isLegalCallId(id) || ids.has(id) || answer.isUsed(id)) id = mintId('toolu');
    ids.add(id);
    return [{ ...block, id, input: inputOf(block.input) }];
  });
  const reason = typeof message.stop_reason === 'string' ? message.stop_reason : 'end_turn';
  return {
    ...message,
    id: typeof message.id === 'string' && canBeUnique(message.id) ? message.id : mintId('msg'),
    type: 'message',
    role: 'assistant',
    model: answer.env.model,
    content,
    stop_reason: answer.stopReason(reason, message.stop_sequence, ids.size > 0),
    stop_sequence: message.stop_sequence ?? null,
    usage: { input_tokens: 0, output_tokens: 0, ...countsOf(usage) },
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The input of a call is an object, also from endpoints that give the model's text. */
function inputOf(input: unknown): unknown {
  if (typeof input === 'object' && input !== null && !Array.isArray(input)) return input;
  if (typeof input !== 'string' || input.trim() === '') return {};
  return parsed(input) ?? { raw_arguments: input };
}

function withModel(body: Buffer, message: Fields, model: string): Buffer {
  if (message.model === model) return body;
  const span = skimObject(body)?.get('model');
  if (span === undefined) return Buffer.from(JSON.stringify({ ...message, model }), 'utf8');
  return Buffer.concat([body.subarray(0, span[0]), Buffer.from(JSON.stringify(model), 'utf8'), body.subarray(span[1])]);
}

function parsed(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}
