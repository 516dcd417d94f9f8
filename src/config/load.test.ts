import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { MidswapError } from '../core/errors.ts';
import { loadText, testMachine } from './config.fixture.ts';
import type { LoadedConfig } from './load.ts';

describe('without any file', () => {
  it('everything has a default, and the client keeps its own login', async () => {
    const { snapshot, warnings, files } = await testMachine().load();
    expect(snapshot.settings).toEqual({
      defaultProfile: 'subscription',
      alwaysDynamic: true,
      maxBodyBytes: 33_554_432,
      graceMs: 30_000,
      pingMs: 10_000,
      host: '127.0.0.1',
      port: 0,
      localAnswers: { modelCheck: true, quotaCheck: true },
    });
    expect(snapshot.profiles.get('subscription')).toMatchObject({ auth: 'subscription', unusable: undefined });
    expect(snapshot.aliases.get('max')).toBe('subscription');
    expect(warnings).toEqual([]);
    expect(files.every((file) => file.includes('midswap-config'))).toBe(true);
  });

  it('a key of the environment makes a provider usable, and its absence says what to do', async () => {
    const machine = testMachine();
    const without = (await machine.load()).snapshot.profiles.get('deepseek');
    expect(without?.unusable).toBe('no key: set DEEPSEEK_API_KEY, or run "midswap keys set deepseek"');
    const withKey = (await machine.load({ env: { DEEPSEEK_API_KEY: 'k' } })).snapshot.profiles.get('deepseek');
    expect(withKey?.unusable).toBeUndefined();
    expect(withKey?.auth).toBe('key');
  });

  it('a key in the own .env counts, one in the .env of the project does not', async () => {
    const own = testMachine(undefined, { 'home/.config/midswap/.env': 'GROQ_API_KEY=k\n' });
    expect((await own.load()).snapshot.profiles.get('groq')?.unusable).toBeUndefined();
    const project = testMachine(undefined, { 'work/.env': 'GROQ_API_KEY=k\n' });
    expect((await project.load()).snapshot.profiles.get('groq')?.unusable).toBeDefined();
  });

  it('an empty file, comments alone and empty sections say nothing', async () => {
    const empty = await testMachine().load();
    for (const text of ['', '# nothing\n', '---\n', 'profiles:\nrouting:\n', '{}', 'default_profile:\n']) {
      const { snapshot } = await loadText(text);
      expect([...snapshot.profiles.keys()], text).toEqual([...empty.snapshot.profiles.keys()]);
      expect(snapshot.settings, text).toEqual(empty.snapshot.settings);
    }
  });
});

describe('layers', () => {
  const user =
    'default_profile: glm\nprofiles:\n  glm: { models: { opus: glm-5, haiku: glm-4 }, fallback: [sandbox, groq] }\n';
  const project = 'default_profile: sandbox\nprofiles: { GLM: { models: { haiku: glm-air } } }\n';

  it('later ones win: file, project, environment, flags', async () => {
    const machine = testMachine(user, { 'work/.midswap.yaml': project });
    const chosen = async (more: Parameters<typeof machine.load>[0]) =>
      (await machine.load(more)).snapshot.settings.defaultProfile;
    expect(await chosen({ cwd: machine.home })).toBe('glm');
    expect(await chosen({})).toBe('sandbox');
    expect(await chosen({ env: { MIDSWAP_PROFILE: 'groq' } })).toBe('groq');
    expect(await chosen({ env: { MIDSWAP_PROFILE: 'groq' }, flags: { profile: 'kimi' } })).toBe('kimi');
  });

  it('maps merge by key and names by any case, lists are replaced', async () => {
    const { config } = await testMachine(user, { 'work/.midswap.yaml': project }).load();
    expect(config.profiles).toEqual({
      glm: { models: { opus: 'glm-5', haiku: 'glm-air' }, fallback: ['sandbox', 'groq'] },
    });
  });

  it('every value has an origin', async () => {
    const machine = testMachine(user, { 'work/.midswap.yaml': project });
    const loaded = await machine.load({ env: { MIDSWAP_PORT: '7000' }, flags: { host: '::1' } });
    const values = loaded.values().map(({ key, origin }) => [key, origin]);
    expect(values).toContainEqual(['gateway.ping_ms', 'built in']);
    expect(Object.fromEntries(values.filter(([, origin]) => origin !== 'built in'))).toEqual({
      default_profile: `${machine.work}/.midswap.yaml:1`,
      'gateway.host': 'command line --host',
      'gateway.port': 'environment MIDSWAP_PORT',
      'profiles.glm.models.opus': `${machine.file}:3`,
      'profiles.glm.models.haiku': `${machine.work}/.midswap.yaml:2`,
      'profiles.glm.fallback': `${machine.file}:3`,
    });
    expect(loaded.originOf('profiles.glm.models.opus')).toBe(`${machine.file}:3`);
    expect(loaded.originOf(['routing', 'think'])).toBe('built in');
  });

  it('values are shown without keys and passwords', async () => {
    const loaded = await loadText(`providers:
  glm:
    auth: { keys: ["env:A", "sk-verysecretkey"] }
    proxy: "socks5://me:verysecretpass@proxy:1080"
web_tools:
  proxy: "http://me:very@verysecret@near:3128"
  search: { engine: tavily, key: "tvly-verysecret-0123456789" }
`);
    const text = inspect(loaded.values());
    expect(text).not.toContain('verysecret');
    expect(text).toContain('env:A');
    expect(text).toContain('socks5://[secret]@proxy:1080');
    expect(text).toContain('http://[secret]@near:3128');
    expect(loaded.warnings.join()).toContain('providers.glm.auth.keys[1]: is a key in plain text');
    expect(loaded.warnings.join()).not.toContain('verysecret');
  });

  it('another file can be named, and then it has to be there', async () => {
    const machine = testMachine('default_profile: glm\n', { 'other.yaml': 'default_profile: groq\n' });
    const loaded = await machine.load({ configFile: join(machine.dir, 'other.yaml') });
    expect(loaded.snapshot.settings.defaultProfile).toBe('groq');
    const missing = machine.load({ configFile: join(machine.dir, 'missing.yaml') });
    await expect(missing).rejects.toMatchObject({ code: 'config_unreadable' });
  });
});

