/** The roles in which Claude Code asks for a model. */
export const SLOTS = ['opus', 'sonnet', 'haiku', 'fable', 'subagent', 'classifier'] as const;
export type Slot = (typeof SLOTS)[number];

/** The four slots that are model families of the client's picker. */
export const FAMILY_SLOTS = ['opus', 'sonnet', 'haiku', 'fable'] as const satisfies readonly Slot[];

export function isSlot(text: string): text is Slot {
  return (SLOTS as readonly string[]).includes(text);
}
