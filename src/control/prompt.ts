import { asMidswapError, type MidswapError } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import { isSlot, SLOTS } from '../core/slot.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { Session } from '../gateway/session.ts';
import type { HookAnswer, UseRequest } from './contract.ts';
import { readDuration } from './duration.ts';
import type { SessionControl } from './sessions.ts';
import { describeStatus, describeSwitch } from './wording.ts';

/** What a prompt asks of midswap itself. `bare`: written as `swap REF`, which may also be the user's own words. */
export type PromptCommand =
  | { readonly kind: 'use'; readonly request: UseRequest; readonly bare: boolean }
  | { readonly kind: 'list' }
  | { readonly kind: 'status' }
  | { readonly kind: 'fault'; readonly message: string };

/**
 * Reads `/midswap:use REF [--slot S | S] [--at-compaction] [--for 30m] [--dry-run]`, `/midswap:use --undo`, `/midswap:status`, `swap REF` and
 * `swap back`; `undefined` for every other prompt.
 */
export function parsePromptCommand(prompt: string): PromptCommand | undefined {
  const words = prompt.trim().split(/\s+/);
  const [head = '', ...rest] = words;
  if (head === '/midswap:status') return { kind: 'status' };
  if (head === '/midswap:use') return rest.length === 0 ? { kind: 'list' } : parseUse(rest);
  const [reference] = rest;
  if (head.toLowerCase() !== 'swap' || rest.length !== 1 || reference === undefined) return undefined;
  return { kind: 'use', bare: true, request: reference === 'back' ? { undo: true } : { reference } };
}

/** Carries out what the prompt asks, without a model. Never throws: what goes wrong is told to the user. */
export function answerPrompt(
  prompt: string,
  session: Session,
  sessions: SessionControl,
  snapshot: Snapshot,
): HookAnswer {
  const command = parsePromptCommand(prompt);
  if (!command) return {};
  try {
    switch (command.kind) {
      case 'fault':
        return stop(command.message);
      case 'status':
        return stop(describeStatus(sessions.describe(session)));
      case 'list':
        return stop(`${describeStatus(sessions.describe(session))}\n${choices(snapshot)}`);
      case 'use':
        return stop(describeSwitch(sessions.use(session, command.request)));
    }
  } catch (thrown) {
    const error = asMidswapError(thrown);
    if (command.kind === 'use' && command.bare && isOrdinaryPrompt(error, command.request, snapshot)) return {};
    return stop(error.hint === undefined ? error.message : `${error.message}. ${error.hint}`);
  }
}

/** `swap variables` is work for the model; `swap depseek` is a slip. */
function isOrdinaryPrompt(error: MidswapError, request: UseRequest, snapshot: Snapshot): boolean {
  if (error.code !== 'unknown_reference' || request.reference === undefined) return false;
  if (/[:/]/.test(request.reference)) return false;
  return nearest(request.reference, [...snapshot.profiles.keys(), ...snapshot.aliases.keys()]) === undefined;
}

function parseUse(words: readonly string[]): PromptCommand {
  const request: { -readonly [Key in keyof UseRequest]: UseRequest[Key] } = {};
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    const [flag, attached] = word.split('=', 2) as [string, string | undefined];
    if (word === '--undo') request.undo = true;
    else if (word === '--dry-run') request.dryRun = true;
    else if (word === '--at-compaction') request.atCompaction = true;
    else if (flag === '--for') {
      const forMs = readDuration(attached ?? words[++at] ?? '');
      if (forMs === undefined)
        return { kind: 'fault', message: '--for takes a time such as 30m or 2h, a week at most' };
      request.forMs = forMs;
    } else if (flag === '--slot' || (request.reference !== undefined && isSlot(word.toLowerCase()))) {
      const slot = (flag === '--slot' ? (attached ?? words[++at] ?? '') : word).toLowerCase();
      if (!isSlot(slot)) return { kind: 'fault', message: `there is no slot "${slot}": ${SLOTS.join(', ')}` };
      request.slot = slot;
    } else if (word.startsWith('-')) return { kind: 'fault', message: `/midswap:use does not know ${word}` };
    else if (request.reference === undefined) request.reference = word;
    else return { kind: 'fault', message: `/midswap:use takes one reference, not also "${word}"` };
  }
  if (request.undo && Object.keys(request).some((key) => key !== 'undo' && key !== 'dryRun')) {
    return { kind: 'fault', message: '--undo goes alone: it takes back the last switch' };
  }
  return { kind: 'use', request, bare: false };
}

function choices(snapshot: Snapshot): string {
  const profiles = [...snapshot.profiles.values()];
  const usable = profiles.filter(({ unusable }) => unusable === undefined).map(({ name }) => name);
  const others = profiles.length - usable.length;
  const aliases = [...snapshot.aliases].map(([name, reference]) => `${name} = ${reference}`);
  const lines = [`profiles: ${usable.join(', ') || 'none'}${others > 0 ? `, and ${others} without a key` : ''}`];
  if (aliases.length > 0) lines.push(`aliases: ${aliases.join(', ')}`);
  return lines.join('\n');
}

function stop(reason: string): HookAnswer {
  return { continue: false, stopReason: `midswap: ${reason}` };
}
