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
  const thinks = blocks.some(isThinking);
  const reasoning = reasoningFor(thinks ? blocks : NO_BLOCKS, calls.length > 0, rules);
  if (text === '' && calls.length > 0 && quirks.emptyAssistantContent === 'null') message.content = null;
  if (reasoning !== undefined) applyReasoning(message, text, reasoning, quirks.reasoningField);
  if (calls.length > 0) message.tool_calls = toolCalls(thinks ? blocks : NO_BLOCKS, calls, rules);
  return message;
}

/** What they thought is looked for only where there is any. */
const NO_BLOCKS: readonly Block[] = [];

function isThinking(block: Block): boolean {
  return block.type === 'thinking';
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
  if (blocks.length === 0) return placeholder === undefined ? undefined : { text: placeholder, details: [] };
  const thinking = rules.withoutThinking ? [] : blocks.filter(isThinking);
  const text = thinking
    .map((block) => String(block.thinking))
    .filter((each) => each.trim() !== '' && !PLACEHOLDERS.has(each.trim()) && each !== placeholder)
    .join('\n\n');
  const details =
    quirks.reasoningField === 'reasoning_details'
      ? thinking.flatMap((block) => openReplay(block.signature, rules.provider)?.details ?? [])
      : [];
  if (text !== '' || details.length > 0) return { text, details };
  return placeholder === undefined ? undefined : { text: placeholder, details };
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
  const extras = rules.withoutThinking || blocks.length === 0 ? undefined : extrasByCall(blocks, rules.provider);
  const { unsignedCalls } = rules.quirks;
  const isUnsigned = unsignedCalls !== undefined && (extras === undefined || extras.size === 0);
  return calls.map(({ id, block }, at) => {
    const call: ToolCall = {
      id,
      type: 'function',
      function: { name: rules.names.upstream(String(block.name)), arguments: callArguments(block.input) },
    };
    const extra = isUnsigned && at === 0 ? { google: { thought_signature: unsignedCalls } } : extras?.get(block);
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
