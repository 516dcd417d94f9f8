import type { Bus } from '../core/bus.ts';
import { asMidswapError, MidswapError } from '../core/errors.ts';
import type { ExchangeRecord } from '../core/events.ts';
import type { Selection } from '../core/session.ts';
import { FAMILY_SLOTS, type Slot } from '../core/slot.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { Target } from '../core/target.ts';
import type { KeyHealth } from '../gateway/health.ts';
import type { Session } from '../gateway/session.ts';
import type { RestingKey, SessionInfo, SlotInfo, SwitchEffect, UseRequest, UseResult } from './contract.ts';
import { DelayedSwitches } from './delayed-switch.ts';
import { TroubleLog } from './trouble.ts';

/** What a reference means under the present configuration. */
export interface ResolvedReference {
  /** Normalised: what a `Selection` keeps. */
  readonly reference: string;
  /** Slots it has an own target for, beyond the families of the picker. */
  readonly extraSlots: readonly Slot[];
  target(slot: Slot): Target;
}

/** Routing's reference grammar, handed in: throws `unknown_reference`, `ambiguous_reference` and `no_credential`. */
export type ResolveReference = (snapshot: Snapshot, reference: string) => ResolvedReference;

export interface SessionControlOptions {
  readonly gatewayId: string;
  readonly bus: Bus;
  readonly resolve: ResolveReference;
  snapshot(): Snapshot;
  port(): number;
  nowMs(): number;
  /** Health of the gateway's keys. */
  keyHealth?(): readonly KeyHealth[];
}

export interface SessionControl {
  describe(session: Session): SessionInfo;
  /**
   * Points the session elsewhere, at once and whole: exchanges under way keep what they started with.
   * Throws `fixed_session`, `invalid_request` and what the reference grammar throws.
   */
  use(session: Session, request: UseRequest): UseResult;
  /** Ends the bookkeeping. */
  close(): void;
}

/** How far back `undo` goes. */
const UNDO_DEPTH = 32;
/** Slots in which a conversation of the user's own runs. */
const CONVERSATION_SLOTS = ['opus', 'sonnet', 'fable'] as const satisfies readonly Slot[];

interface Weight {
  readonly tokens: number;
  readonly slot: Slot | undefined;
}

export function createSessionControl(options: SessionControlOptions): SessionControl {
  const undo = new WeakMap<Session, Selection[]>();
  const weights = new Map<string, Weight>();
  const trouble = new TroubleLog();

  const unsubscribe = options.bus.subscribe((event) => {
    if (event.type === 'exchange.ended') weigh(weights, event.record);
    if (event.type === 'session.closed') weights.delete(event.session);
    trouble.note(event);
  });

  const delayed = new DelayedSwitches({ bus: options.bus, nowMs: options.nowMs, switchNow });

  const route = (selection: Selection): Route => readRoute(options.resolve, options.snapshot(), selection);

  return {
    describe(session) {
      const now = options.nowMs();
      const { selection, counters } = session;
      const current = describeRoute(route, selection);
      return {
        id: session.id,
        gateway: options.gatewayId,
        label: session.label,
        reference: selection.reference,
        overrides: selection.slots,
        slots: current.slots,
        unusable: current.unusable,
        mode: session.dynamic ? 'dynamic' : 'fixed',
        pid: session.pid ?? null,
        port: options.port(),
        cwd: session.cwd,
        startedAtMs: session.startedAtMs,
        uptimeMs: now - session.startedAtMs,
        sinceMs: selection.sinceMs,
        canUndo: session.dynamic && (undo.get(session)?.length ?? 0) > 0,
        ...delayed.outlook(session),
        activeSlot: weights.get(session.id)?.slot ?? null,
        contextTokens: weights.get(session.id)?.tokens ?? null,
        costMicros: null,
        ...trouble.of(session.id),
        restingKeys: restingKeys(options.keyHealth?.() ?? []),
        counters: { ...counters, lastRoute: counters.lastRoute ?? null, lastAtMs: counters.lastAtMs ?? null },
      };
    },

    use: (session, request) => delayed.use(session, request),
    close() {
      delayed.close();
      unsubscribe();
    },
  };

  function switchNow(session: Session, request: UseRequest): UseResult {
    const dryRun = request.dryRun === true;
    if (!session.dynamic && !dryRun) {
      throw new MidswapError('fixed_session', `session ${session.id} is fixed to ${session.selection.reference}`, {
        hint: 'Start a session that can be switched with: midswap --dynamic',
      });
    }
    const before = session.selection;
    const stack = undo.get(session) ?? [];
    const next = request.undo ? lastOf(stack, session) : nextSelection(before, request, route, options.nowMs());
    const target = route(next);
    const changed = !sameSelection(before, next);
    const result: UseResult = {
      session: session.id,
      dryRun,
      changed,
      from: describeSelection(before),
      to: describeSelection(next),
      slots: target.slots.map(describeSlot),
      waiting: null,
      untilMs: null,
      effect: effectOf(weights.get(session.id), describeRoute(route, before).slots, target.slots.map(describeSlot)),
    };
    if (dryRun) return result;
    if (request.undo) stack.pop();
    else if (changed) undo.set(session, [...stack, before].slice(-UNDO_DEPTH));
    if (!changed) return result;
    session.selection = { ...next, sinceMs: options.nowMs() };
    options.bus.emit({
      type: 'session.switched',
      session: session.id,
      from: result.from,
      to: result.to,
      atMs: session.selection.sinceMs,
    });
    return result;
  }
}

