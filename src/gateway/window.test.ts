import { expect, it } from 'vitest';
import type { RequestFacts } from '../core/facts.ts';
import type { Target } from '../core/target.ts';
import { windowFault } from './window.ts';

const target = (contextWindow: number | undefined, anthropicGenuine = false) =>
  ({ data: { contextWindow }, quirks: { anthropicGenuine } }) as unknown as Target;
const facts = (tokens: number) => ({ tokensEstimate: () => tokens }) as RequestFacts;

it('a conversation that is far over the window is answered in the words on which the client compacts', () => {
  expect(windowFault(target(32_000), facts(90_000), 400_000)).toMatchObject({
    class: 'context_overflow',
    status: 400,
    message: 'prompt is too long: 90000 tokens > 32000 maximum',
  });
});

it.each([
  ['it is near the limit, where only the upstream counts exactly', target(32_000), 35_000],
  ['the window is not known', target(undefined), 900_000],
  ['Anthropic says it itself', target(32_000, true), 90_000],
])('nothing is said when %s', (_why, to, tokens) => {
  expect(windowFault(to, facts(tokens), 4_000_000)).toBeUndefined();
});

it('a small body is not weighed', () => {
  const unweighed = { tokensEstimate: () => expect.unreachable() } as unknown as RequestFacts;
  expect(windowFault(target(32_000), unweighed, 60_000)).toBeUndefined();
});
