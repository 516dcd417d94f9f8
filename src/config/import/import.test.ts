import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listFiles, writeFiles } from '../../../test/support/temp-home.ts';
import { MidswapError } from '../../core/errors.ts';
import { type TestMachine, testMachine } from '../config.fixture.ts';
import type { LoadedConfig } from '../load.ts';
import type { RawConfig } from '../schema.ts';
import { EXAMPLES, type Example, KEY } from './import.fixture.ts';
import { type ImportOptions, type ImportPlan, planImport, RIVALS } from './index.ts';

function machineWith({ files }: Pick<Example, 'files'>, config?: string): TestMachine {
  const machine = testMachine(config);
  writeFiles(machine.home, files);
  return machine;
}

function plan(
  { home, work }: TestMachine,
  { rival, path, env }: Omit<Example, 'title' | 'files'>,
  more: Partial<ImportOptions> = {},
): Promise<ImportPlan> {
  return planImport({
    env: env ?? {},
    platform: 'linux',
    home,
    cwd: work,
    rival,
    path: path === undefined ? undefined : join(home, path),
    keychain: async () => undefined,
    ...more,
  });
}

/** What the example comes to, applied to a machine without a configuration and loaded from there. */
async function imported(
  example: Example,
  env: Readonly<Record<string, string>> = {},
): Promise<{ config: RawConfig; loaded: LoadedConfig; machine: TestMachine; plan: ImportPlan }> {
  const machine = machineWith(example);
  const made = await plan(machine, example);
  await made.apply();
  const loaded = await machine.load({ env });
  return { config: loaded.config, loaded, machine, plan: made };
}

function example(title: string): Example {
  return EXAMPLES.find((one) => one.title === title) as Example;
}

const reasons = ({ notes }: ImportPlan): Record<string, string> =>
  Object.fromEntries(notes.map(({ path, reason }) => [path, reason]));

describe.each(EXAMPLES.map((one) => [one.title, one] as const))('%s', (_, one) => {
  it('becomes a configuration that loads without a warning about the file', async () => {
    const { loaded, config } = await imported(one);
    expect(Object.keys(config).length).toBeGreaterThan(3);
    const aboutKeys = /is not set; this key is left out/;
    expect(loaded.warnings.filter((line) => !aboutKeys.test(line))).toEqual([]);
  });

  it('shows no key and writes none into the configuration; what is kept is in the 0600 file', async () => {
    const { machine, plan: made } = await imported(one);
    const { apply: ignored, ...shown } = made;
    expect(JSON.stringify(shown)).not.toMatch(KEY);
    expect(readFileSync(machine.file, 'utf8')).not.toMatch(KEY);
    for (const { name } of made.secrets) expect(readFileSync(machine.file, 'utf8')).toContain(`keychain:${name}`);
  });

  it('leaves the files of the other tool as they are', async () => {
    const { machine } = await imported(one);
    for (const [name, text] of Object.entries(one.files))
      expect(readFileSync(join(machine.home, name), 'utf8')).toBe(text);
  });

  it('changes nothing until it is applied, and nothing more the second time', async () => {
    const machine = machineWith(one);
    const before = listFiles(machine.dir);
    const made = await plan(machine, one);
    expect(listFiles(machine.dir)).toEqual(before);
    expect(made.changes).toBe(true);
    await made.apply();
    const after = readFileSync(machine.file, 'utf8');
    const again = await plan(machine, one);
    expect([again.changes, again.secrets, again.conflicts]).toEqual([false, [], []]);
    await again.apply();
    expect(readFileSync(machine.file, 'utf8')).toBe(after);
  });

  it('without keys has no secrets and still loads', async () => {
    const machine = machineWith(one);
    const made = await plan(machine, one, { keys: false });
    expect(made.secrets).toEqual([]);
    await made.apply();
    expect(readFileSync(machine.file, 'utf8')).not.toContain('keychain:');
    await machine.load();
  });

  it('under other names touches nothing that is there, and still loads', async () => {
    const machine = machineWith(one);
    await (await plan(machine, one)).apply();
    const before = (await machine.load()).config;
    const renamed = await plan(machine, one, { rename: 'two' });
    expect(renamed.conflicts).toEqual([]);
    await renamed.apply();
    expect((await machine.load()).config).toMatchObject(before);
  });
});

