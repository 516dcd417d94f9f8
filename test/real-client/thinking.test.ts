import { expect, it, onTestFinished } from 'vitest';
import { install } from '../support/gateway-process.ts';
import { isRecord, type WireBody } from '../support/reply.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

/** Signatures as Anthropic's look: base64 of a protobuf envelope. */
const GENUINE_SIGNATURES = ['first', 'second', 'third'].map((name) => {
  const inner = Buffer.from(`${name} thought, sealed by the one who made it; nobody else can read or make this`);
  return Buffer.concat([Buffer.from([0x0a, inner.length]), inner, Buffer.from([0x12, 0x02, 0x01, 0x02])]).toString(
    'base64',
  );
});

function thinkingOf(body: WireBody): { thinking: string; signature: string }[] {
  return (body.messages ?? []).flatMap((message) =>
    Array.isArray(message.content)
      ? message.content
          .filter((block: unknown) => isRecord(block) && block.type === 'thinking')
          .map((block: Record<string, unknown>) => ({
            thinking: String(block.thinking),
            signature: String(block.signature),
          }))
      : [],
  );
}

/** Answers with thinking of its own, and, as the real one does, refuses signatures that it did not make. */
async function startAnthropic(): Promise<{ upstream: ScriptedUpstream; refused: () => number }> {
  let refused = 0;
  let turn = 0;
  const upstream: ScriptedUpstream = await startUpstream({
    name: 'anthropic',
    handler: (body) => {
      const foreign = thinkingOf(body).filter(({ signature }) => !GENUINE_SIGNATURES.includes(signature));
      if (foreign.length > 0) {
        refused += 1;
        return 'MUST NOT BE ANSWERED: foreign thinking in the history';
      }
      if (!Array.isArray(body.tools) || body.tools.length === 0) return undefined;
      const signature = GENUINE_SIGNATURES[turn % 3] ?? '';
      turn += 1;
      return [{ thinking: `genuine thought ${turn}`, signature }, `genuine answer ${turn}`];
    },
  });
  onTestFinished(() => upstream.close());
  return { upstream, refused: () => refused };
}

it.each([
  ['none', undefined],
  ['a uuid', '7f9c24e8-3b12-4fef-91e0-5af8c1f3a001'],
])('back to Anthropic with foreign thinking in the history, signature: %s', async (_, signature) => {
  const { upstream: anthropic, refused } = await startAnthropic();
  const other = await startUpstream({
    name: 'other',
    handler: (body) => (body.tools ? [{ thinking: 'foreign thought', signature }, 'foreign answer'] : undefined),
  });
  onTestFinished(() => other.close());
  const machine = await install({
    upstreams: { other },
    genuine: anthropic,
  });
  const terminal = await machine.open(['genuine', '--permission-mode', 'manual']);
  await terminal.waitFor('❯');
  await terminal.idle(300);
  const ask = async (question: string, answer: string): Promise<void> => {
    await terminal.submit(question);
    await terminal.waitFor(answer);
    await terminal.idle(400);
  };
  await ask('question one', 'genuine answer 1');
  const sentBack = JSON.stringify({ thinking: 'genuine thought 1', signature: GENUINE_SIGNATURES[0] }).slice(1, -1);
  await machine.midswap(['use', 'other']);
  await ask('question two', 'foreign answer');
  await machine.midswap(['use', 'genuine']);
  await ask('question three', 'genuine answer 2');
  const last = anthropic
    .turns()
    .filter((request) => request.raw.includes('question three'))
    .at(-1);
  expect(refused()).toBe(0);
  expect(last?.raw.toString()).toContain(sentBack);
  expect(last?.raw.toString()).not.toContain('foreign thought');
  expect(last?.raw.toString()).toContain('foreign answer');
});
