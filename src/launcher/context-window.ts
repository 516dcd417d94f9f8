import type { Family, SlotDeclaration } from './request.ts';

/** The client takes no smaller value for its compaction window, and says so in a warning (2.1.329). */
const LEAST_COMPACT_WINDOW = 100_000;
/** Of the window the client keeps this much for the answer before it applies a percentage. */
const KEPT_FOR_ANSWER = 20_000;
/** Where a window is smaller than the client's least, it compacts when this part is full. */
const FULL_PART = 0.75;
/** The client assumes this much for every name it knows and for every other. */
const ASSUMED_WINDOW = 1_000_000;

/**
 * Variables that make the client compact in time. It reads them once, so they hold for the whole session: the
 * smallest window of the families that carry a conversation counts. A name that the client knows (or that behaves as
 * one) has a fixed window; `CLAUDE_CODE_AUTO_COMPACT_WINDOW` moves only the point of compaction, and a percentage
 * moves it below the least. `CLAUDE_CODE_MAX_CONTEXT_TOKENS` is for names that the client does not know.
 */
export function windowVariables(slots: Partial<Readonly<Record<Family, SlotDeclaration>>>): Record<string, string> {
  const window = smallestWindow(slots);
  if (window === undefined || window >= ASSUMED_WINDOW) return {};
  const variables: Record<string, string> = {
    CLAUDE_CODE_MAX_CONTEXT_TOKENS: String(window),
    CLAUDE_CODE_AUTO_COMPACT_WINDOW: String(Math.max(window, LEAST_COMPACT_WINDOW)),
  };
  if (window < LEAST_COMPACT_WINDOW) {
    const percent = Math.floor((100 * FULL_PART * window) / (LEAST_COMPACT_WINDOW - KEPT_FOR_ANSWER));
    variables.CLAUDE_AUTOCOMPACT_PCT_OVERRIDE = String(Math.min(100, Math.max(1, percent)));
  }
  return variables;
}

/** Haiku carries background work and short-lived agents only: its window counts when no other is known. */
function smallestWindow(slots: Partial<Readonly<Record<Family, SlotDeclaration>>>): number | undefined {
  const known = (families: readonly Family[]) =>
    families.flatMap((family) => slots[family]?.contextWindow ?? []).filter((window) => window > 0);
  const windows = known(['opus', 'sonnet', 'fable']);
  const counted = windows.length > 0 ? windows : known(['haiku']);
  return counted.length === 0 ? undefined : Math.min(...counted);
}
