import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Bus } from '../core/bus.ts';
import type { GatewayEvent } from '../core/events.ts';
import { type Session, SessionTable } from '../gateway/session.ts';
import { sampleRecord, sampleResolve, sampleSnapshot } from './control.fixture.ts';
import { LONGEST_MS, readDuration } from './duration.ts';
import { createSessionControl, type SessionControl } from './sessions.ts';
import { describeStatus, describeSwitch } from './wording.ts';

const MINUTE = 60_000;

let bus: Bus;
let control: SessionControl;
let session: Session;
let switches: string[];
let snapshot = sampleSnapshot();

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  bus = new Bus();
  snapshot = sampleSnapshot();
  switches = [];
  bus.subscribe((event: GatewayEvent) => {
    if (event.type === 'session.switched') switches.push(`${event.from} -> ${event.to}`);
  });
  control = createSessionControl({
    gatewayId: 'gw',
    bus,
    resolve: sampleResolve,
    snapshot: () => snapshot,
    port: () => 1,
    nowMs: () => Date.now(),
  });
  const selection = { reference: 'alpha', slots: {}, sinceMs: 0 };
  session = new SessionTable().open({ selection, dynamic: true, cwd: '/', label: 'alpha', nowMs: 0 });
});
afterEach(() => {
  control.close();
  vi.useRealTimers();
});

const compact = (more = {}) =>
  bus.emit({ type: 'exchange.ended', record: sampleRecord(session.id, { class: 'compaction', ...more }) });

describe('a switch at the next compaction', () => {
  it('waits, says so, and happens once with the first request behind it', () => {
    const result = control.use(session, { reference: 'beta', atCompaction: true });
    expect(result).toMatchObject({ changed: false, from: 'alpha', to: 'beta', waiting: 'beta' });
    expect(describeSwitch(result)).toMatch(/^alpha -> beta .* at the next compaction$/);
    expect(session.selection.reference).toBe('alpha');
    expect(describeStatus(control.describe(session))).toContain('beta at the next compaction');

    session.onCompacted?.();
    expect(session.selection.reference).toBe('beta');
    expect(control.describe(session)).toMatchObject({ waiting: null, canUndo: true });
    expect(session.onCompacted).toBeUndefined();
    compact();
    expect(switches).toEqual(['alpha -> beta']);
  });

  it('also follows the compaction itself, for a client that marks nothing', () => {
    control.use(session, { reference: 'beta', atCompaction: true });
    compact();
    expect(switches).toEqual(['alpha -> beta']);
  });

  it.each([
    ['failed', { outcome: 'error' }],
    ['was an agent’s', { agentType: 'Explore' }],
    ['was another session’s', { session: 'other' }],
    ['was none', { class: 'main' }],
  ] as const)('does not follow a compaction that %s', (_, more) => {
    control.use(session, { reference: 'beta', atCompaction: true });
    compact(more);
    expect(switches).toEqual([]);
  });

  it('is taken back by undo, which then leaves earlier switches alone', () => {
    control.use(session, { reference: 'beta' });
    control.use(session, { reference: 'b', atCompaction: true });
    const result = control.use(session, { undo: true });
    expect(result).toMatchObject({ changed: false, to: 'beta', takenBack: 'beta:beta-small', waiting: null });
    expect(describeSwitch(result)).toMatch(/^stays on beta .*; beta:beta-small waits no more$/);
    compact();
    expect(session.selection.reference).toBe('beta');
  });

  it('gives way to a switch at once', () => {
    control.use(session, { reference: 'beta', atCompaction: true });
    control.use(session, { reference: 'b' });
    compact();
    expect(switches).toEqual(['alpha -> beta:beta-small']);
  });

  it('of one slot keeps what the session is pointed at by then', () => {
    control.use(session, { reference: 'b', slot: 'opus', atCompaction: true });
    compact();
    expect(session.selection).toMatchObject({ reference: 'alpha', slots: { opus: 'beta:beta-small' } });
  });

  it('to what a reload has taken away does not happen, and harms nothing', () => {
    control.use(session, { reference: 'beta', atCompaction: true });
    snapshot = { ...snapshot, profiles: new Map([...snapshot.profiles].filter(([name]) => name !== 'beta')) };
    expect(() => compact()).not.toThrow();
    expect(session.selection.reference).toBe('alpha');
    expect(control.describe(session).waiting).toBeNull();
  });

  it('is refused at once where it is none', () => {
    expect(() => control.use(session, { reference: 'nope', atCompaction: true })).toThrow(/nope/);
    expect(control.describe(session).waiting).toBeNull();
    const fixed = new SessionTable().open({
      selection: session.selection,
      dynamic: false,
      cwd: '/',
      label: 'alpha',
      nowMs: 0,
    });
    expect(() => control.use(fixed, { reference: 'beta', atCompaction: true })).toThrow(/fixed/);
  });
});

describe('a switch for a time', () => {
  it('goes back by itself, and says when', () => {
    const result = control.use(session, { reference: 'beta', forMs: 30 * MINUTE });
    expect(result.untilMs).toBe(1_000_000 + 30 * MINUTE);
    expect(describeSwitch(result)).toMatch(/; back at \d\d:\d\d/);
    vi.advanceTimersByTime(30 * MINUTE - 1);
    expect(session.selection.reference).toBe('beta');
    vi.advanceTimersByTime(1);
    expect(session.selection.reference).toBe('alpha');
    expect(control.describe(session)).toMatchObject({ untilMs: null, canUndo: false });
  });

  it('stays where another switch has put it meanwhile', () => {
    control.use(session, { reference: 'beta', forMs: MINUTE });
    control.use(session, { reference: 'b' });
    expect(control.describe(session).untilMs).toBeNull();
    vi.advanceTimersByTime(2 * MINUTE);
    expect(session.selection.reference).toBe('beta:beta-small');
  });

  it('can be prolonged', () => {
    control.use(session, { reference: 'beta', forMs: MINUTE });
    control.use(session, { reference: 'beta', forMs: 5 * MINUTE });
    vi.advanceTimersByTime(4 * MINUTE);
    expect(session.selection.reference).toBe('beta');
    vi.advanceTimersByTime(MINUTE);
    expect(session.selection.reference).toBe('alpha');
  });

  it('that waits for a compaction counts from there', () => {
    control.use(session, { reference: 'beta', atCompaction: true, forMs: MINUTE });
    vi.advanceTimersByTime(5 * MINUTE);
    compact();
    expect(session.selection.reference).toBe('beta');
    vi.advanceTimersByTime(MINUTE);
    expect(session.selection.reference).toBe('alpha');
  });

  it('to where the session is already sets no clock', () => {
    expect(control.use(session, { reference: 'alpha', forMs: MINUTE }).untilMs).toBeNull();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a time', () => {
  it.each([
    ['90s', 90_000],
    ['30m', 1_800_000],
    ['1h30m', 5_400_000],
    ['2D', 172_800_000],
    ['7d', LONGEST_MS],
  ])('%s is %d ms', (text, ms) => expect(readDuration(text)).toBe(ms));

  it.each(['', '30', 'm', '0m', '-5m', '1.5h', '8d', '1h 30m', '30m!', '9999999s'])('%j is none', (text) => {
    expect(readDuration(text)).toBeUndefined();
  });

  it('is within a week whatever is written', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9smhd]{1,12}$/), (text) => {
        const ms = readDuration(text);
        if (ms !== undefined) expect(ms > 0 && ms <= LONGEST_MS).toBe(true);
      }),
    );
  });
});
