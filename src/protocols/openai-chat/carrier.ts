import { decodeOwnSignature, encodeOwnSignature } from '../anthropic/signature.ts';
import { isRecord } from './types.ts';

/**
 * What a provider wants to see again with the conversation, carried in the signature of a thinking block: reasoning
 * details in their order, or the extra content of the tool call that follows the block.
 */
export interface Replay {
  readonly details?: readonly unknown[];
  readonly extra?: unknown;
}

export function sealReplay(provider: string, replay: Replay | undefined): string {
  return encodeOwnSignature(provider, replay);
}

/** The replay data of a signature, if this provider made it. */
export function openReplay(signature: unknown, provider: string): Replay | undefined {
  const own = decodeOwnSignature(signature);
  if (own === undefined || own.provider !== provider || !isRecord(own.payload)) return undefined;
  const { details, extra } = own.payload;
  return { ...(Array.isArray(details) ? { details } : {}), ...(extra === undefined ? {} : { extra }) };
}
