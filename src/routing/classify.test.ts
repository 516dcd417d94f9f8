import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MidswapError } from '../core/errors.ts';
import type { RequestClass } from '../core/facts.ts';
import { classify, isModelProbe, isQuotaProbe } from './classify.ts';
import { classifyBody, sketchEnvelope } from './snapshot.fixture.ts';

const CLASS = 'x-claude-code-request-class';
const ATTRIBUTION = { type: 'text', text: 'x-anthropic-billing-header: cc_version=2.1.329.b8f; cc_entrypoint=cli;' };
const MONITOR = { type: 'text', text: 'You are a security monitor for autonomous AI coding agents.\n\n## Context' };
const tool = (type?: string) => ({ name: 'Read', ...(type === undefined ? {} : { type }), input_schema: {} });
const ask = (text: string) => [{ role: 'user', content: [{ type: 'text', text }] }];

/** As the client of 2.1.329 sends them. */
const WIRE = {
  main: { system: [ATTRIBUTION], tools: [tool()], stream: true, messages: ask('hello') },
  stageOne: {
    model: 'claude-sonnet-5',
    max_tokens: 64,
    system: [ATTRIBUTION, MONITOR],
    stop_sequences: ['</severity>'],
    thinking: { type: 'disabled' },
    messages: ask('<transcript>\n'),
  },
  stageTwo: {
    model: 'claude-sonnet-5',
    max_tokens: 8192,
    system: [ATTRIBUTION, MONITOR],
    messages: ask('<transcript>\n'),
  },
  search: { stream: true, tools: [tool('web_search_20250305')], messages: ask('Perform a web search for x') },
  compaction: {
    stream: true,
    tools: [tool()],
    messages: [
      ...ask('hello'),
      { role: 'assistant', content: 'hi' },
      ...ask(
        'CRITICAL: Respond with TEXT ONLY. Do NOT call any tools.\n\nYour task is to create a detailed summary of the conversation so far.',
      ),
      { role: 'system', content: 'a reminder' },
    ],
  },
  title: { model: 'claude-haiku-5-5', stream: true, thinking: { type: 'disabled' }, messages: ask('a title') },
  modelProbe: { model: 'foo', max_tokens: 1, messages: ask('Hi') },
  quotaProbe: { model: 'claude-haiku-5-5', max_tokens: 1, messages: [{ role: 'user', content: 'quota' }] },
};

