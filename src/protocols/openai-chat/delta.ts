import { isRecord } from './types.ts';

/** What one chunk adds to the answer, whatever shape it came in. Within a chunk: reasoning, then text, then calls. */
export interface Delta {
  readonly reasoning: string;
  readonly text: string;
  readonly refusal: string;
  readonly calls: readonly unknown[];
  readonly details: readonly unknown[];
  /** The chunk holds the whole message, not an addition. */
  readonly isWhole: boolean;
  readonly hasMedia: boolean;
}

const NOTHING: readonly never[] = [];
const REASONING_FIELDS = ['reasoning_content', 'reasoning', 'reasoning_text', 'thinking'] as const;

/** The first choice of a chunk. Other choices cannot be told in one message. */
export function firstChoice(chunk: Record<string, unknown>): Record<string, unknown> | undefined {
  if (!Array.isArray(chunk.choices)) return undefined;
  const choices: unknown[] = chunk.choices;
  return choices
    .filter(isRecord)
    .find((choice) => choice.index === undefined || choice.index === null || choice.index === 0);
}

export function readDelta(choice: Record<string, unknown>): Delta | undefined {
  const isWhole = !isRecord(choice.delta) && isRecord(choice.message);
  const source = isRecord(choice.delta) ? choice.delta : choice.message;
  if (!isRecord(source)) {
    return typeof choice.text === 'string' && choice.text !== '' ? textDelta(choice.text) : undefined;
  }
  const parts = partsOf(source.content);
  const details: readonly unknown[] = Array.isArray(source.reasoning_details) ? source.reasoning_details : NOTHING;
  const calls = callsOf(source);
  return {
    reasoning: reasoningField(source) || partsText(parts, 'thinking') || detailsText(details),
    text: typeof source.content === 'string' ? source.content : partsText(parts, 'text'),
    refusal: typeof source.refusal === 'string' ? source.refusal : partsText(parts, 'refusal'),
    // In a whole message every entry is a call of its own, whatever index it has.
    calls: isWhole ? calls.map((call, index) => (isRecord(call) ? { ...call, index } : call)) : calls,
    details,
    isWhole,
    hasMedia: hasMedia(source, parts),
  };
}

/** The calls, else the one call in the field that came before them. */
function callsOf(source: Record<string, unknown>): readonly unknown[] {
  const { tool_calls: calls, function_call: call } = source;
  if (Array.isArray(calls) && calls.length > 0) return calls;
  if (isRecord(calls) && isRecord(calls.function)) return [calls];
  return isRecord(call) ? [{ index: 0, function: call }] : NOTHING;
}

/** Content parts; a string among them is text. */
function partsOf(content: unknown): readonly Record<string, unknown>[] {
  if (isRecord(content)) return [content];
  if (!Array.isArray(content)) return NOTHING;
  return content
    .map((part: unknown) => (typeof part === 'string' ? { type: 'text', text: part } : part))
    .filter(isRecord);
}

function textDelta(text: string): Delta {
  return { reasoning: '', text, refusal: '', calls: [], details: [], isWhole: false, hasMedia: false };
}

function reasoningField(source: Record<string, unknown>): string {
  for (const field of REASONING_FIELDS) {
    const value = source[field];
    if (typeof value === 'string' && value !== '') return value;
    if (Array.isArray(value)) {
      const inner = partsText(partsOf(value), 'text') || partsText(partsOf(value), 'thinking');
      if (inner !== '') return inner;
    } else if (isRecord(value)) {
      const inner = value.content ?? value.text;
      if (typeof inner === 'string' && inner !== '') return inner;
    }
  }
  return '';
}

/** Text of content parts of one kind; a thinking part holds a string or parts of its own. */
function partsText(parts: readonly Record<string, unknown>[], kind: 'text' | 'thinking' | 'refusal'): string {
  if (parts.length === 0) return '';
  return parts
    .map((part) => {
      if (part.type !== kind && !(kind === 'text' && part.type === 'output_text')) return '';
      const value = part[kind] ?? part.text;
      if (typeof value === 'string') return value;
      return Array.isArray(value) ? partsText(value.filter(isRecord), 'text') : '';
    })
    .join('');
}

function detailsText(details: readonly unknown[]): string {
  if (details.length === 0) return '';
  return details
    .map((detail) => {
      if (!isRecord(detail)) return '';
      if (typeof detail.text === 'string') return detail.text;
      return typeof detail.summary === 'string' ? detail.summary : '';
    })
    .join('');
}

function hasMedia(source: Record<string, unknown>, parts: readonly Record<string, unknown>[]): boolean {
  if (Array.isArray(source.images) && source.images.length > 0) return true;
  if (isRecord(source.audio) && typeof source.audio.data === 'string') return true;
  return parts.some((part) => part.type === 'image_url' || part.type === 'image' || part.type === 'audio');
}
