import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PROVIDERS } from '../catalogue/providers.ts';
import { SLOTS } from '../core/slot.ts';
import type { Profile, Snapshot } from '../core/snapshot.ts';
import type { Target } from '../core/target.ts';
import { resolveReference } from '../routing/reference.ts';
import { loadText, testMachine } from './config.fixture.ts';

const place = (target: Target | undefined): string | undefined => target && `${target.provider}:${target.model}`;

function slots(profile: Profile | undefined): Record<string, string | undefined> {
  const known = Object.entries(profile?.slots ?? {}).map(([slot, target]) => [slot, place(target)]);
  return { ...Object.fromEntries(known), rest: place(profile?.fallbackTarget) };
}

async function snapshotOf(text: string, env = {}): Promise<Snapshot> {
  return (await loadText(text, env)).snapshot;
}

/** Two providers with models that do not change with the catalogue. */
const OWN = `providers:
  one: { protocol: openai-chat, base_url: "http://127.0.0.1:1/v1", models: { opus: big, sonnet: mid, haiku: "small:8b", default: mid } }
  two: { protocol: anthropic-messages, base_url: "http://127.0.0.1:2", models: { opus: huge } }
`;

describe('every provider', () => {
  it('of the catalogue has a profile of its name, and a target for any model', async () => {
    const { snapshot } = await testMachine().load();
    for (const { id } of PROVIDERS) {
      expect(snapshot.profiles.get(id)?.provider).toBe(id);
      const target = snapshot.targetFor(id, 'some-model');
      expect(target).toMatchObject({ provider: id, model: 'some-model' });
      expect(target.endpoint).toBe(snapshot.providers.get(id)?.endpoints[0]);
    }
  });

  it('of the file has one too, with a variable for its key', async () => {
    const env = { MY_CORP_API_KEY: 'k' };
    const file =
      'providers: { my-corp: { protocol: openai-chat, base_url: "https://llm.corp/v1/", models: { default: m } } }';
    const profile = (await snapshotOf(file, env)).profiles.get('my-corp');
    expect(profile).toMatchObject({ provider: 'my-corp', auth: 'key', unusable: undefined });
    expect(profile?.fallbackTarget.endpoint).toEqual({
      protocol: 'openai-chat',
      baseUrl: 'https://llm.corp/v1',
      auth: 'bearer',
      local: false,
    });
    expect((await snapshotOf(file)).profiles.get('my-corp')?.unusable).toBe(
      'no key: set MY_CORP_API_KEY, or run "midswap keys set my-corp"',
    );
  });

  it('that is unknown has no target', async () => {
    const snapshot = await snapshotOf('');
    expect(() => snapshot.targetFor('nobody', 'x')).toThrow('"nobody" is no provider');
  });

  it('is frozen, and so is what is made of it', async () => {
    const snapshot = await snapshotOf(OWN);
    const frozen = [snapshot, snapshot.settings, snapshot.providers.get('one'), snapshot.profiles.get('one')];
    for (const one of frozen) expect(Object.isFrozen(one)).toBe(true);
    expect(Object.isFrozen(snapshot.profiles.get('one')?.slots.opus)).toBe(true);
  });
});

