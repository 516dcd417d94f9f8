import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkMessages } from '../../../test/support/messages-grammar.ts';
import { DEFAULT_QUIRKS } from '../../catalogue/quirks.ts';
import { idMinter } from '../../core/ids.ts';
import type { WebTools } from '../../core/snapshot.ts';
import type { Target } from '../../core/target.ts';
import { emptyUsage } from '../../core/usage.ts';
import { readEnvelope } from '../../protocols/anthropic/envelope.ts';
import { MessageWriter } from '../../protocols/anthropic/message-writer.ts';
import { connectionFault } from '../faults.ts';
import { type Offer, offerTools } from './offer.ts';
import { runToolLoop } from './tool-loop.ts';

const mintId = idMinter((count) => randomBytes(count));

/** A search that fails at once, so that no time is spent on it. */
const SETTINGS: WebTools = {
  search: { engine: 'searxng', baseUrl: 'http://127.0.0.1:1', maxResults: 1, timeoutMs: 1_000 },
  allowedDomains: [],
  blockedDomains: [],
  maxUses: 3,
};

type Part =
  | { readonly is: 'text' | 'thinking'; readonly text: string }
  | { readonly is: 'own' | 'client'; readonly args: string };
interface Step {
  readonly parts: readonly Part[];
  readonly stopReason: string;
  /** Bytes after which the stream breaks off, if it does. */
  readonly cutAt: number | undefined;
}

function streamOf(step: Step): Buffer {
  const writer = new MessageWriter({ model: 'm', mintId, sealThinking: () => 'c2VhbA==' });
  writer.start();
  for (const [at, part] of step.parts.entries()) {
    if ('text' in part) {
      if (part.is === 'text') writer.text(part.text);
      else writer.thinking(part.text);
    } else {
      writer.tool(at, { name: part.is === 'own' ? 'web_search' : 'Bash' });
      writer.toolArguments(at, part.args);
      writer.toolDone(at);
    }
  }
  writer.finish({ stopReason: step.stopReason, usage: { ...emptyUsage(), inputTokens: 10, outputTokens: 3 } });
  return Buffer.concat(writer.take());
}

async function run(steps: readonly Step[], pieceBytes: number, stream: boolean) {
  const tools = [
    { type: 'web_search_20250305', name: 'web_search' },
    { name: 'Bash', input_schema: { type: 'object' } },
  ];
  const body = { model: 'asked-for', stream, max_tokens: 9, tools, messages: [{ role: 'user', content: 'hi' }] };
  const envelope = readEnvelope(Buffer.from(JSON.stringify(body)), '/v1/messages', []);
  const target = { quirks: DEFAULT_QUIRKS, endpoint: { protocol: 'openai-chat' } } as unknown as Target;
  const out: Buffer[] = [];
  let sent: Buffer | undefined;
  let asked = 0;
  const result = await runToolLoop({
    envelope,
    offer: offerTools(envelope, target, SETTINGS) as Offer,
    mintId,
    reply: {
      begin: () => {},
      write: (pieces) => out.push(...pieces) > 0,
      onDrain: () => {},
      end: () => {},
      send: (_status, _headers, whole) => {
        sent = whole as Buffer;
      },
    },
    calls: { settings: SETTINGS, access: {}, signal: new AbortController().signal, userAgent: 'test' },
    ask: async (request, sink) => {
      const step = steps[Math.min(asked++, steps.length - 1)] as Step;
      expect(request.stream).toBe(true);
      const bytes = streamOf(step);
      const end = step.cutAt === undefined ? bytes.length : Math.min(step.cutAt, bytes.length - 1);
      for (let at = 0; at < end; at += pieceBytes) sink.write([bytes.subarray(at, Math.min(end, at + pieceBytes))], 0);
      if (end < bytes.length) return connectionFault('truncated', 'cut');
      sink.end();
      return undefined;
    },
    usage: () => ({ ...emptyUsage(), inputTokens: 10, outputTokens: 3 }),
    onContent: () => {},
    onBusy: () => {},
    stopped: () => undefined,
    headers: () => [],
  });
  return { ...result, bytes: Buffer.concat(out), sent, asked };
}