describe('the class of a request', () => {
  it.each<[string, Parameters<typeof classifyBody>[0], Record<string, string>, RequestClass]>([
    ['main by header', WIRE.main, { [CLASS]: 'main' }, 'main'],
    ['subagent by header', WIRE.main, { [CLASS]: 'subagent' }, 'subagent'],
    ['workflow by header', WIRE.main, { [CLASS]: 'workflow' }, 'subagent'],
    ['compaction by header', WIRE.main, { [CLASS]: 'compaction' }, 'compaction'],
    ['compaction by its own header', WIRE.main, { 'X-Claude-Code-Compaction': 'auto' }, 'compaction'],
    ['a class that comes later', WIRE.main, { [CLASS]: 'side_reply' }, 'main'],
    ['small job by header', WIRE.title, { [CLASS]: 'auxiliary' }, 'auxiliary'],
    ['first stage of the classifier', WIRE.stageOne, { [CLASS]: 'auxiliary' }, 'classifier'],
    ['second stage of the classifier', WIRE.stageTwo, { [CLASS]: 'auxiliary' }, 'classifier'],
    ['classifier without headers', WIRE.stageTwo, {}, 'classifier'],
    ['classifier with other words', { ...WIRE.stageTwo, system: 'Judge.' }, { [CLASS]: 'auxiliary' }, 'classifier'],
    [
      'classifier of older clients',
      { stop_sequences: ['</block>'], system: 'Judge.', messages: ask('x') },
      { [CLASS]: 'auxiliary' },
      'classifier',
    ],
    ['web search', WIRE.search, { [CLASS]: 'auxiliary' }, 'web_search'],
    ['web search without headers', WIRE.search, {}, 'web_search'],
    ['compaction without headers', WIRE.compaction, {}, 'compaction'],
    ['subagent by its id', WIRE.main, { 'x-claude-code-agent-id': 'a1' }, 'subagent'],
    [
      'subagent by the attribution block',
      { ...WIRE.main, system: [{ ...ATTRIBUTION, text: `${ATTRIBUTION.text} cc_is_subagent=true;` }] },
      {},
      'subagent',
    ],
    ['small job without hint headers', WIRE.title, { 'x-claude-code-session-id': 'u' }, 'auxiliary'],
    ['the same request of any other client', WIRE.title, {}, 'main'],
    ['main without headers', WIRE.main, {}, 'main'],
    ['a probe of a model name', WIRE.modelProbe, { [CLASS]: 'auxiliary' }, 'main'],
    ['a look at the limits', WIRE.quotaProbe, { [CLASS]: 'auxiliary', 'x-claude-code-session-id': 'u' }, 'main'],
  ])('%s', (_, body, headers, expected) => {
    expect(classifyBody(body, headers).class).toBe(expected);
  });

  it('is a count by its path, whatever else is said', () => {
    expect(classifyBody(WIRE.main, { [CLASS]: 'main' }, '/v1/messages/count_tokens?beta=true').class).toBe(
      'count_tokens',
    );
  });

  it('is never the classifier for a request that streams or has tools, whatever it quotes', () => {
    expect(classifyBody({ ...WIRE.stageTwo, stream: true }, { [CLASS]: 'auxiliary' }).class).toBe('auxiliary');
    expect(classifyBody({ ...WIRE.stageTwo, tools: [tool()] }, { [CLASS]: 'auxiliary' }).class).toBe('auxiliary');
    expect(classifyBody(WIRE.stageOne, { [CLASS]: 'main' }).class).toBe('main');
  });

  it('is no compaction because somebody quotes its words', () => {
    const quoted = 'What does "Your task is to create a detailed summary of the conversation" mean?';
    expect(classifyBody({ ...WIRE.main, messages: ask(quoted) }).class).toBe('main');
    const earlier = [...WIRE.compaction.messages, ...ask('go on')];
    expect(classifyBody({ ...WIRE.main, messages: earlier }).class).toBe('main');
  });

  it('is no web search because other tools come with it', () => {
    expect(classifyBody({ ...WIRE.search, tools: [tool('web_search_20250305'), tool()] }).class).toBe('main');
  });
});

