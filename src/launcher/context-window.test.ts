import { expect, it } from 'vitest';
import { windowVariables } from './context-window.ts';
import { slot } from './launcher.fixture.ts';

const of = (opus?: number, sonnet?: number, haiku?: number) =>
  windowVariables({ opus: slot('o', opus), sonnet: slot('s', sonnet), haiku: slot('h', haiku) });

it('the smallest window that carries a conversation counts, that of haiku only alone', () => {
  expect(of(200_000, 131_072, 8_000)).toEqual({
    CLAUDE_CODE_MAX_CONTEXT_TOKENS: '131072',
    CLAUDE_CODE_AUTO_COMPACT_WINDOW: '131072',
  });
  expect(of(undefined, undefined, 150_000).CLAUDE_CODE_AUTO_COMPACT_WINDOW).toBe('150000');
});

it('an unknown window and one that the client assumes anyway say nothing', () => {
  expect(windowVariables({})).toEqual({});
  expect(of()).toEqual({});
  expect(of(1_000_000, 2_000_000)).toEqual({});
});

it.each([
  [99_999, '93'],
  [64_000, '60'],
  [32_768, '30'],
  [100, '1'],
])('a window of %i is below what the client takes, so a percentage of its least moves the point', (window, percent) => {
  expect(of(window)).toEqual({
    CLAUDE_CODE_MAX_CONTEXT_TOKENS: String(window),
    CLAUDE_CODE_AUTO_COMPACT_WINDOW: '100000',
    CLAUDE_AUTOCOMPACT_PCT_OVERRIDE: percent,
  });
});
