import type { Target } from '../../core/target.ts';
import type { RequestHead } from './request-parts.ts';

/** What the client wants: `absent` when it said nothing of thinking. */
export interface ThinkingWish {
  readonly mode: 'on' | 'off' | 'absent';
  /** The client's word: `low`, `medium`, `high`, `xhigh`, `max`; `undefined` leaves it to the provider. */
  readonly effort: string | undefined;
  readonly budget: number | undefined;
}

const ORDER = ['minimal', 'low', 'medium', 'high', 'xhigh', 'max'];
/** Smallest budget in tokens that counts as the effort. */
const BUDGETS: readonly (readonly [number, string])[] = [
  [16_384, 'high'],
  [4_096, 'medium'],
  [0, 'low'],
];

/** A stated effort goes before one that is derived from a budget; `disabled` goes before both. */
export function thinkingWish(body: RequestHead): ThinkingWish {
  const type = body.thinking?.type;
  const stated = typeof body.output_config?.effort === 'string' ? body.output_config.effort : undefined;
  if (type === 'disabled') return { mode: 'off', effort: undefined, budget: undefined };
  if (type !== 'enabled' && type !== 'adaptive') return { mode: 'absent', effort: stated, budget: undefined };
  const given = body.thinking?.budget_tokens;
  const budget = typeof given === 'number' && given > 0 ? given : undefined;
  const derived = budget === undefined ? undefined : BUDGETS.find(([least]) => budget >= least)?.[1];
  return { mode: 'on', effort: stated ?? derived, budget };
}

/** The provider's own parameters for a wish. `streaming` matters where answers in one piece cannot think. */
export function thinkingParameters(wish: ThinkingWish, target: Target, streaming: boolean): Record<string, unknown> {
  const { chat: quirks } = target.quirks;
  if (quirks.thinkingParam === 'none' || target.data.thinking === false) return {};
  const mode = effectiveMode(wish, target, streaming);
  const effort = mode === 'off' ? quirks.effortValues.none : effortWord(wish.effort, quirks.effortValues);
  const isOn = mode === 'on';
  switch (quirks.thinkingParam) {
    case 'reasoning_effort':
      return effort === undefined ? {} : { reasoning_effort: effort };
    case 'reasoning':
      if (mode === 'off') return { reasoning: effort === undefined ? { enabled: false } : { effort } };
      if (effort !== undefined) return { reasoning: { effort } };
      if (wish.budget !== undefined) return { reasoning: { max_tokens: wish.budget } };
      return isOn ? { reasoning: { enabled: true } } : {};
    case 'thinking':
      // An effort beside a switched-off thinking is an error at DeepSeek.
      if (mode === 'off') return { thinking: { type: 'disabled' } };
      if (!isOn) return {};
      return {
        thinking: { type: quirks.thinkingOnValue, ...(quirks.keepThinking ? { clear_thinking: false } : {}) },
        ...(effort === undefined ? {} : { reasoning_effort: effort }),
      };
    case 'enable_thinking':
      if (mode === 'absent') return {};
      return {
        enable_thinking: isOn,
        ...(isOn && wish.budget !== undefined ? { thinking_budget: wish.budget } : {}),
      };
    case 'chat_template_kwargs':
      return mode === 'absent' ? {} : { chat_template_kwargs: { [quirks.templateThinkingKey]: isOn } };
  }
}

/** The request makes the model think, as far as can be known: some cannot be told to stop, or only to think little. */
export function isThinking(wish: ThinkingWish, target: Target, streaming: boolean): boolean {
  if (target.data.thinking === false) return false;
  const mode = effectiveMode(wish, target, streaming);
  if (mode === 'on') return true;
  const { thinkingByDefault, thinkingParam, effortValues } = target.quirks.chat;
  if (!thinkingByDefault || mode === 'absent') return thinkingByDefault;
  if (thinkingParam === 'reasoning_effort') return effortValues.none !== undefined && effortValues.none !== 'none';
  return thinkingParam === 'none';
}

function effectiveMode(wish: ThinkingWish, target: Target, streaming: boolean): ThinkingWish['mode'] {
  const { thinkingByDefault, thinkingNeedsStream, thinkingParam } = target.quirks.chat;
  if (thinkingNeedsStream && !streaming) return 'off';
  if (wish.mode !== 'absent') return wish.mode;
  if (wish.effort !== undefined && thinkingParam === 'reasoning_effort') return 'on';
  return thinkingByDefault && thinkingParam !== 'none' ? 'off' : 'absent';
}

/** The provider's word for an effort; where it has none, that of the nearest weaker one, else of the nearest stronger. */
function effortWord(effort: string | undefined, words: Readonly<Record<string, string>>): string | undefined {
  if (effort === undefined) return undefined;
  const exact = words[effort];
  if (exact !== undefined) return exact;
  const rank = ORDER.indexOf(effort);
  if (rank === -1) return undefined;
  const weaker = ORDER.slice(0, rank).reverse();
  const stronger = ORDER.slice(rank + 1);
  const nearest = [...weaker, ...stronger].find((each) => words[each] !== undefined);
  return nearest === undefined ? undefined : words[nearest];
}
