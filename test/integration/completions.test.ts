import { describe, expect, it } from 'vitest';
import { PROVIDERS } from '../../src/catalogue/providers.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import { commandLine } from '../support/command-line.ts';
import { runCommand } from '../support/run-command.ts';

const CONFIG = 'profiles: { zebra: { provider: sandbox } }\naliases: { zoo: zebra }\n';

describe('completions', { timeout: 60_000 }, () => {
  const machine = () => commandLine(CONFIG);
  const words = (stdout: string) => stdout.split('\n').flatMap((line) => line.split('\t')[0] || []);

  it('offer every command of the table, every profile and every alias', async () => {
    const { stdout, code } = await machine().run(['complete', '--', '']);
    expect(code).toBe(0);
    expect(words(stdout)).toEqual(expect.arrayContaining(['zebra', 'zoo', ...COMMANDS.map(({ name }) => name)]));
  });

  it.each([
    ['what a switch can go to', ['use', 'z'], ['zebra', 'zoo']],
    ['flags of a command', ['use', '--'], ['--slot', '--at-compaction', '--json']],
    ['slots', ['use', '--slot', ''], ['opus', 'classifier']],
    ['actions', ['profile', ''], ['add', 'list', 'test']],
    ['every provider', ['keys', ''], ['set', ...PROVIDERS.map(({ id }) => id)]],
  ])('offer %s', async (_, typed, offered) => {
    const { stdout } = await machine().run(['complete', '--', ...typed]);
    expect(words(stdout)).toEqual(expect.arrayContaining(offered));
  });

  it('still offer commands where the configuration is broken', async () => {
    const { stdout, code } = await commandLine('profiles: [').run(['complete', '--', 'se']);
    expect([code, words(stdout)]).toEqual([0, expect.arrayContaining(['sessions', 'setup'])]);
  });

  it('come as a script that the shell can read', async () => {
    const { run, home } = machine();
    for (const shell of ['bash', 'zsh', 'fish', 'powershell']) {
      const { code, stdout } = await run(['completions', shell]);
      expect([shell, code]).toEqual([shell, 0]);
      expect(stdout).toContain('midswap');
      if (shell !== 'bash') continue;
      const env = { PATH: process.env.PATH ?? '', HOME: home };
      expect(await runCommand(['bash', '-n'], { env, stdin: stdout })).toMatchObject({ code: 0, stderr: '' });
    }
    expect(await run(['completions', 'tcsh'])).toMatchObject({ code: 64, stdout: '' });
  });
});

describe('picking', { timeout: 60_000 }, () => {
  it.each([[['pick']], [['pick', '--use']], [['--pick']], [['--pick', '-p', 'hello']]])(
    '%j is refused without a terminal',
    async (args) => {
      const { code, stdout, stderr } = await commandLine(CONFIG).run(args);
      expect([code, stdout]).toEqual([64, '']);
      expect(stderr).toMatch(/^midswap: picking needs a terminal\. .*profile list\n$/);
    },
  );
});
