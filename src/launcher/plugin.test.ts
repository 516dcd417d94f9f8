import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { pluginFiles, writePlugin } from './plugin.ts';

const HTTP = { kind: 'http', url: 'http://127.0.0.1:1/h', token: 'the-token' } as const;

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'midswap-plugin-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

it('the plugin is for the user only, because its hook holds a token', () => {
  writePlugin(join(root, 'p'), { hook: HTTP, version: '1.0.0' });
  for (const name of readdirSync(join(root, 'p'), { recursive: true, encoding: 'utf8' })) {
    expect(statSync(join(root, 'p', name)).mode & 0o077).toBe(0);
  }
  const hooks = JSON.parse(readFileSync(join(root, 'p/hooks/hooks.json'), 'utf8'));
  const handler = { type: 'http', url: HTTP.url, headers: { authorization: 'Bearer the-token' }, timeout: 5 };
  expect(hooks.hooks).toEqual({
    UserPromptSubmit: [{ hooks: [handler] }],
    SubagentStart: [{ hooks: [handler] }],
  });
});

it('the token is in the hook and nowhere else', () => {
  const holding = Object.entries(pluginFiles({ hook: HTTP, version: '1' })).filter(([, text]) =>
    text.includes('the-token'),
  );
  expect(holding.map(([name]) => name)).toEqual(['hooks/hooks.json']);
});

it('a hook that is a command carries no token', () => {
  const files = pluginFiles({ hook: { kind: 'command', command: 'midswap hook prompt' }, version: '1' });
  expect(JSON.parse(files['hooks/hooks.json'] ?? '').hooks.UserPromptSubmit[0].hooks[0]).toMatchObject({
    type: 'command',
    command: 'midswap hook prompt',
  });
});

it('the model cannot call the commands by itself', () => {
  const files = pluginFiles({ hook: HTTP, version: '1' });
  for (const name of ['commands/use.md', 'commands/status.md']) {
    expect(files[name]).toMatch(/^---\n[\s\S]*disable-model-invocation: true\n---\n/);
  }
});
