import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { PROJECT_ROOT } from '../../scripts/layers.ts';
import { post } from '../support/http-client.ts';
import { type CommandResult, runCommand } from '../support/run-command.ts';
import { listFiles, tempDir, writeFiles } from '../support/temp-home.ts';
import { until } from '../support/until.ts';

const BIN = join(PROJECT_ROOT, 'node_modules', '.bin');
const MAIN = join(PROJECT_ROOT, 'src', 'main.ts');

/**
 * The client of these tests: writes what it was started with, and lives until it is told to end, its file appears, or
 * the test takes its home away: a killed launcher leaves it behind.
 */
const CLIENT = `#!/bin/sh
{ echo "args=$*"; env; } > "$CLIENT_LOG.part"; mv "$CLIENT_LOG.part" "$CLIENT_LOG"
trap 'exit 143' TERM
while [ -n "$CLIENT_WAITS" ] && [ -e "$CLIENT_LOG" ] && [ ! -e "$CLIENT_LOG.end" ]; do sleep 0.05; done
exit 7
`;
const CONFIG = `default_profile: one
always_dynamic: true
providers:
  up: { protocol: anthropic-messages, base_url: "http://127.0.0.1:9", auth: { type: bearer, keys: ["env:UP_KEY"] } }
profiles:
  one: { provider: up, models: { default: model-one } }
  two: { provider: up, models: { default: model-two } }
aliases: { zwei: two }
`;

/** The runtime that runs this suite: it is run on both. */
const runtime = process.versions.bun === undefined ? 'node' : 'bun';

