import type { ChatQuirks, Quirks } from '../core/target.ts';
import { CHAT_FLAGS } from './chat-flags.ts';
import { boolean, type Flag, type Flags } from './flags.ts';
import { MESSAGE_FLAGS } from './message-flags.ts';

/** What an entry, a model or the configuration says on top of the defaults. */
export interface PartialQuirks extends Partial<Omit<Quirks, 'messages' | 'chat'>> {
  readonly messages?: Partial<Quirks['messages']>;
  readonly chat?: Partial<ChatQuirks>;
}

/** Stands where a server refuses a turn that has no reasoning, and none was kept. */
export const NO_REASONING_KEPT = '(reasoning not kept)';

const GENERAL_FLAGS: Flags<Omit<Quirks, 'messages' | 'chat'>> = {
  anthropicGenuine: boolean(
    false,
    "Anthropic itself: requests pass as an open list, errors and rate limits unmodified, thinking of Claude's history is genuine.",
  ),
  acceptsClientLogin: boolean(
    false,
    "May receive the client's own login. Cannot be set in the configuration: only one entry of the catalogue has it.",
  ),
  vision: boolean(true, 'The models take images, where nothing is known of the model itself.'),
};

/** One quirk, as documentation and the configuration's schema show it. */
export interface QuirkRow {
  /** `chat.maxTokensField`: where it is in `Quirks`. */
  readonly name: string;
  /** `chat.max_tokens_field`: what the configuration calls it. */
  readonly key: string;
  readonly kind: Flag<unknown>['kind'];
  readonly values: readonly string[] | undefined;
  readonly optional: boolean;
  readonly default: unknown;
  readonly doc: string;
}

/** Every quirk there is. */
export const QUIRK_TABLE: readonly QuirkRow[] = [
  ...rows('', GENERAL_FLAGS),
  ...rows('messages.', MESSAGE_FLAGS),
  ...rows('chat.', CHAT_FLAGS),
];

export const DEFAULT_QUIRKS: Quirks = {
  ...defaultsOf(GENERAL_FLAGS),
  messages: defaultsOf(MESSAGE_FLAGS),
  chat: defaultsOf(CHAT_FLAGS),
};

/** Later ones win, flag by flag; lists and maps are replaced whole. */
export function mergeQuirks(defaults: Quirks, ...partials: readonly (PartialQuirks | undefined)[]): Quirks {
  let merged = defaults;
  for (const partial of partials) {
    if (!partial) continue;
    merged = {
      ...merged,
      ...partial,
      messages: { ...merged.messages, ...partial.messages },
      chat: { ...merged.chat, ...partial.chat },
    };
  }
  return merged;
}

/**
 * The quirk that a configuration key means: `chat.max_tokens_field`, or without its group where only one quirk has
 * the name. `undefined` for a key that no quirk has; an empty list is never returned, several mean "say which".
 */
export function quirksByKey(key: string): readonly QuirkRow[] {
  const exact = QUIRK_TABLE.filter((row) => row.key === key || row.name === key);
  if (exact.length > 0) return exact;
  return QUIRK_TABLE.filter((row) => row.key.endsWith(`.${key}`) || row.name.endsWith(`.${key}`));
}

function rows<Q>(prefix: string, flags: Flags<Q>): QuirkRow[] {
  return Object.entries<Flag<unknown>>(flags as Record<string, Flag<unknown>>).map(([name, flag]) => ({
    name: prefix + name,
    key: prefix + snakeCase(name),
    kind: flag.kind,
    values: flag.values,
    optional: flag.optional === true,
    default: flag.default,
    doc: flag.doc,
  }));
}

function defaultsOf<Q>(flags: Flags<Q>): Q {
  const entries = Object.entries<Flag<unknown>>(flags as Record<string, Flag<unknown>>);
  return Object.fromEntries(entries.map(([name, flag]) => [name, flag.default])) as Q;
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
