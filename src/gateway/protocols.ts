import type { ProtocolId } from '../core/target.ts';
import { anthropicMessages } from '../protocols/anthropic/index.ts';
import { openaiChat } from '../protocols/openai-chat/index.ts';
import type { Protocol } from '../protocols/protocol.ts';

const PROTOCOLS: Readonly<Record<ProtocolId, Protocol>> = {
  'anthropic-messages': anthropicMessages,
  'openai-chat': openaiChat,
};

export function protocolOf(id: ProtocolId): Protocol {
  return PROTOCOLS[id];
}