describe('models of the environment', () => {
  const slots = ({ snapshot }: LoadedConfig) => {
    const profile = snapshot.profiles.get('environment');
    const targets = { ...profile?.slots, rest: profile?.fallbackTarget };
    return Object.fromEntries(Object.entries(targets).map(([slot, to]) => [slot, `${to?.provider}:${to?.model}`]));
  };

  it('make a profile of their own, in which blank ones inherit from MODEL', async () => {
    const env = { MODEL: 'glm/glm-5', MODEL_OPUS: 'deepseek:deepseek-reasoner', MODEL_HAIKU: '' };
    const loaded = await testMachine().load({ env });
    expect(loaded.snapshot.settings.defaultProfile).toBe('environment');
    expect(slots(loaded)).toEqual({
      opus: 'deepseek:deepseek-reasoner',
      sonnet: 'glm:glm-5',
      haiku: 'glm:glm-5',
      fable: 'glm:glm-5',
      rest: 'glm:glm-5',
    });
    expect(loaded.originOf('default_profile')).toBe('environment MODEL, MODEL_OPUS');
  });

  it('inherit from the profile that would have been the default', async () => {
    const loaded = await loadText('default_profile: sandbox\n', { MODEL_OPUS: 'sandbox-swift' });
    expect(slots(loaded)).toMatchObject({ opus: 'sandbox:sandbox-swift', sonnet: 'sandbox:sandbox-sage' });
  });

  it('leave the other profiles alone, and a profile that is asked for goes first', async () => {
    const loaded = await testMachine().load({ env: { MODEL: 'glm:x' }, flags: { profile: 'sandbox' } });
    expect(loaded.snapshot.settings.defaultProfile).toBe('sandbox');
  });

  it('that mean nothing are left out with a warning, for other programs use these names', async () => {
    const loaded = await loadText('default_profile: sandbox\n', {
      MODEL: 'HP-EliteBook:9',
      MODEL_OPUS: 'sandbox-swift',
    });
    expect(loaded.snapshot.settings.defaultProfile).toBe('sandbox');
    expect(loaded.snapshot.profiles.has('environment')).toBe(false);
    expect(loaded.warnings.join('\n')).toMatch(/environment: MODEL: "HP-EliteBook:9" is no profile.*left out/);
  });
});

