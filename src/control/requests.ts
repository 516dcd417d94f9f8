import { MidswapError } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import { isSlot, SLOTS } from '../core/slot.ts';
import type { UseRequest } from './contract.ts';
import { LONGEST_MS } from './duration.ts';

/**
 * Bodies of the control API, checked by hand: there are two, and a schema library would cost the first switch more
 * than the switch. Throws `invalid_json` and `invalid_request` with the path of the fault.
 */
export function readUseRequest(text: string): UseRequest {
  const body = readObject(text);
  const known = ['reference', 'slot', 'undo', 'dryRun', 'atCompaction', 'forMs'];
  for (const key of Object.keys(body)) {
    if (known.includes(key)) continue;
    const near = nearest(key, known);
    throw invalid(`${key}: not a field of a switch`, near === undefined ? known.join(', ') : `Did you mean ${near}?`);
  }
  const { reference, slot, undo, dryRun, atCompaction, forMs } = body;
  if (reference !== undefined && (typeof reference !== 'string' || reference.trim() === '' || reference.length > 512)) {
    throw invalid('reference: must be text of 1 to 512 characters');
  }
  if (slot !== undefined && (typeof slot !== 'string' || !isSlot(slot))) {
    throw invalid(`slot: must be one of ${SLOTS.join(', ')}`);
  }
  if (undo !== undefined && typeof undo !== 'boolean') throw invalid('undo: must be true or false');
  if (dryRun !== undefined && typeof dryRun !== 'boolean') throw invalid('dryRun: must be true or false');
  if (atCompaction !== undefined && typeof atCompaction !== 'boolean') {
    throw invalid('atCompaction: must be true or false');
  }
  if (forMs !== undefined && !(Number.isInteger(forMs) && (forMs as number) > 0 && (forMs as number) <= LONGEST_MS)) {
    throw invalid('forMs: must be whole milliseconds, a week at most');
  }
  const more = [reference, slot, atCompaction, forMs];
  if (undo === true && more.some((value) => value !== undefined)) throw invalid('undo: goes with dryRun only');
  if (undo !== true && reference === undefined)
    throw invalid('reference: is missing', 'a profile, alias or provider:model');
  return {
    ...(reference !== undefined && { reference: reference.trim() }),
    ...(slot !== undefined && { slot }),
    ...(undo !== undefined && { undo }),
    ...(dryRun !== undefined && { dryRun }),
    ...(atCompaction !== undefined && { atCompaction }),
    ...(forMs !== undefined && { forMs: forMs as number }),
  };
}

/** What a hook of the client tells: a prompt, or an agent that starts; neither when it tells something else. */
export interface HookInput {
  readonly prompt?: string;
  readonly agent?: { readonly id: string; readonly name: string };
}

export function readHookInput(text: string): HookInput {
  const { prompt, hook_event_name: event, agent_id: id, agent_type: name } = readObject(text);
  if (event === 'SubagentStart') {
    return isShort(id) && isShort(name) ? { agent: { id, name } } : {};
  }
  return typeof prompt === 'string' ? { prompt } : {};
}

function isShort(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 200;
}

function readObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new MidswapError('invalid_json', 'the body is not JSON', { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('the body must be an object');
  return value as Record<string, unknown>;
}

function invalid(message: string, hint?: string): MidswapError {
  return new MidswapError('invalid_request', message, hint === undefined ? {} : { hint });
}
