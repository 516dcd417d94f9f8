import type { Envelope } from '../../core/messages.ts';
import type { Target } from '../../core/target.ts';
import { jsonText } from '../json-text.ts';
import type { EncodedRequest, ProtocolContext } from '../protocol.ts';
import { translateHistory } from './history.ts';
import { chatParameters } from './parameters.ts';
import { headOf } from './request-parts.ts';
import { isThinking, thinkingWish } from './thinking.ts';
import { offeredTools, toolChoice, toolNames } from './tools.ts';
import type { ChatTool } from './types.ts';
import { checkRequest } from './validate.ts';

/** A Messages request as a Chat Completions request. Throws `invalid_request` with the path of what is malformed. */
export function encodeRequest(env: Envelope, target: Target, context: ProtocolContext): EncodedRequest {
  const head = headOf(env);
  checkRequest(head);
  const notes = new Set<string>();
  const note = (text: string): void => void notes.add(text);
  const names = toolNames(head, target);
  const { messages, loaded } = translateHistory(env, head, names, target, context, note);
  const tools = offeredTools(head, loaded, names, target, note);
  const parameters = chatParameters({
    body: head,
    target,
    model: env.model,
    stream: env.stream,
    cacheKey: context.cacheKey,
    note,
  });
  const thinking = isThinking(thinkingWish(head), target, env.stream);
  const rest = { ...parameters, ...toolChoice(head.tool_choice, tools, names, target, thinking) };
  return {
    path: chatPath(target.endpoint.baseUrl),
    headers: [
      'content-type',
      'application/json',
      'accept',
      parameters.stream === true ? 'text/event-stream' : 'application/json',
    ],
    body: [Buffer.from(requestStart(rest, tools), 'utf8'), ...messages, REQUEST_END],
    ...(notes.size === 0 ? {} : { notes: [...notes] }),
  };
}

const REQUEST_END = Buffer.from(']}');

/** A bare host gets `/v1`; every other base URL already says where the API is. */
export function chatPath(baseUrl: string): string {
  if (/\/chat\/completions$/.test(baseUrl)) return '';
  return /^[a-z]+:\/\/[^/]+$/i.test(baseUrl) ? '/v1/chat/completions' : '/chat/completions';
}

/** The body as text up to the first message. */
function requestStart(parameters: Record<string, unknown>, tools: readonly ChatTool[]): string {
  const start = jsonText(parameters).slice(0, -1);
  return `${start}${tools.length === 0 ? '' : `,"tools":${jsonText(tools)}`},"messages":[`;
}
