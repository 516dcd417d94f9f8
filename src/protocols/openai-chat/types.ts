/** The Chat Completions wire format, as far as the gateway writes and reads it. Source: platform.openai.com/docs/api-reference/chat. */

export interface TextPart {
  type: 'text';
  text: string;
  cache_control?: unknown;
}

export interface ImagePart {
  type: 'image_url';
  image_url: { url: string };
}

export interface FilePart {
  type: 'file';
  file: { filename: string; file_data: string };
}

/** Mistral's form of reasoning within the content. */
export interface ThinkingPart {
  type: 'thinking';
  thinking: [TextPart];
}

export type Part = TextPart | ImagePart | FilePart;

export interface ToolCall {
  id: string;
  type: 'function';
  function: { name: string; arguments: string };
  /** Data of the provider that has to come back with the call, as Gemini's thought signature. */
  extra_content?: unknown;
}

export interface SystemMessage {
  role: 'system' | 'developer';
  content: string | Part[];
}

export interface UserMessage {
  role: 'user';
  content: string | Part[];
}

export interface AssistantMessage {
  role: 'assistant';
  content: string | null | [ThinkingPart, ...TextPart[]];
  reasoning_content?: string;
  reasoning?: string;
  reasoning_details?: unknown[];
  tool_calls?: ToolCall[];
  prefix?: true;
  partial?: true;
}

export interface ToolMessage {
  role: 'tool';
  tool_call_id: string;
  content: string | Part[];
}

export type ChatMessage = SystemMessage | UserMessage | AssistantMessage | ToolMessage;

export interface ChatTool {
  type: 'function';
  function: { name: string; description?: string; parameters: Record<string, unknown>; strict?: true };
}

/** Everything of the request but `messages` and `tools`, which are written as text of their own. */
export interface ChatParameters {
  model: string;
  [field: string]: unknown;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
