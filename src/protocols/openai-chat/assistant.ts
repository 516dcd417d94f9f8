import type { Block } from '../../core/messages.ts';
import { callInput } from '../call-input.ts';
import { jsonText } from '../json-text.ts';
import type { ToolNames } from '../tool-names.ts';
import { openReplay } from './carrier.ts';
import { type ContentRules, contentParts, joinedText } from './content.ts';
import type { AssistantMessage, TextPart, ToolCall } from './types.ts';

export interface AssistantRules extends ContentRules {
  readonly provider: string;
  readonly names: ToolNames;
  readonly withoutThinking: boolean;
}

/** A call of the turn with the id that the upstream sees. */
export interface UpstreamCall {
  readonly id: string;
  readonly block: Block;
}

/** Stand-ins for reasoning that gateways invent. Replayed as thought they would be imitated. */
const PLACEHOLDERS = new Set(['[reasoning unavailable]', '(no content)', '.', '…', '...']);

/**
 * One assistant turn as one message; `undefined` when nothing is left of it. All text comes before the calls, because
 * a message between a call and its result is refused everywhere.
 */
export function assistantMessage(
  blocks: readonly Block[],
  calls: readonly UpstreamCall[],
  rules: AssistantRules,
): AssistantMessage | undefined {
  const { quirks } = rules;
  const text = joinedText(contentParts(blocks, rules));
  if (text === '' && calls.length === 0) return undefined;
  const message: AssistantMessage = { role: 'assistant', content: text };
  const reasoning = reasoningFor(blocks, calls.length > 0, rules);
  if (text === '' && calls.length > 0 && quirks.emptyAssistantContent === 'null') message.content = null;
  if (reasoning !== undefined) applyReasoning(message, text, reasoning, quirks.reasoningField);
  if (calls.length > 0) message.tool_calls = toolCalls(blocks, calls, rules);
  return message;
}

interface Reasoning {
  readonly text: string;
  /** Details of the target's own making, in their order. */
  readonly details: readonly unknown[];
}

function reasoningFor(blocks: readonly Block[], hasCalls: boolean, rules: AssistantRules): Reasoning | undefined {
  const { quirks } = rules;
  const { reasoningPlaceholder: placeholder } = quirks;
  if (quirks.reasoningField === 'none' || quirks.reasoningReplay === 'never') return undefined;
  if (quirks.reasoningReplay === 'tool-turns' && !hasCalls) return undefined;
  const thinking = rules.withoutThinking ? [] : blocks.filter((block) => block.type === 'thinking');
  const text = thinking
    .map((block) => String(block.thinking))
    .filter((each) => each.trim() !== '' && !PLACEHOLDERS.has(each.trim()) && each !== placeholder)
    .join('\n\n');
  const details =
    quirks.reasoningField === 'reasoning_details'
      ? thinking.flatMap((block) => openReplay(block.signature, rules.provider)?.details ?? [])
      : [];
  if (text !== '' || details.length > 0) return { text, details };
  return hasCalls && placeholder !== undefined ? { text: placeholder, details } : undefined;
}

function applyReasoning(message: AssistantMessage, text: string, reasoning: Reasoning, field: string): void {
  switch (field) {
    case 'reasoning_content':
      message.reasoning_content = reasoning.text;
      return;
    case 'reasoning':
      message.reasoning = reasoning.text;
      return;
    case 'reasoning_details':
      if (reasoning.details.length > 0) message.reasoning_details = [...reasoning.details];
      else message.reasoning = reasoning.text;
      return;
    case 'think-tags':
      message.content = `<think>\n${reasoning.text}\n</think>\n\n${text}`;
      return;
    case 'thinking-parts': {
      const said: TextPart[] = text === '' ? [] : [{ type: 'text', text }];
      message.content = [{ type: 'thinking', thinking: [{ type: 'text', text: reasoning.text }] }, ...said];
      return;
    }
  }
}

function toolCalls(blocks: readonly Block[], calls: readonly UpstreamCall[], rules: AssistantRules): ToolCall[] {
  const extras = rules.withoutThinking ? new Map<Block, unknown>() : extrasByCall(blocks, rules.provider);
  return calls.map(({ id, block }) => {
    const call: ToolCall = {
      id,
      type: 'function',
      function: { name: rules.names.upstream(String(block.name)), arguments: callArguments(block.input) },
    };
    const extra = extras.get(block);
    if (extra !== undefined) call.extra_content = extra;
    return call;
  });
}

/** Extra content stands in the signature of the thinking block before its call. */
function extrasByCall(blocks: readonly Block[], provider: string): Map<Block, unknown> {
  const out = new Map<Block, unknown>();
  let waiting: unknown;
  for (const block of blocks) {
    if (block.type === 'thinking') waiting = openReplay(block.signature, provider)?.extra ?? waiting;
    else if (block.type === 'tool_use') {
      if (waiting !== undefined) out.set(block, waiting);
      waiting = undefined;
    }
  }
  return out;
}

/** Argument text of a call of the history: always a JSON object, whatever a broken stream once left behind. */
export function callArguments(input: unknown): string {
  return jsonText(callInput(input));
}
