import type { UpstreamFault } from '../core/failure.ts';
import type { MintId } from '../core/ids.ts';
import type { Envelope } from '../core/messages.ts';
import type { Target } from '../core/target.ts';
import type { Usage } from '../core/usage.ts';
import type { ChatHistoryCache } from './openai-chat/history-cache.ts';

/** What one attempt sends, without host and credential: those belong to the endpoint. */
export interface EncodedRequest {
  /** Appended to the endpoint's base URL: `/v1/messages?beta=true`. */
  readonly path: string;
  /** Name and value alternating; the case of the names is kept. Without host, length and credential. */
  readonly headers: string[];
  /** Sent one after the other; nothing is copied that need not be. */
  readonly body: readonly Buffer[];
  /** What was left out or replaced because the target cannot take it, one line each, for records and `explain`. */
  readonly notes?: readonly string[];
}

/** Clock, ids and what is remembered of the session, handed to a protocol for one attempt. */
export interface ProtocolContext {
  readonly mintId: MintId;
  readonly provenance: Provenance;
  /** The history goes out without any thinking: the repeat after an upstream refused a signature. */
  readonly withoutThinking: boolean;
  /** Stable per session, for provider-side caches (`prompt_cache_key`). Not a secret, not the session's path. */
  readonly cacheKey: string;
  /** Translations of earlier requests, to go on from; output is the same without it. One for the whole gateway. */
  readonly chatHistory?: ChatHistoryCache;
}

/** Who made the thinking of a conversation; see `docs/adr/` and `protocols/anthropic/history.ts`. */
export interface Provenance {
  /** The signature was produced by a genuine Anthropic upstream in this conversation. */
  isGenuine(signature: string): boolean;
  /** The signature was produced by another provider that made its own (`kimi`). */
  isForeign(signature: string): boolean;
  /** Provider that produced a foreign signature, where that is remembered. */
  makerOf?(signature: string): string | undefined;
  remember(signature: string, provider: string, genuine: boolean): void;
}

/** `empty`: nothing usable yet, what `push` returned so far may be held back. `content`: there is something to show.
 * `done`: the upstream's own end was seen. `failed`: `fault` is set. */
export type StreamState = 'empty' | 'content' | 'done' | 'failed';

/**
 * A push machine without I/O from upstream bytes to Messages events. After `failed` it gives no more output: how a
 * failure is told to the client (a status, an `error` event) is decided by the relay, which knows what has been sent.
 */
export interface StreamTranslator {
  /** Bytes for the client, in pieces: none if the chunk completed nothing. They may share memory with `chunk`. */
  push(chunk: Buffer): readonly Buffer[];
  /** The upstream ended. Without its own end having been seen this is a failure (`truncated` or `empty`). */
  end(): readonly Buffer[];
  readonly usage: Usage;
  readonly state: StreamState;
  readonly fault: UpstreamFault | undefined;
}

/** One wire protocol: pure functions and push machines over bytes. */
export interface Protocol {
  encode(env: Envelope, target: Target, context: ProtocolContext): EncodedRequest;
  stream(env: Envelope, target: Target, context: ProtocolContext): StreamTranslator;
  /** A complete non-stream answer (status 200) as the Messages JSON for the client, or the fault it is. */
  whole(
    body: Buffer,
    env: Envelope,
    target: Target,
    context: ProtocolContext,
  ): { readonly body: Buffer; readonly usage: Usage } | { readonly fault: UpstreamFault };
  /** An answer that is not 200. `headers` have lower-case names. */
  error(
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
    body: Buffer,
    env: Envelope,
    target: Target,
  ): UpstreamFault;
}
