import { describe, expect, it } from 'vitest';
import { PROVIDERS } from '../../src/catalogue/providers.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import { commandLine } from '../support/command-line.ts';
import { runCommand } from '../support/run-command.ts';
import { listFiles } from '../support/temp-home.ts';

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

  it('offer the tools of an import once, then files', async () => {
    const { run } = machine();
    expect(words((await run(['complete', '--', 'import', ''])).stdout)).toEqual(
      expect.arrayContaining(['ccr', 'litellm', ':4']),
    );
    expect((await run(['complete', '--', 'import', 'ccr', ''])).stdout).toBe(':0\n');
  });

  it.each([
    ['its options where one is begun', ['claude', '-p', '--perm'], ['--permission-mode', '--permission-prompts']],
    ['its commands at the start', ['claude', 'mc'], ['mcp']],
    ['the words that an option takes', ['claude', '--permission-mode', 'p'], ['plan']],
    ['its options after a profile too, with those of a launch', ['zebra', '--p'], ['--permission-mode', '--pick']],
    ['a profile after a flag of a launch', ['--no-dynamic', 'z'], ['zebra', 'zoo']],
  ])('of the client offer %s', async (_, typed, offered) => {
    const { stdout, code } = await machine().run(['complete', '--', ...typed]);
    expect([code, words(stdout)]).toEqual([0, expect.arrayContaining([...offered, ':0'])]);
    expect(words(stdout)).not.toContain('sessions');
  });

  it.each([
    ['a prompt', ['claude', '-p', 'exp']],
    ['a file', ['claude', '--mcp-config', './']],
    ['what follows a command of its own', ['claude', 'mcp', 'a']],
    ['what follows --', ['claude', '--', '--p']],
  ])('of the client leave %s to the shell', async (_, typed) => {
    expect(await machine().run(['complete', '--', ...typed])).toMatchObject({ code: 0, stdout: ':0\n' });
  });

  it('come as a script for both names of the program', async () => {
    const { run } = machine();
    for (const shell of ['bash', 'zsh', 'fish', 'powershell']) {
      const { code, stdout } = await run(['completions', shell]);
      expect([shell, code]).toEqual([shell, 0]);
      expect(stdout).toMatch(/\bmidswap complete (--|'--') /);
      if (shell !== 'bash') expect(stdout).toMatch(/\bmidswap complete (--|'--') claude /);
      expect(stdout).toMatch(
        shell === 'powershell' ? /-CommandName 'mclaude'/ : /^(complete|compdef|#compdef) .*mclaude/m,
      );
    }
    expect(await run(['completions', 'tcsh'])).toMatchObject({ code: 64, stdout: '' });
  });

  it.each([
    ['midswap use z', ['zebra', 'zoo']],
    ['midswap use zebra:sandbox-sw', []],
    ['/usr/bin/midswap use --slot=op', ['opus']],
    ['mclaude --permission-m', ['--permission-mode']],
    ['mclaude mc', ['mcp']],
    ['mclaude "$(touch pwned)" --permission-m', ['--permission-mode']],
  ])('complete in bash: %s', async (line, offered) => {
    const { run, home, env, argv } = machine();
    const { stdout: script } = await run(['completions', 'bash']);
    const probe = `midswap() { ${argv.map((word) => `'${word}'`).join(' ')} "$@"; }
COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:' COMP_LINE=$1 COMP_POINT=\${#1}
_midswap_complete && printf '%s\\n' "\${COMPREPLY[@]}"`;
    const result = await runCommand(['bash', '-c', `${script}\n${probe}`, 'bash', line], { cwd: home, env });
    expect(result.stderr).toBe('');
    expect(result.stdout.split('\n').filter((word) => word !== '')).toEqual(offered);
    expect(listFiles(home)).not.toContain('pwned');
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