describe('slots', () => {
  it.each<[string, string, Record<string, string>]>([
    [
      "are the provider's where nothing is said",
      'provider: one',
      { opus: 'one:big', sonnet: 'one:mid', haiku: 'one:small:8b', fable: 'one:mid', rest: 'one:mid' },
    ],
    [
      'are single ones of the profile',
      'provider: one, models: { opus: x }',
      { opus: 'one:x', sonnet: 'one:mid', haiku: 'one:small:8b', fable: 'one:mid', rest: 'one:mid' },
    ],
    [
      'are all the default where only that is said',
      'provider: one, models: { default: x }',
      { opus: 'one:x', sonnet: 'one:x', haiku: 'one:x', fable: 'one:x', rest: 'one:x' },
    ],
    [
      'beyond the families are there only when they are named',
      'provider: two, models: { subagent: s, classifier: "one:c" }',
      { opus: 'two:huge', subagent: 'two:s', classifier: 'one:c', rest: 'two:huge' },
    ],
    [
      "may be another's, by provider:model",
      'provider: one, models: { opus: "two:huge" }',
      { opus: 'two:huge', sonnet: 'one:mid', haiku: 'one:small:8b', fable: 'one:mid', rest: 'one:mid' },
    ],
    [
      'take colons and slashes of model names',
      'provider: one, models: { opus: "qwen3:30b", sonnet: "two/x", haiku: "org/m:free" }',
      { opus: 'one:qwen3:30b', sonnet: 'one:two/x', haiku: 'one:org/m:free', fable: 'one:mid', rest: 'one:mid' },
    ],
    [
      'take the same slot of a profile',
      'models: { opus: two, haiku: one }',
      { opus: 'two:huge', haiku: 'one:small:8b', rest: 'two:huge' },
    ],
    ['take a slot of a profile by name', 'models: { sonnet: "one:opus" }', { sonnet: 'one:big', rest: 'one:big' }],
    ['take an alias', 'models: { sonnet: q }', { sonnet: 'one:q-model', rest: 'one:q-model' }],
    [
      'take a profile for every slot by default',
      'models: { default: one, haiku: "two:h" }',
      { opus: 'one:big', sonnet: 'one:mid', haiku: 'two:h', fable: 'one:mid', rest: 'one:mid' },
    ],
    [
      'take another slot of the same profile',
      'provider: one, models: { opus: x, subagent: opus }',
      { opus: 'one:x', sonnet: 'one:mid', haiku: 'one:small:8b', fable: 'one:mid', subagent: 'one:x', rest: 'one:mid' },
    ],
    [
      'take provider/model where there is no provider',
      'models: { opus: "two/x/y" }',
      { opus: 'two:x/y', rest: 'two:x/y' },
    ],
    [
      'take a model that one profile names',
      'models: { opus: only-here }',
      { opus: 'one:only-here', rest: 'one:only-here' },
    ],
    [
      'do not mind case',
      'provider: ONE, models: { opus: "TWO:Huge" }',
      { opus: 'two:Huge', sonnet: 'one:mid', haiku: 'one:small:8b', fable: 'one:mid', rest: 'one:mid' },
    ],
  ])('%s', async (_, profile, expected) => {
    const snapshot = await snapshotOf(
      `${OWN}profiles: { Mine: { ${profile} }, other: { provider: one, models: { opus: only-here } } }\naliases: { q: "one:q-model" }\n`,
    );
    expect(slots(snapshot.profiles.get('mine'))).toEqual(expected);
    for (const target of Object.values(snapshot.profiles.get('mine')?.slots ?? {}))
      expect(target?.profile).toBe('Mine');
  });

  it('a slot with a profile of the same name as a model of the provider is that model', async () => {
    const text = `${OWN}profiles: { mid: { provider: two }, mine: { provider: one, models: { opus: mid, haiku: two } } }\n`;
    expect(slots((await snapshotOf(text)).profiles.get('mine'))).toMatchObject({ opus: 'one:mid', haiku: 'two:huge' });
  });

  it('a model that the provider is known to have is its own, though its name begins like another provider', async () => {
    const text = `${OWN}profiles: { mine: { provider: one, models: { opus: "two:huge", sonnet: "two:b" } } }\n`;
    const known = text.replace('default: mid }', 'default: mid }, model_data: { "two:huge": { vision: true } }');
    expect(slots((await snapshotOf(text)).profiles.get('mine'))).toMatchObject({ opus: 'two:huge', sonnet: 'two:b' });
    expect(slots((await snapshotOf(known)).profiles.get('mine'))).toMatchObject({
      opus: 'one:two:huge',
      sonnet: 'two:b',
    });
  });

  it('mean what the same reference means to a session, wherever both are defined', async () => {
    const reference = fc.constantFrom(
      'one',
      'two',
      'one:big',
      'ONE:Mid',
      'two/x',
      'one:opus',
      'q',
      'q2',
      'two:x/y',
      'max',
      'other',
    );
    const text = (name: string): string =>
      `${OWN}aliases: { q: "one:q-model", q2: q }\nprofiles: { other: { provider: two, models: { opus: z } }, mine: { models: { opus: "${name}" } } }\n`;
    await fc.assert(
      fc.asyncProperty(reference, async (name) => {
        const snapshot = await snapshotOf(text(name));
        const meant = resolveReference(snapshot, name);
        const target = meant.kind === 'profile' ? (meant.slots.opus ?? meant.target) : meant.target;
        const own = snapshot.profiles.get('mine')?.slots.opus;
        expect([own?.provider, own?.model?.toLowerCase()]).toEqual([target.provider, target.model?.toLowerCase()]);
        expect(own?.credential.kind).toBe(target.credential.kind);
      }),
      { numRuns: 40 },
    );
  });

  it('think as they are told, each for itself', async () => {
    const text = `${OWN}profiles: { mine: { provider: one, thinking: { opus: 4096, haiku: off, default: on } }, quiet: { provider: one } }\n`;
    const snapshot = await snapshotOf(text);
    const { opus, sonnet, haiku } = snapshot.profiles.get('mine')?.slots ?? {};
    expect([opus?.thinking, sonnet?.thinking, haiku?.thinking]).toEqual([4096, 'on', 'off']);
    expect(snapshot.profiles.get('mine')?.fallbackTarget.thinking).toBe('on');
    expect(snapshot.profiles.get('quiet')?.slots.opus).not.toHaveProperty('thinking');
  });
});