/** A selection in one short text: `deepseek`, `deepseek (sonnet: minimax)`. */
export function describeSelection(selection: Selection): string {
  const overrides = Object.entries(selection.slots).map(([slot, reference]) => `${slot}: ${reference}`);
  return overrides.length === 0 ? selection.reference : `${selection.reference} (${overrides.join(', ')})`;
}

/** Where a target's requests go, for people. */
export function hostOf(target: Target): string {
  try {
    return new URL(target.endpoint.baseUrl).host;
  } catch {
    return target.endpoint.baseUrl;
  }
}

export function describeTarget(slot: Slot, target: Target, override = false): SlotInfo {
  return {
    slot,
    profile: target.profile,
    provider: target.provider,
    model: target.model ?? null,
    host: hostOf(target),
    window: target.data.contextWindow ?? null,
    override,
  };
}

function restingKeys(keys: readonly KeyHealth[]): RestingKey[] {
  return keys.flatMap(({ provider, origin, state, restsForMs }) =>
    state === 'ready' ? [] : [{ provider, origin, state, restsForMs: restsForMs ?? null }],
  );
}

interface RoutedSlot {
  readonly slot: Slot;
  readonly target: Target;
  readonly override: boolean;
}

interface Route {
  readonly reference: string;
  readonly slots: readonly RoutedSlot[];
}

function readRoute(resolve: ResolveReference, snapshot: Snapshot, selection: Selection): Route {
  const whole = resolve(snapshot, selection.reference);
  const overridden = Object.keys(selection.slots) as Slot[];
  const slots = [...new Set([...FAMILY_SLOTS, ...whole.extraSlots, ...overridden])].map((slot): RoutedSlot => {
    const reference = selection.slots[slot];
    if (reference === undefined) return { slot, target: whole.target(slot), override: false };
    return { slot, target: resolve(snapshot, reference).target(slot), override: true };
  });
  return { reference: whole.reference, slots };
}

/** A reload may have taken away what a session points at: that is told, not thrown. */
function describeRoute(
  route: (selection: Selection) => Route,
  selection: Selection,
): { readonly slots: readonly SlotInfo[]; readonly unusable: string | null } {
  try {
    return { slots: route(selection).slots.map(describeSlot), unusable: null };
  } catch (thrown) {
    return { slots: [], unusable: asMidswapError(thrown).message };
  }
}

function describeSlot({ slot, target, override }: RoutedSlot): SlotInfo {
  return describeTarget(slot, target, override);
}

function nextSelection(
  before: Selection,
  request: UseRequest,
  route: (selection: Selection) => Route,
  sinceMs: number,
): Selection {
  if (request.reference === undefined) {
    throw new MidswapError('invalid_request', 'a switch needs a reference', {
      hint: 'A profile, an alias, provider:model, or undo',
    });
  }
  const { reference } = route({ reference: request.reference, slots: {}, sinceMs });
  if (request.slot === undefined) return { reference, slots: {}, sinceMs };
  return { reference: before.reference, slots: { ...before.slots, [request.slot]: reference }, sinceMs };
}

function lastOf(stack: readonly Selection[], session: Session): Selection {
  const last = stack.at(-1);
  if (!last) throw new MidswapError('invalid_request', `session ${session.id} has no earlier switch to undo`);
  return last;
}

function sameSelection(a: Selection, b: Selection): boolean {
  const slots = new Set([...Object.keys(a.slots), ...Object.keys(b.slots)] as Slot[]);
  return a.reference === b.reference && [...slots].every((slot) => a.slots[slot] === b.slots[slot]);
}

function effectOf(weight: Weight | undefined, before: readonly SlotInfo[], after: readonly SlotInfo[]): SwitchEffect {
  const carries: readonly Slot[] = weight?.slot ? [weight.slot] : CONVERSATION_SLOTS;
  const carriers = after.filter(({ slot }) => carries.includes(slot));
  const windows = carriers.map(({ window }) => window);
  const window = windows.includes(null) || windows.length === 0 ? null : Math.min(...(windows as number[]));
  const contextTokens = weight?.tokens ?? null;
  return {
    contextTokens,
    window,
    fits: contextTokens === null || window === null ? null : contextTokens <= window,
    coldCache: carriers.some((next) => {
      const last = before.find(({ slot }) => slot === next.slot);
      return last?.provider !== next.provider || last.host !== next.host || last.model !== next.model;
    }),
  };
}

/** The last good main request tells what the conversation weighs: all of its input, and the answer that joins it. */
function weigh(weights: Map<string, Weight>, record: ExchangeRecord): void {
  if (record.class !== 'main' || record.outcome !== 'ok') return;
  const { inputTokens, cacheReadTokens, cacheWriteTokens, outputTokens } = record.usage;
  if (inputTokens === undefined) return;
  const tokens = inputTokens + (cacheReadTokens ?? 0) + (cacheWriteTokens ?? 0) + (outputTokens ?? 0);
  weights.set(record.session, { tokens, slot: record.slot });
}