describe('what is carried over', () => {
  it('claude-code-router: providers by their addresses, the router as profile and routes', async () => {
    const { config, plan: made } = await imported(example('claude-code-router'));
    expect(config).toMatchObject({
      default_profile: 'ccr',
      profiles: { ccr: { models: { default: 'deepseek:deepseek-chat' } } },
      routing: {
        background: 'ollama:qwen',
        think: 'ark:seed',
        long_context: { target: 'openrouter:google/gemini-2.5-pro', threshold: 50_000 },
        web_search: 'gemini:gemini-2.5-flash',
      },
      providers: {
        openrouter: { auth: { keys: ['keychain:ccr-openrouter'] }, proxy: 'keychain:ccr-proxy' },
        deepseek: { proxy: 'keychain:ccr-proxy' },
        gemini: { auth: { keys: ['env:MY_GEMINI'] } },
        ark: { protocol: 'openai-chat', base_url: 'https://ark.example.com/api/v3', models: { default: 'seed' } },
        relay: { protocol: 'anthropic-messages', base_url: 'https://relay.example.com' },
      },
    });
    expect(config.providers).not.toHaveProperty('ollama');
    expect(reasons(made)).toMatchObject({
      APIKEY: expect.stringContaining('server'),
      CUSTOM_ROUTER_PATH: expect.stringContaining('not run'),
      API_TIMEOUT_MS: expect.anything(),
      'Providers[0].transformer.use': expect.stringContaining('transformers'),
      'Providers[1].transformer.deepseek-chat': expect.stringContaining('transformers'),
      'Providers[2].api_key': expect.stringContaining('placeholder'),
      'Providers[3].api_base_url': expect.stringContaining('protocol of its own'),
      'Router.image': expect.stringContaining('does not name'),
    });
  });

  it('CCS: a profile for each settings file, with its key', async () => {
    const { config, plan: made } = await imported(example('CCS, YAML'));
    expect(config).toMatchObject({
      default_profile: 'glm',
      providers: {
        glm: { region: 'international' },
        km: { base_url: 'https://km.example.com/coding', auth: { type: 'bearer' } },
      },
      profiles: {
        glm: {
          provider: 'glm',
          keys: ['keychain:ccs-glm'],
          models: { default: 'glm-5.2', opus: 'glm-5.2', haiku: 'glm-5.1' },
        },
        km: { provider: 'km', keys: ['keychain:ccs-km'], models: { default: 'km-2' } },
      },
    });
    expect(Object.keys(reasons(made))).toEqual(
      expect.arrayContaining([
        'accounts.work',
        'cliproxy.flash',
        'preferences',
        'profiles.lost',
        'profiles.bad',
        'profiles.glm.permissions',
      ]),
    );
  });

  it('CCS of before: the client itself is its own login, a placeholder is no key', async () => {
    const { config, plan: made } = await imported(example('CCS, JSON'));
    expect(config.profiles).toEqual({
      or: { provider: 'openrouter', models: { default: 'z/glm' } },
      default: { provider: 'anthropic', auth: 'subscription' },
    });
    expect(made.secrets).toEqual([]);
  });

  it('cc-route: an alias for each route; a second key at one provider is a profile', async () => {
    const { config, plan: made } = await imported(example('cc-route'));
    expect(config.aliases).toEqual({
      mm25: 'minimax:MiniMax-M2.5',
      d4f: 'deepseek:deepseek-v4-flash',
      ds: 'deepseek:deepseek-v4-flash',
      d4p: 'deepseek-key:deepseek-v4-pro',
      g5: 'glm-5:glm-5',
      'opus-cc-route': 'kimi:kimi-k2',
    });
    expect(config.profiles).toEqual({
      'deepseek-key': { provider: 'deepseek', keys: ['keychain:cc-route-deepseek-2'] },
    });
    expect(config.providers).toMatchObject({
      kimi: { region: 'cn' },
      'glm-5': { base_url: 'https://relay.example.com' },
    });
    expect(reasons(made)).toMatchObject({
      'modelRoutes.gpt-*': expect.stringContaining('pattern'),
      'modelRoutes.what.preset': expect.anything(),
      'modelRoutes.kimi-k2.headers': expect.anything(),
      'modelRoutes.glm-5.baseURL': expect.stringContaining('which protocol'),
    });
  });

  it('free-claude-code: a profile over several providers, and the keys of all of them', async () => {
    const { config, plan: made } = await imported(example('free-claude-code'));
    expect(config).toMatchObject({
      default_profile: 'free-claude-code',
      profiles: {
        'free-claude-code': {
          models: {
            default: 'nvidia-nim:nvidia/nemotron-3',
            opus: 'glm:glm-5',
            haiku: 'openrouter:stepfun/step-3.5-flash:free',
          },
          fallback: ['groq:llama-3.3-70b-versatile'],
        },
      },
      providers: {
        glm: { region: 'coding-plan', auth: { keys: ['keychain:free-claude-code-zai'] } },
        openrouter: { proxy: 'socks5://127.0.0.1:1080' },
        ollama: { base_url: 'http://10.0.0.5:11434' },
      },
    });
    expect(Object.keys(reasons(made))).toEqual(
      expect.arrayContaining(['MODEL_FALLBACKS', 'PROVIDER_RATE_LIMIT', 'ANTHROPIC_AUTH_TOKEN', 'line 15']),
    );
  });

  it('claude-code-proxy: the models of the preferred provider', async () => {
    const { config, plan: made } = await imported(example('claude-code-proxy of 1rgs'));
    expect(config.profiles).toEqual({
      'claude-code-proxy': {
        provider: 'gemini',
        models: { opus: 'gemini-2.5-pro', sonnet: 'gemini-2.5-pro', haiku: 'gemini-2.0-flash' },
      },
    });
    expect(reasons(made)).toHaveProperty('OPENAI_API_KEY');
  });

  it('claude-code-proxy: a base URL is a provider of its own; the key of its clients stays', async () => {
    const { config, plan: made } = await imported(example('claude-code-proxy of fuergaosi233'));
    expect(config.profiles?.['claude-code-proxy']).toEqual({
      provider: 'claude-code-proxy',
      models: { opus: 'big', sonnet: 'middle', haiku: 'small' },
    });
    expect(config.providers?.['claude-code-proxy']).toMatchObject({
      protocol: 'openai-chat',
      base_url: 'https://llm.example.com/v1',
    });
    expect(made.secrets.map(({ path }) => path)).toEqual(['OPENAI_API_KEY']);
    expect(Object.keys(reasons(made))).toEqual(['ANTHROPIC_API_KEY', 'PORT']);
  });

  it('deepclaude: its backends, its default, and a key of the shell', async () => {
    const { config, plan: made } = await imported(example('deepclaude, from a file of the shell'));
    expect(config.default_profile).toBe('deepclaude-or');
    expect(config.profiles?.['deepclaude-ds']).toMatchObject({
      provider: 'deepseek',
      models: { haiku: 'deepseek-v4-flash' },
    });
    expect(made.secrets).toEqual([{ name: 'deepclaude-deepseek', path: 'DEEPSEEK_API_KEY' }]);
    const other = await imported(example('deepclaude, from the environment'));
    expect([other.config.default_profile, other.config.providers]).toEqual(['deepclaude-ds', undefined]);
  });

  it('ccode: its profiles, with its own login where there is nothing else', async () => {
    const { config, plan: made } = await imported(example('ccode'));
    expect(config).toMatchObject({
      default_profile: 'deepseek',
      always_dynamic: true,
      providers: { minimax: { region: 'international' } },
      profiles: {
        deepseek: { provider: 'deepseek', keys: ['keychain:ccode-deepseek'], models: { opus: 'deepseek-reasoner' } },
        minimax: { provider: 'minimax', keys: ['keychain:ccode-minimax'] },
        max: { provider: 'anthropic', auth: 'subscription' },
      },
    });
    expect(Object.keys(reasons(made))).toEqual(['profiles.minimax.proxy', 'always_control', 'proxy']);
  });

  it('cc-switch: what belongs to Claude Code, from JSON and from SQL', async () => {
    const json = await imported(example('cc-switch, JSON'));
    expect(json.config).toMatchObject({
      default_profile: 'Kimi',
      providers: { kimi: { region: 'cn' } },
      profiles: {
        'Claude-Official': { provider: 'anthropic', auth: 'subscription' },
        Kimi: { provider: 'kimi', models: { default: 'kimi-k2.7-code', haiku: 'kimi-k2.6' } },
      },
    });
    expect(reasons(json.plan)).toMatchObject({
      'codex.providers.c': expect.stringContaining('another program'),
      mcp: expect.anything(),
    });
    const sql = await imported(example('cc-switch, SQL export'));
    expect(sql.config).toMatchObject({
      default_profile: 'It-s-mine',
      profiles: { 'It-s-mine': { models: { default: 'a' } }, plain: { provider: 'deepseek' } },
    });
  });

  it('cc-switch: its database is read and not touched', async () => {
    const { DatabaseSync } = await import('node:sqlite');
    const machine = machineWith({ files: { '.cc-switch/.keep': '' } });
    const file = join(machine.home, '.cc-switch/cc-switch.db');
    const database = new DatabaseSync(file);
    database.exec(example('cc-switch, SQL export').files['export.sql'] as string);
    database.close();
    const before = readFileSync(file);
    const files = listFiles(machine.home);
    const made = await plan(machine, { rival: 'cc-switch' });
    await made.apply();
    expect((await machine.load()).config.profiles).toHaveProperty('plain');
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(listFiles(join(machine.home, '.cc-switch'))).toEqual(files.map((name) => name.replace('.cc-switch/', '')));
  });

  it('LiteLLM: names as aliases, profiles with fallbacks, and what the client asks for', async () => {
    const { config, plan: made } = await imported(example('LiteLLM'));
    expect(config).toMatchObject({
      providers: {
        'azure-openai': { endpoints: { 'openai-chat': { base_url: 'https://my-res.openai.azure.com/openai/v1' } } },
        ollama: { base_url: 'http://10.0.0.5:11434' },
        'llm.example.com': { base_url: 'https://llm.example.com/v1' },
      },
      profiles: {
        gpt: { models: { default: 'azure-openai:gpt-eu' }, fallback: ['openai:gpt-4o'] },
        corp: { models: { default: 'llm.example.com:facebook/opt' }, fallback: ['azure-openai:gpt-eu'] },
      },
      model_map: { 'claude-3-5-haiku-latest': 'deepseek:deepseek-chat', 'local/qwen': 'ollama:qwen3' },
    });
    expect(Object.keys(reasons(made))).toEqual(
      expect.arrayContaining([
        'model_list[1].litellm_params.rpm',
        'model_list[5]',
        'model_list[6].litellm_params.model',
        'fallbacks.corp',
        'router_settings.routing_strategy',
        'general_settings',
        'environment_variables.REDIS_HOST',
      ]),
    );
  });
});

