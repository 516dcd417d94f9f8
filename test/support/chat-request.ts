import type { MessagesRequest } from '../../src/core/messages.ts';
import type { ChatQuirks, Target } from '../../src/core/target.ts';
import { openaiChat } from '../../src/protocols/openai-chat/index.ts';
import type { ProtocolContext } from '../../src/protocols/protocol.ts';
import { chatContext, chatTarget, envelopeOf } from './chat-target.ts';

// biome-ignore lint/suspicious/noExplicitAny: a test looks into whatever was written
export type Sent = any;

export function encodeText(
  request: Partial<MessagesRequest> | string,
  target: Target,
  context: Partial<ProtocolContext> = {},
): string {
  return Buffer.concat([...openaiChat.encode(envelopeOf(request), target, chatContext(context)).body]).toString('utf8');
}

/** The Chat Completions request for a Messages request. */
export function sent(
  request: Partial<MessagesRequest>,
  quirks: Partial<ChatQuirks> | Target = {},
  context: Partial<ProtocolContext> = {},
): Sent {
  const target = 'endpoint' in quirks ? quirks : chatTarget(quirks);
  const full = { max_tokens: 1024, messages: [{ role: 'user', content: 'q' }], ...request };
  return JSON.parse(encodeText(full, target, context));
}
