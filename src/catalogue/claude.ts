import { FAMILY_SLOTS, type Slot } from '../core/slot.ts';

export type FamilySlot = (typeof FAMILY_SLOTS)[number];

/**
 * The names in which Claude Code 2.1.329 asks for each family, and which the launcher leaves in place: the client
 * knows their windows and capabilities. Measured: `claude --model opus` and so on against a scripted upstream.
 */
export const CLAUDE_SLOT_MODELS: Readonly<Record<FamilySlot, string>> = {
  opus: 'claude-opus-5-5',
  sonnet: 'claude-sonnet-5-5',
  haiku: 'claude-haiku-5-5',
  fable: 'claude-fable-5-2',
};

/** The family that the client takes when nobody chose one. */
export const DEFAULT_FAMILY: FamilySlot = 'opus';

/** Words that the client takes for a model beside the families. */
const MODEL_WORDS: Readonly<Record<string, FamilySlot>> = { best: 'opus', opusplan: 'sonnet' };

/** Claude's name at Anthropic and at clouds: `claude-opus-5-5`, `claude-3-5-haiku-latest`, `us.anthropic.claude-sonnet-4@x`. */
const CLAUDE_NAME = /^(?:[a-z0-9-]+\.)*claude-[a-z0-9@.:-]+$/;

/** The name without the client's own marks: `[1m]` asks for a window, it is no part of a name. */
export function plainModelName(name: string): string {
  return name.replace(/\[[12]m\]$/i, '');
}

/** The family of a name of Claude's own, `undefined` for every other name. A path (`anthropic/claude-x`) is a reference. */
export function familyOf(name: string): FamilySlot | undefined {
  const plain = plainModelName(name).toLowerCase();
  if (isFamily(plain)) return plain;
  const word = MODEL_WORDS[plain];
  if (word && Object.hasOwn(MODEL_WORDS, plain)) return word;
  if (!CLAUDE_NAME.test(plain)) return undefined;
  const parts = plain.split(/[-.@:]/);
  return FAMILY_SLOTS.find((family) => parts.includes(family));
}

/** The name that stands for a slot at Anthropic, where no other is configured. */
export function claudeModelFor(slot: Slot | undefined): string {
  return CLAUDE_SLOT_MODELS[slot !== undefined && isFamily(slot) ? slot : DEFAULT_FAMILY];
}

function isFamily(text: string): text is FamilySlot {
  return (FAMILY_SLOTS as readonly string[]).includes(text);
}
