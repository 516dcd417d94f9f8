import Anthropic from '@anthropic-ai/sdk';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import type { Reply, ReplyBlock } from '../support/reply.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';
import { GENUINE, startGateway } from '../support/test-gateway.ts';
import { requestFaults } from '../support/valid-requests.ts';

const TARGETS = ['genuine', 'strict', 'thinker', 'third'] as const;
const TURNS = 100;
const PNG = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } } as const;
const NAMES = ['Read', 'Bash', `mcp__a_server_with_a_long_name__${'a_tool_'.repeat(8)}`];

/** One exchange: who answers, what it says, and what the client does with it. */
const turn = fc.record({
  target: fc.constantFrom(...TARGETS),
  thinking: fc.option(fc.constantFrom('hm', 'a longer thought ü😀\n\nin two parts', '"quoted"'), { nil: undefined }),
  text: fc.option(fc.constantFrom('said', 'said with ü😀', '\n\n', '<think>no thought</think>'), { nil: undefined }),
  calls: fc.array(
    fc.record({
      tool: fc.constantFrom(...NAMES),
      input: fc.dictionary(fc.string({ maxLength: 4 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }),
      // Many servers count their calls anew in every answer, or have ids of their own making.
      id: fc.constantFrom(undefined, 'call_0', 'functions.Read:0', 'x'.repeat(90)),
    }),
    { maxLength: 3 },
  ),
  result: fc.constantFrom('text', 'parts', 'image', 'empty', 'error'),
  reversed: fc.boolean(),
  note: fc.boolean(),
  thinks: fc.constantFrom('enabled' as const, 'adaptive' as const, 'disabled' as const),
  stream: fc.boolean(),
});
type Turn = typeof turn extends fc.Arbitrary<infer T> ? T : never;

/** A signature as Anthropic's look: base64 of a protobuf envelope. */
function sealed(text: string): string {
  const inner = Buffer.from(text.padEnd(60, '.').slice(0, 60));
  return Buffer.concat([Buffer.from([0x0a, inner.length]), inner, Buffer.from([0x12, 0x02, 0x01, 0x02])]).toString(
    'base64',
  );
}

function replyOf({ thinking, text, calls, target }: Turn, at: number): Reply {
  const signatures: Partial<Record<Turn['target'], string>> = {
    genuine: sealed(`turn ${at}`),
    third: `7f9c24e8-3b12-4fef-91e0-${String(at).padStart(12, '0')}`,
  };
  const content: ReplyBlock[] = [];
  if (thinking !== undefined) content.push({ thinking, signature: signatures[target] });
  if (text !== undefined && (target !== 'genuine' || text.trim() !== '')) content.push({ text });
  calls.forEach(({ id, tool, input }, index) => {
    // Anthropic's ids are always its own, and no server uses one twice in an answer.
    const own = id === undefined || target === 'genuine' ? undefined : `${id}${index === 0 ? '' : index}`;
    content.push({ tool, input, ...(own !== undefined && { id: own }) });
  });
  const says = content.some((block) => 'tool' in block || ('text' in block && block.text.trim() !== ''));
  return { content: says ? content : [...content, { text: 'ok' }] };
}

function resultOf({ result }: Turn, id: string): Anthropic.ToolResultBlockParam {
  const block = { type: 'tool_result' as const, tool_use_id: id };
  if (result === 'text') return { ...block, content: 'done' };
  if (result === 'error') return { ...block, content: 'it failed', is_error: true };
  if (result === 'empty') return block;
  return { ...block, content: result === 'image' ? [PNG] : [{ type: 'text', text: 'a part' }, PNG] };
}

it(`${TURNS} switches between four upstreams never make a request that one of them refuses`, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(turn, { minLength: TURNS, maxLength: TURNS }), async (turns) => {
      const faults = await converse(turns);
      // The first ones tell it: what is wrong in a history is wrong in every later request too.
      expect(faults.slice(0, 3)).toEqual([]);
    }),
    { numRuns: 2, endOnFailure: true },
  );
}, 60_000);

/** Holds the conversation and gives what strict servers say of the requests. */
async function converse(turns: readonly Turn[]): Promise<string[]> {
  let at = 0;
  const handler = (): Reply => replyOf(turns[at] as Turn, at);
  const start = (name: string): Promise<ScriptedUpstream> => startUpstream({ name, handler });
  const [genuine, strict, thinker, third] = await Promise.all([
    start('genuine'),
    start('strict'),
    start('thinker'),
    start('third'),
  ]);
  onTestFinished(async () => {
    await Promise.all([genuine, strict, thinker, third].map((each) => each.close()));
  });
  const gate = await startGateway({
    genuine: { url: genuine.url, quirks: GENUINE },
    strict: { url: strict.url, protocol: 'openai-chat' },
    thinker: {
      url: thinker.url,
      protocol: 'openai-chat',
      quirks: {
        chat: { reasoningField: 'reasoning_content', reasoningReplay: 'tool-turns', reasoningPlaceholder: '(none)' },
      },
    },
    third: { url: third.url },
  });
  const session = gate.open('strict');
  const client = new Anthropic({ baseURL: gate.urlOf(session), apiKey: 'unused', maxRetries: 0 });
  const messages: Anthropic.MessageParam[] = [{ role: 'user', content: 'begin' }];
  for (; at < turns.length; at++) {
    const now = turns[at] as Turn;
    session.selection = { reference: now.target, slots: {}, sinceMs: 0 };
    const message = await ask(client, messages, now);
    messages.push({ role: 'assistant', content: message.content });
    const results = message.content.filter((block) => block.type === 'tool_use').map(({ id }) => resultOf(now, id));
    if (now.note) messages.push({ role: 'system', content: 'a note' } as never);
    messages.push({
      role: 'user',
      content: results.length === 0 ? 'go on' : now.reversed ? results.reverse() : results,
    });
  }
  expect(gate.internalErrors).toEqual([]);
  const signatures = new Set(turns.map((_, index) => sealed(`turn ${index}`)));
  return [
    ...requestFaults(genuine, { signatures, anthropic: true }),
    ...requestFaults(third),
    ...requestFaults(strict),
    ...requestFaults(thinker),
  ];
}

async function ask(client: Anthropic, messages: Anthropic.MessageParam[], now: Turn): Promise<Anthropic.Message> {
  const thinking = now.thinks === 'enabled' ? { type: now.thinks, budget_tokens: 2_000 } : { type: now.thinks };
  const tools = NAMES.map((name): Anthropic.Tool => ({ name, input_schema: { type: 'object' } }));
  const request = { model: 'claude-sonnet-5', max_tokens: 8_000, messages, tools, thinking };
  if (!now.stream) return client.messages.create(request);
  return client.messages.stream(request).finalMessage();
}