describe('a file that cannot be used', () => {
  it.each([
    ['a directory', (file: string) => mkdirSync(file, { recursive: true }), 'is not a regular file'],
    [
      'a link to itself',
      (file: string) => {
        mkdirSync(join(file, '..'), { recursive: true });
        symlinkSync('config.yaml', file);
      },
      'cannot be read: ELOOP',
    ],
    [
      'no UTF-8',
      (file: string) => {
        mkdirSync(join(file, '..'), { recursive: true });
        writeFileSync(file, Buffer.from([0x61, 0x3a, 0x20, 0xff, 0xfe]));
      },
      'is not UTF-8',
    ],
    [
      'far too large',
      (file: string) => {
        mkdirSync(join(file, '..'), { recursive: true });
        writeFileSync(file, '#'.repeat(5 << 20));
      },
      'is larger than 4194304 bytes',
    ],
  ])('%s', async (_, make, message) => {
    const machine = testMachine();
    make(machine.file);
    const error = await machine.load().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'config_unreadable', message: `${machine.file} ${message}` });
  });

  it.skipIf(process.getuid?.() === 0)('of somebody else', async () => {
    const machine = testMachine('');
    chmodSync(machine.file, 0o000);
    await expect(machine.load()).rejects.toMatchObject({ code: 'config_unreadable' });
  });

  it('that unfolds to gigabytes or is nested without end is refused quickly', async () => {
    const bomb = [
      'a0: &a0 [x,x,x,x,x,x,x,x,x]',
      ...Array.from({ length: 12 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`)}]`),
    ];
    const started = performance.now();
    await expect(loadText(bomb.join('\n'))).rejects.toMatchObject({ code: 'config_invalid' });
    await expect(loadText(`a: ${'['.repeat(20_000)}`)).rejects.toMatchObject({ code: 'config_invalid' });
    await expect(loadText(`a: ${'{a: '.repeat(200)}1${'}'.repeat(200)}`)).rejects.toMatchObject({
      code: 'config_invalid',
    });
    await expect(loadText('a: &a\n  b: *a\n')).rejects.toMatchObject({ code: 'config_invalid' });
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});

const SAMPLE = `default_profile: deepseek
profiles:
  deepseek:
    models: { opus: deepseek-reasoner, sonnet: deepseek-chat }
    fallback: [mix]
    thinking: { opus: 4096, default: off }
  mix:
    models: { opus: "anthropic:claude-opus-5", sonnet: deepseek, haiku: "groq:llama-3.3-70b" }
  max2: { provider: anthropic, auth: subscription }
model_map: { claude-3-5-haiku-latest: haiku }
aliases: { mm25: "minimax:MiniMax-M2.5", g5: "glm:glm-5" }
routing:
  background: "ollama:qwen3-coder"
  long_context: { target: "openrouter:google/gemini-2.5-pro", threshold: 60000 }
  subagents: { Explore: haiku, code-reviewer: "openai:gpt-5" }
providers:
  corp: { protocol: openai-chat, base_url: "https://llm.corp/v1", auth: { type: bearer, keys: ["env:CORP_KEY"] }, quirks: { max_tokens_field: max_completion_tokens } }
limits: { deepseek: { rps: 5, burst: 10, concurrency: 8 } }
gateway: { port: 0, ping_ms: 5000 }
`;

describe('any mutation of a configuration', () => {
  const words = [
    'default_profile',
    'profiles',
    'deepseek',
    'mix',
    'haiku',
    'null',
    '[]',
    '{}',
    '"',
    "'",
    '&a ',
    '*a',
    '!!int ',
    '- ',
  ];
  const pieces = fc.oneof(
    fc.constantFrom(
      ...words,
      '\n',
      '  ',
      ': ',
      '#',
      ',',
      '{',
      '}',
      '[',
      ']',
      '\t',
      '9'.repeat(30),
      '\u0000',
      '😀',
      '|',
      '>',
    ),
    fc.string({ unit: 'binary', maxLength: 3 }),
  );
  const edits = fc.array(fc.record({ at: fc.nat(SAMPLE.length), cut: fc.nat(5), put: pieces }), {
    minLength: 1,
    maxLength: 2,
  });

  it('is refused as a whole with a place, or means what YAML says that it means', async () => {
    const machine = testMachine(SAMPLE);
    let refused = 0;
    let loaded = 0;
    await fc.assert(
      fc.asyncProperty(edits, async (changes) => {
        let text = SAMPLE;
        for (const { at, cut, put } of changes) text = text.slice(0, at) + put + text.slice(at + cut);
        writeFileSync(machine.file, text);
        try {
          const { config, snapshot } = await machine.load({ cwd: machine.home });
          loaded++;
          const plain = parseDocument(text).toJS() ?? {};
          // Nothing of the file is missing, and nothing is there that the file does not say.
          expect(Object.keys(config.aliases ?? {})).toEqual(Object.keys(plain.aliases ?? {}));
          expect(Object.keys(config.profiles ?? {})).toEqual(Object.keys(plain.profiles ?? {}));
          expect(config.routing?.background ?? null).toEqual(plain.routing?.background ?? null);
          for (const name of Object.keys(config.profiles ?? {}))
            expect(snapshot.profiles.has(name.toLowerCase())).toBe(true);
        } catch (error) {
          if (!(error instanceof MidswapError)) throw error;
          refused++;
          expect(['config_invalid', 'config_unreadable']).toContain(error.code);
          expect(error.message).toContain(error.code === 'config_invalid' ? `${machine.file}:` : machine.file);
        }
      }),
      { numRuns: 400 },
    );
    expect(refused).toBeGreaterThan(50);
    expect(loaded).toBeGreaterThan(20);
  });
});

describe('a large configuration', () => {
  it('is loaded again in less than 50 ms, so that a changed file counts at once', async () => {
    const names = Array.from({ length: 500 }, (_, at) => `p${at}`);
    const text = names
      .map(
        (name, at) =>
          `  ${name}:\n    provider: deepseek\n    models: { opus: deepseek-reasoner, sonnet: "px:m${at}", haiku: deepseek-chat }\n    fallback: [openrouter, glm]\n`,
      )
      .join('');
    const machine = testMachine(`profiles:\n  px: { provider: glm }\n${text}`);
    // The best of a few: what else the machine does is not what is measured.
    let best = Number.POSITIVE_INFINITY;
    for (let run = 0; run < 25 && best >= 50; run++) {
      const started = performance.now();
      const { snapshot } = await machine.load();
      best = Math.min(best, performance.now() - started);
      expect(snapshot.profiles.size).toBeGreaterThan(500);
    }
    expect(best).toBeLessThan(50);
  });
});
