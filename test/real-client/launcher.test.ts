import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { PROJECT_ROOT } from '../../scripts/layers.ts';
import { type ClientHome, clientBinary, clientHome, type HomeOptions } from '../support/real-client.ts';
import { runCommand } from '../support/run-command.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';
import { Terminal } from '../support/terminal.ts';
import { until } from '../support/until.ts';

/** The launcher between a terminal and the real client, with an upstream where the gateway would be. */
interface Stage {
  readonly upstream: ScriptedUpstream;
  readonly machine: ClientHome;
  readonly runtimeRoot: string;
  readonly argv: readonly string[];
  open(...args: string[]): Promise<Terminal>;
}

const RUNTIME = process.env.MIDSWAP_TEST_RUNTIME ?? 'bun';

async function stage(options: HomeOptions & { subscription?: boolean } = {}): Promise<Stage> {
  const upstream = await startUpstream({ name: 'up1' });
  onTestFinished(() => upstream.close());
  const machine = clientHome({ ...options, env: { VENDOR_KEY: 'key-of-the-vendor', ...options.env } });
  const runtimeRoot = join(machine.home, 'state', 'run');
  const self = join(machine.home, 'midswap-itself');
  writeFileSync(self, '#!/bin/sh\necho "midswap heard: $* in $MIDSWAP_SESSION"\n', { mode: 0o755 });
  const slot = (id: string) => ({ id, label: `${id} here`, description: 'at the upstream', contextWindow: 128_000 });
  const slots = {
    opus: slot('claude-opus-5-5'),
    sonnet: slot('claude-sonnet-5-5'),
    haiku: slot('claude-haiku-5-5'),
    fable: slot('claude-fable-5-2'),
  };
  const request = {
    claude: await clientBinary(),
    self: [self],
    version: '0.0.0',
    runtimeRoot,
    session: {
      id: 'k3f9',
      url: upstream.url,
      subscription: options.subscription ?? false,
      dynamic: true,
      anthropicOnly: false,
      slots: options.subscription ? {} : slots,
      pickerRows: [{ reference: 'other', label: 'the other one', description: 'other-model' }],
      shims: [
        { name: 'ds', reference: 'other' },
        { name: 'ls', reference: 'other' },
      ],
    },
    startLine: { profile: 'up1', host: 'up1.test', model: 'up1-model' },
    announce: 'always',
    sensitiveVariables: ['VENDOR_KEY'],
    ownGateway: true,
  };
  const file = join(machine.home, 'request.json');
  writeFileSync(file, JSON.stringify(request));
  const argv = [
    join(PROJECT_ROOT, 'node_modules', '.bin', RUNTIME),
    join(PROJECT_ROOT, 'test', 'support', 'launch-session.ts'),
    file,
  ];
  return {
    upstream,
    machine,
    runtimeRoot,
    argv,
    async open(...args) {
      const terminal = await Terminal.open([...argv, '--permission-mode', 'manual', ...args], {
        cwd: machine.cwd,
        env: machine.env,
      });
      await terminal.waitFor('❯');
      await terminal.idle(400);
      return terminal;
    },
  };
}

/** The client's own process: the one child of the launcher. */
async function clientPid(launcher: number): Promise<number> {
  return Number(readFileSync(`/proc/${launcher}/task/${launcher}/children`, 'utf8').trim().split(' ')[0]);
}

it('headless: the answer comes back, the start line is on stderr, and nothing is left', async () => {
  const s = await stage();
  const result = await runCommand([...s.argv, '-p', 'hello', '--output-format', 'json'], s.machine);
  expect(result.json()).toMatchObject({ is_error: false, result: 'reply from up1' });
  expect(result.stderr).toMatch(
    /^midswap: profile "up1" -> up1\.test \(up1-model\), dynamic, port \d+, session k3f9\nmidswap: no shortcut where there is a command: ls \(use: swap NAME\)\n$/,
  );
  expect(readdirSync(s.runtimeRoot)).toEqual([]);
  expect(s.upstream.turns().at(-1)?.header('x-claude-code-request-class')).toBe('main');
});

it('a --settings of the user’s works together with the session’s', async () => {
  const s = await stage();
  const settings = JSON.stringify({ model: 'haiku', env: { ANTHROPIC_BASE_URL: 'http://127.0.0.1:9' } });
  const result = await runCommand([...s.argv, '-p', 'hello', '--settings', settings], s.machine);
  expect([result.code, result.stdout.trim()]).toEqual([0, 'reply from up1']);
  expect(s.upstream.turns().at(-1)?.body?.model).toBe('claude-haiku-5-5');
});

