import { type ControlEndpoint, callControl } from '../../control/client.ts';
import {
  type Choices,
  SESSION_VARIABLE,
  type UseAllResult,
  type UseRequest,
  type UseResult,
} from '../../control/contract.ts';
import { discover, findOwnEndpoint, pickSession } from '../../control/discovery.ts';
import { readDuration } from '../../control/duration.ts';
import { describeSlots, describeStatus, describeSwitch } from '../../control/wording.ts';
import { MidswapError } from '../../core/errors.ts';
import { isSlot, SLOTS, type Slot } from '../../core/slot.ts';
import type { App } from '../app.ts';
import type { Output } from '../output.ts';

export interface UseOptions {
  readonly session?: string | undefined;
  readonly all?: boolean | undefined;
  readonly slot?: string | undefined;
  readonly undo?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
  readonly atCompaction?: boolean | undefined;
  /** A time: `30m`. */
  readonly for?: string | undefined;
}

/** Switches one session or all, or tells without a reference what can be chosen; resolves to the exit code. */
export async function use(app: App, out: Output, reference: string | undefined, options: UseOptions): Promise<number> {
  if (reference === undefined && !saysSwitch(options)) return showChoices(app, out, options.session);
  const request = readRequest(reference, options);
  if (options.all) return useAll(app, out, request);
  const { id, endpoint } = await findSession(app, options.session);
  const result = await callControl<UseResult>(endpoint, 'POST', `/sessions/${id}/use`, request);
  if (out.json) out.data(result);
  else out.line(`${id}: ${result.dryRun ? 'would switch ' : ''}${describeSwitch(result)}`);
  return 0;
}

/** What makes no sense without a reference. */
function saysSwitch({ all, slot, undo, dryRun, atCompaction, for: time }: UseOptions): boolean {
  return [all, undo, dryRun, atCompaction].includes(true) || slot !== undefined || time !== undefined;
}

/** Where the session points and what it can be pointed at. */
async function showChoices(app: App, out: Output, wanted: string | undefined): Promise<number> {
  const { id, endpoint } = await findSession(app, wanted);
  const choices = await callControl<Choices>(endpoint, 'GET', `/sessions/${id}/choices`);
  const { session, profiles, aliases } = choices;
  if (out.json) {
    out.data(choices);
    return 0;
  }
  out.line(`${id}: ${describeStatus(session)}`);
  const usable = profiles.filter(({ unusable }) => unusable === null);
  const rows = usable.map(({ name, slots }): [string, string] => [name, describeSlots(slots)]);
  const named = aliases.map(({ name, reference }): [string, string] => [name, `alias of ${reference}`]);
  if (rows.length + named.length > 0) {
    out.line();
    out.table(['NAME', 'GOES TO'], [...rows, ...named]);
  }
  const locked = profiles.length - usable.length;
  if (locked > 0) out.line(out.paint('dim', `and ${locked} without a key, see: midswap profile list`));
  return 0;
}

async function findSession(
  app: App,
  wanted: string | undefined,
): Promise<{ readonly id: string; readonly endpoint: ControlEndpoint }> {
  const stateDir = app.stateDir();
  const inside = app.machine.env[SESSION_VARIABLE];
  if (wanted === undefined && inside !== undefined) {
    // The common case, from inside a session: one file is read, one request is made.
    const endpoint = findOwnEndpoint(stateDir, inside);
    if (endpoint) return { id: inside, endpoint };
  }
  const { sessions } = await discover(stateDir);
  const { info, endpoint } = pickSession(sessions, wanted, inside);
  return { id: info.id, endpoint };
}

async function useAll(app: App, out: Output, request: UseRequest): Promise<number> {
  const { gateways } = await discover(app.stateDir());
  const answers = await Promise.all(
    gateways.map((gateway) => callControl<UseAllResult>(gateway, 'POST', '/sessions/use-all', request)),
  );
  const results = answers.flatMap((answer) => answer.results);
  if (results.length === 0) {
    throw new MidswapError('unknown_session', 'no session is running', { hint: 'Start one with: midswap' });
  }
  if (out.json) out.data(results);
  for (const entry of out.json ? [] : results) {
    if (entry.ok)
      out.line(`${entry.session}: ${entry.result.dryRun ? 'would switch ' : ''}${describeSwitch(entry.result)}`);
    else out.note(`${entry.session}: ${entry.error.message}`);
  }
  return results.every(({ ok }) => ok) ? 0 : 1;
}

export function readRequest(reference: string | undefined, options: UseOptions): UseRequest {
  if (options.all && options.session !== undefined) throw usage('--all and --session exclude each other');
  if (options.undo) {
    const more = [reference, options.slot, options.atCompaction, options.for];
    if (more.some((value) => value !== undefined && value !== false)) throw usage('--undo goes with --dry-run only');
    return { undo: true, ...(options.dryRun && { dryRun: true }) };
  }
  if (reference === undefined || reference.trim() === '') {
    throw usage('use needs a profile, an alias or provider:model', 'See: midswap profile list');
  }
  return {
    reference,
    ...(options.slot !== undefined && { slot: readSlot(options.slot) }),
    ...(options.dryRun && { dryRun: true }),
    ...(options.atCompaction && { atCompaction: true }),
    ...(options.for !== undefined && { forMs: readTime(options.for) }),
  };
}

function readTime(text: string): number {
  const ms = readDuration(text);
  if (ms !== undefined) return ms;
  throw usage(`--for takes a time such as 30m or 1h30m, a week at most, not "${text}"`);
}

export function readSlot(text: string): Slot {
  const slot = text.toLowerCase();
  if (isSlot(slot)) return slot;
  throw usage(`there is no slot "${text}"`, `Slots: ${SLOTS.join(', ')}`);
}

function usage(message: string, hint = 'See: midswap use --help'): MidswapError {
  return new MidswapError('usage', message, { hint });
}
