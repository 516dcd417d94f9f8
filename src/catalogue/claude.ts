import { FAMILY_SLOTS, type Slot } from '../core/slot.ts';
import type { PartialQuirks } from './quirks.ts';

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

/** Names that were asked for: a client has a few, and asks for each many times. */
const FAMILIES = new Map<string, FamilySlot | undefined>();
const MAX_NAMES = 256;
const LONGEST_NAME = 256;

/** The family of a name of Claude's own, `undefined` for every other name. A path (`anthropic/claude-x`) is a reference. */
export function familyOf(name: string): FamilySlot | undefined {
  const known = FAMILIES.get(name);
  if (known !== undefined || FAMILIES.has(name)) return known;
  const family = findFamily(name);
  if (FAMILIES.size >= MAX_NAMES) FAMILIES.clear();
  if (name.length <= LONGEST_NAME) FAMILIES.set(name, family);
  return family;
}

function findFamily(name: string): FamilySlot | undefined {
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

const BUDGET: PartialQuirks = { messages: { adaptiveThinking: false } };
const BUDGET_WITHOUT_EFFORT: PartialQuirks = { messages: { adaptiveThinking: false, effort: 'no' } };
const ADAPTIVE: PartialQuirks = { messages: { enabledThinking: false } };

/**
 * Thinking before Claude 4.6 has a budget, from 4.7 on only the adaptive kind, and of the older ones Opus 4.5 alone knows
 * an effort. Counts where a configuration sends another model than the client asked for: the client knows its own.
 * Source: platform.claude.com/docs, adaptive thinking and effort.
 */
export const CLAUDE_MODEL_QUIRKS: Readonly<Record<string, PartialQuirks>> = Object.fromEntries([
  ...['claude-opus-4-5', 'claude-opus-4-5-20251101'].map((name) => [name, BUDGET] as const),
  ...[
    'claude-haiku-4-5',
    'claude-haiku-4-5-20251001',
    'claude-sonnet-4-5',
    'claude-sonnet-4-5-20250929',
    'claude-opus-4-1',
    'claude-opus-4-1-20250805',
    'claude-opus-4-0',
    'claude-opus-4-20250514',
    'claude-sonnet-4-0',
    'claude-sonnet-4-20250514',
    'claude-3-7-sonnet',
    'claude-3-7-sonnet-20250219',
    'claude-3-5-sonnet',
    'claude-3-5-sonnet-20241022',
    'claude-3-5-haiku',
    'claude-3-5-haiku-20241022',
  ].map((name) => [name, BUDGET_WITHOUT_EFFORT] as const),
  ...['claude-opus-4-7', 'claude-opus-4-8', 'claude-opus-5', 'claude-mythos-5', 'claude-fable-5'].map(
    (name) => [name, ADAPTIVE] as const,
  ),
]);
