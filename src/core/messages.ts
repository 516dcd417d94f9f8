import type { ListPlaces } from './json-skim.ts';

/**
 * The Messages API as far as the gateway looks at it: open types, unknown fields survive by construction.
 * Source: docs.claude.com/en/api/messages and what the client sends.
 */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface CacheControl {
  type: string;
  ttl?: string;
}

export interface Block {
  type: string;
  cache_control?: CacheControl;
  [field: string]: unknown;
}

export interface TextBlock extends Block {
  type: 'text';
  text: string;
}

export interface ThinkingBlock extends Block {
  type: 'thinking';
  thinking: string;
  signature?: string;
}

export interface ToolUseBlock extends Block {
  type: 'tool_use';
  id: string;
  name: string;
  input: unknown;
}

export interface ToolResultBlock extends Block {
  type: 'tool_result';
  tool_use_id: string;
  content?: unknown;
  is_error?: boolean;
}

export interface Message {
  role: string;
  content: string | Block[];
  [field: string]: unknown;
}

export interface Tool {
  name: string;
  type?: string;
  description?: string;
  input_schema?: unknown;
  defer_loading?: boolean;
  cache_control?: CacheControl;
  [field: string]: unknown;
}

export interface MessagesRequest {
  model: string;
  messages: Message[];
  system?: string | Block[];
  max_tokens?: number;
  stream?: boolean;
  tools?: Tool[];
  tool_choice?: { type: string; name?: string; disable_parallel_tool_use?: boolean };
  thinking?: { type: string; budget_tokens?: number; display?: string };
  output_config?: {
    effort?: string;
    format?: { type: string; schema?: unknown; [field: string]: unknown };
    [field: string]: unknown;
  };
  metadata?: { user_id?: string; [field: string]: unknown };
  stop_sequences?: string[];
  temperature?: number;
  top_p?: number;
  top_k?: number;
  [field: string]: unknown;
}

/** One request of the client: the received bytes, and the parsed body only for those who ask. */
export interface Envelope {
  readonly raw: Buffer;
  /** Byte span of the value of each top-level key, `[start, end)` in `raw`. */
  readonly spans: ReadonlyMap<string, readonly [number, number]>;
  /** What is where in the list of messages; `undefined` where nobody has looked. */
  readonly places?: ListPlaces | undefined;
  readonly model: string;
  readonly stream: boolean;
  /** Path after the session's prefix, with its query: `/v1/messages?beta=true`. */
  readonly path: string;
  /** Raw header list of the client, name and value alternating, as received. */
  readonly headers: readonly string[];
  /** Parsed on first use and frozen. */
  body(): MessagesRequest;
}
