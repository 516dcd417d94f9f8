import type { DetourInfo, RestingKey, SessionInfo, SlotInfo, UseResult } from './contract.ts';

/** Sentences about sessions and switches, the same on the command line, in the client and on the status line. */

/** `deepseek -> minimax (MiniMax-M2.5 at api.minimax.io). ...` */
export function describeSwitch(result: UseResult): string {
  const where = describeSlots(result.slots);
  if (result.takenBack !== undefined) return `stays on ${result.to} (${where}); ${result.takenBack} waits no more`;
  if (result.waiting !== null && !result.dryRun)
    return `${result.from} -> ${result.to} (${where}) at the next compaction`;
  const head = result.changed ? `${result.from} -> ${result.to}` : `already on ${result.to}`;
  const until = result.untilMs === null ? [] : [`back at ${clock(result.untilMs)}`];
  return [`${head} (${where})`, ...until, ...effectSentences(result)].join('; ');
}

/** Where a session's slots go: one target named once, several by slot. */
export function describeSlots(slots: readonly SlotInfo[]): string {
  const models = new Map<string, SlotInfo[]>();
  for (const slot of slots) {
    const key = `${slot.model ?? 'the model asked for'} at ${slot.host}`;
    models.set(key, [...(models.get(key) ?? []), slot]);
  }
  if (models.size <= 1) return [...models.keys()][0] ?? 'nowhere';
  return [...models].map(([text, group]) => `${group.map(({ slot }) => slot).join(', ')}: ${text}`).join('; ');
}

/** The status line's text. */
export function describeStatus(session: SessionInfo): string {
  const main = mainSlot(session);
  const parts = [session.reference];
  const overrides = Object.entries(session.overrides);
  if (main) parts.push(main.model ?? 'model as asked', main.host);
  if (overrides.length > 0) parts.push(overrides.map(([slot, reference]) => `${slot}=${reference}`).join(' '));
  if (session.waiting !== null) parts.push(`${session.waiting} at the next compaction`);
  if (session.untilMs !== null) parts.push(`until ${clock(session.untilMs)}`);
  if (session.detour !== null) parts.push(describeDetour(session.detour));
  if (session.mode === 'fixed') parts.push('fixed');
  if (session.unusable !== null) parts.push(`unusable: ${session.unusable}`);
  return parts.join(' · ');
}

/** `deepseek down, on openrouter` */
export function describeDetour({ from, to, failure }: DetourInfo): string {
  return `${from} ${STATES[failure ?? ''] ?? 'down'}, on ${to}`;
}

const STATES: Readonly<Record<string, string>> = {
  quota: 'has no quota',
  rate_limit: 'limited',
  credential: 'refuses its key',
  permission: 'refuses its key',
  model_missing: 'is not there',
};

/** Why a key is not used, and until when: `env:KEY_2 (openrouter) rests until 14:03:20`. */
export function describeRestingKey({ provider, origin, state, restsForMs }: RestingKey, nowMs: number): string {
  const key = `${origin} (${provider})`;
  if (state === 'parked') return `${key} was refused and is not used until the configuration changes`;
  const untilMs = nowMs + (restsForMs ?? 0);
  const day = (restsForMs ?? 0) < DAY_MS ? '' : `${new Date(untilMs).toDateString().slice(0, 10)}, `;
  return `${key} rests until ${day}${new Date(untilMs).toTimeString().slice(0, 8)}`;
}

const DAY_MS = 86_400_000;

/** The slot to show where there is room for one: the one in use, or the one that the client begins with. */
export function mainSlot({ slots, activeSlot }: Pick<SessionInfo, 'slots' | 'activeSlot'>): SlotInfo | undefined {
  return slots.find(({ slot }) => slot === (activeSlot ?? 'opus')) ?? slots[0];
}

/** Hours and minutes of this machine. */
function clock(atMs: number): string {
  return new Date(atMs).toTimeString().slice(0, 5);
}

export function describeTokens(tokens: number): string {
  if (tokens < 1_000) return String(tokens);
  return tokens < 1_000_000 ? `${trim(tokens / 1_000)}k` : `${trim(tokens / 1_000_000)}M`;
}

function effectSentences({ effect, changed }: UseResult): string[] {
  if (!changed || effect.contextTokens === null) return [];
  const size = describeTokens(effect.contextTokens);
  const sentences: string[] = [];
  if (effect.window !== null) {
    const window = describeTokens(effect.window);
    sentences.push(
      effect.fits
        ? `the conversation (${size} tokens) fits the window of ${window}`
        : `the conversation (${size} tokens) is over the window of ${window}: the client will compact it`,
    );
  }
  if (effect.coldCache) sentences.push(`the next request pays for ${size} tokens without a prompt cache`);
  return sentences;
}

function trim(value: number): string {
  return value.toFixed(value < 10 ? 1 : 0).replace(/\.0$/, '');
}