const OWN = `# my configuration
default_profile: mine   # stays
profiles:
  mine: { provider: sandbox, models: { default: sandbox-swift } }  # the small one
providers:
  # through the office
  deepseek:
    timeouts: { connect_ms: 5000 }
`;

describe('a configuration that is there', () => {
  it('keeps its comments, its layout and its own settings', async () => {
    const machine = machineWith(example('claude-code-router'), OWN);
    const made = await plan(machine, { rival: 'ccr' });
    await made.apply();
    const text = readFileSync(machine.file, 'utf8');
    for (const line of OWN.trimEnd().split('\n')) expect(text).toContain(line);
    const { config } = await machine.load();
    expect(config.default_profile).toBe('mine');
    expect(config.providers?.deepseek).toMatchObject({ timeouts: { connect_ms: 5000 }, proxy: 'keychain:ccr-proxy' });
    expect(reasons(made)).toMatchObject({ default_profile: expect.stringContaining('--force') });
  });

  it.each([
    ['a profile', 'profiles: { CCR: { provider: sandbox } }', 'profiles.ccr'],
    [
      'an alias of the name',
      'profiles: { p: { provider: sandbox, models: { default: sandbox-swift } } }\naliases: { ccr: p }',
      'aliases.ccr',
    ],
    [
      'another key of a provider',
      'providers: { openrouter: { auth: { keys: ["env:MINE"] } } }',
      'providers.openrouter.auth.keys',
    ],
    ['a profile that means another provider', 'profiles: { deepseek: { provider: sandbox } }', 'profiles.deepseek'],
  ])('%s in the way: nothing is written, unless it is forced or renamed', async (_, own, path) => {
    const machine = machineWith(example('claude-code-router'), own);
    const made = await plan(machine, { rival: 'ccr' });
    expect(made.conflicts.map((one) => one.path)).toContain(path);
    await expect(made.apply()).rejects.toMatchObject({ code: 'usage', hint: expect.stringContaining('--rename') });
    expect(readFileSync(machine.file, 'utf8')).toBe(own);
    expect(listFiles(machine.home).filter((name) => name.includes('secrets'))).toEqual([]);
  });

  it('is replaced where it is forced', async () => {
    const machine = machineWith(
      example('claude-code-router'),
      'default_profile: ccr\nprofiles: { ccr: { provider: sandbox } }\n',
    );
    await (await plan(machine, { rival: 'ccr' }, { force: true })).apply();
    expect((await machine.load()).config.profiles?.ccr).toEqual({ models: { default: 'deepseek:deepseek-chat' } });
  });

  it('that is faulty is told of, and stays', async () => {
    const machine = machineWith(example('claude-code-router'), 'profils: {}\n');
    await expect(plan(machine, { rival: 'ccr' })).rejects.toMatchObject({ code: 'config_invalid' });
  });

  it('that changed after it was shown is not written', async () => {
    const machine = machineWith(example('claude-code-router'), OWN);
    const made = await plan(machine, { rival: 'ccr' });
    writeFiles(machine.dir, { 'home/.config/midswap/config.yaml': `${OWN}# more\n` });
    await expect(made.apply()).rejects.toMatchObject({ code: 'cannot_write' });
    expect(readFileSync(machine.file, 'utf8')).toBe(`${OWN}# more\n`);
  });

  it('another key stored under the name is in the way', async () => {
    const machine = machineWith(example('ccode'));
    await (await plan(machine, { rival: 'ccode' })).apply();
    const file = '.config/ccode/config.yaml';
    const text = example('ccode').files[file] as string;
    writeFiles(machine.home, { [file]: text.replace('k3y-ds', 'k3y-new') });
    const again = await plan(machine, { rival: 'ccode' });
    expect(again.conflicts).toEqual([
      { path: 'keychain:ccode-deepseek', reason: expect.stringContaining('another key') },
    ]);
    await (await plan(machine, { rival: 'ccode' }, { force: true })).apply();
    expect((await plan(machine, { rival: 'ccode' })).secrets).toEqual([]);
  });

  it('is as it was, with every key that was stored, when one key cannot be stored', async () => {
    const machine = machineWith(example('ccode'), OWN);
    const kept = new Map([['ccode-deepseek', 'the-old-one']]);
    writeFiles(machine.dir, { 'home/.config/midswap/secrets.yaml': '"ccode-deepseek": "keychain:ccode-deepseek"\n' });
    const keychain = async () => ({
      exists: async () => true,
      read: async () => ({ values: new Map(kept) }),
      set: async (name: string, value: string) => {
        if (name === 'ccode-minimax') throw new MidswapError('cannot_write', 'the keychain refused the key');
        kept.set(name, value);
        return true;
      },
      remove: async (name: string) => void kept.delete(name),
    });
    const made = await plan(machine, { rival: 'ccode' }, { keychain, force: true });
    expect(made.secrets.map(({ name }) => name)).toEqual(['ccode-deepseek', 'ccode-minimax']);
    await expect(made.apply()).rejects.toMatchObject({ code: 'cannot_write' });
    expect([...kept]).toEqual([['ccode-deepseek', 'the-old-one']]);
    expect(readFileSync(machine.file, 'utf8')).toBe(OWN);
  });

  it('shows its own keys masked', async () => {
    const own = 'providers:\n  openrouter:\n    auth:\n      keys:\n        - plainkeywithoutshape99\n';
    const machine = machineWith(example('free-claude-code'), own);
    const { before, after } = await plan(machine, { rival: 'free-claude-code' });
    expect(`${before}${after}`).not.toContain('plainkeywithoutshape99');
  });
});

