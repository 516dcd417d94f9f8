import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MidswapError } from '../core/errors.ts';
import { resolveReference, targetIn } from './reference.ts';
import { sketchSnapshot } from './snapshot.fixture.ts';

const snapshot = sketchSnapshot({
  profiles: {
    DeepSeek: { provider: 'deepseek', models: { opus: 'deepseek-v4-pro', sonnet: 'deepseek-flash' } },
    mix: {
      provider: 'deepseek',
      models: { opus: 'anthropic:claude-opus-5', sonnet: 'deepseek-flash', haiku: 'groq:shared' },
    },
    fast: { provider: 'groq', models: { sonnet: 'openai/gpt-oss-120b' } },
    other: { provider: 'together', models: { sonnet: 'shared' } },
    max: { provider: 'anthropic' },
    openrouter: { provider: 'openrouter', models: { sonnet: 'deepseek/deepseek-v4-pro' } },
    ollama: { provider: 'ollama', models: { sonnet: 'qwen3:8b' } },
    broken: { provider: 'kimi', models: { opus: 'kimi-k3' }, unusable: 'no key: set KIMI_API_KEY' },
    huggingface: { provider: 'huggingface', models: { sonnet: 'x/y' } },
    both: { provider: 'groq', models: { sonnet: 'one' } },
  },
  aliases: {
    mm3: 'minimax:MiniMax-M3',
    deep: 'deepseek',
    chain: 'deep',
    a: 'b',
    b: 'A',
    lost: 'nowhere',
    both: 'deepseek',
    Shout: 'mm3',
  },
  keyless: ['xai'],
});

const meaning = (text: string) => {
  const reference = resolveReference(snapshot, text);
  return `${reference.kind} ${reference.label} ${reference.target.provider}:${reference.target.model}`;
};

const failure = (text: string): MidswapError => {
  try {
    resolveReference(snapshot, text);
  } catch (error) {
    if (error instanceof MidswapError) return error;
    throw error;
  }
  throw new Error(`"${text}" was understood`);
};

