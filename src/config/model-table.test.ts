import fc from 'fast-check';
import { expect, it } from 'vitest';
import { testMachine } from './config.fixture.ts';
import { parseModelTable, updateModelTable } from './model-table.ts';

const FACTS = {
  context: 1000,
  output: 100,
  vision: true,
  thinking: false,
  tools: true,
  price: { input: 1.5, output: 6 },
};

it.each([
  ['its own form', { models: { deepseek: { m: FACTS } } }],
  [
    'the form of models.dev',
    {
      deepseek: {
        models: {
          m: {
            limit: { context: 1000, output: 100 },
            cost: { input: 1.5, output: 6 },
            modalities: { input: ['text', 'image'] },
            reasoning: false,
            tool_call: true,
          },
        },
      },
      unheard: { models: { x: { limit: { context: 1 } } } },
    },
  ],
  [
    'the form of LiteLLM',
    {
      sample_spec: { max_tokens: 'set to' },
      'deepseek/m': {
        litellm_provider: 'deepseek',
        max_input_tokens: 1000,
        max_output_tokens: 100,
        input_cost_per_token: 0.0000015,
        output_cost_per_token: 0.000006,
        supports_vision: true,
        supports_reasoning: false,
        supports_function_calling: true,
      },
    },
  ],
])('%s is read, providers that nobody knows are left out', (_, document) => {
  expect(parseModelTable(JSON.stringify(document))).toEqual({ deepseek: { m: FACTS } });
});

it('what is not of its type is unknown, not guessed', () => {
  const entry = { context: '1000', output: -1, vision: 'yes', tools: 1, price: { input: 'free', output: 2 } };
  expect(parseModelTable(JSON.stringify({ models: { deepseek: { m: entry, n: { context: 0 } } } }))).toEqual({
    deepseek: { m: { price: { output: 2 } } },
  });
});

it.each(['', '[]', 'null', '{}', '{"a":1}', '{"models":{"nobody":{"m":{"context":1}}}}'])('%s is refused', (text) => {
  expect(() => updateModelTable('/nowhere', text, 'test')).toThrow(/no table of models/);
});

it('no document crashes it', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      try {
        expect(typeof parseModelTable(text)).toBe('object');
      } catch (error) {
        expect(error).toMatchObject({ code: 'invalid_request' });
      }
    }),
  );
});

it('goes before what was shipped and behind the configuration', async () => {
  const machine = testMachine(
    'providers: { deepseek: { model_data: { own: { context_window: 7 } } } }\nprofiles: { p: { provider: deepseek } }\n',
  );
  const { snapshot: before, paths } = await machine.load();
  expect(before.modelData('deepseek', 'fetched').contextWindow).toBeUndefined();
  const table = { models: { deepseek: { fetched: { context: 5 }, own: { context: 6, output: 3 } } } };
  expect(updateModelTable(paths.stateDir, JSON.stringify(table), 'test')).toMatchObject({ providers: 1, models: 2 });
  const { snapshot, files } = await machine.load();
  expect(snapshot.modelData('deepseek', 'fetched').contextWindow).toBe(5);
  expect(snapshot.modelData('deepseek', 'own')).toMatchObject({ contextWindow: 7, maxOutputTokens: 3 });
  expect(files.some((file) => file.startsWith(paths.stateDir))).toBe(true);
});

it('one that is damaged is told of and left out', async () => {
  const machine = testMachine('profiles: {}', { 'home/.local/state/midswap/models.json': '{' });
  expect((await machine.load()).warnings).toEqual([expect.stringContaining('models update')]);
});

it('a provider without models is none', () => {
  expect(parseModelTable('{"models": {"deepseek": {}, "groq": {"m": {}}}}')).toEqual({});
});

it('a table means the same whether all of it is as it should be or not', () => {
  const field = fc.oneof(fc.constantFrom(1000, 1.5, true, false, 0, -1, '1', null), fc.double({ min: 0, max: 2e6 }));
  const price = fc.dictionary(fc.constantFrom('input', 'output', 'cacheRead', 'cacheWrite', 'other'), field);
  const names = fc.constantFrom('context', 'output', 'vision', 'thinking', 'tools', 'other');
  const record = fc.tuple(fc.dictionary(names, field), fc.option(price, { nil: undefined }));
  const models = fc.dictionary(fc.constantFrom('m', 'M', 'vendor/n', 'a b', ''), record, { maxKeys: 3 });
  let whole = 0;
  fc.assert(
    fc.property(models, (given) => {
      const written = Object.fromEntries(
        Object.entries(given).map(([name, [fields, prices]]) => [name, prices ? { ...fields, price: prices } : fields]),
      );
      const read = (more: object) =>
        parseModelTable(JSON.stringify({ models: { deepseek: { ...written, ...more } } })).deepseek ?? {};
      const table = read({});
      if (Object.keys(table).length > 0 && Object.keys(table).length === Object.keys(written).length) whole++;
      // With something to be left out every record is read by itself.
      expect(table).toEqual(read({ 'left out': {} }));
    }),
    { numRuns: 2000 },
  );
  expect(whole).toBeGreaterThan(50);
});