describe('what cannot be read', () => {
  it.each<[string, { rival: string; path?: string; rename?: string }, string, RegExp]>([
    ['an unknown tool', { rival: 'litelm' }, 'usage', /litellm/],
    ['a tool without a file', { rival: 'ccr' }, 'usage', /import ccr PATH/],
    ['a tool that has no place of its own', { rival: 'claude-code-proxy' }, 'usage', /PATH/],
    ['a path that is not there', { rival: 'ccr', path: 'nowhere.json' }, 'config_unreadable', /path/],
    ['a prefix that is none', { rival: 'ccr', rename: 'a b' }, 'usage', /Letters/],
    ['no JSON', { rival: 'ccr', path: 'bad.json' }, 'config_invalid', /path/],
    ['a list', { rival: 'ccr', path: 'list.json' }, 'config_invalid', /path/],
    ['no YAML', { rival: 'litellm', path: 'bad.yaml' }, 'config_invalid', /path/],
    ['no .env of it', { rival: 'claude-code-proxy', path: 'bad.json' }, 'config_invalid', /path/],
    ['no .env of it either', { rival: 'free-claude-code', path: 'list.json' }, 'config_invalid', /path/],
    ['no file of a shell with it', { rival: 'deepclaude', path: 'bad.yaml' }, 'config_invalid', /path/],
    ['no providers of it', { rival: 'cc-switch', path: 'bad.yaml' }, 'config_invalid', /path/],
  ])('%s', async (_, { path, ...options }, code, hint) => {
    const files = {
      'bad.json': '{"api_key": "k3y-bad-0123456789" "x"',
      'list.json': '[]',
      'bad.yaml': 'key: k3y-bad-0123456789: [\n',
    };
    const machine = machineWith({ files });
    const fault = await plan(machine, { rival: options.rival, ...(path !== undefined && { path }) }, options).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(fault).toMatchObject({ code, hint: expect.stringMatching(hint) });
    expect(String(fault)).not.toMatch(KEY);
  });

  it('every tool has an example', () => {
    expect(new Set(EXAMPLES.map(({ rival }) => rival))).toEqual(new Set(RIVALS.map(({ id }) => id)));
  });
});
