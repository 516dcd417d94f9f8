import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { tempDir, writeFiles } from '../../../test/support/temp-home.ts';
import { openConfiguration } from '../../config/open-configuration.ts';
import type { App } from '../app.ts';
import { pickChoices, pickReference } from './pick.ts';

const LOGIN = { found: true, place: '-' };

async function configured(text: string, env: Record<string, string> = {}) {
  const home = tempDir('midswap-pick');
  writeFiles(home, { 'config.yaml': text });
  const machine = { env: { ...env, MIDSWAP_HOME: home }, platform: 'linux', home, cwd: home };
  return { home, configuration: await openConfiguration({ ...machine, keychain: async () => undefined }) };
}

describe('what can be picked', () => {
  it('leads somewhere, every row of it', async () => {
    const { home, configuration } = await configured(
      'aliases: { here: "sandbox:sandbox-swift", nokey: "groq:m" }\nprofiles: { work: { provider: xai, keys: ["env:WORK"] } }\n',
      { WORK: 'k', DEEPSEEK_API_KEY: 'k' },
    );
    const values = pickChoices(configuration, home, LOGIN).map(({ value }) => value);
    expect(values).toEqual(expect.arrayContaining(['subscription', 'deepseek', 'work', 'here', 'max', 'sandbox']));
    // What the user has written comes first, what may not even run last.
    expect(values.slice(0, 2)).toEqual(['work', 'here']);
    expect(values.indexOf('llamacpp')).toBeGreaterThan(values.indexOf('deepseek'));
    expect(values).not.toContain('nokey');
    for (const value of values) expect(configuration.resolve(value), value).toBeDefined();
    // The login has Claude's models, a key of Anthropic's is not there; the work account has those of its provider.
    expect(values.some((value) => value.startsWith('subscription:claude-'))).toBe(true);
    expect(values.some((value) => value.startsWith('anthropic:'))).toBe(false);
    expect(values.some((value) => value.startsWith('work:'))).toBe(true);
    expect(new Set(values).size).toBe(values.length);
  });

  it('has the models of a runtime on this machine, which has no profile that can be used', async () => {
    const asked: string[] = [];
    const server = createServer((req, res) => {
      asked.push(req.url ?? '');
      res.end(JSON.stringify({ data: [{ id: 'qwen3:8b' }, { id: 'gpt-oss:20b' }] }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => new Promise((resolve) => server.close(() => resolve())));
    const { port } = server.address() as AddressInfo;
    const { home, configuration } = await configured(
      `providers: { ollama: { base_url: "http://127.0.0.1:${port}" } }\n`,
    );
    expect(configuration.snapshot.profiles.get('ollama')?.unusable).toMatch(/no model/);

    const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => {} });
    let drawn = '';
    const sink = Object.assign(
      new Writable({
        write: (chunk, _encoding, done) => {
          drawn += String(chunk);
          if (/Which model/.test(drawn) && input.readableLength === 0 && !typed) type();
          done();
        },
      }),
      { isTTY: true, columns: 80, rows: 24 },
    );
    let typed = false;
    const type = () => {
      typed = true;
      setTimeout(() => input.write('qwen3'), 50);
      setTimeout(() => input.write('\r'), 150);
    };
    const app = {
      streams: { in: input, out: sink, err: sink },
      stateDir: () => home,
      clientLogin: async () => LOGIN,
      originOf: async (url: string) => (url.includes('127.0.0.1') ? url : 'http://127.0.0.1:9'),
    } as unknown as App;
    expect(await pickReference(app, configuration)).toBe('ollama:qwen3:8b');
    expect(asked).toEqual(['/v1/models']);
  });
});
