import { expect, it } from 'vitest';
import type { AttemptRecord, ExchangeRecord } from '../core/events.ts';
import type { FailureClass } from '../core/failure.ts';
import { TroubleLog } from './trouble.ts';
import { describeDetour } from './wording.ts';

function attempt(provider: string, failure?: FailureClass): AttemptRecord {
  return { provider, model: 'm', host: 'h', durationMs: 1, status: failure && 529, failure, message: failure };
}

function ended(attempts: AttemptRecord[], more: Partial<ExchangeRecord> = {}) {
  const last = attempts.at(-1);
  const record = {
    session: 's',
    class: 'main',
    outcome: 'ok',
    atMs: 5,
    provider: last?.provider,
    model: 'm',
    attempts,
  };
  return { type: 'exchange.ended', record: { ...record, ...more } as unknown as ExchangeRecord } as const;
}

const firstChoice = { provider: 'deepseek', model: 'm' };

it('tells what failed, newest first, and who answered instead', () => {
  const log = new TroubleLog();
  log.note(ended([attempt('deepseek', 'overloaded'), attempt('openrouter')], { firstChoice }));
  log.note(ended([attempt('openrouter', 'truncated')], { outcome: 'truncated' }));
  expect(log.of('s').failures.map(({ provider, failure, answeredBy }) => [provider, failure, answeredBy])).toEqual([
    ['openrouter', 'truncated', null],
    ['deepseek', 'overloaded', 'openrouter/m'],
  ]);
  expect(log.of('other').failures).toEqual([]);
});

it('knows the detour until the first choice answers, although it is not asked any more', () => {
  const log = new TroubleLog();
  log.note(ended([attempt('deepseek', 'quota'), attempt('openrouter')], { firstChoice }));
  log.note(ended([attempt('openrouter')], { firstChoice }));
  expect(log.of('s').detour).toEqual({ from: 'deepseek', to: 'openrouter', failure: 'quota' });
  log.note(ended([attempt('haiku')], { class: 'auxiliary' }));
  expect(log.of('s').detour).not.toBeNull();
  log.note(ended([attempt('deepseek')]));
  expect(log.of('s').detour).toBeNull();
});

it('a switch is a new beginning, and a closed session is forgotten', () => {
  const log = new TroubleLog();
  log.note(ended([attempt('deepseek', 'overloaded'), attempt('openrouter')], { firstChoice }));
  log.note({ type: 'session.switched', session: 's', from: 'a', to: 'b', atMs: 1 });
  expect(log.of('s')).toMatchObject({ detour: null, failures: [{ provider: 'deepseek' }] });
  log.note({ type: 'session.closed', session: 's', atMs: 1 });
  expect(log.of('s').failures).toEqual([]);
});

it('keeps no more than a screen shows', () => {
  const log = new TroubleLog();
  for (let i = 0; i < 50; i++) log.note(ended([attempt(`p${i}`, 'network')], { outcome: 'error' }));
  expect(log.of('s').failures).toHaveLength(8);
  expect(log.of('s').failures[0]?.provider).toBe('p49');
});

it.each([
  ['overloaded', 'deepseek down, on openrouter'],
  ['quota', 'deepseek has no quota, on openrouter'],
  ['rate_limit', 'deepseek limited, on openrouter'],
  ['credential', 'deepseek refuses its key, on openrouter'],
  [null, 'deepseek down, on openrouter'],
])('in words for %s: %s', (failure, text) => {
  expect(describeDetour({ from: 'deepseek', to: 'openrouter', failure })).toBe(text);
});
