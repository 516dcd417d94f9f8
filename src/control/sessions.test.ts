import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Bus } from '../core/bus.ts';
import type { GatewayEvent } from '../core/events.ts';
import { type Session, SessionTable } from '../gateway/session.ts';
import { sampleRecord, sampleResolve, sampleSnapshot } from './control.fixture.ts';
import { createSessionControl, describeSelection, type SessionControl } from './sessions.ts';

let control: SessionControl;
let bus: Bus;
let events: GatewayEvent[];
let sessions: SessionTable;
let snapshot = sampleSnapshot();

beforeEach(() => {
  bus = new Bus();
  events = [];
  snapshot = sampleSnapshot();
  bus.subscribe((event) => events.push(event));
  sessions = new SessionTable();
  control = createSessionControl({
    gatewayId: 'gw',
    bus,
    resolve: sampleResolve,
    snapshot: () => snapshot,
    port: () => 4242,
    nowMs: () => 5_000,
  });
});

function open(dynamic = true): Session {
  return sessions.open({
    selection: { reference: 'alpha', slots: {}, sinceMs: 0 },
    dynamic,
    cwd: '/tmp',
    label: 'alpha',
    nowMs: 1_000,
  });
}

describe('switching', () => {
  it('replaces the whole selection, so that what an exchange has pinned stays as it was', () => {
    const session = open();
    const pinned = session.selection;
    control.use(session, { reference: 'BETA' });
    expect(session.selection).toEqual({ reference: 'beta', slots: {}, sinceMs: 5_000 });
    expect(pinned).toEqual({ reference: 'alpha', slots: {}, sinceMs: 0 });
    expect(events).toEqual([{ type: 'session.switched', session: session.id, from: 'alpha', to: 'beta', atMs: 5_000 }]);
  });

  it('of one slot keeps the others, and of the whole takes slot overrides back', () => {
    const session = open();
    const result = control.use(session, { reference: 'b', slot: 'sonnet' });
    expect(session.selection).toMatchObject({ reference: 'alpha', slots: { sonnet: 'beta:beta-small' } });
    expect(result.to).toBe('alpha (sonnet: beta:beta-small)');
    expect(result.slots.find(({ slot }) => slot === 'sonnet')).toMatchObject({
      model: 'beta-small',
      host: 'api.beta.test',
      override: true,
    });
    control.use(session, { reference: 'beta' });
    expect(session.selection.slots).toEqual({});
  });

  it('of a fixed session is refused and changes nothing', () => {
    const session = open(false);
    expect(() => control.use(session, { reference: 'beta' })).toThrow(/fixed to alpha/);
    expect(session.selection.reference).toBe('alpha');
    expect(events).toEqual([]);
  });

  it('to what cannot be used is refused with the reason', () => {
    const session = open();
    expect(() => control.use(session, { reference: 'gamma' })).toThrow(/GAMMA_API_KEY/);
    expect(session.selection.reference).toBe('alpha');
  });

  it('to an unknown name leaves session and undo untouched', () => {
    const session = open();
    expect(() => control.use(session, { reference: 'delta' })).toThrow(/delta/);
    expect(control.describe(session)).toMatchObject({ reference: 'alpha', canUndo: false });
  });

  it('to where it already is changes nothing and tells so', () => {
    const session = open();
    expect(control.use(session, { reference: 'alpha' })).toMatchObject({ changed: false });
    expect(events).toEqual([]);
    expect(control.describe(session).canUndo).toBe(false);
  });

  it('as a dry run tells the target and changes nothing, on a fixed session too', () => {
    const session = open(false);
    const result = control.use(session, { reference: 'beta', dryRun: true });
    expect(result).toMatchObject({ dryRun: true, changed: true, from: 'alpha', to: 'beta' });
    expect(session.selection.reference).toBe('alpha');
    expect(events).toEqual([]);
  });

  it('tells whether the conversation fits and that the cache is cold, from the last main request', () => {
    const session = open();
    bus.emit({ type: 'exchange.ended', record: sampleRecord(session.id) });
    bus.emit({ type: 'exchange.ended', record: sampleRecord(session.id, { class: 'auxiliary', usage: noTokens }) });
    expect(control.use(session, { reference: 'beta', dryRun: true }).effect).toEqual({
      contextTokens: 81_500,
      window: 64_000,
      fits: false,
      coldCache: true,
    });
    expect(control.use(session, { reference: 'alpha', dryRun: true }).effect).toMatchObject({
      fits: true,
      coldCache: false,
    });
  });

  it('claims nothing before the first request', () => {
    expect(control.use(open(), { reference: 'beta', dryRun: true }).effect).toMatchObject({
      contextTokens: null,
      fits: null,
    });
  });

  it('undo walks back through every change, however they were made', () => {
    const step = fc.record({
      reference: fc.constantFrom('alpha', 'beta', 'b'),
      slot: fc.option(fc.constantFrom('opus' as const, 'haiku' as const), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const session = open();
        const seen = [describeSelection(session.selection)];
        for (const { reference, slot } of steps) {
          const result = control.use(session, { reference, ...(slot && { slot }) });
          if (result.changed) seen.push(describeSelection(session.selection));
        }
        while (seen.length > 1) {
          expect(describeSelection(session.selection)).toBe(seen.pop());
          control.use(session, { undo: true });
        }
        expect(describeSelection(session.selection)).toBe('alpha');
        expect(() => control.use(session, { undo: true })).toThrow(/no earlier switch/);
      }),
    );
  });
});

describe('a session described', () => {
  it('survives a reload that took its profile away, and says so', () => {
    const session = open();
    snapshot = { ...snapshot, profiles: new Map() };
    expect(control.describe(session)).toMatchObject({ reference: 'alpha', slots: [], unusable: expect.any(String) });
  });

  it('names no secret', () => {
    const session = open();
    const text = JSON.stringify(control.describe(session));
    expect(text).not.toContain(session.secret.reveal());
    expect(text).not.toContain(session.controlSecret.reveal());
  });
});

const noTokens = {
  inputTokens: 1,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 1,
  reasoningTokens: undefined,
};
