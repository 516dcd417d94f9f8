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
  let notes: Set<string> | undefined;
  const note = (text: string): void => {
    notes ??= new Set();
    notes.add(text);
  };
  const names = toolNames(head, target);
  const { messages, loaded } = translateHistory(env, head, names, target, context, note);
  const tools = offeredTools(head, loaded, names, target, note);
  const parameters = chatParameters({
    body: head,
    target,
    model: env.model,
    stream: env.stream,
    context,
    note,
  });
  if (head.tool_choice !== undefined && tools.length > 0) {
    const thinking = isThinking(thinkingWish(head), target, env.stream);
    Object.assign(parameters, toolChoice(head.tool_choice, tools, names, target, thinking));
  }
  const encoded: EncodedRequest = {
    path: chatPath(target.endpoint.baseUrl),
    headers: requestHeaders(env, parameters.stream === true),
    body: [Buffer.from(jsonText(parameters).slice(0, -1), 'utf8'), toolsField(tools), ...messages, REQUEST_END],
  };
  return notes === undefined ? encoded : { ...encoded, notes: [...notes] };
}

const REQUEST_END = Buffer.from(']}');

/** Of the client's own headers the one that names it: plans for coding agents refuse others with 403. */
function requestHeaders({ headers }: Envelope, stream: boolean): string[] {
  const out = ['content-type', 'application/json', 'accept', stream ? 'text/event-stream' : 'application/json'];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (headers[at]?.toLowerCase() === 'user-agent') out.push('user-agent', headers[at + 1] ?? '');
  }
  return out;
}

/** A bare host gets `/v1`; every other base URL already says where the API is. */
export function chatPath(baseUrl: string): string {
  if (/\/chat\/completions$/.test(baseUrl)) return '';
  return /^[a-z]+:\/\/[^/]+$/i.test(baseUrl) ? '/v1/chat/completions' : '/chat/completions';
}

const FIELDS = new WeakMap<readonly ChatTool[], Buffer>();

/** The body from behind the parameters up to the first message. Functions that were made before were written before. */
function toolsField(tools: readonly ChatTool[]): Buffer {
  const known = FIELDS.get(tools);
  if (known !== undefined) return known;
  const field = Buffer.from(`${tools.length === 0 ? '' : `,"tools":${jsonText(tools)}`},"messages":[`, 'utf8');
  FIELDS.set(tools, field);
  return field;
}
