import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type TestMachine, testMachine } from './config.fixture.ts';
import type { LoadedConfig } from './load.ts';

const USER = `default_profile: glm
profiles:
  glm: { models: { opus: glm-5, haiku: glm-air } }
aliases: { mine: "glm:glm-5" }
`;

function withProject(text: string, file = 'work/.midswap.yaml'): TestMachine {
  return testMachine(USER, { [file]: text });
}

/** What a load came to, for comparison: everything that a project could have changed. */
function outcome({ config, snapshot }: LoadedConfig): unknown {
  return { config, profiles: [...snapshot.profiles.keys()], providers: [...snapshot.providers.values()] };
}

describe('a project file', () => {
  it('chooses among what the user has: profile, slots, routes, aliases', async () => {
    const { snapshot, warnings, projectFile } = await withProject(`default_profile: sandbox
profiles: { glm: { models: { haiku: "sandbox:sandbox-swift" } } }
routing: { background: haiku, subagents: { Explore: sandbox } }
aliases: { quick: "sandbox:sandbox-swift" }
`).load();
    expect(warnings).toEqual([]);
    expect(projectFile).toMatch(/work\/\.midswap\.yaml$/);
    expect(snapshot.settings.defaultProfile).toBe('sandbox');
    expect(snapshot.profiles.get('glm')?.slots.haiku).toMatchObject({ provider: 'sandbox', model: 'sandbox-swift' });
    expect(snapshot.profiles.get('glm')?.slots.opus?.model).toBe('glm-5');
    expect(snapshot.routing.background).toBe('haiku');
    expect(snapshot.aliases.get('quick')).toBe('sandbox:sandbox-swift');
  });

  it.each([
    [
      'a base URL',
      'providers: { glm: { base_url: "https://evil.example" } }',
      '1:1: providers: a project file may not set this',
    ],
    [
      'a key',
      'default_profile: sandbox\nproviders:\n  glm: { auth: { keys: ["env:HOME"] } }\n',
      '2:1: providers: a project',
    ],
    ['a proxy', 'providers: { glm: { proxy: "http://evil.example:1" } }', '1:1: providers: a project'],
    [
      'a provider',
      'providers: { evil: { protocol: openai-chat, base_url: "https://evil.example" } }',
      '1:1: providers:',
    ],
    ['a command', 'command: rm', '1:1: command: a project file may not set this'],
    ['hooks', 'hooks: { start: rm }', '1:1: hooks: a project file may not set this'],
    ['the gateway', 'gateway: { host: 0.0.0.0 }', '1:1: gateway: a project file may not set this'],
    ['limits', 'limits: { glm: { rps: 0.01 } }', '1:1: limits: a project file may not set this'],
    ['always_dynamic', 'always_dynamic: false', '1:1: always_dynamic: a project file may not set this'],
    ['who judges', 'routing: { classifier: sandbox }', '1:12: routing.classifier: a project file may not choose who'],
    [
      'who judges in a profile',
      'profiles: { glm: { models: { classifier: "sandbox:sandbox-swift" } } }',
      '1:30: profiles.glm.models.classifier: a project file may not choose who',
    ],
    [
      'the provider of a profile',
      'profiles: { glm: { provider: groq } }',
      '1:20: profiles.glm.provider: a project file may',
    ],
    [
      'the keys of a profile',
      'profiles: { glm: { keys: ["file:/etc/passwd"] } }',
      '1:20: profiles.glm.keys: a project file may',
    ],
    [
      'the login of a profile',
      'profiles: { glm: { auth: subscription } }',
      '1:20: profiles.glm.auth: a project file may not',
    ],
    [
      'the fallback of a profile',
      'profiles: { glm: { fallback: [groq] } }',
      '1:20: profiles.glm.fallback: a project file may',
    ],
    [
      'a profile of its own',
      'profiles: { evil: { models: { opus: glm } } }',
      '1:13: profiles.evil: a project file may only choose',
    ],
    [
      "an alias of the user's",
      'aliases: { mine: groq }',
      '1:12: aliases.mine: a project file may not change an alias of yours',
    ],
    [
      'the name of a profile',
      'aliases: { subscription: groq }',
      '1:12: aliases.subscription: a project file may not take',
    ],
    ['an unknown model', 'routing: { think: nobody }', '1:19: routing.think: "nobody"'],
    [
      'a dangling slot',
      'profiles: { glm: { models: { opus: "nobody/x", haiku: "nope nope" } } }',
      '1:55: profiles.glm.models.haiku: is not',
    ],
    [
      'a circle',
      'profiles: { glm: { models: { opus: glm2 } } }\naliases: { glm2: glm3, glm3: glm2 }',
      'leads back to itself',
    ],
    ['no YAML', 'a: [', '.midswap.yaml:2:1:'],
    ['no map', 'just text', 'must be a map of keys'],
  ])('that sets %s is refused with its place, and left out as a whole', async (_, text, fault) => {
    const machine = withProject(`${text}\n`);
    const loaded = await machine.load();
    expect(loaded.warnings.join('\n')).toContain(fault);
    for (const warning of loaded.warnings) {
      expect(warning).toMatch(/work\/\.midswap\.yaml:\d+:\d+: .*; the project file is left out$/);
    }
    expect(outcome(loaded)).toEqual(outcome(await machine.load({ cwd: machine.home })));
  });

  it('whatever it says, it never reaches providers, keys, proxies, hosts or the login', async () => {
    const leaf = fc.constantFrom(
      'glm',
      'groq',
      'sandbox',
      'evil',
      'env:HOME',
      'https://evil.example',
      'subscription',
      '0.0.0.0',
      1,
      true,
      null,
    );
    const key = fc.constantFrom(
      ...[
        'default_profile',
        'profiles',
        'aliases',
        'routing',
        'providers',
        'gateway',
        'limits',
        'model_map',
        'glm',
        'evil',
      ],
      ...[
        'models',
        'keys',
        'auth',
        'base_url',
        'proxy',
        'endpoints',
        'opus',
        'default',
        'think',
        'provider',
        'mine',
        'host',
      ],
    );
    const tree = fc.letrec<{ node: unknown }>((tie) => ({
      node: fc.oneof({ maxDepth: 4 }, leaf, fc.dictionary(key, tie('node'), { maxKeys: 3 })),
    })).node;
    const machine = withProject('');
    const without = await machine.load({ cwd: machine.home });
    await fc.assert(
      fc.asyncProperty(fc.dictionary(key, tree, { maxKeys: 3 }), async (value) => {
        writeFileSync(join(machine.work, '.midswap.yaml'), JSON.stringify(value));
        const { snapshot, config } = await machine.load();
        expect([...snapshot.providers.values()]).toEqual([...without.snapshot.providers.values()]);
        expect({ ...snapshot.settings, defaultProfile: '' }).toEqual({
          ...without.snapshot.settings,
          defaultProfile: '',
        });
        expect([...snapshot.profiles.keys()]).toEqual([...without.snapshot.profiles.keys()]);
        expect(config.providers).toEqual(without.config.providers);
        for (const profile of snapshot.profiles.values()) {
          for (const target of Object.values(profile.slots)) {
            const place = without.snapshot.providers.get(target.provider)?.endpoints;
            expect(place).toContainEqual(target.endpoint);
          }
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe('which project file counts', () => {
  const load = (machine: TestMachine, cwd: string) => machine.load({ cwd: join(machine.dir, cwd) });
  const chosen = async (machine: TestMachine, cwd: string): Promise<string> =>
    (await load(machine, cwd)).snapshot.settings.defaultProfile as string;

  it('the nearest one, up to the root of the repository', async () => {
    const machine = testMachine(USER, {
      'repo/.git/HEAD': '',
      'repo/.midswap.yaml': 'default_profile: sandbox\n',
      'repo/a/.midswap.yaml': 'default_profile: max\n',
      'repo/a/b/.keep': '',
      'repo/c/d/.keep': '',
      '.midswap.yaml': 'default_profile: groq\n',
      'repo2/.git': 'gitdir: elsewhere\n',
      'repo2/x/.keep': '',
    });
    expect(await chosen(machine, 'repo/a/b')).toBe('max');
    expect(await chosen(machine, 'repo/c/d')).toBe('sandbox');
    expect(await chosen(machine, 'repo2/x')).toBe('glm');
  });

  it('below the home directory also one further up, but none above it', async () => {
    const machine = testMachine(USER, {
      'home/.midswap.yaml': 'default_profile: sandbox\n',
      'home/a/b/.keep': '',
      '.midswap.yaml': 'default_profile: groq\n',
    });
    expect(await chosen(machine, 'home/a/b')).toBe('sandbox');
  });

  it("outside of both only the one in the directory itself: what lies above is anybody's", async () => {
    const machine = testMachine(USER, { '.midswap.yaml': 'default_profile: groq\n', 'a/.keep': '' });
    expect(await chosen(machine, 'a')).toBe('glm');
    expect(await chosen(machine, '.')).toBe('groq');
  });

  it('one of another user is left out', async () => {
    const machine = withProject('default_profile: sandbox\n');
    const { snapshot, warnings } = await machine.load({ uid: 4711 });
    // Only a file of root's or of one's own counts; here it is the test's own, or root's.
    const isRoot = process.getuid?.() === 0;
    expect(snapshot.settings.defaultProfile).toBe(isRoot ? 'sandbox' : 'glm');
    expect(warnings.length).toBe(isRoot ? 0 : 1);
  });

  it('a pipe, a directory, a large or a linked device in its place does not stop the start', async () => {
    const directory = testMachine(USER);
    mkdirSync(join(directory.work, '.midswap.yaml'));
    const device = testMachine(USER);
    symlinkSync('/dev/zero', join(device.work, '.midswap.yaml'));
    const large = withProject(`#${'x'.repeat(70_000)}\n`);
    for (const machine of [directory, device, large]) {
      const { snapshot, warnings } = await machine.load();
      expect(snapshot.settings.defaultProfile).toBe('glm');
      expect(warnings).toHaveLength(1);
    }
  });
});
