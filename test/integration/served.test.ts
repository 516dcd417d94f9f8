import { type ChildProcess, spawn } from 'node:child_process';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type CommandLine, commandLine } from '../support/command-line.ts';
import { post, send } from '../support/http-client.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

const KEYS = {
  KEY_1: 'first-key-of-up-0123456789',
  KEY_2: 'second-key-of-up-0123456789',
  KEY_3: 'third-key-0123456789',
};
const BODY = {
  model: 'claude-sonnet-5',
  max_tokens: 9,
  temperature: 0,
  messages: [{ role: 'user', content: 'the same again' }],
};

interface Served extends CommandLine {
  readonly upstream: ScriptedUpstream;
  /** Base URL with the session's secret, and the secret as a token. */
  readonly baseUrl: string;
  readonly origin: string;
  readonly token: string;
}

/** A gateway on its own, as a process. Ended when the running test is over. */
async function serve(): Promise<Served> {
  const upstream = await startUpstream({ name: 'up' });
  onTestFinished(() => upstream.close());
  const machine = commandLine(`
default_profile: up
providers:
  up: { protocol: anthropic-messages, base_url: "${upstream.url}", auth: { type: bearer, keys: ["env:KEY_1", "env:KEY_2", "env:KEY_3"] } }
profiles: { up: { provider: up, models: { default: up-model } } }
retry: { limit: 0 }
cache: { enabled: true }
`);
  const child: ChildProcess = spawn(machine.argv[0] as string, [...machine.argv.slice(1), 'serve', '--json'], {
    cwd: machine.home,
    env: { ...machine.env, ...KEYS },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  });
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout?.setEncoding('utf8').once('data', resolve);
    child.once('exit', (code) => reject(new Error(`serve ended with ${code}`)));
  });
  const { baseUrl } = JSON.parse(line) as { baseUrl: string };
  const { origin, pathname } = new URL(baseUrl);
  return { ...machine, upstream, baseUrl, origin, token: pathname.split('/')[2] as string };
}

describe('a gateway that serves', { timeout: 60_000 }, () => {
  it('tells and forgets its kept answers to who has its token, and on the command line', async () => {
    const { run, upstream, baseUrl, origin, token } = await serve();
    const ask = () => post(`${baseUrl}/v1/messages`, BODY);
    await ask();
    expect((await ask()).headers['x-midswap-cache']).toBe('hit');

    const path = `${origin}/v1/admin/cache`;
    const headers = { authorization: `Bearer ${token}` };
    const stats = await send(path, { headers });
    expect(stats.json()).toMatchObject({ enabled: true, entries: 1, hits: 1, stored: 1 });
    expect(stats.headers['cache-control']).toBe('no-store');
    expect((await send(`${baseUrl}/v1/admin/cache`)).json()).toMatchObject({ entries: 1 });
    expect((await run(['cache'])).stdout).toMatch(/^PORT .*\n\d+ +\S+ +1 +\d+ +1 +1$/m);

    for (const refused of [{}, { authorization: 'Bearer nothing-of-the-kind-0123456789' }])
      expect([
        (await send(path, { headers: refused })).status,
        (await send(path, { method: 'DELETE', headers: refused })).status,
      ]).toEqual([401, 401]);
    expect((await send(path, { method: 'POST', headers, body: '{}' })).status).toBe(405);

    expect((await send(path, { method: 'DELETE', headers })).json()).toEqual({ cleared: 1 });
    expect((await ask()).headers['x-midswap-cache']).toBeUndefined();
    const cleared = await run(['cache', 'clear', '--json']);
    expect(JSON.parse(cleared.stdout)).toMatchObject([{ cleared: 1, port: Number(new URL(origin).port) }]);
    expect((await ask()).headers['x-midswap-cache']).toBeUndefined();
    expect(upstream.turns()).toHaveLength(3);
    expect(await run(['cache', 'empty'])).toMatchObject({ code: 64, stderr: expect.stringContaining('cache [clear]') });
  });

  it('shows which keys it does not use, and until when, and never a value', async () => {
    const { run, upstream, baseUrl } = await serve();
    upstream.fail({ status: 401 }, { status: 429, headers: { 'retry-after': '300' } });
    expect((await post(`${baseUrl}/v1/messages`, { ...BODY, stream: true })).status).toBe(200);

    const id = (await run(['sessions', '--json'])).stdout.match(/"id": "(\w+)"/)?.[1] as string;
    const [doctor, detail, asJson] = [
      await run(['doctor']),
      await run(['sessions', id]),
      await run(['doctor', '--json']),
    ];
    expect(doctor.stdout).toMatch(
      /^warn +key +env:KEY_1 \(up\) was refused and is not used until the configuration changes$/m,
    );
    expect(doctor.stdout).toMatch(/^warn +key +env:KEY_2 \(up\) rests until \d\d:\d\d:\d\d$/m);
    expect(doctor.stdout).not.toContain('KEY_3 (up)');
    expect(detail.stdout).toMatch(/^key +env:KEY_1 \(up\) was refused/m);
    expect(detail.stdout).toMatch(/^key +env:KEY_2 \(up\) rests until/m);
    for (const { stdout, stderr } of [doctor, detail, asJson])
      for (const key of Object.values(KEYS)) expect(stdout + stderr).not.toContain(key);
  });
});

it('without a gateway there is nothing kept', { timeout: 30_000 }, async () => {
  expect(await commandLine().run(['cache'])).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('no gateway is running'),
  });
});
