import { describe, expect, it } from 'vitest';
import { loadText } from './config.fixture.ts';
import { faultsOf, faultText } from './faults.ts';

/** Every fault of a configuration, without the directory. */
async function faults(text: string): Promise<string[]> {
  const error: unknown = await loadText(text).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return faultsOf(error).map((fault) => faultText(fault).replace(/^.*config\.yaml:/, ''));
}

describe('what is wrong is told with line, column, key and the nearest valid name', () => {
  it.each<[string, string, string]>([
    ['an unknown key', 'default_profle: glm', '1:1: default_profle: unknown key; did you mean "default_profile"?'],
    [
      'an unknown key further down',
      'profiles:\n  x:\n    provider: glm\n    modles: {}\n',
      '4:5: profiles.x.modles: unknown key; did you mean "models"?',
    ],
    [
      'an unknown slot',
      'profiles: { x: { provider: glm, models: { opsu: glm-5 } } }',
      '1:43: profiles.x.models.opsu: unknown key; did you mean "opus"?',
    ],
    ['a wrong type', 'always_dynamic: maybe', '1:17: always_dynamic: must be true or false'],
    ['a list in the place of text', 'default_profile: [glm]', '1:1: default_profile: must be text'],
    ['text in the place of a map', 'profiles: glm', '1:11: profiles: must be a map of names'],
    ['a file that is no map', '- a\n- b\n', '1:1: must be a map of keys'],
    ['a number out of range', 'gateway: { port: 70000 }', '1:18: gateway.port: must be at most 65535'],
    ['half a number', 'gateway: { port: 80.5 }', '1:18: gateway.port: must be a whole number'],
    [
      'a word that is none of the list',
      'profiles: { x: { provider: glm, auth: kye } }',
      '1:39: profiles.x.auth: must be subscription, key or none; did you mean "key"?',
    ],
    [
      'a budget that is too small',
      'profiles: { glm: { thinking: { opus: 5 } } }',
      '1:38: profiles.glm.thinking.opus: must be at least 1024',
    ],
    [
      'a word in the place of a budget',
      'profiles: { glm: { thinking: { opus: lots } } }',
      '1:38: profiles.glm.thinking.opus: must be on, off or a budget of at least 1024 tokens',
    ],
    ['a missing value', 'routing: { long_context: { threshold: 5 } }', '1:12: routing.long_context.target: is missing'],
    [
      'a dangling default',
      'default_profile: glmm',
      '1:18: default_profile: "glmm" is no profile, alias, provider:model or model of a profile; did you mean "glm"?',
    ],
    [
      'a dangling provider',
      'profiles: { x: { provider: depseek } }',
      '1:28: profiles.x.provider: "depseek" is no provider; did you mean "deepseek"?',
    ],
    [
      'a dangling slot',
      'profiles:\n  x:\n    models:\n      opus: depseek:reasoner\n',
      '4:13: profiles.x.models.opus: "depseek:reasoner" is no profile, alias or provider:model; did you mean "deepseek:reasoner"?',
    ],
    [
      'a dangling fallback',
      'profiles: { glm: { fallback: [sandbox, openruter] } }',
      '1:40: profiles.glm.fallback[1]: "openruter" is no profile, alias, provider:model or model of a profile; did you mean "openrouter"?',
    ],
    [
      'a dangling alias',
      'aliases: { a: nowhere:x }',
      '1:15: aliases.a: "nowhere:x" is no profile, alias, provider:model or model of a profile',
    ],
    ['an alias of itself', 'aliases: { a: b, b: a }', '1:15: aliases.a: alias "b" leads back to itself: b -> a -> b'],
    [
      'a dangling route',
      'routing: { subagents: { Explore: haikuu } }',
      '1:34: routing.subagents.Explore: "haikuu" is no profile, alias, provider:model or model of a profile',
    ],
    [
      'limits of nobody',
      'limits: { depseek: { rps: 1 } }',
      '1:11: limits.depseek: is no provider; did you mean "deepseek"?',
    ],
    [
      'profiles in a circle',
      'profiles: { a: { models: { opus: b } }, b: { models: { opus: a } } }',
      '1:62: profiles.b.models.opus: leads back to itself: a -> b -> a',
    ],
    [
      'a profile that leads nowhere',
      'profiles: { x: {} }',
      '1:13: profiles.x: "x" is no provider, so it needs a provider or models',
    ],
    [
      "the client's login for somebody else",
      'profiles: { x: { provider: glm, auth: subscription } }',
      "1:39: profiles.x.auth: glm is not declared to take the client's own login",
    ],
    [
      'a protocol that the provider has not',
      'profiles: { x: { provider: groq, protocol: anthropic-messages } }',
      '1:44: profiles.x.protocol: groq has no endpoint for anthropic-messages; it has openai-chat',
    ],
    [
      'a provider without a place',
      'providers: { corp: { name: Corp } }',
      '1:14: providers.corp: "corp" is no known provider, so it needs protocol and base_url',
    ],
    [
      'a place without a protocol',
      'providers: { corp: { base_url: "https://x.y" } }',
      '1:14: providers.corp: protocol is missing: anthropic-messages or openai-chat',
    ],
    [
      'a base URL with a password',
      'providers: { corp: { protocol: openai-chat, base_url: "https://a:b@x.y" } }',
      '1:55: providers.corp.base_url: is not a base URL: http:// or https://, without user, password, query and fragment',
    ],
    [
      'a proxy that is none',
      'providers: { glm: { proxy: "ftp://x" } }',
      '1:28: providers.glm.proxy: is not a proxy: http://, https:// or socks5://HOST:PORT, or a reference such as env:NAME',
    ],
    [
      'a base URL in a profile',
      'profiles: { x: { base_url: "https://x.y" } }',
      '1:18: profiles.x.base_url: belongs to a provider: declare one under "providers" and name it here',
    ],
    [
      'a quirk that two dialects have',
      'providers: { glm: { quirks: { system_role: user } } }',
      '1:31: providers.glm.quirks.system_role: can be messages.system_role or chat.system_role: write it below its group',
    ],
    [
      'the quirk that gives the login away',
      'providers: { glm: { quirks: { accepts_client_login: true } } }',
      '1:31: providers.glm.quirks.accepts_client_login: unknown key',
    ],
    [
      'a name of the client',
      'profiles: { claude: { provider: glm } }',
      '1:13: profiles.claude: is a word of the client and cannot be a name',
    ],
    [
      'a name that no reference can hold',
      'profiles: { "a:b": { provider: glm } }',
      '1:13: profiles."a:b": is not a name: letters, digits, dots, dashes and underscores, 64 at most',
    ],
    [
      'a name twice',
      'aliases: { a: glm, A: glm }',
      '1:20: aliases.A: is there twice: case does not count, and "a" is above',
    ],
    [
      'an alias with the name of a profile',
      'profiles: { x: { provider: glm } }\naliases: { X: glm }',
      '2:15: aliases.X: is the name of a profile too, so it would be ambiguous',
    ],
    [
      'a reference with spaces',
      'aliases: { a: "glm glm" }',
      '1:15: aliases.a: is not a reference to a model: it is empty or holds spaces',
    ],
    ['no YAML', 'a: [1,\n', '2:1: Flow sequence in block collection must be sufficiently indented and end with a ]'],
    ['a doubled key', 'aliases: {}\naliases: {}\n', '2:1: Map keys must be unique'],
    ['an alias without an anchor', 'aliases: *x\n', '1:10: refers to an anchor that is not there'],
    ['a key for prototypes', '"__proto__": { a: 1 }', '1:1: a key cannot have this name'],
  ])('%s', async (_, text, first) => {
    expect((await faults(text))[0]).toBe(first);
  });

  it('all of them, in the order of the file', async () => {
    const text = 'defualt_profile: a\nprofiles:\n  x: { provider: 5 }\nalways_dynamic: 1\ngateway: { prot: 1 }\n';
    expect((await faults(text)).map((line) => line.split(': ').slice(0, 2).join(' '))).toEqual([
      '1:1 defualt_profile',
      '3:18 profiles.x.provider',
      '4:17 always_dynamic',
      '5:12 gateway.prot',
    ]);
  });

  it('names of several kinds at once', async () => {
    const text = 'default_profile: a1\nprofiles: { x: { provider: y1 } }\nrouting: { think: z1 }\n';
    expect((await faults(text)).map((line) => line.split(':')[0])).toEqual(['2', '1', '3']);
  });

  it('the first is the message of the error, and the others are in its hint', async () => {
    const error = await loadText('a1: 1\nb1: 2\n').catch((thrown: unknown) => thrown as Error & { hint: string });
    expect((error as Error).message).toMatch(/config\.yaml:1:1: a1: unknown key$/);
    expect((error as { hint: string }).hint).toContain('config.yaml:2:1: b1: unknown key');
    expect(error).toMatchObject({ code: 'config_invalid', exit: 78 });
  });

  it('a key that is pasted where it does not belong is not shown', async () => {
    const key = 'sk-ant-REDACTED';
    for (const text of [`providers: { glm: { auth: { keys: ${key} } } }`, `providers: { glm: { auth: ${key} } }`]) {
      const told = await faults(text);
      expect(told).toHaveLength(1);
      expect(told.join()).not.toContain('abcdefghijkl');
    }
  });
});
