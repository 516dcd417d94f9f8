import type { Target } from '../../core/target.ts';
import type { RequestDraft } from './draft.ts';

/** Smallest budget that the Messages API takes. */
const MIN_BUDGET = 1024;
const DEFAULT_BUDGET = 16_000;
const BUDGETS: Readonly<Record<string, number>> = {
  low: 4_000,
  medium: 10_000,
  high: 16_000,
  xhigh: 24_000,
  max: 32_000,
};

interface Thinking {
  readonly type: unknown;
  readonly budget_tokens?: unknown;
}

/** What the slot's configuration says about thinking, whatever the client asks for. */
export function applyThinkingChoice(draft: RequestDraft, target: Target): void {
  const choice = target.thinking;
  if (choice === undefined) return;
  const now = thinkingOf(draft);
  if (choice === 'off') {
    if (draft.has('thinking')) draft.set('thinking', { type: 'disabled' });
    return;
  }
  if (choice === 'on' && (now?.type === 'adaptive' || now?.type === 'enabled')) return;
  draft.set('thinking', choice === 'on' ? { type: 'adaptive' } : { type: 'enabled', budget_tokens: choice });
  // The API takes no other sampling beside thinking, and the client did not ask for both.
  for (const name of ['temperature', 'top_k']) draft.delete(name);
}

/** The kind of thinking that the target knows, with a budget that fits into the answer. */
export function fitThinking(draft: RequestDraft, target: Target): void {
  const thinking = thinkingOf(draft);
  if (thinking === undefined) return;
  const { messages: quirks, anthropicGenuine } = target.quirks;
  if (target.data.thinking === false) {
    draft.delete('thinking', 'thinking was left out: the model does not think');
    return;
  }
  if (thinking.type === 'disabled' && !quirks.disabledThinking) {
    draft.delete('thinking', 'thinking was not switched off: the model always thinks');
  } else if (thinking.type === 'adaptive' && !quirks.adaptiveThinking) setBudget(draft, effortBudget(draft));
  else if (thinking.type === 'enabled' && !quirks.enabledThinking && quirks.adaptiveThinking) {
    draft.set('thinking', { type: 'adaptive' });
  } else if (anthropicGenuine) {
    // Untouched: the API itself says what is wrong with it.
  } else if (thinking.type === 'enabled') {
    setBudget(draft, typeof thinking.budget_tokens === 'number' ? thinking.budget_tokens : DEFAULT_BUDGET);
  } else if (Object.keys(thinking).length > 1) {
    draft.set('thinking', { type: thinking.type });
  }
}

/** `output_config.effort` in the endpoint's own words, where it is known and not beside thinking that is off. */
export function fitEffort(draft: RequestDraft, target: Target): void {
  const config = draft.get('output_config') as Record<string, unknown> | null | undefined;
  if (config?.effort === undefined) return;
  const { effort, effortValues } = target.quirks.messages;
  const off = thinkingOf(draft)?.type === 'disabled';
  if (effort === 'yes' || (effort === 'not-when-thinking-off' && !off)) {
    const word =
      typeof config.effort === 'string' && Object.hasOwn(effortValues, config.effort) && effortValues[config.effort];
    if (word && word !== config.effort) draft.set('output_config', { ...config, effort: word });
    return;
  }
  const { effort: dropped, ...rest } = config;
  draft.notes.push(`effort ${String(dropped)} was left out`);
  if (Object.keys(rest).length === 0) draft.delete('output_config');
  else draft.set('output_config', rest);
}

function setBudget(draft: RequestDraft, wanted: number): void {
  const limit = draft.get('max_tokens');
  const budget = Math.max(MIN_BUDGET, typeof limit === 'number' ? Math.min(wanted, limit - 1) : wanted);
  if (typeof limit === 'number' && budget >= limit) {
    draft.delete('thinking', `thinking was left out: max_tokens ${limit} leaves no room for it`);
    return;
  }
  const now = thinkingOf(draft);
  if (now?.type === 'enabled' && now.budget_tokens === budget && Object.keys(now).length === 2) return;
  draft.set('thinking', { type: 'enabled', budget_tokens: budget });
}

function effortBudget(draft: RequestDraft): number {
  const config = draft.get('output_config') as { effort?: unknown } | null | undefined;
  const effort = config?.effort;
  return (typeof effort === 'string' && Object.hasOwn(BUDGETS, effort) && BUDGETS[effort]) || DEFAULT_BUDGET;
}

function thinkingOf(draft: RequestDraft): Thinking | undefined {
  const thinking = draft.get('thinking');
  return typeof thinking === 'object' && thinking !== null ? (thinking as Thinking) : undefined;
}
