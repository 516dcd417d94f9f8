import { describe, expect, it } from 'vitest';
import { sampleSnapshot, sampleTarget } from '../control/control.fixture.ts';
import type { Slot } from '../core/slot.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { Target } from '../core/target.ts';
import { type DeclareOptions, declareSession, mainTarget } from './declarations.ts';

const familyModels = { opus: 'c-opus', sonnet: 'c-sonnet', haiku: 'c-haiku', fable: 'c-fable' };
const keyed = (slot: Slot): Target => sampleTarget('alpha', `alpha-${slot}`, 64_000);
const login = (slot: Slot): Target => ({
  ...keyed(slot),
  model: undefined,
  credential: { kind: 'client' },
  quirks: { anthropicGenuine: true } as Target['quirks'],
});
const declare = (more: Partial<DeclareOptions>) =>
  declareSession({ snapshot: sampleSnapshot(), target: keyed, dynamic: true, hasLogin: false, familyModels, ...more });

describe('a session that can be switched', () => {
  it('names its slots by their role and in the client’s own names, with the window of what is behind them', () => {
    expect(declare({}).slots.opus).toEqual({
      id: 'c-opus',
      label: 'Opus slot',
      description: expect.stringContaining('alpha-opus at api.alpha.test'),
      contextWindow: 64_000,
    });
  });

  it('offers every profile that can be used, and every alias, in the picker and as commands', () => {
    const { pickerRows, shims } = declare({});
    expect(pickerRows.map(({ reference }) => reference)).toEqual(['alpha', 'beta', 'b']);
    expect(shims).toEqual([
      { name: 'alpha', reference: 'alpha' },
      { name: 'beta', reference: 'beta' },
      { name: 'b', reference: 'b' },
    ]);
  });

  it('keeps the user’s login at hand where there is one, for a switch to the subscription', () => {
    expect(declare({ hasLogin: true }).subscription).toBe(true);
    expect(declare({ hasLogin: false }).subscription).toBe(false);
  });

  it('is never Anthropic’s alone', () => {
    expect(declare({ target: login }).anthropicOnly).toBe(false);
  });
});

describe('a fixed session', () => {
  it('is named by its models and offers nothing else', () => {
    const { slots, pickerRows, shims, subscription } = declare({ dynamic: false, hasLogin: true });
    expect(slots.haiku?.label).toBe('alpha-haiku');
    expect([pickerRows, shims, subscription]).toEqual([[], [], false]);
  });

  it('of the subscription leaves the client’s names alone and is Anthropic’s alone', () => {
    expect(declare({ target: login, dynamic: false })).toMatchObject({
      subscription: true,
      slots: {},
      anthropicOnly: true,
    });
  });

  it.each([
    ['a routing rule', (snapshot: Snapshot) => ({ ...snapshot, routing: { ...snapshot.routing, background: 'beta' } })],
    [
      'a route for an agent',
      (snapshot: Snapshot) => ({ ...snapshot, routing: { subagents: new Map([['Explore', 'beta']]) } }),
    ],
    [
      'a fallback',
      (snapshot: Snapshot) => {
        const profile = snapshot.profiles.get('alpha')!;
        return { ...snapshot, profiles: new Map([['alpha', { ...profile, fallback: ['beta'] }]]) };
      },
    ],
  ])('is not Anthropic’s alone with %s that leads elsewhere', (_, change) => {
    const snapshot = change(sampleSnapshot());
    expect(declare({ snapshot, target: login, dynamic: false }).anthropicOnly).toBe(false);
  });
});

it('the start line names the slot with which the client begins', () => {
  expect(mainTarget(keyed)).toEqual({ host: 'api.alpha.test', model: 'alpha-opus' });
  expect(mainTarget(login).model).toBe('the model asked for');
});
