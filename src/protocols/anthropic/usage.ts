import type { Usage } from '../../core/usage.ts';

/** Takes over the counts of a `usage` object of the Messages API; what it does not name stays. */
export function tapUsage(reported: unknown, into: Usage): void {
  if (typeof reported !== 'object' || reported === null) return;
  const counts = reported as Record<string, unknown>;
  into.inputTokens = count(counts.input_tokens) ?? into.inputTokens;
  into.cacheReadTokens = count(counts.cache_read_input_tokens) ?? into.cacheReadTokens;
  into.cacheWriteTokens = count(counts.cache_creation_input_tokens) ?? into.cacheWriteTokens;
  into.outputTokens = count(counts.output_tokens) ?? into.outputTokens;
  const details = counts.output_tokens_details as
    | { reasoning_tokens?: unknown; thinking_tokens?: unknown }
    | null
    | undefined;
  into.reasoningTokens = count(details?.thinking_tokens) ?? count(details?.reasoning_tokens) ?? into.reasoningTokens;
}

/**
 * `usage` without the cached tokens in the input, from an endpoint that counts them there too. Never below zero: some
 * endpoints report the cache of a whole chain of requests.
 */
export function withoutCached(reported: unknown): unknown {
  if (typeof reported !== 'object' || reported === null) return reported;
  const counts = reported as Record<string, unknown>;
  const input = count(counts.input_tokens);
  const cached = (count(counts.cache_read_input_tokens) ?? 0) + (count(counts.cache_creation_input_tokens) ?? 0);
  if (input === undefined || cached === 0) return reported;
  return { ...counts, input_tokens: Math.max(0, input - cached) };
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && Number.isFinite(value) ? value : undefined;
}

const COUNTS = new Set(['input_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens', 'output_tokens']);

/** What a `usage` object holds beside the counts. */
export function usageExtra(reported: unknown): Record<string, unknown> {
  if (typeof reported !== 'object' || reported === null) return {};
  return Object.fromEntries(Object.entries(reported).filter(([name]) => !COUNTS.has(name)));
}

/** Every count of a `usage` object is a number, and nothing in it is empty. */
export function isCounted(usage: unknown): boolean {
  return entriesOf(usage).every(isCount);
}

/** The `usage` object without what is no count. */
export function countsOf(usage: unknown): Readonly<Record<string, unknown>> {
  return Object.fromEntries(entriesOf(usage).filter(isCount));
}

function entriesOf(usage: unknown): [string, unknown][] {
  return typeof usage === 'object' && usage !== null ? Object.entries(usage) : [];
}

function isCount([name, value]: [string, unknown]): boolean {
  return name.endsWith('_tokens') ? typeof value === 'number' : value !== null && value !== undefined;
}
