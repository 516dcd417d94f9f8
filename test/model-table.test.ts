import { readFileSync } from 'node:fs';
import { calcPrice } from '@pydantic/genai-prices';
import { expect, it } from 'vitest';
import { MODELS_FILE, modelsText, modelTable, packageRecord, readFacts } from '../scripts/model-table.ts';
import { modelPrice, modelRecord } from '../src/catalogue/models.ts';
import { PROVIDERS } from '../src/catalogue/providers.ts';

const shipped = readFileSync(MODELS_FILE, 'utf8');
const { compiled } = JSON.parse(shipped) as { compiled: string };

it('the shipped models are those of the package and the facts (node scripts/model-table.ts writes them)', () => {
  expect(shipped).toBe(modelsText(compiled));
});

it.each([
  ['anthropic', 'claude-opus-5-5', 'anthropic'],
  ['anthropic', 'claude-haiku-4-5-20251001', 'anthropic'],
  ['openai', 'gpt-5.6-sol', 'openai'],
  ['openai', 'gpt-5.2', 'openai'],
  ['glm', 'glm-5.3', 'zai'],
  ['kimi', 'kimi-k3', 'moonshotai'],
  ['gemini', 'gemini-3.1-pro-preview', 'google'],
  ['groq', 'openai/gpt-oss-20b', 'groq'],
])('%s:%s costs what the package charges for it', (provider, model, providerId) => {
  const tokens = 1000;
  const options = { providerId, timestamp: new Date(`${compiled}T12:00:00Z`) };
  const charged = calcPrice({ input_tokens: tokens, output_tokens: tokens }, model, options);
  const { input = Number.NaN, output = Number.NaN } = modelPrice(provider, model);
  expect((input * tokens) / 1e6).toBeCloseTo(charged?.input_price ?? -1, 12);
  expect((output * tokens) / 1e6).toBeCloseTo(charged?.output_price ?? -1, 12);
});

it('holds models of the catalogue alone, each with something that is known of it', () => {
  const { models } = JSON.parse(shipped) as { models: Record<string, Record<string, object>> };
  expect(Object.keys(models).filter((id) => PROVIDERS.every((entry) => entry.id !== id))).toEqual([]);
  const records = Object.values(models).flatMap((entries) => Object.values(entries));
  expect(records.every((record) => Object.keys(record).length > 0)).toBe(true);
  expect(records.length).toBeLessThan(200);
});

it('every default model that the package or the facts know is there', () => {
  expect(modelRecord('openai', 'gpt-5')).toMatchObject({ context: 400_000, price: { input: 1.25, cacheRead: 0.125 } });
  expect(modelRecord('perplexity', 'sonar')).toMatchObject({ context: 128_000, price: { output: 1 } });
});

it('a model that another one is the beginning of is another model', () => {
  expect(packageRecord('anthropic', 'claude-sonnet-5', compiled).price?.cacheRead).toBe(0.2);
  expect(packageRecord('anthropic', 'claude-sonnet-5-5', compiled)).toEqual({});
  expect(modelPrice('anthropic', 'claude-sonnet-5-5').cacheRead).toBe(0.1);
});

it('a price counts from its day on, and of those of the hours the dearest', () => {
  const price = (provider: string, model: string, day: string) => packageRecord(provider, model, day).price;
  expect(price('openai', 'gpt-5.6-terra', '2026-07-29')?.input).toBe(2.5);
  expect(price('openai', 'gpt-5.6-terra', '2026-07-30')?.input).toBe(2);
  expect(price('gemini', 'gemini-3.8-flash', '2026-12-31')?.input).toBe(0.75);
  expect(price('gemini', 'gemini-3.8-flash', '2027-01-01')?.input).toBe(1.5);
  expect(price('deepseek', 'deepseek-v4-pro', compiled)).toEqual({ input: 1.32, output: 3.96, cacheRead: 0.044 });
});

it('what neither knows stays away', () => {
  expect(packageRecord('qwen', 'qwen3.8-max', compiled)).toEqual({});
  expect(modelRecord('qwen', 'qwen3.8-max').price?.input).toBeUndefined();
  expect(modelRecord('azure-openai', 'gpt-5')).toEqual({});
});

it('a fact that the package states by now is refused, unless it says why', () => {
  const models = { 'gpt-5': { context: 1 } };
  expect(() => modelTable(compiled, { openai: { models } })).toThrow('openai:gpt-5: the package knows context by now');
  const corrections = { 'gpt-5': { because: 'measured', context: 1, price: { input: 7 } } };
  const table = modelTable(compiled, { openai: { models: {}, corrections } });
  expect(table.openai?.['gpt-5']).toMatchObject({ context: 1, price: { input: 7, output: 10 } });
  expect(() => modelTable(compiled, { nobody: { models: {} } })).toThrow('no such provider: nobody');
});

it('no correction says what the package says anyhow', () => {
  for (const [provider, { corrections = {} }] of Object.entries(readFacts())) {
    for (const [model, { because, ...record }] of Object.entries(corrections)) {
      expect(because).toMatch(/https:\/\//);
      expect(packageRecord(provider, model, compiled), `${provider}:${model}`).not.toMatchObject(record);
    }
  }
});
