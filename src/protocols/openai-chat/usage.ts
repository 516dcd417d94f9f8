import type { Usage } from '../../core/usage.ts';
import { isRecord } from './types.ts';

/** The numbers of an upstream as they were told last, each for itself. */
export interface RawUsage {
  prompt?: number;
  completion?: number;
  cached?: number;
  written?: number;
  reasoning?: number;
}

/** Takes what a chunk tells over. Providers tell it in one chunk, in every chunk, or in two halves; the last value of
 * each number counts. A report of zeros behind a real one is a placeholder. */
export function mergeUsage(known: RawUsage, told: unknown): void {
  if (!isRecord(told)) return;
  const read = readUsage(told);
  const isPlaceholder = (read.prompt ?? 0) === 0 && (read.completion ?? 0) === 0;
  if (isPlaceholder && known.prompt !== undefined) return;
  Object.assign(known, read);
}

/** In the Messages API's terms: input without what came from or went to the cache, each subtracted once. */
export function asUsage(raw: RawUsage): Usage {
  const { prompt, cached, written } = raw;
  return {
    inputTokens: prompt === undefined ? undefined : Math.max(0, prompt - (cached ?? 0) - (written ?? 0)),
    cacheReadTokens: cached,
    cacheWriteTokens: written,
    outputTokens: raw.completion,
    reasoningTokens: raw.reasoning,
  };
}

function readUsage(told: Record<string, unknown>): RawUsage {
  const promptDetails = recordOf(told.prompt_tokens_details ?? told.input_tokens_details);
  const outputDetails = recordOf(told.completion_tokens_details ?? told.output_tokens_details);
  const hit = count(told.prompt_cache_hit_tokens);
  const miss = count(told.prompt_cache_miss_tokens);
  const completion = count(told.completion_tokens) ?? count(told.output_tokens);
  const total = count(told.total_tokens);
  const prompt =
    counted(told.prompt_tokens) ??
    inputCount(told) ??
    (miss === undefined ? undefined : miss + (hit ?? 0)) ??
    (total === undefined || completion === undefined ? undefined : counted(Math.max(0, total - completion)));
  const reasoning = count(outputDetails.reasoning_tokens) ?? count(told.reasoning_tokens);
  // xAI counts what was thought beside the rest of the output: only the total has both.
  const isApart = completion !== undefined && total === (prompt ?? 0) + completion + (reasoning ?? 0);
  const out: RawUsage = {};
  assign(out, 'completion', isApart ? completion + (reasoning ?? 0) : completion);
  assign(out, 'prompt', prompt);
  assign(
    out,
    'cached',
    count(promptDetails.cached_tokens) ?? hit ?? count(told.cached_tokens) ?? count(told.cache_read_input_tokens),
  );
  assign(
    out,
    'written',
    count(promptDetails.cache_write_tokens) ??
      count(promptDetails.cache_creation_tokens) ??
      count(told.cache_creation_input_tokens),
  );
  assign(out, 'reasoning', reasoning);
  return out;
}

/** Input under the names of the Messages API, where the cached tokens are not part of it. */
function inputCount(told: Record<string, unknown>): number | undefined {
  const input = count(told.input_tokens);
  if (input === undefined || isRecord(told.input_tokens_details)) return counted(input);
  return counted(input + (count(told.cache_read_input_tokens) ?? 0) + (count(told.cache_creation_input_tokens) ?? 0));
}

/** No prompt is empty: a zero is a field that nobody filled in. */
function counted(value: unknown): number | undefined {
  return count(value) || undefined;
}

function assign(out: RawUsage, key: keyof RawUsage, value: number | undefined): void {
  if (value !== undefined) out[key] = value;
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? Math.round(value) : undefined;
}

function recordOf(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}
