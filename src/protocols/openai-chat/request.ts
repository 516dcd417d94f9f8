import { MidswapError } from '../../core/errors.ts';
import type { Block, Envelope, MessagesRequest } from '../../core/messages.ts';
import type { Target } from '../../core/target.ts';
import type { EncodedRequest, ProtocolContext } from '../protocol.ts';
import { ToolNames } from '../tool-names.ts';
import { asContent } from './content.ts';
import { Conversation, type ConversationRules } from './conversation.ts';
import { jsonText } from './json-text.ts';
import { chatParameters, formatInstruction } from './parameters.ts';
import { asReminder, systemParts } from './system.ts';
import { isThinking, thinkingWish } from './thinking.ts';
import { toolIdMapper } from './tool-ids.ts';
import { chatTools, loadedTools, toolChoice, toolsOfHistory } from './tools.ts';
import { readTurns, type Turn } from './turns.ts';
import type { ChatMessage, ChatTool, Part } from './types.ts';
import { checkMessages, checkRequest } from './validate.ts';

/** A Messages request as a Chat Completions request. Throws `invalid_request` with the path of what is malformed. */
export function encodeRequest(env: Envelope, target: Target, context: ProtocolContext): EncodedRequest {
  const body = env.body();
  checkRequest(body);
  if (!Array.isArray(body.messages) || body.messages.length === 0) {
    throw new MidswapError('invalid_request', 'messages: at least one message is required');
  }
  checkMessages(body.messages);
  const notes = new Set<string>();
  const note = (text: string): void => void notes.add(text);
  const names = toolNames(body, target);
  const loaded = loadedTools(body.messages);
  const tools = offeredTools(body, loaded, names, target, note);
  const rules = conversationRules(names, tools, target, context, note);
  const messages = writeMessages(body, rules, target);
  const parameters = chatParameters({
    body,
    target,
    model: env.model,
    stream: env.stream,
    cacheKey: context.cacheKey,
    note,
  });
  const thinking = isThinking(thinkingWish(body), target, env.stream);
  const rest = { ...parameters, ...toolChoice(body.tool_choice, tools, names, target, thinking) };
  return {
    path: chatPath(target.endpoint.baseUrl),
    headers: ['content-type', 'application/json', 'accept', env.stream ? 'text/event-stream' : 'application/json'],
    body: [Buffer.from(requestText(rest, tools, messages), 'utf8')],
    ...(notes.size === 0 ? {} : { notes: [...notes] }),
  };
}

/** A bare host gets `/v1`; every other base URL already says where the API is. */
export function chatPath(baseUrl: string): string {
  if (/\/chat\/completions$/.test(baseUrl)) return '';
  return /^[a-z]+:\/\/[^/]+$/i.test(baseUrl) ? '/v1/chat/completions' : '/chat/completions';
}

/** Names of all tools of the request, deferred ones too. The mapping of an answer is the same function. */
export function toolNames(body: MessagesRequest, target: Target): ToolNames {
  const declared = (body.tools ?? []).flatMap((tool) => (typeof tool.name === 'string' ? [tool.name] : []));
  return new ToolNames(
    declared.filter((name) => name.trim() !== ''),
    target.quirks.chat.toolNameMaxLength,
  );
}

function offeredTools(
  body: MessagesRequest,
  loaded: ReadonlySet<string>,
  names: ToolNames,
  target: Target,
  note: (text: string) => void,
): ChatTool[] {
  const { requireToolsWithHistory, toolChoice: support } = target.quirks.chat;
  const tools = chatTools(body.tools ?? [], loaded, names, target, note);
  // Where "none" cannot be said, no tools say it.
  const offered = body.tool_choice?.type === 'none' && support === 'none' ? [] : tools;
  if (offered.length > 0 || !requireToolsWithHistory) return offered;
  return toolsOfHistory(loaded, names);
}

function conversationRules(
  names: ToolNames,
  tools: readonly ChatTool[],
  target: Target,
  context: ProtocolContext,
  note: (text: string) => void,
): ConversationRules {
  const offered = new Set(tools.map((tool) => tool.function.name));
  return {
    quirks: target.quirks.chat,
    vision: target.data.vision ?? target.quirks.vision,
    provider: target.provider,
    names,
    withoutThinking: context.withoutThinking,
    toolId: toolIdMapper(target.quirks.chat),
    isDeclared: (name) => offered.has(name),
    note,
  };
}

function writeMessages(body: MessagesRequest, rules: ConversationRules, target: Target): string[] {
  const conversation = new Conversation(rules);
  const system = systemMessage(body, target);
  if (system !== undefined) conversation.addMessage(system);
  const turns = readTurns(body.messages, rules.quirks.alternateRoles).filter((turn) => !isBlank(turn));
  turns.forEach((turn, index) => {
    conversation.add(turn, index === turns.length - 1);
  });
  const written = conversation.finish();
  if (conversation.emitted === (system === undefined ? 0 : 1)) {
    throw new MidswapError('invalid_request', 'messages: at least one message with content is required');
  }
  return written;
}

/** The system prompt, with what has to be said about the format of the answer. */
export function systemMessage(body: MessagesRequest, target: Target): ChatMessage | undefined {
  const { chat: quirks } = target.quirks;
  const parts: Part[] = systemParts(body.system, quirks.cacheControl);
  const instruction = formatInstruction(body, target);
  if (instruction !== undefined) parts.push({ type: 'text', text: instruction });
  if (parts.length === 0) return undefined;
  const content = asContent(parts);
  if (quirks.systemRole !== 'user') return { role: quirks.systemRole, content };
  return { role: 'user', content: typeof content === 'string' ? asReminder(content) : content };
}

/** Nothing in it reaches an upstream. */
function isBlank(turn: Turn): boolean {
  return turn.calls.length === 0 && turn.blocks.every(isBlankBlock);
}

function isBlankBlock(block: Block): boolean {
  if (block.type === 'text') return String(block.text).trim() === '';
  return block.type === 'thinking' || block.type === 'redacted_thinking';
}

/** The body as text: the messages are texts already and are not parsed again. */
export function requestText(
  parameters: Record<string, unknown>,
  tools: readonly ChatTool[],
  messages: readonly string[],
): string {
  const head = jsonText(parameters).slice(0, -1);
  const toolsText = tools.length === 0 ? '' : `,"tools":${jsonText(tools)}`;
  return `${head}${toolsText},"messages":[${messages.join(',')}]}`;
}
