import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { modelPrice } from '../catalogue/models.ts';
import { MidswapError } from '../core/errors.ts';
import { SLOTS } from '../core/slot.ts';
import type { Snapshot } from '../core/snapshot.ts';
import { explainPlan } from './explain.ts';
import { makePlan } from './plan.ts';
import { type SnapshotSketch, sketchFacts, sketchSelection, sketchSnapshot } from './snapshot.fixture.ts';
import { sameTarget } from './target-identity.ts';

const PROFILES: NonNullable<SnapshotSketch['profiles']> = {
  max: { provider: 'anthropic' },
  ds: {
    provider: 'deepseek',
    models: { opus: 'deepseek-v4-pro', sonnet: 'deepseek-flash', haiku: 'deepseek-flash' },
    fallback: ['spare', 'lost', 'mm', 'broken'],
  },
  spare: { provider: 'together', models: { opus: 'big', haiku: 'small' } },
  split: { provider: 'groq', models: { opus: 'o', subagent: 'agent-model', classifier: 'judge' } },
  tiny: { provider: 'cerebras', models: { sonnet: 'qwen-3.8-27b', opus: 'zai-glm-4.7' }, fallback: ['ds'] },
  broken: { provider: 'kimi', models: { opus: 'kimi-k3' }, unusable: 'no key: set KIMI_API_KEY' },
};
const ALIASES = { mm: 'minimax:MiniMax-M3', 'claude-cheap': 'ds:haiku', sub: 'max' };

const plain = sketchSnapshot({ profiles: PROFILES, aliases: ALIASES });

const route = (
  reference: string,
  given: Parameters<typeof sketchFacts>[0] = {},
  options: {
    routing?: SnapshotSketch['routing'];
    slots?: Parameters<typeof sketchSelection>[1];
    prompt?: string;
    modelMap?: SnapshotSketch['modelMap'];
  } = {},
) => {
  const snapshot = sketchSnapshot({
    profiles: PROFILES,
    aliases: ALIASES,
    routing: options.routing ?? {},
    modelMap: options.modelMap ?? {},
  });
  return makePlan(snapshot, sketchSelection(reference, options.slots), sketchFacts(given), options.prompt);
};

const shape = (plan: ReturnType<typeof route>) =>
  `${plan.reason.rule} ${plan.targets.map((target) => `${target.provider}:${target.model}`).join(' ')}`;