describe('credentials', () => {
  const keys = (target: Target | undefined): string[] =>
    target?.credential.kind === 'keys'
      ? target.credential.keys.map((key) => key.reveal())
      : [`${target?.credential.kind}`];

  it('come from the references, in order; those that lead nowhere are left out and told', async () => {
    const { snapshot, warnings } = await loadText(
      'providers: { groq: { auth: { keys: ["env:A", "env:B", "env:C"] } } }',
      { A: 'a', C: 'c', GROQ_API_KEY: 'unused' },
    );
    expect(keys(snapshot.targetFor('groq', 'm'))).toEqual(['a', 'c']);
    expect(warnings.join()).toMatch(/providers\.groq\.auth\.keys: B is not set; this key is left out/);
  });

  it('that are all missing make the profile unusable, and nothing is sent', async () => {
    const snapshot = await snapshotOf('providers: { groq: { auth: { keys: ["env:A", "file:/nowhere/key"] } } }');
    expect(snapshot.profiles.get('groq')?.unusable).toBe('no key: A is not set; file:/nowhere/key is not there');
    expect(keys(snapshot.targetFor('groq', 'm'))).toEqual(['missing']);
  });

  it('of a profile go before those of its provider, also for other models of it', async () => {
    const text = 'profiles: { mine: { provider: groq, keys: ["env:MINE"] } }';
    const snapshot = await snapshotOf(text, { MINE: 'mine', GROQ_API_KEY: 'theirs' });
    expect(keys(snapshot.profiles.get('mine')?.fallbackTarget)).toEqual(['mine']);
    expect(keys(snapshot.targetFor('groq', 'x', 'mine'))).toEqual(['mine']);
    expect(keys(snapshot.targetFor('groq', 'x'))).toEqual(['theirs']);
    expect(keys(snapshot.targetFor('glm', 'x', 'mine'))).toEqual(['missing']);
  });

  it('that are stored under the name of the provider count', async () => {
    const machine = testMachine('', { 'home/.config/midswap/secrets.yaml': 'groq: "stored-key"\n' });
    const { snapshot } = await machine.load();
    expect(keys(snapshot.targetFor('groq', 'm'))).toEqual(['stored-key']);
  });

  it('none are needed on this machine, or where nothing is to be sent', async () => {
    const snapshot = await snapshotOf(
      `${OWN}profiles: { open: { provider: groq, auth: none, models: { default: m } } }\n`,
    );
    expect(keys(snapshot.targetFor('one', 'm'))).toEqual(['none']);
    expect(snapshot.profiles.get('open')).toMatchObject({ auth: 'none', unusable: undefined });
  });

  it('a profile with one slot at the subscription needs the login of the client', async () => {
    const snapshot = await snapshotOf(
      `${OWN}profiles: { mix: { provider: one, models: { opus: "subscription:claude-opus-5" } } }\n`,
    );
    expect(snapshot.profiles.get('mix')?.auth).toBe('subscription');
    expect(place(snapshot.profiles.get('mix')?.slots.opus)).toBe('anthropic:claude-opus-5');
    const named = await snapshotOf(`${OWN}profiles: { mix: { provider: one, models: { opus: subscription } } }\n`);
    expect(named.profiles.get('mix')).toMatchObject({ auth: 'subscription' });
    expect(named.profiles.get('mix')?.slots.opus?.credential.kind).toBe('client');
  });

  it.each([
    ['max:claude-opus-5', 'subscription:claude-opus-5', 'one'],
    ['max:claude-opus-5', 'subscription:claude-opus-5', undefined],
    ['o:big', 'one:big', undefined],
  ])('a model of an alias is refused, and said how to write: %s', async (text, instead, provider) => {
    const of = provider === undefined ? '' : `provider: ${provider}, `;
    const aliases = 'aliases: { o: one, m: "one:big" }\n';
    const load = loadText(`${OWN}${aliases}profiles: { mix: { ${of}models: { opus: "${text}" } } }\n`);
    await expect(load).rejects.toThrow(`only a profile or a provider has models; did you mean "${instead}"?`);
  });

  it('what begins with an alias of a model may be a model of the profile: runtimes call theirs name:tag', async () => {
    const config = `${OWN}aliases: { big: "two:huge" }\nprofiles: { mix: { provider: one, models: { opus: "big:8b" } } }\n`;
    expect(place((await snapshotOf(config)).profiles.get('mix')?.slots.opus)).toBe('one:big:8b');
  });

  it('no value is in the snapshot when it is printed', async () => {
    const { snapshot } = await loadText(
      'providers: { groq: { auth: { keys: ["env:A"] }, proxy: "http://me:hunter2hunter2@p:1" } }',
      { A: 'hunter2hunter2' },
    );
    const target = snapshot.targetFor('groq', 'm');
    expect(target.proxy?.reveal()).toContain('hunter2');
    const { inspect } = await import('node:util');
    expect(inspect(target, { depth: 9 }) + JSON.stringify(target) + inspect(snapshot, { depth: 9 })).not.toContain(
      'hunter2',
    );
  });
});