describe('a reference', () => {
  it.each([
    ['deepseek', 'profile DeepSeek deepseek:deepseek-flash'],
    ['DEEPSEEK', 'profile DeepSeek deepseek:deepseek-flash'],
    [' max ', 'profile max anthropic:undefined'],
    ['hf', 'profile huggingface huggingface:x/y'],
    ['deepseek:deepseek-v4-pro', 'model DeepSeek:deepseek-v4-pro deepseek:deepseek-v4-pro'],
    ['deepseek:DEEPSEEK-FLASH', 'model DeepSeek:deepseek-flash deepseek:deepseek-flash'],
    ['mix:opus', 'model mix:opus anthropic:claude-opus-5'],
    ['mix:claude-opus-5', 'model mix:claude-opus-5 anthropic:claude-opus-5'],
    ['max:claude-haiku-5-5', 'model max:claude-haiku-5-5 anthropic:claude-haiku-5-5'],
    ['minimax:minimax-m3', 'model minimax:MiniMax-M3 minimax:MiniMax-M3'],
    ['moonshot:kimi-k3', 'model kimi:kimi-k3 kimi:kimi-k3'],
    ['groq:llama-3.3-70b', 'model groq:llama-3.3-70b groq:llama-3.3-70b'],
    ['openrouter/google/gemini-2.5-pro', 'model openrouter:google/gemini-2.5-pro openrouter:google/gemini-2.5-pro'],
    ['openrouter:qwen/q:free', 'model openrouter:qwen/q:free openrouter:qwen/q:free'],
    ['ollama/qwen3:8b', 'model ollama:qwen3:8b ollama:qwen3:8b'],
    ['mm3', 'model mm3 minimax:MiniMax-M3'],
    ['shout', 'model shout minimax:MiniMax-M3'],
    ['chain', 'profile chain deepseek:deepseek-flash'],
    ['qwen3:8b', 'model ollama:qwen3:8b ollama:qwen3:8b'],
    ['claude/mm3', 'model mm3 minimax:MiniMax-M3'],
    ['Claude/deepseek', 'profile DeepSeek deepseek:deepseek-flash'],
  ])('%s', (text, expected) => {
    expect(meaning(text)).toBe(expected);
  });

  it('is a plain model id when exactly one profile names it, in whichever slot and through whichever profile', () => {
    expect(meaning('claude-opus-5')).toBe('model mix:claude-opus-5 anthropic:claude-opus-5');
    expect(meaning('Deepseek-Flash')).toBe('model DeepSeek:deepseek-flash deepseek:deepseek-flash');
  });

  it('that can mean several places is refused with the candidates', () => {
    const error = failure('shared');
    expect(error.code).toBe('ambiguous_reference');
    expect(error.message).toContain('mix:shared (groq:shared)');
    expect(error.message).toContain('other:shared (together:shared)');
    const paths = failure('deepseek/deepseek-v4-pro');
    expect(paths.code).toBe('ambiguous_reference');
    expect(paths.message).toContain('openrouter:deepseek/deepseek-v4-pro');
  });

  it('that is a path as well as a model id of another profile is refused: nobody can know which was meant', () => {
    const error = failure('openai/gpt-oss-120b');
    expect(error.code).toBe('ambiguous_reference');
    expect(error.message).toContain('openai:gpt-oss-120b');
    expect(error.message).toContain('fast:openai/gpt-oss-120b');
    expect(meaning('groq:openai/gpt-oss-120b')).toBe('model groq:openai/gpt-oss-120b groq:openai/gpt-oss-120b');
  });

  it('that names a profile and an alias to something else is refused', () => {
    const error = failure('both');
    expect(error.code).toBe('ambiguous_reference');
    expect(error.message).toBe('"both" can mean profile "both" or alias "both" (deepseek)');
  });

  it('to nothing is refused with the nearest name', () => {
    expect(failure('depseek')).toMatchObject({ code: 'unknown_reference', hint: 'Did you mean "DeepSeek"?' });
    expect(failure('deepseek-flsh').hint).toContain('deepseek-flash');
    expect(failure('zzzzzzzz').hint).toContain('midswap models');
    for (const text of ['', ':', '/', 'deepseek:', ':deepseek-flash', 'nobody:model', 'claude/', '__proto__'])
      expect(failure(text).code, text).toBe('unknown_reference');
  });

  it('to a model of an alias is refused: only profiles and providers have models', () => {
    for (const [text, instead] of [
      ['deep:opus', 'deepseek:opus'],
      ['Chain:deepseek-flash', 'deepseek:deepseek-flash'],
      ['mm3:MiniMax-M3', 'minimax:MiniMax-M3'],
      ['claude/deep:opus', 'deepseek:opus'],
    ] as const) {
      const error = failure(text);
      expect(error).toMatchObject({ code: 'unknown_reference', hint: `Did you mean "${instead}"?` });
      expect(error.message).toMatch(
        /^"(.+):.+": "\1" is an alias of ".+", and only a profile or a provider has models$/,
      );
      expect(meaning(instead)).toMatch(/^model/);
    }
  });

  it('to nothing says so in a sentence, and keeps the model where only the place is mistyped', () => {
    expect(failure('zzzzzzzz').message).toBe('"zzzzzzzz" is no profile, alias, provider:model or model of a profile');
    expect(failure('lost').message).toBe(
      'alias "lost" means "nowhere", which is no profile, alias, provider:model or model of a profile',
    );
    expect(failure('depseek:some-model').hint).toBe('Did you mean "deepseek:some-model"?');
  });

  it('through an alias that leads nowhere or in a circle is refused and says which', () => {
    expect(failure('lost').message).toContain('alias "lost" means "nowhere"');
    expect(failure('a').message).toContain('a -> b -> a');
    expect(failure('B').message).toContain('b -> a -> b');
  });

  it('to something without a credential says what is missing', () => {
    expect(failure('broken')).toMatchObject({ code: 'no_credential' });
    expect(failure('broken').message).toContain('set KIMI_API_KEY');
    expect(failure('xai:grok-4.7').message).toContain('set XAI_API_KEY');
  });

  it('prefers what can be used where one model id stands in two profiles', () => {
    const keyless = sketchSnapshot({
      profiles: {
        first: { provider: 'xai', models: { sonnet: 'm' } },
        second: { provider: 'groq', models: { sonnet: 'm' } },
      },
      keyless: ['xai'],
    });
    expect(resolveReference(keyless, 'm').label).toBe('second:m');
  });

  it('gives each slot of a profile its own target, and a model the same one for all', () => {
    const mix = resolveReference(snapshot, 'mix');
    expect(targetIn(mix, ['opus'])).toMatchObject({ slot: 'opus', target: { provider: 'anthropic' } });
    expect(targetIn(mix, ['subagent', 'haiku'])).toMatchObject({ slot: 'haiku', target: { provider: 'groq' } });
    expect(targetIn(mix, ['fable'])).toMatchObject({ slot: undefined, target: { model: 'deepseek-flash' } });
    expect(targetIn(resolveReference(snapshot, 'mm3'), ['opus']).target.model).toBe('MiniMax-M3');
  });

  it('of any text is understood or refused by name, the same every time and in every case', () => {
    const words = fc.oneof(
      fc.string({ maxLength: 30 }),
      fc
        .array(
          fc.constantFrom('deepseek', 'mix', 'mm3', 'a', 'shared', 'openai', 'claude', 'opus', 'x', ':', '/', ' '),
          {
            maxLength: 6,
          },
        )
        .map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(words, (text) => {
        const outcome = (given: string) => {
          try {
            return meaning(given);
          } catch (error) {
            if (!(error instanceof MidswapError)) throw error;
            return error.code;
          }
        };
        expect(outcome(text)).toBe(outcome(text));
        const ascii = /^[\x20-\x7e]*$/.test(text);
        if (ascii) expect(outcome(text.toUpperCase()).toLowerCase()).toBe(outcome(text).toLowerCase());
      }),
      { numRuns: 500 },
    );
  });
});
