import { expect, it, onTestFinished } from 'vitest';
import { install } from '../support/gateway-process.ts';
import { defaultReply, type Reply, textOf, type WireBody } from '../support/reply.ts';
import { type ScriptedUpstream, type Step, startUpstream } from '../support/scripted-upstream.ts';
import { requestFaults } from '../support/valid-requests.ts';

const HEADLESS = ['--output-format', 'json', '--dangerously-skip-permissions'] as const;
const ROUND = ['chat', 'genuine', 'third'] as const;
const STEPS = 12;

async function start(name: string): Promise<ScriptedUpstream> {
  const upstream = await startUpstream({ name, handler: summary });
  onTestFinished(() => upstream.close());
  return upstream;
}

/** A request for a summary repeats the beginning of a script, but is none of its steps. */
function summary(body: WireBody): Reply | undefined {
  return textOf(body.messages?.at(-1)?.content).includes('<summary>') ? defaultReply(body, '') : undefined;
}

/** A signature as Anthropic's look: base64 of a protobuf envelope. */
function sealed(text: string): string {
  const inner = Buffer.from(`${text}, sealed by the one who made it; nobody else can read or make this`);
  return Buffer.concat([Buffer.from([0x0a, inner.length]), inner, Buffer.from([0x12, 0x02, 0x01, 0x02])]).toString(
    'base64',
  );
}

/** A tool loop in which every step thinks, says something, calls two tools, and switches to the next upstream. */
function loopOf(name: string, signature: (step: number) => string | undefined): Step[] {
  const steps = Array.from({ length: STEPS }, (_, step): Step => {
    const next = ROUND[(ROUND.indexOf(name as (typeof ROUND)[number]) + 1) % ROUND.length];
    return [
      { thinking: `thought ${step} of ${name}`, signature: signature(step) },
      `step ${step} of ${name}`,
      { tool: 'Bash', input: { command: `echo result ${step}; ${next}` } },
      { tool: 'Bash', input: { command: `echo beside ${step}` } },
    ];
  });
  return [...steps, `the end, said by ${name}`];
}

it('a tool loop that goes around three upstreams is never refused by any', async () => {
  const [chat, genuine, third] = (await Promise.all(ROUND.map(start))) as [
    ScriptedUpstream,
    ScriptedUpstream,
    ScriptedUpstream,
  ];
  const own = Array.from({ length: STEPS }, (_, step) => sealed(`thought ${step}`));
  chat.play(
    'loop',
    loopOf('chat', () => undefined),
  );
  genuine.play(
    'loop',
    loopOf('genuine', (step) => own[step]),
  );
  third.play(
    'loop',
    loopOf('third', (step) => `7f9c24e8-3b12-4fef-91e0-5af8c1f3a${String(step).padStart(3, '0')}`),
  );
  const machine = await install({
    upstreams: { chat },
    protocol: 'openai-chat',
    provider:
      '    quirks: { reasoning_field: reasoning_content, reasoning_replay: tool-turns, reasoning_placeholder: "none", thinking_param: thinking }',
    genuine,
    extraProviders: `  third: { protocol: anthropic-messages, base_url: "${third.url}", auth: { type: bearer, keys: ["env:GENUINE_KEY"] } }`,
    extraProfiles: '  third: { provider: third, models: { default: third-model } }',
  });
  const result = await machine.midswap(['chat', '-p', 'play:loop', ...HEADLESS]);
  expect(result.json()).toMatchObject({ is_error: false, result: 'the end, said by chat', num_turns: 2 * STEPS + 1 });

  expect(requestFaults(chat, { ownFields: ['thinking'] })).toEqual([]);
  expect(requestFaults(genuine, { signatures: new Set(own), anthropic: true })).toEqual([]);
  expect(requestFaults(third)).toEqual([]);
  for (const upstream of [chat, genuine, third]) {
    const sight = upstream.turns().at(-1)?.raw.toString() ?? '';
    for (const other of ROUND) expect(sight).toContain(`of ${other}`);
    expect(upstream.turns().length).toBeGreaterThanOrEqual(STEPS / ROUND.length);
  }
  const [seenByGenuine, seenByThird] = [genuine, third].map((each) => each.turns().at(-1)?.raw.toString() ?? '');
  expect(seenByGenuine).toContain('thought 1 of genuine');
  expect(seenByGenuine).not.toMatch(/thought \d+ of (chat|third)/);
  expect(seenByThird).not.toMatch(/thought \d+ of genuine/);
  const last = chat.turns().at(-1)?.body as { messages: Record<string, unknown>[] } | undefined;
  const withCalls = (last?.messages ?? []).filter((message) => message.tool_calls !== undefined);
  expect(withCalls).toHaveLength(STEPS);
  for (const message of withCalls) expect(message.reasoning_content).toEqual(expect.stringMatching(/./));
});

it('what a smaller model cannot hold is compacted by a larger one, and the smaller one goes on', async () => {
  const [large, small] = (await Promise.all(['large', 'small'].map(start))) as [ScriptedUpstream, ScriptedUpstream];
  const limit = 110_000;
  const fill = 'for i in $(seq 1 400); do echo "line $i of an output that fills the window of a small model"; done';
  const steps: Step[] = [
    Array.from({ length: 4 }, () => ({ tool: 'Bash', input: { command: fill } })),
    { tool: 'Bash', input: { command: 'small' } },
  ];
  large.play('fill', steps);
  const overflow = {
    error: {
      message: `This model's maximum context length is 32768 tokens. However, your messages resulted in 40000 tokens. Please reduce the length of the messages.`,
      type: 'invalid_request_error',
      param: 'messages',
      code: 'context_length_exceeded',
    },
  };
  small.fail({
    status: 400,
    body: JSON.stringify(overflow),
    times: 99,
    match: { when: (request) => request.raw.length > limit },
  });
  const machine = await install({
    upstreams: { large, small },
    protocol: 'openai-chat',
    config: 'routing: { compaction: large }',
  });
  const result = await machine.midswap(['large', '-p', 'play:fill', ...HEADLESS]);
  expect(result.json()).toMatchObject({ is_error: false, result: 'reply from small' });
  expect(small.turns()[0]?.raw.length).toBeGreaterThan(limit);
  expect(small.turns().at(-1)?.raw.length).toBeLessThan(limit);
  expect(small.turns().at(-1)?.raw.toString()).toContain('in enough words to be taken for a summary');
  const compactions = large.turns().filter((request) => request.raw.includes('<summary>'));
  expect(compactions.length).toBeGreaterThan(0);
  expect([...requestFaults(large), ...requestFaults(small)]).toEqual([]);
});
