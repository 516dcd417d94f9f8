import { describe, expect, it } from 'vitest';
import { FAMILY_SLOTS } from '../core/slot.ts';
import type { Quirks } from '../core/target.ts';
import { CLAUDE_MODEL_QUIRKS, CLAUDE_SLOT_MODELS, claudeModelFor, familyOf, plainModelName } from './claude.ts';
import { knownModels, modelData, modelPrice, modelRecord, SHIPPED_MODELS } from './models.ts';
import { type CatalogueEntry, endpointsIn, modelQuirksOf, regionOfVariable, remote } from './provider.ts';
import { catalogueOf, findProvider, PROVIDERS } from './providers.ts';
import { DEFAULT_QUIRKS, mergeQuirks, type PartialQuirks, QUIRK_TABLE, quirksByKey } from './quirks.ts';

const REQUIRED = [
  'anthropic deepseek minimax glm kimi openrouter fireworks friendliai siliconflow openai azure-openai groq cerebras',
  'together perplexity nvidia-nim huggingface mistral xai gemini qwen novita deepinfra lmstudio llamacpp ollama vllm',
  'sglang cliproxyapi sandbox',
].flatMap((line) => line.split(' '));

describe('every entry of the catalogue', () => {
  it('is one of those that were promised, and all of them are there', () => {
    expect(PROVIDERS.map((entry) => entry.id).toSorted()).toEqual(REQUIRED.toSorted());
  });

  it('has an id and other ids that no second entry has', () => {
    const names = PROVIDERS.flatMap((entry) => [entry.id, ...(entry.aliases ?? [])]);
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
    for (const name of names) expect(name).toMatch(/^[a-z][a-z0-9.-]*$/);
  });

  describe.each(PROVIDERS)('$id', (entry) => {
    it('has well-formed endpoints: https, or plain http on this machine', () => {
      const regions = Object.keys(entry.regions ?? {}).flatMap((region) => endpointsIn(entry, region) ?? []);
      for (const endpoint of [...entry.endpoints, ...regions]) {
        const url = new URL(endpoint.baseUrl);
        expect(endpoint.baseUrl).not.toMatch(/\/$/);
        expect(endpoint.baseUrl).not.toMatch(/\/(messages|chat\/completions)$/);
        expect(url.search + url.hash + url.username).toBe('');
        expect(url.protocol).toBe(endpoint.local ? 'http:' : 'https:');
        if (endpoint.local) expect(['localhost', 'sandbox.invalid']).toContain(url.hostname);
        // The Messages protocol adds /v1/messages, Chat Completions only /chat/completions.
        if (endpoint.protocol === 'anthropic-messages') expect(url.pathname).not.toMatch(/\/v1$/);
      }
    });

    it('has one endpoint for a protocol, and in a region only protocols that it has at all', () => {
      const protocols = entry.endpoints.map((endpoint) => endpoint.protocol);
      expect(new Set(protocols).size).toBe(protocols.length);
      for (const region of Object.values(entry.regions ?? {})) {
        for (const protocol of Object.keys(region.baseUrls)) expect(protocols).toContain(protocol);
        for (const variable of region.keyVariables ?? []) expect(entry.keyVariables).toContain(variable);
      }
    });

    it('names variables for its key, unless it is local', () => {
      const isLocal = entry.endpoints.every((endpoint) => endpoint.local);
      expect(entry.keyVariables.length === 0).toBe(isLocal);
      for (const variable of entry.keyVariables) expect(variable).toMatch(/^[A-Z][A-Z0-9_]*_(KEY|TOKEN)$/);
    });

    it('has a model for each family, or says why it has none', () => {
      const named = FAMILY_SLOTS.filter((slot) => entry.models[slot] !== undefined);
      if (named.length === 0) {
        const isLocal = entry.endpoints.every((endpoint) => endpoint.local);
        expect(entry.takesClientNames === true || entry.needsBaseUrl === true || isLocal).toBe(true);
      } else expect(named).toEqual([...FAMILY_SLOTS]);
    });

    it('links to documentation', () => {
      expect(new URL(entry.docs).protocol).toBe('https:');
    });

    it('sets only quirks that exist, to values that they take', () => {
      for (const quirks of [entry.quirks, ...Object.values(entry.modelQuirks ?? {})]) checkQuirks(quirks);
    });

    it('sends an effort in the words that it maps to', () => {
      for (const quirks of [undefined, ...Object.values(entry.modelQuirks ?? {})]) {
        const merged = mergeQuirks(DEFAULT_QUIRKS, entry.quirks, quirks);
        for (const [word, meaning] of Object.entries(merged.chat.effortValues)) {
          expect(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']).toContain(word);
          expect(meaning).toMatch(/^[a-z]+$/);
        }
        expect(() => new RegExp(merged.chat.toolIdPattern)).not.toThrow();
      }
    });
  });

  it("lets only the entry that is Anthropic have the client's own login", () => {
    const trusted = PROVIDERS.filter((entry) => mergeQuirks(DEFAULT_QUIRKS, entry.quirks).acceptsClientLogin);
    expect(trusted.map((entry) => entry.id)).toEqual(['anthropic']);
    expect(trusted[0]?.endpoints.map((endpoint) => new URL(endpoint.baseUrl).host)).toEqual(['api.anthropic.com']);
    const genuine = PROVIDERS.filter((entry) => mergeQuirks(DEFAULT_QUIRKS, entry.quirks).anthropicGenuine);
    expect(genuine).toEqual(trusted);
    for (const entry of PROVIDERS) {
      for (const quirks of Object.values(entry.modelQuirks ?? {})) {
        expect(Object.keys(quirks).filter((key) => key !== 'chat' && key !== 'messages')).toEqual([]);
      }
    }
  });
});

describe('models of Claude', () => {
  const quirksOf = (model: string) => {
    const entry = findProvider('anthropic');
    return mergeQuirks(DEFAULT_QUIRKS, entry?.quirks, entry && modelQuirksOf(entry, model)).messages;
  };

  it('have the kind of thinking that their generation knows', () => {
    const kinds = (model: string) => [quirksOf(model).adaptiveThinking, quirksOf(model).enabledThinking];
    expect(kinds('claude-haiku-4-5')).toEqual([false, true]);
    expect(kinds('claude-opus-4-5')).toEqual([false, true]);
    expect(kinds('claude-opus-4-6')).toEqual([true, true]);
    expect(kinds('claude-opus-4-7')).toEqual([true, false]);
    expect([quirksOf('claude-haiku-4-5').effort, quirksOf('claude-opus-4-5').effort]).toEqual(['no', 'yes']);
  });

  it('with quirks are models that are known', () => {
    expect(knownModels('anthropic')).toEqual(expect.arrayContaining(Object.keys(CLAUDE_MODEL_QUIRKS)));
  });
});

describe('finding a provider', () => {
  it('goes by its id and its other ids in any case', () => {
    expect(findProvider('HF')?.id).toBe('huggingface');
    expect(findProvider('Moonshot')?.id).toBe('kimi');
    expect(findProvider('deepseek')?.id).toBe('deepseek');
    expect(findProvider('nobody')).toBeUndefined();
    expect(findProvider('constructor')).toBeUndefined();
  });

  it('takes one more entry without anything else being told of it', () => {
    const corp: CatalogueEntry = {
      id: 'corp',
      aliases: ['corporate'],
      name: 'Corp',
      keyVariables: ['CORP_KEY'],
      endpoints: [remote('openai-chat', 'https://llm.corp.example/v1')],
      models: { opus: 'large' },
      quirks: { chat: { topK: true } },
      docs: 'https://corp.example/docs',
    };
    const { find } = catalogueOf([...PROVIDERS, corp]);
    expect([find('Corporate'), find('corp'), find('kimi')?.id]).toEqual([corp, corp, 'kimi']);
  });

  it('knows to which region a key belongs', () => {
    const glm = findProvider('glm')!;
    expect(regionOfVariable(glm, 'ZAI_API_KEY')).toBe('international');
    expect(regionOfVariable(glm, 'ZHIPU_API_KEY')).toBeUndefined();
    expect(endpointsIn(glm, 'international')?.[0]?.baseUrl).toBe('https://api.z.ai/api/anthropic');
    expect(endpointsIn(glm, 'toString')).toBeUndefined();
  });
});

describe('quirks', () => {
  it('have one described row each, with the default that is used', () => {
    expect(new Set(QUIRK_TABLE.map((row) => row.key)).size).toBe(QUIRK_TABLE.length);
    for (const row of QUIRK_TABLE) {
      expect(row.doc).toMatch(/\.$/);
      expect(row.key).toMatch(/^(messages\.|chat\.)?[a-z0-9_]+$/);
      expect(read(DEFAULT_QUIRKS, row.name)).toEqual(row.default);
    }
    const leaves = [
      ...Object.keys(DEFAULT_QUIRKS).filter((key) => key !== 'messages' && key !== 'chat'),
      ...Object.keys(DEFAULT_QUIRKS.messages).map((key) => `messages.${key}`),
      ...Object.keys(DEFAULT_QUIRKS.chat).map((key) => `chat.${key}`),
    ];
    expect(QUIRK_TABLE.map((row) => row.name).toSorted()).toEqual(leaves.toSorted());
  });

  it('merge flag by flag, the later one winning, and leave the defaults alone', () => {
    const merged = mergeQuirks(DEFAULT_QUIRKS, { chat: { topK: true, stop: false } }, undefined, {
      chat: { stop: true },
      vision: false,
    });
    expect(merged.chat).toEqual({ ...DEFAULT_QUIRKS.chat, topK: true, stop: true });
    expect(merged.messages).toEqual(DEFAULT_QUIRKS.messages);
    expect([merged.vision, DEFAULT_QUIRKS.vision, DEFAULT_QUIRKS.chat.topK]).toEqual([false, true, false]);
  });

  it('are found by the key of the configuration, with all candidates where the group is left out', () => {
    expect(quirksByKey('max_tokens_field').map((row) => row.name)).toEqual(['chat.maxTokensField']);
    expect(quirksByKey('chat.maxTokensField').map((row) => row.key)).toEqual(['chat.max_tokens_field']);
    expect(quirksByKey('system_role').map((row) => row.key)).toEqual(['messages.system_role', 'chat.system_role']);
    expect(quirksByKey('vision').map((row) => row.key)).toEqual(['vision']);
    expect(quirksByKey('no_such_thing')).toEqual([]);
  });

  it('of one model come on top of those of its provider', () => {
    const openai = findProvider('openai')!;
    const words = (model: string) =>
      mergeQuirks(DEFAULT_QUIRKS, openai.quirks, modelQuirksOf(openai, model)).chat.effortValues.high;
    expect([words('gpt-5.2'), words('gpt-5.6-sol')]).toEqual(['high', 'none']);
    expect(modelQuirksOf(openai, 'toString')).toBeUndefined();
  });

  it('of OpenAI follow the generation of the model, under every name that it has', () => {
    const chat = (provider: string, model: string) => {
      const entry = findProvider(provider)!;
      return mergeQuirks(DEFAULT_QUIRKS, entry.quirks, modelQuirksOf(entry, model)).chat;
    };
    for (const model of ['o1', 'o3', 'o3-mini-2025-01-31', 'o4-mini', 'o4-mini-2025-04-16']) {
      const { effortValues, parallelToolCalls, sampling } = chat('openai', model);
      expect(Object.values(effortValues).filter((word) => !['low', 'medium', 'high'].includes(word))).toEqual([]);
      expect([effortValues.none, parallelToolCalls, sampling]).toEqual(['low', false, false]);
    }
    expect(chat('openai', 'gpt-5-2025-08-07').effortValues.none).toBe('minimal');
    expect(chat('openai', 'gpt-5.1-2025-11-13').effortValues.none).toBe('none');
    expect(chat('openai', 'gpt-5.2-chat-latest').thinkingParam).toBe('none');
    expect(chat('openai', 'gpt-4o-2024-11-20')).toMatchObject({ thinkingParam: 'none', sampling: true });
    expect([chat('openai', 'gpt-5').pdf, chat('azure-openai', 'gpt-5').pdf]).toEqual([true, false]);
  });
});

describe('model data', () => {
  it('is about providers that there are', () => {
    for (const provider of Object.keys(SHIPPED_MODELS)) expect(findProvider(provider)?.id).toBe(provider);
  });

  it('holds whole positive numbers of tokens and prices that are not negative', () => {
    for (const [provider, models] of Object.entries(SHIPPED_MODELS)) {
      for (const [model, record] of Object.entries(models)) {
        for (const tokens of [record.context, record.output]) {
          if (tokens !== undefined) expect(Number.isInteger(tokens) && tokens > 0, `${provider} ${model}`).toBe(true);
        }
        for (const price of Object.values(record.price ?? {})) expect(price).toBeGreaterThanOrEqual(0);
        const { input = 0, cacheRead = 0 } = record.price ?? {};
        expect(cacheRead, `${provider} ${model}: a cached token costs no more than a fresh one`).toBeLessThanOrEqual(
          input,
        );
      }
    }
  });

  it('says undefined of what is unknown, and never guesses', () => {
    expect(modelData('deepseek', 'deepseek-v99')).toEqual({
      contextWindow: undefined,
      maxOutputTokens: undefined,
      vision: undefined,
      thinking: undefined,
    });
    expect(modelPrice('qwen', 'qwen3.8-max').input).toBeUndefined();
    expect(modelData('constructor', 'name').contextWindow).toBeUndefined();
  });

  it('knows the models that the client asks Anthropic for', () => {
    for (const model of Object.values(CLAUDE_SLOT_MODELS)) {
      expect(modelData('anthropic', model).contextWindow).toBe(1_000_000);
      expect(modelPrice('anthropic', model).output).toBeGreaterThan(0);
    }
  });

  it('is overridden field by field by a newer table, in any case of the name', () => {
    const newer = { deepseek: { 'DeepSeek-Flash': { context: 5, price: { input: 9 } }, fresh: { context: 7 } } };
    const record = modelRecord('deepseek', 'deepseek-flash', newer);
    expect([record.context, record.output, record.price?.input, record.price?.output]).toEqual([5, 384_000, 9, 1.2]);
    expect(modelData('deepseek', 'fresh', newer).contextWindow).toBe(7);
    expect(knownModels('deepseek', newer)).toContain('fresh');
    const mine = { deepseek: { 'deepseek-flash': { context: 6 } } };
    expect(modelData('deepseek', 'deepseek-flash', mine, newer).contextWindow).toBe(6);
  });
});

describe("Claude's own names", () => {
  it.each([
    ['claude-opus-5-5', 'opus'],
    ['claude-sonnet-5[1m]', 'sonnet'],
    ['Claude-Haiku-4-5-20251001', 'haiku'],
    ['claude-3-5-haiku-latest', 'haiku'],
    ['claude-fable-5-2', 'fable'],
    ['us.anthropic.claude-sonnet-4-5-20250929-v1:0', 'sonnet'],
    ['claude-opus-4-1@20250805', 'opus'],
    ['opus', 'opus'],
    ['opusplan', 'sonnet'],
    ['best', 'opus'],
  ])('%s is asked for as %s', (name, family) => {
    expect(familyOf(name)).toBe(family);
  });

  it.each([
    'claude/opus',
    'anthropic/claude-opus-5',
    'gpt-5',
    'my-opus',
    'claude-mythos-5',
    'claude-',
    '',
    'constructor',
  ])('%s belongs to no family', (name) => {
    expect(familyOf(name)).toBeUndefined();
  });

  it('lose the mark of a large window', () => {
    expect(plainModelName('claude-opus-5[1M]')).toBe('claude-opus-5');
  });

  it('stand for the slots, and for the default where a slot is no family', () => {
    expect(claudeModelFor('haiku')).toBe(CLAUDE_SLOT_MODELS.haiku);
    expect(claudeModelFor('subagent')).toBe(CLAUDE_SLOT_MODELS.opus);
    expect(claudeModelFor(undefined)).toBe(CLAUDE_SLOT_MODELS.opus);
  });
});

function checkQuirks(quirks: PartialQuirks): void {
  const { messages, chat, ...general } = quirks;
  const set = [
    ...Object.entries(general),
    ...Object.entries(messages ?? {}).map(([name, value]) => [`messages.${name}`, value] as const),
    ...Object.entries(chat ?? {}).map(([name, value]) => [`chat.${name}`, value] as const),
  ];
  for (const [name, value] of set) {
    const row = QUIRK_TABLE.find((candidate) => candidate.name === name);
    expect(row, name).toBeDefined();
    if (row?.kind === 'choice') expect(row.values, name).toContain(value);
    if (row?.kind === 'boolean') expect(typeof value, name).toBe('boolean');
    if (row?.kind === 'integer') expect(Number.isInteger(value), name).toBe(true);
    if (row?.kind === 'list' && row.values)
      for (const word of value as string[]) expect(row.values, name).toContain(word);
  }
}

function read(quirks: Quirks, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], quirks);
}
