import type { UpstreamFault } from '../../core/failure.ts';
import type { Envelope } from '../../core/messages.ts';
import type { Target } from '../../core/target.ts';
import type { Usage } from '../../core/usage.ts';
import { MessageCollector } from '../anthropic/message-collector.ts';
import type { ProtocolContext } from '../protocol.ts';
import { ChatAnswer } from './answer.ts';
import { parseArguments } from './arguments.ts';
import { brokenFault } from './error.ts';
import { readEvents, wholeAnswer } from './stream.ts';

/** A complete answer as the Messages JSON. Some servers stream although nobody asked: then the stream is collected. */
export function decodeWhole(
  body: Buffer,
  env: Envelope,
  target: Target,
  context: ProtocolContext,
): { readonly body: Buffer; readonly usage: Usage } | { readonly fault: UpstreamFault } {
  const collector = new MessageCollector(parseArguments);
  const answer = new ChatAnswer(env, target, context, collector);
  const text = body
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trimStart();
  if (text.startsWith('{') || text.startsWith('[')) {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return { fault: brokenFault('malformed', `the answer is not JSON: ${text.slice(0, 300)}`, target) };
    }
    wholeAnswer(Array.isArray(value) ? value[0] : value, answer, target);
  } else readEvents(body, answer, env, target);
  const message = collector.bytes();
  if (answer.fault !== undefined) return { fault: answer.fault };
  if (message === undefined) return { fault: brokenFault('malformed', 'the answer has no end', target) };
  return { body: message, usage: answer.usage };
}