const words = fc.string({ unit: 'grapheme', maxLength: 12 });
const part: fc.Arbitrary<Part> = fc.oneof(
  fc.record({ is: fc.constantFrom('text' as const, 'thinking' as const), text: words }),
  fc.record({
    is: fc.constantFrom('own' as const, 'client' as const, 'own' as const),
    args: fc.oneof(
      words.map((query) => JSON.stringify({ query })),
      words,
      fc.constant('[]'),
    ),
  }),
);
const step = (cut: fc.Arbitrary<number | undefined>): fc.Arbitrary<Step> =>
  fc.record({
    parts: fc.array(part, { maxLength: 5 }),
    stopReason: fc.constantFrom('end_turn', 'tool_use', 'max_tokens', 'stop_sequence', 'refusal'),
    cutAt: cut,
  });

/** Calls without a result, results without a call. */
function unpaired(text: string): string[] {
  const starts = [...text.matchAll(/^data: (\{"type":"content_block_start".*)$/gm)].map(
    (found) => (JSON.parse(found[1] as string) as { content_block: Record<string, string> }).content_block,
  );
  const calls = starts.flatMap(({ type, id }) => (type === 'server_tool_use' ? [id] : []));
  const results = starts.flatMap(({ type, tool_use_id: id }) => (type === 'web_search_tool_result' ? [id] : []));
  expect(new Set(calls).size).toBe(calls.length);
  expect(results).toEqual(calls);
  return calls as string[];
}

describe('whatever a model does in its steps', () => {
  it('the client gets one message of the grammar, with a result for each call', async () => {
    const steps = fc.array(step(fc.constant(undefined)), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 400 }), async (given, pieceBytes) => {
        const { fault, bytes, asked, usage } = await run(given, pieceBytes, true);
        expect(fault).toBeUndefined();
        const checked = checkMessages(bytes);
        expect(checked).toMatchObject({ problems: [], complete: true, model: 'asked-for' });
        expect(checked.usage).toMatchObject({ input_tokens: 10 * asked, output_tokens: 3 * asked });
        expect(usage.inputTokens).toBe(10 * asked);
        unpaired(bytes.toString());
        const clientCalls = checked.blocks.filter(({ type }) => type === 'tool_use');
        expect(clientCalls.every(({ name }) => name === 'Bash')).toBe(true);
        expect(asked).toBeLessThanOrEqual(20);
      }),
      { numRuns: 150 },
    );
  });

  it('the same steps without stream are the same message', async () => {
    const steps = fc.array(step(fc.constant(undefined)), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(steps, async (given) => {
        const streamed = checkMessages((await run(given, 64, true)).bytes);
        const { sent, bytes } = await run(given, 64, false);
        expect(bytes).toHaveLength(0);
        const message = JSON.parse(String(sent)) as { content: { type: string }[]; stop_reason: string };
        expect(message.content.map(({ type }) => type)).toEqual(streamed.blocks.map(({ type }) => type));
        expect(message.stop_reason).toBe(streamed.stopReason);
      }),
      { numRuns: 60 },
    );
  });

  it('a cut anywhere never looks like an end, and leaves no call without its result', async () => {
    const whole = fc.array(step(fc.constant(undefined)), { maxLength: 2 });
    const cut = step(fc.nat(2_000));
    await fc.assert(
      fc.asyncProperty(whole, cut, fc.integer({ min: 1, max: 300 }), async (before, last, pieceBytes) => {
        // Only steps that are gone on from come to the one that is cut.
        const going = before.map((one) => ({
          ...one,
          stopReason: 'tool_use',
          parts: [...one.parts.filter(({ is }) => is !== 'client'), { is: 'own' as const, args: '{"query":"x"}' }],
        }));
        const { fault, bytes } = await run([...going, last], pieceBytes, true);
        expect(fault?.class).toBe('truncated');
        const text = bytes.toString();
        expect(text).not.toContain('message_stop');
        unpaired(text);
      }),
      { numRuns: 150 },
    );
  });
});
