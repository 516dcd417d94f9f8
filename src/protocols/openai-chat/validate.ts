import { MidswapError } from '../../core/errors.ts';
import type { Block, Message } from '../../core/messages.ts';
import type { RequestHead } from './request-parts.ts';
import { isRecord } from './types.ts';

const ROLES = new Set(['user', 'assistant', 'system']);

/** Refuses what cannot be translated, with the path of the fault: `messages.3.content.0.text`. */
export function checkRequest(body: RequestHead): void {
  const { system, tools, max_tokens: maxTokens, stop_sequences: stops } = body;
  if (system !== undefined && system !== null && typeof system !== 'string') checkBlocks(system, 'system');
  if (tools !== undefined && tools !== null) checkTools(tools);
  if (maxTokens !== undefined && maxTokens !== null) {
    demand(Number.isFinite(maxTokens) && maxTokens >= 0, 'max_tokens', 'a number that is not negative');
  }
  if (stops !== undefined && stops !== null) {
    demand(Array.isArray(stops), 'stop_sequences', 'a list of strings');
    stops.forEach((stop: unknown, at) => {
      demand(typeof stop === 'string', `stop_sequences.${at}`, 'a string');
    });
  }
  for (const field of NUMBERS) {
    const value: unknown = body[field];
    demand(value === undefined || value === null || typeof value === 'number', field, 'a number');
  }
  const { type, name } = (body.tool_choice ?? {}) as Record<string, unknown>;
  demand(type === undefined || typeof type === 'string', 'tool_choice.type', 'a string');
  demand(name === undefined || typeof name === 'string', 'tool_choice.name', 'a string');
  for (const field of OBJECTS) {
    const value: unknown = body[field];
    demand(value === undefined || value === null || isRecord(value), field, 'an object');
  }
}

const NUMBERS = ['temperature', 'top_p', 'top_k'] as const;
const OBJECTS = ['tool_choice', 'thinking', 'output_config'] as const;

/** Lists that were found to be right: the same one comes with every request of a session. */
const RIGHT = new WeakSet<object>();

function checkTools(tools: readonly unknown[]): void {
  if (RIGHT.has(tools)) return;
  demand(Array.isArray(tools), 'tools', 'a list of tools');
  tools.forEach((tool, at) => {
    demand(isRecord(tool), `tools.${at}`, 'an object');
    const { name, type } = tool as Record<string, unknown>;
    demand(name === undefined || typeof name === 'string', `tools.${at}.name`, 'a string');
    demand(type === undefined || type === null || typeof type === 'string', `tools.${at}.type`, 'a string');
  });
  RIGHT.add(tools);
}

/** `offset`: position of the first message in the request, for the path. */
export function checkMessages(messages: readonly Message[], offset = 0): void {
  messages.forEach((message: unknown, index) => {
    if (isUsual(message)) return;
    const path = `messages.${offset + index}`;
    if (!isRecord(message)) throw fault(path, 'an object');
    const { role, content } = message;
    demand(typeof role === 'string' && ROLES.has(role), `${path}.role`, '"user", "assistant" or "system"');
    if (typeof content !== 'string') checkBlocks(content, `${path}.content`);
  });
}

/** For nearly all messages, without the names of places that only a fault needs. What it is not sure of is checked. */
function isUsual(message: unknown): boolean {
  if (!isRecord(message) || !ROLES.has(message.role as string)) return false;
  const { content } = message;
  return typeof content === 'string' || (Array.isArray(content) && content.every(isUsualBlock));
}

function isUsualBlock(block: unknown): boolean {
  if (!isRecord(block)) return false;
  switch (block.type) {
    case 'text':
      return typeof block.text === 'string';
    case 'tool_use':
      return typeof block.id === 'string' && typeof block.name === 'string';
    case 'tool_result':
      return typeof block.tool_use_id === 'string';
    default:
      return false;
  }
}

function checkBlocks(blocks: unknown, path: string): asserts blocks is Block[] {
  if (!Array.isArray(blocks)) throw fault(path, 'a string or a list of blocks');
  for (const [index, block] of blocks.entries()) checkBlock(block, `${path}.${index}`);
}

function checkBlock(block: unknown, path: string): void {
  if (!isRecord(block)) throw fault(path, 'an object');
  demand(typeof block.type === 'string', `${path}.type`, 'a string');
  switch (block.type) {
    case 'text':
      demand(typeof block.text === 'string', `${path}.text`, 'a string');
      return;
    case 'thinking':
      demand(typeof block.thinking === 'string', `${path}.thinking`, 'a string');
      return;
    case 'tool_use':
      demand(typeof block.id === 'string', `${path}.id`, 'a string');
      demand(typeof block.name === 'string', `${path}.name`, 'a string');
      return;
    case 'tool_result':
      demand(typeof block.tool_use_id === 'string', `${path}.tool_use_id`, 'a string');
      return;
    case 'image':
    case 'document': {
      if (!isRecord(block.source)) throw fault(`${path}.source`, 'an object');
      const { data } = block.source;
      demand(data === undefined || typeof data === 'string', `${path}.source.data`, 'a string');
      return;
    }
  }
}

function demand(holds: boolean, path: string, wanted: string): void {
  if (!holds) throw fault(path, wanted);
}

function fault(path: string, wanted: string): MidswapError {
  return new MidswapError('invalid_request', `${path}: must be ${wanted}`);
}
