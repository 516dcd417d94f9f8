import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { launch, runPlainClaude, startLineText } from './launch.ts';
import { SESSION } from './launcher.fixture.ts';
import type { LaunchRequest } from './request.ts';

let root = '';
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'midswap-launch-')));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A client that does what the script says; `$OUT` is a place for what it has seen. */
function client(script: string): string {
  const file = join(root, 'claude');
  writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return file;
}

function request(script: string, more: Partial<LaunchRequest> = {}): LaunchRequest {
  return {
    claude: client(script),
    args: ['-p', 'hello world'],
    parentEnv: { PATH: '/usr/bin:/bin', OUT: join(root, 'out'), VENDOR_KEY: 'the-key' },
    cwd: root,
    home: join(root, 'home'),
    self: ['/opt/midswap'],
    version: '1.0.0',
    runtimeRoot: join(root, 'run'),
    session: { ...SESSION, shims: [{ name: 'ds', reference: 'deepseek' }] },
    startLine: { profile: 'one', host: 'api.one.test', model: 'one-model', port: 55240 },
    sensitiveVariables: ['VENDOR_KEY'],
    hook: { url: 'http://127.0.0.1:55240/hook', token: 'control-token' },
    ownGateway: true,
    ...more,
  };
}

const seen = () => readFileSync(join(root, 'out'), 'utf8');

describe('a launch', () => {
  it('gives the client its settings, its plugin and then its own arguments in order', async () => {
    await launch(request('printf "%s\\n" "$@" > "$OUT"'));
    const [settingsFlag, settings = '', pluginFlag, plugin = '', ...rest] = seen().trimEnd().split('\n');
    expect([settingsFlag, pluginFlag, ...rest]).toEqual(['--settings', '--plugin-dir', '-p', 'hello world']);
    expect(settings.startsWith(join(root, 'run', 'k3f9-'))).toBe(true);
    expect(plugin.startsWith(join(root, 'run', 'k3f9-'))).toBe(true);
  });

  it('has everything for the user only, no secret in an argument, and no key in the environment', async () => {
    const script = 'stat -c %a "$2" "$4" "$4/hooks/hooks.json" > "$OUT"; echo "$@" >> "$OUT"; env >> "$OUT"';
    await launch(request(script));
    const [settings, plugin, hooks, args = '', ...env] = seen().split('\n');
    expect([settings, plugin, hooks]).toEqual(['600', '700', '600']);
    expect(args).not.toMatch(/secret-of-the-session|control-token/);
    expect(env.join('\n')).not.toMatch(/the-key|control-token/);
    expect(env).toContain(`ANTHROPIC_BASE_URL=${SESSION.url}`);
  });

  it('finds its shims first on the PATH', async () => {
    const script = 'while ! command -v ds > /dev/null; do sleep 0.02; done; command -v ds swap > "$OUT"';
    await launch(request(script));
    for (const file of seen().trimEnd().split('\n')) expect(file).toMatch(/\/run\/k3f9-[^/]+\/bin\/(ds|swap)$/);
  });

  it('merges the user’s --settings into its own and passes one', async () => {
    const args = ['--settings', '{"model":"haiku"}', '-c'];
    await launch(request('cat "$2" > "$OUT"; echo "$@" | grep -o -e --settings | wc -l >> "$OUT"', { args }));
    const [json = '', count = ''] = seen()
      .split('\n')
      .join(' ')
      .split(/(?<=\})\s*(?=\d+\s*$)/);
    expect(JSON.parse(json)).toMatchObject({ model: 'haiku', env: { ANTHROPIC_BASE_URL: SESSION.url } });
    expect(count.trim()).toBe('1');
  });

  it('tells the process id, ends with the client’s code, ends the gateway, and leaves nothing', async () => {
    const order: string[] = [];
    let pid = 0;
    const code = await launch(
      request('echo $$ > "$OUT"; exit 7', {
        onSpawn: (given) => {
          pid = given;
          order.push('spawned');
        },
        onExit: async () => {
          order.push('gateway ended');
        },
      }),
    );
    expect([code, order]).toEqual([7, ['spawned', 'gateway ended']]);
    expect(Number(seen())).toBe(pid);
    expect(readdirSync(join(root, 'run'))).toEqual([]);
  });

  it.each([
    ['TERM', 143],
    ['KILL', 137],
    ['HUP', 129],
  ])('a client ended by SIG%s is 128 and the number', async (signal, code) => {
    expect(await launch(request(`kill -${signal} $$; sleep 5`))).toBe(code);
  });

  it('leaves no listener of the process behind', async () => {
    const count = () => ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'exit'].map((name) => process.listenerCount(name));
    const before = count();
    await launch(request('exit 0'));
    expect(count()).toEqual(before);
  });
});

describe('a launch that cannot be', () => {
  it.each<[string, Partial<LaunchRequest>, string]>([
    ['a client that cannot be started', { claude: '/nowhere/claude' }, 'claude_missing'],
    ['settings that are missing', { args: ['--settings', '/nowhere.json'] }, 'usage'],
    ['a session that would outlive its gateway', { args: ['--bg'] }, 'usage'],
    ['a state directory that is a file', { runtimeRoot: '/dev/null/run' }, 'cannot_write'],
  ])('is an error, ends the gateway and leaves nothing: %s', async (_, more, code) => {
    let ended = 0;
    const onExit = async () => {
      ended += 1;
    };
    await expect(launch(request('touch "$OUT"', { ...more, onExit }))).rejects.toMatchObject({ code });
    expect(ended).toBe(1);
    expect(existsSync(join(root, 'out'))).toBe(false);
    expect(existsSync(join(root, 'run')) ? readdirSync(join(root, 'run')) : []).toEqual([]);
  });
});

it('a command of the client’s own runs as if midswap were not there', async () => {
  const { claude, parentEnv, cwd, home, self, runtimeRoot } = request('echo "$@" > "$OUT"; exit 3');
  const env = { ...parentEnv, MIDSWAP_CLAUDE: claude };
  expect(await runPlainClaude({ args: ['mcp', 'list'], parentEnv: env, cwd, home, self, runtimeRoot })).toBe(3);
  expect(seen()).toBe('mcp list\n');
  expect(existsSync(runtimeRoot)).toBe(false);
});

it('the start line names profile, upstream, model, mode, port and session', () => {
  const line = { profile: 'deepseek', host: 'api.deepseek.com', model: 'deepseek-chat', port: 55240 };
  expect(startLineText(line, { id: 'k3f9', dynamic: true })).toBe(
    'midswap: profile "deepseek" -> api.deepseek.com (deepseek-chat), dynamic, port 55240, session k3f9',
  );
  expect(startLineText(line, { id: 'k3f9', dynamic: false })).toContain(', fixed,');
});