// A dozen processes in a row, each of which strips its types where Node runs the sources.
describe('the command line', { timeout: 90_000 }, () => {
  function machine(config = CONFIG) {
    const home = tempDir('midswap-cli');
    const client = join(home, 'claude');
    const log = join(home, 'client.log');
    writeFileSync(client, CLIENT);
    chmodSync(client, 0o755);
    writeFiles(join(home, 'midswap'), { 'config.yaml': config });
    const env = {
      PATH: process.env.PATH ?? '',
      HOME: home,
      MIDSWAP_HOME: join(home, 'midswap'),
      MIDSWAP_CLAUDE: client,
      CLIENT_LOG: log,
      UP_KEY: 'the-key-of-up-0123456789',
      // Bun would keep what it made of the sources in the home.
      BUN_RUNTIME_TRANSPILER_CACHE_PATH: '0',
    };
    const argv = [join(BIN, runtime), MAIN];
    return {
      home,
      log,
      env,
      run: (
        args: readonly string[],
        more: { env?: Record<string, string>; stdin?: string } = {},
      ): Promise<CommandResult> =>
        runCommand([...argv, ...args], {
          cwd: home,
          env: { ...env, ...more.env },
          ...(more.stdin !== undefined && { stdin: more.stdin }),
        }),
      /** Starts a session whose client waits; resolves when it runs. */
      async open(...args: string[]): Promise<{ id: string; process: ChildProcess; exit: Promise<number | null> }> {
        const before = await this.sessions();
        const child = spawn(argv[0] as string, [...argv.slice(1), ...args], {
          cwd: home,
          env: { ...env, CLIENT_WAITS: '1', CLIENT_LOG: `${log}.${before.length}` },
          stdio: 'ignore',
        });
        const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
        onTestFinished(async () => {
          child.kill('SIGKILL');
          await exit;
        });
        await until('the client runs', () => listFiles(home).includes(`client.log.${before.length}`), 20_000);
        const known = new Set(before.map(({ id }) => id));
        const session = (await this.sessions()).find(({ id }) => !known.has(id));
        if (!session) throw new Error('the session is not listed');
        return { id: session.id, process: child, exit };
      },
      async sessions(): Promise<{ id: string; reference: string; pid: number; default: boolean; mode: string }[]> {
        return JSON.parse((await this.run(['sessions', '--json'])).stdout);
      },
    };
  }

  it('the version is one line, by word and by flag', async () => {
    const { run } = machine();
    for (const args of [['version'], ['--version']]) {
      expect(await run(args)).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
        stderr: '',
      });
    }
    expect((await run(['version', '--json'])).json()).toEqual({ version: expect.any(String) });
  });

  it('every command has help with examples, and knows no flags that it does not list', async () => {
    const { run } = machine();
    const top = await run(['--help']);
    expect(top).toMatchObject({ code: 0, stderr: '' });
    const names = [...top.stdout.matchAll(/^ {2}([a-z]+) .*/gm)].map(([, name]) => name as string);
    expect(names).toEqual(expect.arrayContaining(['use', 'sessions', 'serve', 'doctor']));
    const commands = names.filter((name) => !['help', 'claude', 'midswap'].includes(name));
    await Promise.all(
      commands.map(async (name) => {
        const help = await run([name, '--help']);
        expect([name, help.code, help.stderr]).toEqual([name, 0, '']);
        expect(help.stdout).toContain(`$ midswap ${name}`);
        expect(help.stdout).toContain('--json');
        const wrong = await run([name, '--no-such-flag']);
        expect([name, wrong.code]).toEqual([name, 64]);
        expect(wrong.stderr).toMatch(/^midswap: unknown option '--no-such-flag'\. See: midswap \w+ --help\n$/);
      }),
    );
  });

  it.each([
    [['use', 'two'], 66, /no session is running/],
    [['use'], 66, /no session is running/],
    [['use', ''], 64, /needs a profile/],
    [['use', 'two', '--for', 'soon'], 64, /--for takes a time/],
    [['use', 'two', '--slot', 'main'], 64, /no slot "main"/],
    [['use', '--undo', 'two'], 64, /--undo goes with --dry-run only/],
    [['sessions', 'k3f9'], 66, /no session is running/],
    [['profile', 'show', 'oen'], 66, /Did you mean one\?/],
    [['profile', 'fly'], 64, /profile does not know "fly"/],
    [['models', 'upp'], 66, /Did you mean up\?/],
    [['config', 'fly'], 64, /config does not know/],
    [['config', 'edit'], 64, /VISUAL or EDITOR/],
    [['hook', 'fly'], 64, /no hook "fly"/],
    [['tow'], 66, /no profile or command "tow"\. Did you mean two\?/],
    [['sesions'], 66, /Did you mean sessions\?/],
    [['one', '--port', 'x'], 64, /--port takes a number/],
    [['serve', '--config', '/nowhere.yaml'], 78, /nowhere\.yaml/],
  ])('%j fails with exit code %i and one line', async (args, code, message) => {
    const { run } = machine();
    const result = await run(args);
    expect([result.code, result.stdout]).toEqual([code, '']);
    expect(result.stderr).toMatch(/^midswap: [^\n]*\n$/);
    expect(result.stderr).toMatch(message);
  });

  it('a configuration fault is told with file and line before anything starts, and config check tells all', async () => {
    const m = machine(`profiles:\n  one: { providr: up }\n  two: { provider: nowhere }\n`);
    const launched = await m.run(['one']);
    expect(launched.code).toBe(78);
    expect(launched.stderr).toMatch(/^midswap: [^\n]*config\.yaml:2:[^\n]*providr[^\n]*\n$/);
    expect(listFiles(m.home)).not.toContain('client.log');
    const checked = await m.run(['config', 'check', '--json']);
    expect(checked.code).toBe(78);
    expect(checked.json()).toMatchObject({ ok: false, faults: [expect.stringContaining('providr')] });
  });

  it('a profile without its key says so and starts nothing', async () => {
    const m = machine();
    const result = await m.run(['one'], { env: { UP_KEY: '' } });
    expect(result.code).toBe(78);
    expect(result.stderr).toMatch(/^midswap: [^\n]*UP_KEY[^\n]*\n$/);
    expect(listFiles(m.home)).not.toContain('client.log');
  });

  it('a client that is missing is told with how to install it', async () => {
    const m = machine();
    const result = await m.run(['one'], { env: { MIDSWAP_CLAUDE: '/nowhere/claude' } });
    expect([result.code, result.stderr]).toEqual([
      69,
      expect.stringMatching(/^midswap: [^\n]*\/nowhere\/claude[^\n]*\n$/),
    ]);
  });

  it('a launch passes arguments and exit code through, hides the key, and leaves no file behind', async () => {
    const m = machine();
    const before = listFiles(m.home);
    const { code, stderr } = await m.run(['two', '-p', 'a b', '--model', 'opus']);
    expect([code, stderr]).toEqual([7, '']);
    const { args, env } = readClientLog(m.log);
    expect(args).toMatch(/-p a b --model opus$/);
    expect(env.get('ANTHROPIC_BASE_URL')).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/s\/[\w-]{43}$/);
    expect(env.get('MIDSWAP_SESSION')).toMatch(/^[a-z0-9]{4}$/);
    expect([...env.values()].join('\n')).not.toContain(m.env.UP_KEY);
    expect(listFiles(m.home).filter((file) => !before.includes(file))).toEqual(['client.log']);
  });

  it('the drop-in leaves every argument alone, and the client’s own commands run without a gateway', async () => {
    const m = machine();
    await m.run(['claude', '--dynamic', 'two', '--port', '1']);
    expect(readClientLog(m.log).args).toMatch(/--dynamic two --port 1$/);
    await m.run(['claude', 'config', 'list']);
    const plain = readClientLog(m.log);
    expect(plain.args).toBe('config list');
    expect(plain.env.has('ANTHROPIC_BASE_URL')).toBe(false);
    await m.run(['mcp', 'list']);
    expect(readClientLog(m.log).args).toBe('mcp list');
    await m.run(['one', 'mcp', 'list']);
    expect(readClientLog(m.log).args).toBe('mcp list');
  });

  it('a profile goes before a command of the client’s of the same name', async () => {
    const m = machine(CONFIG.replace('zwei: two', 'zwei: two, update: two'));
    await m.run(['update', '-p', 'x']);
    expect(readClientLog(m.log).env.has('ANTHROPIC_BASE_URL')).toBe(true);
    await m.run(['claude', 'update']);
    expect(readClientLog(m.log)).toMatchObject({ args: 'update' });
  });

  it('a running session is listed, switched from outside and from inside, and undone', async () => {
    const m = machine();
    const { id } = await m.open('one');
    expect(await m.sessions()).toMatchObject([
      { id, reference: 'one', mode: 'dynamic', default: true, pid: expect.any(Number) },
    ]);
    expect((await m.run(['sessions'])).stdout).toMatch(new RegExp(`^> +${id} +one `, 'm'));
    const used = await m.run(['use', 'zwei']);
    expect([used.code, used.stderr]).toEqual([0, '']);
    expect(used.stdout).toMatch(new RegExp(`^${id}: one -> \\w+ \\(model-two at 127\\.0\\.0\\.1:9\\)`));
    const inside = { MIDSWAP_SESSION: id };
    expect((await m.run(['use', 'one', '--json'], { env: inside })).json()).toMatchObject({
      session: id,
      changed: true,
    });
    expect((await m.run(['statusline'], { env: inside, stdin: '{}' })).stdout).toBe('one · model-one · 127.0.0.1:9\n');
    const hook = await m.run(['hook', 'prompt'], { env: inside, stdin: JSON.stringify({ prompt: 'swap two' }) });
    expect(hook.json()).toMatchObject({ continue: false, stopReason: expect.stringContaining('one -> two') });
    expect((await m.sessions())[0]?.reference).toBe('two');
    expect((await m.run(['use', '--undo'])).code).toBe(0);
    expect((await m.sessions())[0]?.reference).toBe('one');
    expect((await m.run(['use', 'tow'])).stderr).toMatch(/two/);
    const choices = await m.run(['use'], { env: inside });
    expect(choices.stdout).toMatch(new RegExp(`^${id}: one · model-one`));
    expect(choices.stdout).toMatch(/^two +model-two at 127\.0\.0\.1:9$/m);
    expect(choices.stdout).toMatch(/^zwei +alias of two$/m);
    expect((await m.run(['use', 'two', '--at-compaction'], { env: inside })).stdout).toMatch(
      /at the next compaction$/m,
    );
    expect((await m.run(['use', 'two', '--for', '1h'], { env: inside })).stdout).toMatch(/; back at \d\d:\d\d/);
    expect((await m.sessions())[0]).toMatchObject({ reference: 'two', waiting: null, untilMs: expect.any(Number) });
  });

  it('a prompt that is not for midswap passes the hook without a word, whatever it is', async () => {
    const m = machine();
    for (const stdin of ['{"prompt":"hello"}', '{"prompt":7}', 'garbage', '']) {
      expect(await m.run(['hook', 'prompt'], { stdin })).toMatchObject({ code: 0, stdout: '', stderr: '' });
    }
    const lost = await m.run(['hook', 'prompt'], { stdin: '{"prompt":"/midswap:use two"}' });
    expect(lost.json()).toMatchObject({ continue: false, stopReason: expect.stringContaining('midswap') });
  });

  it('of two sessions a bare use takes neither, and kill ends the one that is meant', async () => {
    const m = machine();
    const first = await m.open('one');
    const second = await m.open('two');
    const ambiguous = await m.run(['use', 'two']);
    expect(ambiguous.code).toBe(66);
    for (const { id } of [first, second]) expect(ambiguous.stderr).toContain(id);
    const unsure = await m.run(['sessions', first.id, 'kill']);
    expect([unsure.code, unsure.stderr]).toEqual([64, expect.stringContaining('--yes')]);
    const killed = await m.run(['sessions', first.id, 'kill', '--yes']);
    expect([killed.code, killed.stdout]).toEqual([0, `${first.id}: stopped\n`]);
    expect(await first.exit).not.toBe(null);
    expect((await m.sessions()).map(({ id }) => id)).toEqual([second.id]);
    expect((await m.run(['use', 'one', '--all'])).code).toBe(0);
    expect((await m.run(['sessions', 'all', 'kill', '--yes'])).code).toBe(0);
    await second.exit;
    expect(await m.sessions()).toEqual([]);
  });

  it('a fixed session refuses to be switched', async () => {
    const m = machine();
    const { id } = await m.open('one', '--no-dynamic');
    const refused = await m.run(['use', 'two', '--session', id]);
    expect([refused.code, refused.stderr]).toEqual([69, expect.stringMatching(/fixed to one/)]);
  });

  it('a reader that goes away ends the output quietly', async () => {
    const m = machine();
    const line = `"${join(BIN, runtime)}" "${MAIN}" providers | head -1; echo "$?"`;
    const result = await runCommand(['/bin/sh', '-c', line], { cwd: m.home, env: m.env });
    expect(result.stderr).toBe('');
    expect(result.stdout).toMatch(/^PROVIDER [^\n]*\n0\n$/);
  });

  it('serve says where it is, answers, and ends when it is told', async () => {
    const m = machine();
    const child = spawn(join(BIN, runtime), [MAIN, 'serve', '--json'], {
      cwd: m.home,
      env: m.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
    onTestFinished(async () => {
      child.kill('SIGKILL');
      await exit;
    });
    let text = '';
    let notes = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      notes += chunk;
    });
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    await until('it is up', () => text.endsWith('\n'), 20_000);
    expect(JSON.parse(text)).toMatchObject({
      host: '127.0.0.1',
      port: expect.any(Number),
      baseUrl: expect.stringContaining('/s/'),
    });
    // What breaks its protocol is written down for the one who runs the gateway.
    expect((await m.run(['use', 'sandbox'])).code).toBe(0);
    const broken = { model: 'claude-opus-5-5', max_tokens: 9, stream: true };
    const messages = [{ role: 'user', content: '@sandbox fault garbage' }];
    const { baseUrl } = JSON.parse(text) as { baseUrl: string };
    expect((await post(`${baseUrl}/v1/messages`, { ...broken, messages })).status).toBe(502);
    await until('the broken upstream is told', () => /midswap: sandbox .*502 Bad Gateway/.test(notes));
    expect((await m.run(['use', 'two'])).code).toBe(0);
    // The watch begins when the gateway is under way.
    await new Promise((resolve) => setTimeout(resolve, 800));
    writeFileSync(join(m.home, 'midswap', 'config.yaml'), 'profiles: [');
    await until('the fault is told', () => notes.includes('config.yaml:1'), 20_000);
    child.kill('SIGTERM');
    expect(await exit).toBe(0);
    expect(readdirSync(join(m.home, 'midswap', 'state', 'gateways'))).toEqual([]);
  });

  it('a changed configuration is in force for running sessions, and a broken one changes nothing', async () => {
    const m = machine();
    const { id } = await m.open('one');
    const file = join(m.home, 'midswap', 'config.yaml');
    // The watch begins when the client is under way.
    await new Promise((resolve) => setTimeout(resolve, 800));
    writeFileSync(file, 'profiles: [');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await m.run(['sessions', id, 'use', 'two', '--json'])).code).toBe(0);
    writeFileSync(file, CONFIG.replace('model-one', 'model-new'));
    await until(
      'the new model is in force',
      async () => {
        const result = await m.run(['sessions', id, 'use', 'one', '--dry-run', '--json']);
        return result.stdout.includes('model-new');
      },
      30_000,
    );
  });
});

