import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { type Keychain, type KeychainOptions, openKeychain } from './keychain.ts';

/** A keychain whose process runs this script instead; `request` is what it was asked. */
function scripted(script: string, more: Partial<KeychainOptions> = {}): Keychain {
  const code = `let text = ''; process.stdin.on('data', (part) => { text += part; }).on('end', () => {
    const request = JSON.parse(text); const say = (answer) => process.stdout.write(JSON.stringify(answer)); ${script} });`;
  const machine = { env: {}, platform: process.platform, home: tmpdir() };
  const opened = openKeychain({ ...machine, command: [process.execPath, '-e', code], ...more });
  if (!opened) throw new Error('no keychain');
  return opened;
}

const HANGS = 'setInterval(() => {}, 1000);';
const SECRET = 'the-secret-0123456789';

describe('a keychain', { timeout: 20_000 }, () => {
  it.each([
    ['that waits for a person for ever', HANGS, /no answer in 0\.6 s/],
    ['whose process dies', 'process.kill(process.pid, "SIGKILL");', /ended without an answer/],
    ['whose process says what is no answer', 'process.stdout.write("{");', /ended without an answer/],
    ['that refuses', 'say({ failed: "it is locked" });', /it is locked/],
  ])('%s is told of, in time, without the secret', async (_, script, why) => {
    const keychain = scripted(script, { limitMs: 600 });
    const started = performance.now();
    const thrown = await keychain.set('corp', SECRET).catch((error: unknown) => error);
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(thrown).toMatchObject({ code: 'cannot_write', message: expect.stringMatching(why) });
    expect((thrown as Error).message).toContain('"corp"');
    expect((thrown as Error).message).not.toContain(SECRET);
    const { values, problem } = await keychain.read(['corp']);
    expect([values.size, problem]).toEqual([0, expect.stringMatching(why)]);
    await expect(keychain.remove('corp')).rejects.toMatchObject({ code: 'cannot_write' });
  });

  it('whose program is not there is told of', async () => {
    const { problem } = await scripted('', { command: ['/nowhere/at/all'] }).read(['corp']);
    expect(problem).toContain('cannot be started');
  });

  it('that is not there takes nothing, without an error', async () => {
    const keychain = scripted('say({ absent: "no bus" });');
    expect([await keychain.exists(), await keychain.set('corp', SECRET)]).toEqual([false, false]);
    expect(await keychain.read(['corp'])).toMatchObject({ problem: 'this system has no keychain (no bus)' });
  });

  it('that is locked later takes away nothing that was read, or set', async () => {
    const locked = 'say({ failed: "locked" })';
    const keychain = scripted(
      `if (request.action === 'set') say({ values: {} });
       else if (request.names.length > 1) say({ values: { a: 'one' } }); else ${locked};`,
    );
    await keychain.set('c', 'three');
    expect([...(await keychain.read(['a', 'b'])).values]).toEqual([['a', 'one']]);
    expect([...(await keychain.read(['a'])).values]).toEqual([['a', 'one']]);
    expect([...(await keychain.read(['c'])).values]).toEqual([['c', 'three']]);
    expect(await keychain.read(['b'])).toMatchObject({ problem: expect.stringContaining('locked') });
  });

  it('is given the secret by a pipe, and of the environment what finds the session, no key', async () => {
    const env = { PATH: process.env.PATH, DBUS_SESSION_BUS_ADDRESS: 'unix:path=/x', DEEPSEEK_API_KEY: SECRET };
    const keychain = scripted(
      `say({ failed: [process.argv.join(' ').includes(request.value), Object.keys(process.env)
        .filter((name) => /DBUS|DEEPSEEK|NODE_OPTIONS/.test(name))].join() });`,
      { env: { ...env, NODE_OPTIONS: '--throw-deprecation' } },
    );
    await expect(keychain.set('a', SECRET)).rejects.toThrow(/: false,DBUS_SESSION_BUS_ADDRESS$/);
  });

  it('that takes its time is announced, once it does', async () => {
    const lines: string[] = [];
    const onWait = (line: string) => void lines.push(line);
    await scripted('say({ values: {} });', { onWait }).exists();
    expect(lines).toEqual([]);
    await scripted(HANGS, { onWait, limitMs: 2_600 }).exists();
    expect(lines).toEqual([expect.stringContaining('waiting for the keychain')]);
  });

  it.each(['off', 'OFF', '0', 'no', 'false'])('is not asked where MIDSWAP_KEYCHAIN is %s', (value) => {
    const machine = { platform: 'linux', home: '/', command: ['/nowhere'] };
    expect(openKeychain({ ...machine, env: { MIDSWAP_KEYCHAIN: value } })).toBeUndefined();
    expect(openKeychain({ ...machine, env: { MIDSWAP_KEYCHAIN: 'on' } })).toBeDefined();
  });
});
