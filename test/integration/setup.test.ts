import { statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { commandLine } from '../support/command-line.ts';
import { listFiles, writeFiles } from '../support/temp-home.ts';

const KEY = 'the-right-key-0123456789';

/** A provider that knows one key and one model. */
async function provider(): Promise<string> {
  const server = createServer((req, res) => {
    const isKnown = req.headers.authorization === `Bearer ${KEY}`;
    req.resume().on('end', () => {
      const answer = req.url?.endsWith('/models')
        ? { data: [{ id: 'the-model' }] }
        : {
            id: 'c1',
            object: 'chat.completion',
            model: 'the-model',
            choices: [{ index: 0, message: { role: 'assistant', content: 'ready' }, finish_reason: 'stop' }],
            usage: { prompt_tokens: 9, completion_tokens: 1, total_tokens: 10 },
          };
      res.writeHead(isKnown ? 200 : 401, { 'content-type': 'application/json' });
      res.end(JSON.stringify(isKnown ? answer : { error: { message: 'wrong key' } }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve())));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
}

const config = (url: string) => `# mine
providers:
  corp: { protocol: openai-chat, base_url: "${url}", local: false, auth: { type: bearer } }
`;
const lines = (...answers: string[]) => `${answers.join('\n')}\n`;

describe('the first run', { timeout: 60_000 }, () => {
  it('asks for a key, tries it, shows what it writes, and leaves a profile that works', async () => {
    const { run, read, home } = commandLine(config(await provider()));
    const result = await run(['setup'], { stdin: lines('corp', KEY, 'the-model', 'work', 'y', 'y') });
    expect([result.code, result.stderr]).toEqual([0, '']);
    expect(result.stdout).toContain('Claude Code 2.1.329');
    expect(result.stdout).toMatch(/It works: corp\/the-model answered in \d+ ms/);
    expect(result.stdout).toMatch(/the key of corp, to \S+secrets\.yaml/);
    expect(result.stdout).toContain('+ default_profile: work');
    expect(result.stdout).toContain('Start Claude Code with: midswap\n');
    expect(result.stdout).not.toContain(KEY);
    expect(read('config.yaml')).toContain('# mine');
    expect(read('config.yaml')).not.toContain(KEY);
    expect(statSync(join(home, 'midswap', 'secrets.yaml')).mode & 0o777).toBe(0o600);
    expect((await run(['profile', 'test', 'work', '--json'])).json()).toMatchObject({ ok: true, text: 'ready' });
  });

  it('keeps nothing of a key that does not work', async () => {
    const { run, read, home } = commandLine(config(await provider()));
    const before = read('config.yaml');
    const result = await run(['setup'], { stdin: lines('corp', 'a-wrong-key-0123456789', 'the-model', '', 'y', 'n') });
    expect(result.code).toBe(69);
    expect(result.stdout).toMatch(/It does not work yet: .*wrong key/);
    expect(read('config.yaml')).toBe(before);
    expect(listFiles(join(home, 'midswap'))).not.toContain('secrets.yaml');
  });

  it('of the built-in provider needs no key and no network', async () => {
    const { run, read } = commandLine();
    const result = await run(['setup'], { stdin: lines('sandbox', '', '', '') });
    expect([result.code, result.stderr]).toEqual([0, '']);
    expect(read('config.yaml')).toContain('default_profile: sandbox');
  });

  it.each([
    [true, /Your Claude login: found in \S+\.credentials\.json\n[\s\S]*\nReady\. Start Claude Code with: midswap\n$/],
    [
      false,
      /Your Claude login: none found in \S+; log in with: claude \/login\n[\s\S]*\nFirst log in with: claude \/login\. Then start/,
    ],
  ])(
    'with the client’s own login writes that choice, asks for no key and tells whether it is there: %s',
    async (has, told) => {
      const { run, read, home } = commandLine();
      if (has) writeFiles(home, { '.claude/.credentials.json': `{"claudeAiOauth":{"accessToken":"${KEY}"}}` });
      const result = await run(['setup'], { stdin: lines('', 'y', 'y') });
      expect([result.code, result.stderr]).toEqual([0, '']);
      expect(result.stdout).toMatch(told);
      expect(result.stdout).not.toContain(KEY);
      expect(read('config.yaml')).toContain('default_profile: subscription');
    },
  );

  it('asks where the account is, since a key works there only', async () => {
    const { run, read } = commandLine();
    // Nothing leaves this machine: the proxy is not there.
    const env = { HTTPS_PROXY: 'http://127.0.0.1:9' };
    const result = await run(['setup'], { stdin: lines('minimax', 'international', KEY, '', 'y', 'y', 'y'), env });
    expect([result.code, result.stderr]).toEqual([0, '']);
    expect(result.stdout).toMatch(/It does not work yet: .*api\.minimax\.io/);
    expect(read('config.yaml')).toMatch(/minimax:\n +region: international\n/);
  });

  it.each([
    ['breaks off where the answers end', lines('sandbox'), 64],
    ['takes an end for no consent', lines('sandbox', '', 'y'), 64],
    ['changes nothing when it is told not to', lines('sandbox', '', 'y', 'n'), 130],
    ['refuses a provider that nobody knows', lines('nobody'), 64],
  ])('%s', async (_, stdin, code) => {
    const { run, home } = commandLine();
    const result = await run(['setup'], { stdin });
    expect(result.code).toBe(code);
    expect(listFiles(join(home, 'midswap'))).not.toContain('config.yaml');
  });
});
