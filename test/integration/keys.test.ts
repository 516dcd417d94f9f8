import { chmodSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandLine } from '../support/command-line.ts';
import { writeFiles } from '../support/temp-home.ts';

const KEY = 'the-secret-value-0123456789';

describe('keys', { timeout: 60_000 }, () => {
  it('are kept in a file for the user alone, listed by name and origin, and forgotten', async () => {
    const { run, home, read } = commandLine();
    const set = await run(['keys', 'set', 'DeepSeek'], { stdin: `${KEY}\n` });
    expect(set).toMatchObject({ code: 0, stderr: '' });
    expect(read('secrets.yaml')).toContain(KEY);
    expect(statSync(join(home, 'midswap', 'secrets.yaml')).mode & 0o777).toBe(0o600);

    const env = { GROQ_API_KEY: 'another-secret-0123456789' };
    const [list, asJson] = [await run(['keys'], { env }), await run(['keys', 'list', '--json'], { env })];
    expect(list.stdout).toMatch(/^deepseek +\S+secrets\.yaml$/m);
    expect(list.stdout).toMatch(/^groq +environment GROQ_API_KEY$/m);
    for (const { stdout, stderr } of [set, list, asJson]) {
      expect(stdout + stderr).not.toContain(KEY);
      expect(stdout + stderr).not.toContain(env.GROQ_API_KEY);
    }

    const profiles = await run(['profile', 'list']);
    expect(profiles.stdout).toMatch(/^ +deepseek .* ready$/m);
    expect(await run(['keys', 'remove', 'deepseek'])).toMatchObject({ code: 0 });
    expect(read('secrets.yaml')).not.toContain(KEY);
    expect(await run(['keys', 'remove', 'deepseek'])).toMatchObject({ code: 66, stdout: '' });
  });

  it('that stand in .env count everywhere, and are told apart from those of the environment', async () => {
    const { run, home } = commandLine();
    writeFiles(join(home, 'midswap'), { '.env': `export GROQ_API_KEY="${KEY}"\n` });
    chmodSync(join(home, 'midswap', '.env'), 0o600);
    const results = [
      await run(['providers']),
      await run(['doctor']),
      await run(['keys']),
      await run(['keys', 'set', 'groq'], { stdin: KEY }),
    ];
    expect(results[0]?.stdout).toMatch(/^groq .* GROQ_API_KEY$/m);
    expect(results[1]?.stdout).toMatch(/^ok +keys +set: GROQ_API_KEY$/m);
    expect(results[1]?.stdout).toMatch(/^ok +profiles .*\bgroq\b/m);
    expect(results[2]?.stdout).toMatch(/^groq +\S+\.env: GROQ_API_KEY$/m);
    expect(results[3]?.stderr).toContain('GROQ_API_KEY is set in the environment or in .env and goes before it');
    for (const { stdout, stderr } of results) expect(stdout + stderr).not.toContain(KEY);
  });

  it('go by any name of a provider, and by names that the configuration refers to', async () => {
    const { run } = commandLine();
    expect((await run(['keys', 'set', 'Zhipu', '--json'], { stdin: KEY })).json()).toEqual({
      name: 'glm',
      kept: 'file',
    });
    const own = await run(['keys', 'set', 'corp-2'], { stdin: KEY });
    expect(own.stderr).toContain('keychain:corp-2');
  });

  it.each([
    ['a key on the command line', ['keys', 'set', 'deepseek', KEY], KEY, /does not belong on the command line/],
    ['a slip of a name', ['keys', 'set', 'depseek'], KEY, /Did you mean deepseek\?/],
    ['no name', ['keys', 'set'], KEY, /needs the name of a provider/],
    ['a key for a name', ['keys', 'set', 'sk-with/slash+and=sign'], KEY, /is not a name/],
    ['an empty key', ['keys', 'set', 'deepseek'], '', /the key for "deepseek" is empty/],
    ['a key with spaces', ['keys', 'set', 'deepseek'], 'two words', /spaces or characters/],
    ['an unknown word', ['keys', 'show'], '', /keys does not know "show"/],
  ])('%s is refused and nothing is kept', async (_, args, stdin, message) => {
    const { run, read } = commandLine();
    const { code, stderr, stdout } = await run(args, { stdin });
    expect(code).toBeGreaterThan(0);
    expect(stderr).toMatch(message);
    expect(stderr + stdout).not.toContain(KEY);
    expect(() => read('secrets.yaml')).toThrow();
  });

  it('can be set while the configuration is broken', async () => {
    const { run } = commandLine('profiles: [');
    expect(await run(['keys', 'set', 'deepseek'], { stdin: KEY })).toMatchObject({ code: 0 });
  });
});