describe('facts', () => {
  it('say what the headers say, in any case of their names', () => {
    const facts = classifyBody(WIRE.main, {
      'X-Claude-Code-Request-Class': 'subagent',
      'X-Claude-Code-Agent-Type': 'Explore',
      'X-Claude-Code-Prompt-Id': 'p1',
    });
    expect(facts).toMatchObject({
      class: 'subagent',
      agentType: 'Explore',
      promptId: 'p1',
      slot: 'opus',
      stream: true,
    });
  });

  it.each([
    ['claude-sonnet-5-5', {}, 'sonnet'],
    ['claude-opus-5[1m]', {}, 'opus'],
    ['deepseek', {}, undefined],
    ['deepseek', { [CLASS]: 'subagent' }, 'subagent'],
    ['claude-haiku-5-5', { [CLASS]: 'subagent' }, 'haiku'],
  ])('slot of %s with %o is %s', (model, headers, slot) => {
    expect(classifyBody({ ...WIRE.main, model }, headers as Record<string, string>).slot).toBe(slot);
  });

  it('know whether thinking is asked for and tools are declared', () => {
    const thinking = (value: unknown) => classifyBody({ thinking: value as { type: string } }).thinking;
    expect([{ type: 'adaptive' }, { type: 'enabled' }, { type: 'disabled' }, null, 7].map(thinking)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
    const hasTools = (tools: unknown) => classifyBody({ tools: tools as [] }).hasTools;
    expect([[tool()], [], null].map(hasTools)).toEqual([true, false, false]);
    expect(classifyBody({}).hasTools).toBe(false);
  });

  it('count text, schemas and arguments as tokens, and an image as an image whatever its bytes', () => {
    const text = classifyBody({ messages: ask('x'.repeat(4_000)) }).tokensEstimate();
    expect(text).toBeGreaterThanOrEqual(1_000);
    expect(text).toBeLessThan(1_020);
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'A'.repeat(900_000) } };
    const withImage = classifyBody({ messages: [{ role: 'user', content: [image] }] }).tokensEstimate();
    expect(withImage).toBeLessThan(2_000);
    const pdf = {
      type: 'document',
      source: { type: 'base64', media_type: 'application/pdf', data: 'A'.repeat(400_000) },
    };
    const nested = { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: [image, pdf] }] };
    expect(classifyBody({ messages: [nested] }).tokensEstimate()).toBeLessThan(13_000);
    const schema = {
      type: 'object',
      properties: { type: { const: 'image' }, source: { description: 'y'.repeat(4_000) } },
    };
    expect(classifyBody({ tools: [{ name: 'T', input_schema: schema }] }).tokensEstimate()).toBeGreaterThan(1_000);
    const thinking = { type: 'thinking', thinking: '', signature: 'S'.repeat(40_000) };
    expect(classifyBody({ messages: [{ role: 'assistant', content: [thinking] }] }).tokensEstimate()).toBeLessThan(50);
  });

  it('find images in messages and tool results, and nowhere else', () => {
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA' } };
    const has = (content: unknown) =>
      classifyBody({ messages: [{ role: 'user', content: content as string }] }).hasImages();
    expect(has([image])).toBe(true);
    expect(has([{ type: 'tool_result', tool_use_id: 't', content: [{ type: 'text', text: 'x' }, image] }])).toBe(true);
    expect(has('{"type":"image","source":{}}')).toBe(false);
    expect(has([{ type: 'tool_use', id: 't', name: 'T', input: { content: 'x' } }])).toBe(false);
  });

  it('do not parse the body for a main request with hint headers', () => {
    const envelope = { ...sketchEnvelope(WIRE.main), body: () => expect.unreachable('the body was parsed') };
    const facts = classify({ headers: [CLASS, 'main'], envelope, session: 's' });
    expect(facts).toMatchObject({ class: 'main', hasTools: true, thinking: false });
  });

  it('weigh the body once', () => {
    let parses = 0;
    const envelope = sketchEnvelope(WIRE.main);
    const body = () => {
      parses++;
      return envelope.body();
    };
    const counted = { ...envelope, body };
    const facts = classify({ headers: [CLASS, 'main'], envelope: counted, session: 's' });
    expect([facts.tokensEstimate(), parses]).toEqual([facts.tokensEstimate(), 1]);
  });
});

describe('probes', () => {
  it('are known by one token, one message, one word', () => {
    expect(isModelProbe(sketchEnvelope(WIRE.modelProbe))).toBe(true);
    expect(isQuotaProbe(sketchEnvelope(WIRE.quotaProbe))).toBe(true);
    const others = [
      { ...WIRE.modelProbe, max_tokens: 2 },
      { ...WIRE.modelProbe, stream: true },
      { ...WIRE.modelProbe, messages: ask('Hi there') },
      { ...WIRE.modelProbe, messages: [...ask('Hi'), ...ask('Hi')] },
      { ...WIRE.modelProbe, messages: [] },
    ];
    for (const body of others) {
      expect(isModelProbe(sketchEnvelope(body))).toBe(false);
      expect(isQuotaProbe(sketchEnvelope(body))).toBe(false);
    }
  });
});

describe('any body that is a JSON object', () => {
  it('is classified, weighed and looked through without a fault', () => {
    const json = fc.jsonValue({ maxDepth: 4 });
    const body = fc.record(
      {
        messages: json,
        system: json,
        tools: json,
        thinking: json,
        stop_sequences: json,
        max_tokens: fc.oneof(fc.constant(1), json),
        stream: fc.boolean(),
      },
      { requiredKeys: [] },
    );
    const headers = fc.option(fc.constantFrom('main', 'auxiliary', 'subagent', 'nonsense'), { nil: undefined });
    fc.assert(
      fc.property(body, headers, (fields, hint) => {
        try {
          const facts = classifyBody(
            fields as Parameters<typeof classifyBody>[0],
            hint === undefined ? {} : { [CLASS]: hint },
          );
          expect(facts.tokensEstimate()).toBeGreaterThanOrEqual(1);
          expect(typeof facts.hasImages()).toBe('boolean');
        } catch (error) {
          if (!(error instanceof MidswapError)) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });
});