describe('what the client starts all the time', () => {
  const LIST_MODULES =
    'import { registerHooks } from "node:module";' +
    'registerHooks({ load(url, context, next) { process.stderr.write(`${url}\\n`); return next(url, context); } });';

  it.each([
    ['version', []],
    ['use', ['two']],
    ['statusline', []],
    ['hook', ['prompt']],
  ])('%s loads nothing that it does not need', async (command, args) => {
    const home = tempDir('midswap-cli');
    const hook = `data:text/javascript,${encodeURIComponent(LIST_MODULES)}`;
    const result = await runCommand([join(BIN, 'node'), '--import', hook, MAIN, command, ...args], {
      env: { HOME: home, MIDSWAP_HOME: join(home, 'midswap') },
      stdin: '{"prompt":"hello"}',
    });
    const loaded = result.stderr.split('\n').filter((line) => line.startsWith('file:'));
    expect(
      loaded.filter((url) => /node_modules|\/(gateway|protocols|catalogue|routing|policy|launcher)\//.test(url)),
    ).toEqual([]);
    expect(loaded.length).toBeLessThan(command === 'version' ? 7 : 22);
  });
});

function readClientLog(file: string): { args: string; env: Map<string, string> } {
  const [first = '', ...rest] = readFileSync(file, 'utf8').split('\n');
  const env = new Map(rest.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  return { args: first.replace(/^args=/, ''), env };
}
