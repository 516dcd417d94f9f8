import { expect, it, onTestFinished } from 'vitest';
import { type Installation, install } from '../support/gateway-process.ts';
import { type Fault, type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

async function stage(): Promise<{ up1: ScriptedUpstream; machine: Installation }> {
  const up1 = await startUpstream({ name: 'up1' });
  onTestFinished(() => up1.close());
  return {
    up1,
    machine: await install({ upstreams: { up1 }, provider: '    timeouts: { idle_ms: 1000, first_byte_ms: 3000 }' }),
  };
}

async function ask(machine: Installation, retries: number): Promise<Record<string, unknown>> {
  const result = await machine.midswap(['up1', '-p', 'hello', '--output-format', 'json'], {
    env: { CLAUDE_CODE_MAX_RETRIES: String(retries) },
  });
  return result.json();
}

const ofTheTurn = { stream: true, when: (request: { raw: Buffer }) => request.raw.includes('hello') };

it.each<[string, Fault]>([
  ['a reset connection', { mode: 'reset' }],
  ['529', { status: 529 }],
  ['503', { status: 503 }],
  ['429 with Retry-After', { status: 429, headers: { 'retry-after': '1' } }],
  ['an empty stream', { mode: 'raw', bytes: '' }],
  ['a stream cut before any content', { mode: 'cut', afterEvents: 1 }],
  ['a stream cut in the middle', { mode: 'cut', afterEvents: 4 }],
  ['a stream that ends in the middle', { mode: 'end', afterEvents: 4 }],
  ['a stalled stream', { mode: 'stall', afterEvents: 4 }],
  ['an error event in the middle', { mode: 'sse-error', afterEvents: 4 }],
])('the turn recovers from %s', async (_, fault) => {
  const { up1, machine } = await stage();
  up1.fail({ ...fault, match: ofTheTurn });
  expect(await ask(machine, 3)).toMatchObject({ is_error: false, result: 'reply from up1' });
});

it('an upstream that always breaks off is an error, never an answer', async () => {
  const { up1, machine } = await stage();
  up1.fail(
    { mode: 'end', afterEvents: 4, times: 99, match: { stream: true } },
    { mode: 'reset', times: 99, match: { stream: false } },
  );
  const result = await ask(machine, 1);
  expect(result.is_error).toBe(true);
  expect(result.result).not.toBe('reply from up1');
});

it('a rejected key is told in the words of the upstream, and not retried for minutes', async () => {
  const { up1, machine } = await stage();
  up1.fail({ status: 401, message: 'this key is not valid any more', times: 99 });
  const before = performance.now();
  const result = await ask(machine, 10);
  expect(performance.now() - before).toBeLessThan(15_000);
  expect(result.is_error).toBe(true);
  expect(String(result.result)).toContain('this key is not valid any more');
});

it('a wait that is too long to sit out is told at once', async () => {
  const { up1, machine } = await stage();
  up1.fail({ status: 429, message: 'come back tomorrow', headers: { 'retry-after': '3600' }, times: 99 });
  const before = performance.now();
  const result = await ask(machine, 10);
  expect(performance.now() - before).toBeLessThan(15_000);
  expect(String(result.result)).toContain('come back tomorrow');
});