const thrown = (run: () => unknown): MidswapError => {
  try {
    run();
  } catch (error) {
    if (error instanceof MidswapError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

describe('without any rule', () => {
  it.each<[string, string, string]>([
    ['ds', 'claude-opus-5-5', 'slot deepseek:deepseek-v4-pro together:big minimax:MiniMax-M3'],
    ['ds', 'claude-haiku-5-5', 'slot deepseek:deepseek-flash together:small minimax:MiniMax-M3'],
    ['ds', 'claude-opus-5[1m]', 'slot deepseek:deepseek-v4-pro together:big minimax:MiniMax-M3'],
    ['ds', 'claude-fable-5-2', 'default deepseek:deepseek-flash together:big minimax:MiniMax-M3'],
    ['ds', 'gpt-4o', 'default deepseek:deepseek-flash together:big minimax:MiniMax-M3'],
    ['mm', 'claude-opus-5-5', 'slot minimax:MiniMax-M3'],
    ['ds:deepseek-v4-pro', 'claude-haiku-5-5', 'slot deepseek:deepseek-v4-pro together:small minimax:MiniMax-M3'],
  ])('a session on %s answers %s by %s', (reference, model, expected) => {
    expect(shape(route(reference, { model }))).toBe(expected);
  });

  it("passes the client's own name on to Anthropic, and to nobody else", () => {
    for (const model of ['claude-opus-5-5', 'claude-haiku-4-5-20251001', 'claude-mythos-5']) {
      expect(route('max', { model }).targets[0].model, model).toBeUndefined();
      expect(route('ds', { model }).targets[0].model, model).toBeDefined();
    }
  });

  it('puts a name of Claude in where the inbound one is none', () => {
    const { targets } = route('max', { model: 'claude/max' });
    expect(targets[0]).toMatchObject({ model: 'claude-opus-5-5', data: { contextWindow: 1_000_000 } });
    expect(route('ds', { model: 'claude/sub' }).targets[0].model).toBe('claude-opus-5-5');
    expect(route('max', { model: 'whatever' }).targets[0].model).toBe('claude-opus-5-5');
  });

  it('gives subagents and the classifier their own slot, and else the one they asked for', () => {
    expect(route('split', { class: 'subagent', agentType: 'Plan' })).toMatchObject({
      slot: 'subagent',
      targets: [{ model: 'agent-model' }],
    });
    expect(route('split', { class: 'classifier', model: 'claude-sonnet-5' }).targets[0].model).toBe('judge');
    expect(route('tiny', { class: 'classifier', model: 'any-name', slot: 'classifier' })).toMatchObject({
      slot: 'sonnet',
      targets: [{ model: 'qwen-3.8-27b' }],
    });
    expect(route('ds', { class: 'subagent', model: 'claude-haiku-5-5' })).toMatchObject({
      slot: 'haiku',
      targets: [{ model: 'deepseek-flash' }, {}, {}],
    });
  });

  it('passes over what cannot be used in the fallback chain, and repeats nothing', () => {
    const snapshot = sketchSnapshot({
      profiles: {
        ...PROFILES,
        loop: { provider: 'groq', models: { opus: 'o' }, fallback: ['loop', 'split', 'loop:o'] },
      },
    });
    const plan = makePlan(snapshot, sketchSelection('loop'), sketchFacts());
    expect(plan.targets.map((target) => target.model)).toEqual(['o']);
  });

  it('refuses a session on nothing, with the reason', () => {
    expect(thrown(() => route('gone')).code).toBe('unknown_reference');
    expect(thrown(() => route('broken')).message).toContain('set KIMI_API_KEY');
  });
});

describe('rules, the first match winning', () => {
  const routing = {
    background: 'mm',
    compaction: 'groq:summary',
    classifier: 'split:classifier',
    webSearch: 'openrouter:perplexity/sonar-pro',
    image: 'glm:glm-4.5v',
    longContext: { target: 'gemini:gemini-3.1-pro-preview', threshold: 60_000 },
    think: 'ds:opus',
    subagents: { Explore: 'haiku', plan: 'opus', 'code-reviewer': 'openai:gpt-5' },
  };

  it.each<[string, Parameters<typeof sketchFacts>[0], Parameters<typeof route>[2], string]>([
    ['a client token', { selector: 'groq/x', class: 'compaction' }, { prompt: 'mm' }, 'selector groq:x'],
    ['a picker row', { model: 'claude/mm' }, { prompt: 'split' }, 'selector minimax:MiniMax-M3'],
    ['a provider and model as the model', { model: 'xai:grok-4.7' }, {}, 'selector xai:grok-4.7'],
    ['a path as the model', { model: 'openrouter/google/g' }, {}, 'selector openrouter:google/g'],
    ['an alias as the model', { model: 'MM' }, {}, 'selector minimax:MiniMax-M3'],
    ['an alias that looks like Claude', { model: 'claude-cheap' }, {}, 'selector deepseek:deepseek-flash'],
    ['a model of the active profile', { model: 'deepseek-v4-pro' }, {}, 'selector deepseek:deepseek-v4-pro'],
    ['a prompt that names an alias', {}, { prompt: 'mm', slots: { opus: 'split' } }, 'prompt minimax:MiniMax-M3'],
    [
      'a slot of the session',
      { class: 'subagent', agentType: 'Explore' },
      { slots: { opus: 'mm' } },
      'session minimax:MiniMax-M3',
    ],
    [
      'the slot of subagents',
      { class: 'subagent' },
      { slots: { subagent: 'mm', opus: 'split' } },
      'session minimax:MiniMax-M3',
    ],
    [
      'the classifier',
      { class: 'classifier', model: 'claude-sonnet-5' },
      { prompt: 'mm', slots: { sonnet: 'mm' } },
      'class groq:judge',
    ],
    ['a compaction', { class: 'compaction' }, {}, 'class groq:summary'],
    ['a web search', { class: 'web_search' }, {}, 'class openrouter:perplexity/sonar-pro'],
    ['a small job', { class: 'auxiliary', model: 'claude-haiku-5-5' }, {}, 'class minimax:MiniMax-M3'],
    ['a subagent by type', { class: 'subagent', agentType: 'Explore' }, {}, 'class deepseek:deepseek-flash'],
    [
      'a subagent by type in any case',
      { class: 'subagent', agentType: 'Plan', model: 'claude-haiku-5-5' },
      {},
      'class deepseek:deepseek-v4-pro',
    ],
    [
      'a subagent by name',
      { class: 'subagent', agentType: 'custom', agentName: 'Code-Reviewer' },
      {},
      'class openai:gpt-5',
    ],
    [
      'an image for a model that sees none',
      { images: true, tokens: 70_000, thinking: true },
      {},
      'content glm:glm-4.5v',
    ],
    [
      'an image for a model that sees',
      { images: true, model: 'claude-sonnet-5-5' },
      {},
      'slot deepseek:deepseek-flash',
    ],
    ['a long context', { tokens: 60_001, thinking: true }, {}, 'content gemini:gemini-3.1-pro-preview'],
    ['a context that is just short enough', { tokens: 60_000 }, {}, 'slot deepseek:deepseek-v4-pro'],
    ['thinking', { thinking: true, model: 'claude-haiku-5-5' }, {}, 'content deepseek:deepseek-v4-pro'],
    ['nothing special', {}, {}, 'slot deepseek:deepseek-v4-pro'],
    ['a count', { class: 'count_tokens', tokens: 70_000, thinking: true }, {}, 'slot deepseek:deepseek-v4-pro'],
  ])('%s', (_, given, options, expected) => {
    const plan = route('ds', given, { routing, ...options });
    expect(`${plan.reason.rule} ${plan.targets[0].provider}:${plan.targets[0].model}`).toBe(expected);
  });

  it('say in their reason which one it was', () => {
    expect(route('ds', { class: 'compaction' }, { routing }).reason.detail).toBe('routing.compaction is groq:summary');
    expect(route('ds', { tokens: 61_000 }, { routing }).reason.detail).toContain('about 61000 tokens, over 60000');
    expect(route('ds').reason.detail).toBe('slot opus of profile ds');
    expect(route('ds', { model: 'huh' }).reason.detail).toBe('default model of profile ds');
    expect(route('mm').reason.detail).toBe('the session is on mm');
  });

  it('put the right name in where a route asks for another family of a target that takes names', () => {
    const subagents = { Plan: 'opus', Explore: 'sonnet' };
    const model = 'claude-haiku-5-5';
    const plan = (agentType: string) =>
      route('max', { class: 'subagent', agentType, model }, { routing: { subagents } });
    expect(plan('Plan').targets[0].model).toBe('claude-opus-5-5');
    expect(plan('Explore').targets[0].model).toBe('claude-sonnet-5-5');
    expect(plan('general-purpose').targets[0].model).toBeUndefined();
  });

  it('lead through a session override where a route names a slot', () => {
    const given = { class: 'subagent', agentType: 'Plan', model: 'claude-haiku-5-5' } as const;
    expect(route('ds', given, { routing, slots: { opus: 'mm' } }).targets[0].model).toBe('MiniMax-M3');
    expect(route('ds', given, { routing, slots: { opus: 'sonnet', sonnet: 'opus' } }).targets[0].model).toBe(
      'deepseek-v4-pro',
    );
  });

  it('are not asked for what nobody configured', () => {
    const given = {
      tokensEstimate: () => expect.unreachable('the body was weighed'),
      hasImages: () => expect.unreachable('the body was searched'),
    };
    expect(shape(route('max', given))).toBe('slot anthropic:undefined');
  });

  it('of a route that leads nowhere say so', () => {
    expect(thrown(() => route('ds', { class: 'auxiliary' }, { routing: { background: 'gone' } })).code).toBe(
      'unknown_reference',
    );
    expect(thrown(() => route('ds', { model: 'claude/gone' })).code).toBe('unknown_reference');
    expect(thrown(() => route('ds', {}, { prompt: 'gone' })).code).toBe('unknown_reference');
  });
});

describe('model_map', () => {
  const modelMap = {
    'claude-3-5-haiku-latest': 'sonnet',
    'gpt-4o': 'OPUS',
    'gpt-mini': 'mm',
    'claude-opus-5-5': 'haiku',
  };

  it.each([
    ['claude-3-5-haiku-latest', 'slot deepseek:deepseek-flash'],
    ['GPT-4o', 'slot deepseek:deepseek-v4-pro'],
    ['gpt-mini', 'slot minimax:MiniMax-M3'],
    ['claude-opus-5-5', 'slot deepseek:deepseek-v4-pro'],
  ])('%s', (model, expected) => {
    const plan = route('ds', { model }, { modelMap });
    expect(`${plan.reason.rule} ${plan.targets[0].provider}:${plan.targets[0].model}`).toBe(expected);
  });

  it('leaves the order of the rules as it is', () => {
    const options = { modelMap, routing: { background: 'mm' }, slots: { opus: 'split' } };
    expect(route('ds', { model: 'gpt-4o' }, options).reason.rule).toBe('session');
    expect(route('ds', { model: 'gpt-mini', class: 'auxiliary' }, options).reason.rule).toBe('class');
  });

  it('puts a name in for a target that takes names', () => {
    expect(route('max', { model: 'gpt-4o' }, { modelMap }).targets[0].model).toBe('claude-opus-5-5');
    expect(route('max', { model: 'claude-3-5-haiku-latest' }, { modelMap }).targets[0].model).toBe('claude-sonnet-5-5');
  });
});

describe('a class that needs more than the chosen model can do', () => {
  it('sends a compaction to the first model that holds it', () => {
    const plan = route('tiny', { class: 'compaction', model: 'claude-sonnet-5-5', tokens: 100_000 });
    expect(shape(plan)).toBe('class cerebras:zai-glm-4.7 deepseek:deepseek-flash');
    expect(plan.reason.detail).toContain('does not fit qwen-3.8-27b');
    const larger = route('tiny', { class: 'compaction', model: 'claude-sonnet-5-5', tokens: 500_000 });
    expect(larger.targets[0].model).toBe('deepseek-flash');
  });

  it('keeps a compaction that fits where it is', () => {
    expect(route('tiny', { class: 'compaction', model: 'claude-sonnet-5-5', tokens: 1_000 }).targets[0].model).toBe(
      'qwen-3.8-27b',
    );
  });

  it('takes the route of the class although somebody chose the model', () => {
    const routing = { compaction: 'gemini:gemini-3.8-flash', webSearch: 'openrouter:perplexity/sonar-pro' };
    const compaction = { class: 'compaction', model: 'claude/cerebras:qwen-3.8-27b' } as const;
    expect(route('ds', { ...compaction, tokens: 90_000 }, { routing }).targets[0].provider).toBe('gemini');
    expect(route('ds', { ...compaction, tokens: 9_000 }, { routing }).targets[0].provider).toBe('cerebras');
    const search = { class: 'web_search', model: 'claude/split' } as const;
    expect(route('ds', search, { routing }).targets[0].provider).toBe('openrouter');
    expect(route('ds', search).targets[0].provider).toBe('groq');
    expect(route('ds', { ...search, model: 'claude/max' }, { routing }).targets[0].provider).toBe('anthropic');
  });

  it('never passes a verdict of the classifier on to a second model', () => {
    expect(route('ds', { class: 'classifier', model: 'claude-sonnet-5' }).targets).toHaveLength(1);
    expect(route('ds', { class: 'main', model: 'claude-sonnet-5' }).targets).toHaveLength(3);
  });
});

describe('explained', () => {
  it('a plan names rule, target, window, cost and deviations', () => {
    const { lines, json } = explainPlan(
      route('tiny', { tokens: 200_000 }),
      sketchFacts({ tokens: 200_000 }),
      (provider, model) => (provider === 'deepseek' ? modelPrice(provider, model).input : undefined),
    );
    expect(lines[0]).toBe('main request, model claude-opus-5-5, slot opus, about 200000 tokens');
    expect(lines[1]).toBe('rule: slot (slot opus of profile tiny)');
    expect(lines[2]).toBe(
      '1. cerebras -> api.cerebras.ai (zai-glm-4.7), openai-chat, profile tiny, window 131072, TOO SMALL, price unknown',
    );
    expect(lines[3]).toContain('chat.max_tokens_field="max_completion_tokens"');
    expect(json.targets.map((target) => [target.provider, target.fits])).toEqual([
      ['cerebras', false],
      ['deepseek', true],
    ]);
    expect(json.targets[1]?.inputUsd).toBeCloseTo(0.264);
    expect(JSON.parse(JSON.stringify(json)).rule).toBe('slot');
  });
});

describe('the thinking of a profile', () => {
  it.each([
    ['off', 'thinking off'],
    [16_000, 'thinking up to 16000 tokens'],
  ] as const)('%s is told of its target', (thinking, told) => {
    const plan = route('ds', {});
    const [first, ...others] = plan.targets;
    const { lines, json } = explainPlan(
      { ...plan, targets: [{ ...first, thinking }, ...others] },
      sketchFacts(),
      () => undefined,
    );
    expect(lines[2]).toContain(`, ${told}`);
    expect(lines.filter((line) => line.includes('thinking '))).toHaveLength(1);
    expect(json.targets.map((target) => target.thinking)).toEqual([thinking, ...others.map(() => undefined)]);
  });
});

describe('any plan', () => {
  const names = fc.constantFrom(
    ...['ds', 'max', 'mm', 'split', 'tiny', 'broken', 'gone', 'sub', 'opus', 'haiku', 'claude-opus-5-5', 'claude/ds'],
    ...[
      'groq:x',
      'openrouter/a/b',
      'deepseek-flash',
      'claude-cheap',
      '',
      'gpt-4',
      'claude-sonnet-4-5[1m]',
      'spare:big',
    ],
  );
  const maybe = <T>(inner: fc.Arbitrary<T>) => fc.option(inner, { nil: undefined });
  const facts = fc
    .record({
      class: fc.constantFrom('main', 'subagent', 'compaction', 'auxiliary', 'classifier', 'web_search', 'count_tokens'),
      model: fc.oneof(names, fc.string({ maxLength: 12 })),
      agentType: maybe(fc.constantFrom('Explore', 'custom')),
      selector: maybe(names),
      thinking: fc.boolean(),
      tokens: fc.integer({ min: 1, max: 2_000_000 }),
      images: fc.boolean(),
    })
    .map((given) => sketchFacts(given as Parameters<typeof sketchFacts>[0]));
  const routing = fc.record(
    {
      background: names,
      think: names,
      image: names,
      compaction: names,
      classifier: names,
      webSearch: names,
      longContext: names.map((target) => ({ target, threshold: 1_000_000 })),
      subagents: names.map((Explore) => ({ Explore })),
    },
    { requiredKeys: [] },
  );
  const snapshots: fc.Arbitrary<Snapshot> = fc
    .record({ routing, modelMap: fc.dictionary(names, names, { maxKeys: 3 }) })
    .map(({ routing, modelMap }) =>
      sketchSnapshot({
        profiles: PROFILES,
        aliases: ALIASES,
        routing: routing as NonNullable<SnapshotSketch['routing']>,
        modelMap,
      }),
    );
  const selections = fc
    .record({ reference: names, slots: fc.dictionary(fc.constantFrom(...SLOTS), names, { maxKeys: 3 }) })
    .map(({ reference, slots }) => sketchSelection(reference, slots));

  it('has a target, repeats none, is the same every time, or is refused by name', () => {
    let made = 0;
    fc.assert(
      fc.property(snapshots, selections, facts, maybe(names), (snapshot, selection, each, prompt) => {
        const attempt = (selected = selection) => {
          try {
            return makePlan(snapshot, selected, each, prompt);
          } catch (error) {
            if (!(error instanceof MidswapError)) throw error;
            return `${error.code} ${error.message}`;
          }
        };
        const plan = attempt();
        expect(attempt()).toEqual(plan);
        expect(attempt({ ...selection })).toEqual(plan);
        if (typeof plan === 'string') {
          expect(plan).toMatch(/^(unknown_reference|ambiguous_reference|no_credential) /);
          return;
        }
        made++;
        expect(plan.targets.length).toBeGreaterThan(0);
        expect(plan.reason.detail).not.toBe('');
        for (const [at, target] of plan.targets.entries())
          expect(plan.targets.findIndex((other) => sameTarget(other, target))).toBe(at);
        for (const target of plan.targets)
          if (target.model === undefined) expect(each.model.toLowerCase()).toMatch(/^(?:claude-|opus|haiku)/);
        expect(explainPlan(plan, each, () => 1).lines.length).toBeGreaterThan(2);
      }),
      { numRuns: 600 },
    );
    expect(made).toBeGreaterThan(100);
  });

  it('is that of the request, whatever was asked for before it', () => {
    fc.assert(
      fc.property(
        snapshots,
        selections,
        fc.array(facts, { minLength: 2, maxLength: 6 }),
        (snapshot, selection, given) => {
          const attempt = (each: (typeof given)[number], selected: typeof selection) => {
            try {
              return makePlan(snapshot, selected, each);
            } catch (error) {
              return String(error);
            }
          };
          for (const each of given) expect(attempt(each, selection)).toEqual(attempt(each, { ...selection }));
        },
      ),
    );
  });

  it('is not that of a request whose names, one behind the other, read the same', () => {
    const snapshot = sketchSnapshot({ profiles: PROFILES, aliases: ALIASES, routing: { subagents: { 'b\nc': 'mm' } } });
    const selection = sketchSelection('ds');
    const plans = (
      [
        ['a\nb', 'c'],
        ['a', 'b\nc'],
      ] as const
    ).map(([agentName, agentType]) =>
      makePlan(snapshot, selection, sketchFacts({ class: 'subagent', agentName, agentType })),
    );
    expect(plans.map((plan) => plan.targets[0].profile)).toEqual(['ds', 'minimax']);
  });

  it('of the plain configuration does not touch what it is given', () => {
    const selection = Object.freeze(sketchSelection('ds', Object.freeze({ opus: 'mm' })));
    const given = Object.freeze(sketchFacts());
    expect(makePlan(plain, selection, given)).toEqual(makePlan(plain, selection, given));
  });
});
