import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { type Installation, install } from '../support/gateway-process.ts';
import { type Fault, type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';
import { requestFaults } from '../support/valid-requests.ts';

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

async function stage(config = ''): Promise<{ up1: ScriptedUpstream; machine: Installation }> {
  const up1 = await startUpstream({ name: 'up1' });
  onTestFinished(async () => {
    expect(requestFaults(up1)).toEqual([]);
    await up1.close();
  });
  const machine = await install({
    upstreams: { up1 },
    protocol: 'openai-chat',
    provider: '    timeouts: { idle_ms: 1000, first_byte_ms: 3000 }',
    config,
  });
  return { up1, machine };
}

async function ask(machine: Installation, retries: number): Promise<Record<string, unknown>> {
  const result = await machine.midswap(['up1', '-p', 'hello', '--output-format', 'json'], {
    env: { CLAUDE_CODE_MAX_RETRIES: String(retries) },
  });
  return result.json();
}

const ofTheTurn = { stream: true, when: (request: { raw: Buffer }) => request.raw.includes('hello') };
const chunk = (delta: unknown, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;

it.each<[string, Fault]>([
  ['a stream cut in the middle', { mode: 'cut', afterEvents: 2 }],
  ['an error in the middle', { mode: 'sse-error', afterEvents: 2 }],
  ['a stalled stream', { mode: 'stall', afterEvents: 2 }],
  ['a missing finish reason', { mode: 'raw', bytes: chunk({ content: 'half of it' }) }],
  [
    'a call cut in its arguments',
    {
      mode: 'raw',
      bytes: chunk({
        tool_calls: [
          { index: 0, id: 'call_1', type: 'function', function: { name: 'Bash', arguments: '{"command":"echo n' } },
        ],
      }),
    },
  ],
  ['HTML with status 200', { mode: 'raw', bytes: '<html><body>502 Bad Gateway</body></html>' }],
])('the turn recovers from %s', async (_, fault) => {
  const { up1, machine } = await stage();
  up1.fail({ ...fault, match: ofTheTurn });
  expect(await ask(machine, 3)).toMatchObject({ is_error: false, result: 'reply from up1' });
});

it('a stream that fails after headers were sent is asked for again as a whole answer', async () => {
  const { up1, machine } = await stage('gateway: { grace_ms: 100 }');
  up1.fail({ status: 400, message: 'no streams today', delayMs: 1_500, times: 99, match: ofTheTurn });
  expect(await ask(machine, 1)).toMatchObject({ is_error: false, result: 'reply from up1' });
  const whole = up1.turns().filter((request) => request.raw.includes('hello') && request.body?.stream !== true);
  expect(whole.length).toBeGreaterThan(0);
});

it('an upstream that always breaks off is an error, never an answer', async () => {
  const { up1, machine } = await stage();
  up1.fail(
    { mode: 'end', afterEvents: 2, times: 99, match: { stream: true } },
    { mode: 'reset', times: 99, match: { stream: false } },
  );
  const result = await ask(machine, 1);
  expect(result.is_error).toBe(true);
  expect(result.result).not.toBe('reply from up1');
});

it('a picture that the model refuses is taken out, and the turn goes on', async () => {
  const { up1, machine } = await stage();
  const image = join(machine.cwd, 'dot.png');
  writeFileSync(image, Buffer.from(PNG, 'base64'));
  up1.play('look', [{ tool: 'Read', input: { file_path: image } }, 'went on without it']);
  up1.fail({
    status: 500,
    message: 'image input is not supported',
    times: 99,
    match: { when: (request) => request.raw.includes('image_url') },
  });
  const result = await machine.midswap([
    ...['up1', '-p', 'play:look', '--output-format', 'json'],
    '--dangerously-skip-permissions',
  ]);
  expect(result.json()).toMatchObject({ is_error: false, result: 'went on without it' });
  expect(up1.turns().filter((request) => request.raw.includes('image_url'))).toHaveLength(1);
});

it('an output limit that is too high is lowered to what the model allows', async () => {
  const { up1, machine } = await stage();
  up1.fail({
    status: 400,
    message: 'max_tokens is too large. max_tokens must be less than or equal to 8192',
    times: 99,
    match: { when: (request) => Number(request.body?.max_tokens) > 8192 },
  });
  expect(await ask(machine, 1)).toMatchObject({ is_error: false, result: 'reply from up1' });
  const limits = up1.turns().map((request) => Number(request.body?.max_tokens));
  expect(limits.filter((limit) => limit <= 8192 && limit > 7000).length).toBeGreaterThan(0);
});
