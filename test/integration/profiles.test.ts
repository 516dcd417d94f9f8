import { describe, expect, it } from 'vitest';
import { commandLine } from '../support/command-line.ts';

const CONFIG = `# mine
profiles:
  # the small one
  small: { provider: sandbox, models: { default: sandbox-swift } }   # swift
aliases: { sm: small }
`;

describe('profiles are changed from the command line', { timeout: 60_000 }, () => {
  it('one is added, made the default, tested and removed, and every comment stays', async () => {
    const { run, read } = commandLine(CONFIG);
    const add = await run(['profile', 'add', 'big', '--provider', 'sandbox', '--opus', 'sandbox-sage', '--default']);
    expect(add).toMatchObject({ code: 0, stderr: '' });
    expect(add.stdout).toMatch(/^ {2}\+ {3}big:$/m);
    for (const line of CONFIG.trimEnd().split('\n')) expect(read('config.yaml')).toContain(line);
    expect((await run(['profile', 'list', '--json'])).json()).toMatchObject({ default: 'big' });

    const test = await run(['profile', 'test', 'small', '--json']);
    expect(test.json()).toMatchObject({ ok: true, provider: 'sandbox', model: 'sandbox-swift', attempts: 1 });

    const held = await run(['profile', 'remove', 'big']);
    expect([held.code, held.stderr]).toEqual([78, expect.stringMatching(/config\.yaml:\d+.*default_profile/)]);
    await run(['profile', 'add', 'other', '--provider', 'sandbox', '--default']);
    expect(await run(['profile', 'remove', 'BIG'])).toMatchObject({ code: 0 });
    expect(read('config.yaml')).not.toContain('big');
    expect(read('config.yaml')).toContain('# the small one');
  });

  it.each([
    ['an unknown provider', ['add', 'x', '--provider', 'nope'], 78, /"nope" is no provider/],
    ['a name that is taken', ['add', 'SMALL', '--provider', 'sandbox'], 64, /already a profile.*--force/],
    ['the name of an alias', ['add', 'sm', '--provider', 'sandbox'], 64, /already an alias/],
    ['no name', ['add'], 64, /needs a name/],
    ['a name that cannot be one', ['add', 'a b', '--provider', 'sandbox'], 78, /is not a name/],
    ['removing what is built in', ['remove', 'deepseek'], 66, /is built in/],
    ['removing what an alias needs', ['remove', 'small'], 78, /aliases\.sm/],
    ['testing the login of the client', ['test', 'subscription'], 78, /only Claude Code has/],
    ['testing what has no key', ['test', 'deepseek'], 78, /no key/],
    ['exporting what is built in', ['export', 'deepseek'], 66, /no profile "deepseek" is written/],
  ])('%s is refused and the file stays', async (_, words, code, message) => {
    const { run, read } = commandLine(CONFIG);
    const result = await run(['profile', ...words]);
    expect([result.code, result.stderr]).toEqual([code, expect.stringMatching(message)]);
    expect(read('config.yaml')).toBe(CONFIG);
  });

  it('a test says what the upstream said, and fails', async () => {
    const { run } = commandLine();
    const add = ['profile', 'add', 'corp', '--base-url', 'http://127.0.0.1:9/v1', '--model', 'm'];
    expect(await run(add)).toMatchObject({ code: 0 });
    const result = await run(['profile', 'test', 'corp']);
    expect(result).toMatchObject({ code: 69, stdout: '' });
    expect(result.stderr).toContain('127.0.0.1:9');
  });

  it('travel without their keys, and arrive after they were shown', async () => {
    const from = commandLine(`providers:
  corp:
    protocol: openai-chat
    base_url: https://llm.corp.test/v1
    proxy: http://me:proxy-password@proxy.test:1
    auth: { keys: ["env:CORP_KEY", "plain-key-0123456789"] }
profiles:
  corp: { provider: corp, models: { default: m1 } }
`);
    const exported = await from.run(['profile', 'export', 'corp']);
    expect(exported.code).toBe(0);
    expect(exported.stdout).toContain('env:CORP_KEY');
    expect(exported.stdout + exported.stderr).not.toMatch(/plain-key|proxy-password/);
    expect(exported.stderr).toContain('providers.corp.auth.keys');
    expect(exported.stderr).toContain('providers.corp.proxy');

    const to = commandLine(CONFIG);
    const asked = await to.run(['profile', 'import', '-'], { stdin: exported.stdout });
    expect([asked.code, to.read('config.yaml')]).toEqual([64, CONFIG]);
    const shown = await to.run(['profile', 'import', '-', '--dry-run'], { stdin: exported.stdout });
    expect([shown.code, to.read('config.yaml')]).toEqual([0, CONFIG]);
    expect(shown.stdout).toContain('+     base_url: https://llm.corp.test/v1');
    expect(await to.run(['profile', 'import', '-', '--yes'], { stdin: exported.stdout })).toMatchObject({ code: 0 });
    expect((await to.run(['profile', 'show', 'corp'])).stdout).toContain('llm.corp.test');
    const again = await to.run(['profile', 'import', '-', '--yes'], { stdin: exported.stdout });
    expect([again.code, again.stderr]).toEqual([64, expect.stringContaining('already there: profiles.corp')]);
  });

  it.each([
    ['a listener', 'gateway: { host: 0.0.0.0 }', /"gateway" is not a part/],
    ['no configuration', 'profiles: [', /stdin:1/],
    ['an unknown key', 'profiles: { a: { provder: sandbox } }', /provider/],
  ])('%s is not taken over', async (_, stdin, message) => {
    const { run, read } = commandLine(CONFIG);
    const result = await run(['profile', 'import', '-', '--yes'], { stdin });
    expect([result.code, result.stderr]).toEqual([78, expect.stringMatching(message)]);
    expect(read('config.yaml')).toBe(CONFIG);
  });

  it('aliases are added, listed and removed', async () => {
    const { run, read } = commandLine(CONFIG);
    expect(await run(['alias', 'add', 'sage', 'sandbox:sandbox-sage'])).toMatchObject({ code: 0 });
    expect((await run(['alias', 'list', '--json'])).json()).toMatchObject({
      sage: 'sandbox:sandbox-sage',
      sm: 'small',
    });
    expect((await run(['alias', 'add', 'odd', 'nowhere:x'])).code).toBe(78);
    expect((await run(['alias', 'add', 'small', 'sandbox'])).code).toBe(64);
    expect(await run(['alias', 'remove', 'sage'])).toMatchObject({ code: 0 });
    expect(read('config.yaml')).not.toContain('sage');
    expect((await run(['alias', 'remove', 'sage'])).code).toBe(66);
  });
});
