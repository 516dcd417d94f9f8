import { expect, it } from 'vitest';
import { loadText } from '../config/config.fixture.ts';
import { describeDrill } from './drill.ts';
import { drillSnapshot } from './drill-snapshot.ts';
import { drillConfiguration } from './run.ts';

const KEYS = { DEEPSEEK_API_KEY: 'real-key-of-deepseek-0123', OPENROUTER_API_KEY: 'real-key-of-openrouter-0123' };

it('plays every fault at the first choice and says what a session would see', async () => {
  const { snapshot } = await loadText(
    `
default_profile: mine
retry: { base_ms: 1, max_ms: 5 }
profiles:
  mine: { provider: deepseek, fallback: [openrouter] }
`,
    KEYS,
  );
  const lines: string[] = [];
  const results = await drillConfiguration(snapshot, '0.0.0', (line) => lines.push(line));
  expect(results.map(({ fault, outcome, attempts }) => [fault, outcome, attempts.at(-1)?.split('/')[0]])).toEqual([
    ['none', 'ok', 'deepseek'],
    ['overloaded', 'ok', 'openrouter'],
    ['server-error', 'ok', 'openrouter'],
    ['limited', 'ok', 'openrouter'],
    ['no-quota', 'ok', 'openrouter'],
    ['wrong-key', 'error', 'deepseek'],
    ['reset', 'ok', 'openrouter'],
    ['silent', 'ok', 'openrouter'],
    ['not-the-protocol', 'ok', 'openrouter'],
    ['cut', 'truncated', 'deepseek'],
  ]);
  expect(lines[0]).toBe('mine: deepseek -> openrouter');
  expect(lines.join('\n')).toContain('the balance is empty (402): answered by openrouter after 2 tries');
  expect(describeDrill(results)).toMatch(/^8 of 9 faults were taken care of/);
  expect(JSON.stringify([lines, results])).not.toContain('real-key');
}, 30_000);

it("the subscription's login stays where it is, and the client is told", async () => {
  const { snapshot } = await loadText('retry: { base_ms: 1, max_ms: 5 }');
  const results = await drillConfiguration(snapshot, '0.0.0', () => {});
  expect(results[0]).toMatchObject({ profile: 'subscription', outcome: 'ok' });
  expect(results.find(({ fault }) => fault === 'overloaded')).toMatchObject({ outcome: 'error', status: 529 });
}, 30_000);

it('sends no key, proxy or address of the user anywhere', async () => {
  const { snapshot } = await loadText('providers: { deepseek: { proxy: "http://user:secretpass@p:1" } }', KEYS);
  const moved = drillSnapshot(snapshot, 'http://127.0.0.1:9');
  const targets = [...moved.profiles.values()].flatMap(({ slots, fallbackTarget }) => [
    ...Object.values(slots),
    fallbackTarget,
  ]);
  targets.push(moved.targetFor('openrouter', 'any/model'));
  for (const target of targets) {
    expect(target.endpoint.baseUrl.startsWith('http://127.0.0.1:9/')).toBe(true);
    expect(target.proxy).toBeUndefined();
    const keys = target.credential.kind === 'keys' ? target.credential.keys.map((key) => key.reveal()) : [];
    for (const key of keys) expect(key).toMatch(/^drill-key/);
  }
  expect(targets.length).toBeGreaterThan(20);
});