describe("the client's own login", () => {
  it.each([
    ['elsewhere', 'providers: { anthropic: { base_url: "https://relay.example" } }', false],
    [
      'elsewhere, by endpoints',
      'providers: { anthropic: { endpoints: { anthropic-messages: { base_url: "https://relay.example" } } } }',
      false,
    ],
    [
      'on a name that only begins like the real one',
      'providers: { anthropic: { base_url: "https://api.anthropic.com.example" } }',
      false,
    ],
    [
      'on a second endpoint',
      'providers: { anthropic: { endpoints: { openai-chat: { base_url: "https://relay.example" } } } }',
      false,
    ],
    ['without encryption', 'providers: { anthropic: { base_url: "http://api.anthropic.com" } }', false],
    ['on this machine', 'providers: { anthropic: { base_url: "http://127.0.0.1:8080" } }', true],
    ['where the catalogue says', 'providers: { anthropic: { timeouts: { idle_ms: 5 } } }', true],
  ])('stays with a provider whose place is %s only when it is safe there', async (_, text, stays) => {
    const snapshot = await snapshotOf(text);
    const { quirks } = snapshot.targetFor('anthropic', 'm');
    expect(quirks.acceptsClientLogin).toBe(stays);
    const clients = [...snapshot.profiles.values()].flatMap((profile) =>
      [...Object.values(profile.slots), profile.fallbackTarget].filter((target) => target.credential.kind === 'client'),
    );
    expect(clients.length > 0).toBe(stays);
    const { unusable } = snapshot.profiles.get('subscription') as Profile;
    if (stays) expect(unusable).toBeUndefined();
    else expect(unusable).toMatch(/^the client's own login does not go to https?:/);
  });

  it('goes to no provider of the file, whatever its quirks', async () => {
    const text = `providers:
  evil: { protocol: anthropic-messages, base_url: "https://evil.example", quirks: { anthropic_genuine: true } }
profiles: { evil2: { provider: evil, models: { default: m } } }
`;
    const snapshot = await snapshotOf(text);
    expect(snapshot.targetFor('evil', 'm').quirks.acceptsClientLogin).toBe(false);
    for (const profile of snapshot.profiles.values()) {
      for (const target of [...Object.values(profile.slots), profile.fallbackTarget]) {
        if (target.credential.kind === 'client') expect(target.provider).toBe('anthropic');
      }
    }
  });
});

describe('endpoints', () => {
  const known = (snapshot: Snapshot, id: string) =>
    snapshot.providers.get(id)?.endpoints.map(({ protocol, baseUrl }) => `${protocol} ${baseUrl}`);

  it('of a machine that serves several protocols move together', async () => {
    const before = known(await snapshotOf(''), 'ollama');
    const after = known(await snapshotOf('providers: { ollama: { base_url: "http://gpu:9/" } }'), 'ollama');
    expect(after).toEqual(before?.map((line) => line.replace('http://localhost:11434', 'http://gpu:9')));
  });

  it('of one protocol move alone, and the one that is asked for goes first', async () => {
    const text = 'providers: { sandbox: { protocol: openai-chat, base_url: "http://127.0.0.1:7/v1" } }';
    expect(known(await snapshotOf(text), 'sandbox')).toEqual([
      'openai-chat http://127.0.0.1:7/v1',
      'anthropic-messages http://sandbox.invalid',
    ]);
  });

  it('a profile chooses among the protocols of its provider', async () => {
    const text = 'profiles: { chat: { provider: sandbox, protocol: openai-chat } }';
    const { slots: of } = (await snapshotOf(text)).profiles.get('chat') as Profile;
    expect(of.opus?.endpoint.protocol).toBe('openai-chat');
    expect((await snapshotOf('')).profiles.get('sandbox')?.slots.opus?.endpoint.protocol).toBe('anthropic-messages');
  });

  it('without encryption on another machine are warned of', async () => {
    const { warnings } = await loadText(
      'providers: { far: { protocol: openai-chat, base_url: "http://far.example/v1" } }',
    );
    expect(warnings.join()).toContain('http://far.example/v1 is not encrypted');
  });
});

describe('what a provider is said to be', () => {
  it('quirks by their group or by the name alone, timeouts, limits, model data', async () => {
    const { snapshot } = await loadText(`providers:
  corp:
    protocol: openai-chat
    base_url: https://llm.corp/v1
    auth: { type: api-key, keys: ["env:K"] }
    quirks: { max_tokens_field: max_completion_tokens, vision: false, chat: { system_role: developer } }
    timeouts: { idle_ms: 7 }
    model_data: { m: { context_window: 1234, vision: true, price: { input: 1 } } }
limits: { CORP: { rps: 0.5, concurrency: 2 } }
`);
    const target = snapshot.targetFor('corp', 'm');
    expect(target.quirks.chat).toMatchObject({ maxTokensField: 'max_completion_tokens', systemRole: 'developer' });
    expect(target.quirks.vision).toBe(false);
    expect(target.endpoint.auth).toBe('api-key');
    expect(target.timeouts).toEqual({ connectMs: 10_000, firstByteMs: 300_000, idleMs: 7 });
    expect(target.data).toMatchObject({ contextWindow: 1234, maxOutputTokens: undefined, vision: true });
    expect(snapshot.modelData('corp', 'm').contextWindow).toBe(1234);
    expect(snapshot.modelData('corp', 'other').contextWindow).toBeUndefined();
    expect(snapshot.providers.get('corp')?.limits).toEqual({ rps: 0.5, concurrency: 2 });
  });

  it('on this machine nothing times out that only waits for a model', async () => {
    const snapshot = await snapshotOf(OWN);
    expect(snapshot.targetFor('one', 'm').timeouts).toMatchObject({ firstByteMs: 0, idleMs: 0 });
  });

  it('in the region to which its key belongs, unless something else is said', async () => {
    const hostIn = async (config: string, env: Record<string, string>) => {
      const { snapshot } = await loadText(config, env);
      return new URL(snapshot.targetFor('glm', 'm').endpoint.baseUrl).host;
    };
    expect(await hostIn('', { ZAI_API_KEY: 'k' })).toBe('api.z.ai');
    expect(await hostIn('providers: { glm: { auth: { keys: ["env:ZAI_API_KEY"] } } }', { ZAI_API_KEY: 'k' })).toBe(
      'api.z.ai',
    );
    expect(await hostIn('', { ZHIPU_API_KEY: 'k', ZAI_API_KEY: 'k' })).toBe('open.bigmodel.cn');
    expect(await hostIn('', {})).toBe('open.bigmodel.cn');
    const proxy = 'providers: { glm: { endpoints: { anthropic-messages: { base_url: "https://glm.corp" } } } }';
    expect(await hostIn(proxy, { ZAI_API_KEY: 'k' })).toBe('glm.corp');
  });

  it('by the names that the client asks for, where the catalogue says that any name will do', async () => {
    const snapshot = await snapshotOf('');
    const usable = [...snapshot.profiles.values()].filter(({ unusable }) => unusable === undefined);
    const takers = PROVIDERS.filter(
      ({ takesClientNames, keyVariables }) => takesClientNames && keyVariables.length === 0,
    ).map(({ id }) => id);
    expect(takers.length).toBeGreaterThan(0);
    expect(usable.map(({ name }) => name)).toEqual(expect.arrayContaining(takers));
    for (const id of takers) expect(resolveReference(snapshot, id).target.model).toBeUndefined();
    expect(snapshot.profiles.get('ollama')?.unusable).toMatch(/^no model/);
  });

  it('under another of its names', async () => {
    const entry = PROVIDERS.find(({ aliases, keyVariables }) => (aliases?.length ?? 0) > 0 && keyVariables.length > 0);
    const alias = entry?.aliases?.find((name) => name !== 'claude') as string;
    const snapshot = await snapshotOf(
      `providers: { ${alias}: { timeouts: { idle_ms: 7 } } }\nprofiles: { mine: { provider: ${alias}, models: { default: m } } }\n`,
    );
    expect(snapshot.providers.get(entry?.id as string)?.timeouts.idleMs).toBe(7);
    expect(snapshot.profiles.get('mine')?.provider).toBe(entry?.id);
  });
});

describe('routes and names', () => {
  it('a model is spelled as its provider spells it, wherever its name is known from', async () => {
    const snapshot = await snapshotOf(
      'providers: { corp: { protocol: openai-chat, base_url: "http://127.0.0.1:1", model_data: { Large-1: { vision: true } } } }',
    );
    expect(resolveReference(snapshot, 'CORP:large-1').target).toMatchObject({
      model: 'Large-1',
      data: { vision: true },
    });
    expect(resolveReference(snapshot, 'corp:other').target.model).toBe('other');
  });

  it('are there as they are written, names in lower case', async () => {
    const snapshot = await snapshotOf(`aliases: { G5: "glm:glm-5" }
model_map: { Claude-3-5-Haiku-Latest: haiku }
routing: { background: g5, web_search: glm, long_context: { target: g5 }, subagents: { Explore: haiku } }
`);
    expect([...snapshot.aliases]).toEqual([
      ['g5', 'glm:glm-5'],
      ['max', 'subscription'],
    ]);
    expect([...snapshot.modelMap]).toEqual([['claude-3-5-haiku-latest', 'haiku']]);
    expect(snapshot.routing).toEqual({
      background: 'g5',
      webSearch: 'glm',
      longContext: { target: 'g5', threshold: 60_000 },
      subagents: new Map([['Explore', 'haiku']]),
    });
  });

  it('an alias may take the name of a provider; the provider is still there', async () => {
    const snapshot = await snapshotOf('aliases: { glm: "sandbox:sandbox-swift", max: sandbox }');
    expect(place(resolveReference(snapshot, 'glm').target)).toBe('sandbox:sandbox-swift');
    expect(snapshot.aliases.get('max')).toBe('sandbox');
    expect(snapshot.targetFor('glm', 'x').provider).toBe('glm');
  });

  it('every slot of every profile is a slot', async () => {
    const snapshot = await snapshotOf(OWN);
    for (const profile of snapshot.profiles.values()) {
      for (const slot of Object.keys(profile.slots)) expect(SLOTS).toContain(slot);
    }
  });
});