it('the slots are known to the client: no warning, and the header bears the label', async () => {
  const s = await stage();
  const terminal = await s.open('--model', 'sonnet');
  const screen = await terminal.screen();
  expect(screen).toContain('claude-sonnet-5-5 here');
  expect(screen).not.toMatch(/isn't recognized|not recognized|conflict/i);
  await terminal.submit('/model');
  const picker = await terminal.waitFor('the other one');
  for (const family of ['opus', 'fable', 'haiku']) expect(picker).toContain(`claude-${family}-5`);
});

it('the slash command and the bare word are answered by the hook, without a request', async () => {
  const s = await stage();
  const terminal = await s.open();
  await terminal.submit('/midswap:use other');
  await terminal.waitFor('heard: /midswap:use other');
  await terminal.submit('swap other');
  await terminal.waitFor('heard: swap other');
  expect(s.upstream.turns()).toEqual([]);
  await terminal.submit('an ordinary prompt');
  await terminal.waitFor('reply from up1');
});

it('the hook is reached where the user restricts hooks by URL', async () => {
  const s = await stage({ settings: { allowedHttpHookUrls: ['https://hooks.example.test/*'] } });
  const terminal = await s.open();
  await terminal.submit('/midswap:use other');
  await terminal.waitFor('heard: /midswap:use other');
  expect(s.upstream.turns()).toEqual([]);
});

it('where hooks are switched off, the command does its work on the way to the model', async () => {
  const s = await stage({ settings: { disableAllHooks: true } });
  const terminal = await s.open();
  await terminal.submit('/midswap:use other');
  await terminal.waitFor('reply from up1');
  expect(s.upstream.turns().at(-1)?.raw.toString()).toContain('midswap heard: use other in k3f9');
});

it('a shim runs midswap in the session, asks no model, and leaves the user’s commands alone', async () => {
  const s = await stage();
  const terminal = await s.open();
  await terminal.submit('!ds && ls -d README.md');
  await terminal.waitFor('midswap heard: use other in k3f9');
  const screen = await terminal.waitFor(/^.*README\.md\s*$/m);
  expect(screen.match(/heard: use/g)).toHaveLength(1);
  expect(s.upstream.turns()).toEqual([]);
});

it('the status line is midswap’s where the user has none, and only there', async () => {
  const bare = await stage();
  await (await bare.open()).waitFor('midswap heard: statusline in k3f9');
  const own = await stage({ settings: { statusLine: { type: 'command', command: 'echo the-line-of-the-user' } } });
  const terminal = await own.open();
  expect(await terminal.waitFor('the-line-of-the-user')).not.toContain('heard: statusline');
});

it('a login is used as it is, whatever credentials lie around', async () => {
  const token = 'sk-ant-oat01-login-of-the-user-0123456789';
  const s = await stage({
    subscription: true,
    env: { ANTHROPIC_API_KEY: 'stale-key', ANTHROPIC_AUTH_TOKEN: 'stale-token' },
    settings: { env: { ANTHROPIC_AUTH_TOKEN: 'stale-token-of-the-file', ANTHROPIC_BASE_URL: 'http://127.0.0.1:9' } },
    credentials: {
      claudeAiOauth: {
        accessToken: token,
        refreshToken: 'sk-ant-ort01-refresh-0123456789',
        expiresAt: Date.now() + 86_400_000,
        scopes: ['user:inference', 'user:profile'],
        subscriptionType: 'max',
      },
    },
  });
  const result = await runCommand([...s.argv, '-p', 'hello'], s.machine);
  expect(result.stdout.trim()).toBe('reply from up1');
  expect(result.stderr).toContain('not passed on to claude in this session: ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN');
  for (const turn of s.upstream.turns()) {
    expect(turn.header('authorization')).toBe(`Bearer ${token}`);
    expect(turn.header('x-api-key')).toBeUndefined();
  }
});

it.each([
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s to the launcher ends the client, and both with its code', async (signal, code) => {
  const s = await stage();
  const terminal = await s.open();
  const launcher = await terminal.pid();
  const client = await clientPid(launcher);
  process.kill(launcher, signal);
  expect(await terminal.exitCode()).toBe(code);
  await until('the client is gone', () => !isAlive(client));
  expect(readdirSync(s.runtimeRoot)).toEqual([]);
});

it('Ctrl-C is the client’s: once it asks, twice it ends', async () => {
  const s = await stage();
  const terminal = await s.open();
  await terminal.keys('C-c');
  await terminal.waitFor(/again to exit/i);
  let code: number | undefined;
  // The second has to come within a second, which a busy machine may miss.
  for (let tries = 0; code === undefined && tries < 6; tries++) {
    await terminal.keys('C-c', 'C-c');
    code = await terminal.exitCode(2_000).catch(() => undefined);
  }
  expect(code).toBe(0);
  expect(readdirSync(s.runtimeRoot)).toEqual([]);
});

it('a client that is killed leaves a terminal that works', async () => {
  const s = await stage();
  const shell = join(s.machine.home, 'shell.sh');
  const words = [...s.argv, '--permission-mode', 'manual'].map((word) => `'${word}'`).join(' ');
  writeFileSync(shell, `${words}\necho "code $?"\nstty -a | grep -oE -- '-?(icanon|echo)\\b'\nsleep 30\n`);
  const terminal = await Terminal.open(['/bin/sh', shell], s.machine);
  await terminal.waitFor('❯');
  await terminal.idle(400);
  const launcher = await clientPid(await terminal.pid());
  process.kill(await clientPid(launcher), 'SIGKILL');
  const screen = await terminal.waitFor('code 137');
  await terminal.idle(300);
  expect(await terminal.screen()).toMatch(/^icanon$/m);
  expect(await terminal.screen()).not.toMatch(/^-(icanon|echo)$/m);
  expect(screen).toContain('code 137');
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
