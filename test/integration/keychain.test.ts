import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type CommandLine, commandLine } from '../support/command-line.ts';
import { startBus, startSecretService, whyNoSecretService } from '../support/secret-service.ts';
import { listFiles, writeFiles } from '../support/temp-home.ts';

const KEY = 'the-secret-value-0123456789';
const OTHER = 'another-secret-value-0123456789';
const corp = (url = 'http://127.0.0.1:9/v1') => `providers:
  corp: { protocol: openai-chat, base_url: "${url}", local: false, auth: { type: bearer, keys: ["keychain:corp"] } }
profiles:
  work: { provider: corp, models: { default: the-model } }
`;
const READY = /^ +work .* ready$/m;

/** The command line with that environment for a keychain; what it prints never has a key in it. */
function withKeychain(env: Readonly<Record<string, string>>, config?: string): CommandLine {
  const plain = commandLine(config);
  return {
    ...plain,
    run: async (args, more = {}) => {
      const result = await plain.run(args, { ...more, env: { MIDSWAP_KEYCHAIN: 'on', ...env, ...more.env } });
      expect(result.stdout + result.stderr).not.toContain(KEY);
      expect(result.stdout + result.stderr).not.toContain(OTHER);
      return result;
    },
  };
}

/** Which of two keys a provider is given: it answers to one of them only. */
async function providerFor(key: string): Promise<string> {
  const server = createServer((req, res) => {
    const isKnown = req.headers.authorization === `Bearer ${key}`;
    req.resume().on('end', () => {
      res.writeHead(isKnown ? 200 : 401, { 'content-type': 'application/json' });
      const choice = { index: 0, message: { role: 'assistant', content: 'ready' }, finish_reason: 'stop' };
      const usage = { prompt_tokens: 9, completion_tokens: 1, total_tokens: 10 };
      const list = { data: [{ id: 'the-model' }] };
      const answer = { id: 'c1', object: 'chat.completion', model: 'the-model', choices: [choice], usage };
      const right = req.url?.endsWith('/models') ? list : answer;
      res.end(JSON.stringify(isKnown ? right : { error: { message: 'wrong key' } }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve())));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
}

const missing = whyNoSecretService();

describe.skipIf(missing !== undefined)(
  `a real secret service${missing ? ` (left out: ${missing})` : ''}`,
  {
    timeout: 60_000,
  },
  () => {
    it('keeps a key that is set, listed, used and removed; no file has it', async () => {
      const { env } = await startSecretService();
      const { run, read } = withKeychain(env);
      expect(await run(['keys', 'set', 'deepseek'], { stdin: `${KEY}\n` })).toMatchObject({
        code: 0,
        stdout: 'the key "deepseek" is kept in the keychain of this system\n',
        stderr: '',
      });
      expect(read('secrets.yaml')).toMatch(/^"deepseek": "keychain:deepseek"$/m);
      expect((await run(['keys', 'list'])).stdout).toMatch(/^deepseek +keychain$/m);
      expect((await run(['profile', 'list'])).stdout).toMatch(/^ +deepseek .* ready$/m);
      expect(await run(['keys', 'remove', 'deepseek'])).toMatchObject({ code: 0, stderr: '' });
      expect((await run(['keys', 'list'])).stdout).not.toContain('deepseek');
      expect(read('secrets.yaml')).not.toContain('deepseek');
    });

    it('answers for keychain:NAME in the configuration, with what was set last', async () => {
      const { env } = await startSecretService();
      const { run } = withKeychain(env, corp(await providerFor(KEY)));
      expect((await run(['profile', 'list'])).stdout).toMatch(/^ +work .* keychain:corp is not there/m);
      for (const key of [OTHER, KEY]) {
        expect((await run(['keys', 'set', 'corp', '--json'], { stdin: key })).json()).toMatchObject({
          kept: 'keychain',
        });
      }
      expect((await run(['profile', 'test', 'work', '--json'])).json()).toMatchObject({ ok: true, text: 'ready' });
      expect((await run(['config', 'show'])).stdout).toContain('keychain:corp');
    });

    it('takes the key that setup has tried', async () => {
      const { env } = await startSecretService();
      const config = corp(await providerFor(KEY)).replace(', keys: ["keychain:corp"]', '');
      const { run, read } = withKeychain(env, config.slice(0, config.indexOf('profiles:')));
      const answers = ['corp', KEY, 'the-model', 'work', 'y', 'y'];
      const result = await run(['setup'], { stdin: `${answers.join('\n')}\n` });
      expect([result.code, result.stderr]).toEqual([0, '']);
      expect(result.stdout).toContain('the key of corp, to the keychain of this system');
      expect(read('secrets.yaml') + read('config.yaml')).not.toContain(KEY);
      expect((await run(['profile', 'test', 'work', '--json'])).json()).toMatchObject({ ok: true });
    });

    it('that is locked takes and forgets nothing, and says what to do', async () => {
      const service = await startSecretService();
      const { run, read } = withKeychain(service.env, corp());
      await run(['keys', 'set', 'corp'], { stdin: KEY });
      const before = read('secrets.yaml');
      service.lock();
      for (const args of [
        ['keys', 'set', 'corp'],
        ['keys', 'set', 'deepseek'],
        ['keys', 'remove', 'corp'],
      ]) {
        const { code, stderr } = await run(args, { stdin: OTHER });
        expect(code).toBe(73);
        expect(stderr).toMatch(/the keychain of this system did not (take|forget) the key "\w+": .*unlock/);
        expect(stderr).toContain('MIDSWAP_KEYCHAIN=off');
      }
      expect(read('secrets.yaml')).toBe(before);
      expect((await run(['profile', 'list'])).stdout).toMatch(
        /^ +work .* keychain:corp: the keychain .* cannot be read/m,
      );
      const off = { env: { MIDSWAP_KEYCHAIN: 'off' } };
      expect((await run(['keys', 'set', 'corp'], { ...off, stdin: OTHER })).stdout).toContain('secrets.yaml');
      expect((await run(['profile', 'list'])).stdout).toMatch(READY);
    });

    it('that says nothing stops nothing for long', async () => {
      const service = await startSecretService();
      const { run, read } = withKeychain(service.env, corp());
      await run(['keys', 'set', 'corp'], { stdin: KEY });
      const before = read('secrets.yaml');
      service.freeze();
      const [list, set] = [await run(['profile', 'list']), await run(['keys', 'set', 'corp'], { stdin: OTHER })];
      expect(list.stdout).toMatch(/^ +work .* keychain:corp: the keychain of this system cannot be read/m);
      expect(set).toMatchObject({ code: 73, stdout: '' });
      expect(list.durationMs + set.durationMs).toBeLessThan(20_000);
      expect(read('secrets.yaml')).toBe(before);
    });

    it('is not asked where its process has no folder for temporary files: the file keeps the key', async () => {
      const { env } = await startSecretService();
      const { run, home } = withKeychain({ ...env, TMPDIR: '/nowhere/at/all' });
      const kept = await run(['keys', 'set', 'deepseek', '--json'], { stdin: KEY });
      expect(kept.json()).toMatchObject({ kept: 'file' });
      expect(listFiles(home)).toContain('midswap/secrets.yaml');
    });

    it('that is not on the bus is no keychain: the file keeps the key, not the keyring of the kernel', async () => {
      const { env } = await startBus();
      const { run, read } = withKeychain(env);
      expect((await run(['keys', 'set', 'deepseek', '--json'], { stdin: KEY })).json()).toMatchObject({ kept: 'file' });
      expect(read('secrets.yaml')).toContain(KEY);
    });
  },
);

describe('without a message bus', { timeout: 60_000, skip: process.platform !== 'linux' }, () => {
  it('keys are kept in the file, and a reference to the keychain says why it leads nowhere', async () => {
    const { run, home } = withKeychain({}, corp());
    const { stdout } = await run(['profile', 'list']);
    expect(stdout).toMatch(/^ +work .* keychain:corp: this system has no keychain/m);
    expect((await run(['keys', 'set', 'corp', '--json'], { stdin: KEY })).json()).toMatchObject({ kept: 'file' });
    expect((await run(['profile', 'list'])).stdout).toMatch(READY);
    writeFiles(home, { 'midswap/secrets.yaml': '"corp": "keychain:corp"\n' });
    const removed = await run(['keys', 'remove', 'corp']);
    expect(removed.code).toBe(73);
    expect(removed.stderr).toContain('the key "corp" is in a keychain, and this system has no keychain now');
  });
});
