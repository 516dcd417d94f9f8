import type { Block, Message, MessagesRequest } from '../core/messages.ts';
import type { Turn } from './script.ts';

/** One protocol as the built-in provider speaks it, from the server's side. */
export interface Dialect {
  readonly path: string;
  /** The request in the Messages API's shape. */
  read(body: unknown): MessagesRequest;
  /** Frames of the stream; `mark` is how many of them stand before the end begins. */
  stream(turn: Turn, reply: ReplyFacts): { readonly frames: string[]; readonly mark: number };
  whole(turn: Turn, reply: ReplyFacts): unknown;
  error(type: string, message: string): unknown;
}

export interface ReplyFacts {
  readonly id: string;
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly toolId: (index: number) => string;
}

const PIECE = 24;

function pieces(text: string): string[] {
  const characters = [...text];
  const out: string[] = [];
  for (let i = 0; i < characters.length; i += PIECE) out.push(characters.slice(i, i + PIECE).join(''));
  return out;
}

export const messagesDialect: Dialect = {
  path: '/v1/messages',
  read: (body) => body as MessagesRequest,
  stream(turn, reply) {
    const frames: string[] = [];
    const event = (data: { type: string; [field: string]: unknown }) =>
      frames.push(`event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`);
    const message = {
      id: reply.id,
      type: 'message',
      role: 'assistant',
      model: reply.model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
    };
    event({
      type: 'message_start',
      message: { ...message, usage: { input_tokens: reply.inputTokens, output_tokens: 1 } },
    });
    let index = 0;
    const block = (start: Block, deltas: readonly object[]) => {
      event({ type: 'content_block_start', index, content_block: start });
      for (const delta of deltas) event({ type: 'content_block_delta', index, delta });
      event({ type: 'content_block_stop', index });
      index++;
    };
    if (turn.thinking !== undefined) {
      block(
        { type: 'thinking', thinking: '', signature: '' },
        pieces(turn.thinking).map((thinking) => ({ type: 'thinking_delta', thinking })),
      );
    }
    if (turn.text !== undefined)
      block(
        { type: 'text', text: '' },
        pieces(turn.text).map((text) => ({ type: 'text_delta', text })),
      );
    turn.tools.forEach((tool, i) => {
      const input = pieces(JSON.stringify(tool.input)).map((partial_json) => ({
        type: 'input_json_delta',
        partial_json,
      }));
      block({ type: 'tool_use', id: reply.toolId(i), name: tool.name, input: {} }, input);
    });
    const mark = frames.length;
    const stop_reason = turn.tools.length > 0 ? 'tool_use' : 'end_turn';
    event({
      type: 'message_delta',
      delta: { stop_reason, stop_sequence: null },
      usage: { output_tokens: reply.outputTokens },
    });
    event({ type: 'message_stop' });
    return { frames, mark };
  },
  whole(turn, reply) {
    const content: Block[] = [];
    if (turn.thinking !== undefined) content.push({ type: 'thinking', thinking: turn.thinking, signature: '' });
    if (turn.text !== undefined) content.push({ type: 'text', text: turn.text });
    for (const [i, tool] of turn.tools.entries()) {
      content.push({ type: 'tool_use', id: reply.toolId(i), name: tool.name, input: tool.input });
    }
    return {
      id: reply.id,
      type: 'message',
      role: 'assistant',
      model: reply.model,
      content,
      stop_reason: turn.tools.length > 0 ? 'tool_use' : 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: reply.inputTokens, output_tokens: reply.outputTokens },
    };
  },
  error: (type, message) => ({ type: 'error', error: { type, message } }),
};

export const chatDialect: Dialect = {
  path: '/v1/chat/completions',
  read: (body) => fromChat(body as ChatRequest),
  stream(turn, reply) {
    const frames: string[] = [];
    const base = { id: reply.id, object: 'chat.completion.chunk', created: 0, model: reply.model };
    const chunk = (delta: object, finish_reason: string | null = null) =>
      frames.push(`data: ${JSON.stringify({ ...base, choices: [{ index: 0, delta, finish_reason }] })}\n\n`);
    chunk({ role: 'assistant', content: '' });
    for (const reasoning_content of pieces(turn.thinking ?? '')) chunk({ reasoning_content });
    for (const content of pieces(turn.text ?? '')) chunk({ content });
    turn.tools.forEach((tool, index) => {
      chunk({
        tool_calls: [
          { index, id: reply.toolId(index), type: 'function', function: { name: tool.name, arguments: '' } },
        ],
      });
      for (const part of pieces(JSON.stringify(tool.input)))
        chunk({ tool_calls: [{ index, function: { arguments: part } }] });
    });
    const mark = frames.length;
    chunk({}, turn.tools.length > 0 ? 'tool_calls' : 'stop');
    frames.push(`data: ${JSON.stringify({ ...base, choices: [], usage: chatUsage(reply) })}\n\n`, 'data: [DONE]\n\n');
    return { frames, mark };
  },
  whole(turn, reply) {
    const tool_calls = turn.tools.map((tool, i) => ({
      id: reply.toolId(i),
      type: 'function',
      function: { name: tool.name, arguments: JSON.stringify(tool.input) },
    }));
    const message = {
      role: 'assistant',
      content: turn.text ?? null,
      ...(turn.thinking === undefined ? {} : { reasoning_content: turn.thinking }),
      ...(tool_calls.length > 0 ? { tool_calls } : {}),
    };
    const finish_reason = tool_calls.length > 0 ? 'tool_calls' : 'stop';
    return {
      id: reply.id,
      object: 'chat.completion',
      created: 0,
      model: reply.model,
      choices: [{ index: 0, message, finish_reason }],
      usage: chatUsage(reply),
    };
  },
  error: (type, message) => ({ error: { type, message, code: null, param: null } }),
};

function chatUsage(reply: ReplyFacts) {
  return {
    prompt_tokens: reply.inputTokens,
    completion_tokens: reply.outputTokens,
    total_tokens: reply.inputTokens + reply.outputTokens,
  };
}

interface ChatRequest {
  readonly model: string;
  readonly stream?: boolean;
  readonly stop?: string | string[];
  readonly messages: readonly {
    role: string;
    content?: string | { type: string; text?: string }[] | null;
    tool_call_id?: string;
  }[];
  readonly response_format?: { json_schema?: { schema?: unknown } };
}

function fromChat(body: ChatRequest): MessagesRequest {
  const messages: Message[] = [];
  for (const message of body.messages ?? []) {
    const text =
      typeof message.content === 'string'
        ? message.content
        : (message.content ?? []).map((part) => part.text ?? '').join('\n');
    if (message.role === 'tool') {
      messages.push({
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: message.tool_call_id ?? '', content: text }],
      });
    } else if (message.role === 'user' || message.role === 'assistant') {
      messages.push({ role: message.role, content: text });
    }
  }
  const schema = body.response_format?.json_schema?.schema;
  return {
    model: body.model,
    messages,
    ...(body.stream === undefined ? {} : { stream: body.stream }),
    ...(body.stop === undefined ? {} : { stop_sequences: [body.stop].flat() }),
    ...(schema === undefined ? {} : { output_config: { format: { type: 'json_schema', schema } } }),
  };
}
