import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isSet, readGivenSettings, readUserSettings } from './client-settings.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'midswap-settings-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, content: string): string {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

const read = (env: Record<string, string> = {}) =>
  readUserSettings({ env, home: join(root, 'home'), cwd: join(root, 'project'), platform: 'linux' });

describe('the client’s own settings files', () => {
  it('are read in their order, and a broken one is as good as absent', () => {
    write('home/.claude/settings.json', '{"statusLine":{},"env":{"A":"user","B":"user","N":1,"O":{}}}');
    write('project/.claude/settings.json', '{"env":{"B":"project"}}');
    write('project/.claude/settings.local.json', '{broken');
    const settings = read();
    expect(settings.env).toMatchObject({ A: 'user', B: 'project', N: '1' });
    expect(settings.env.O).toBeUndefined();
    expect([isSet(settings, 'statusLine'), isSet(settings, 'respondToBashCommands')]).toEqual([true, false]);
  });

  it('are looked for where CLAUDE_CONFIG_DIR says', () => {
    write('home/.claude/settings.json', '{"env":{"A":"wrong"}}');
    write('moved/settings.json', '{"env":{"A":"right"}}');
    expect(read({ CLAUDE_CONFIG_DIR: join(root, 'moved') }).env.A).toBe('right');
  });

  it('never make the start fail, whatever is in them', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (content) => {
        write('home/.claude/settings.json', content);
        expect(() => isSet(read(), 'env')).not.toThrow();
      }),
    );
  });
});

describe('what --settings was given', () => {
  it('is JSON or a file, from the current directory if relative', () => {
    write('own.json', '\uFEFF{"a":1}');
    expect(readGivenSettings(' {"a":2} ', root)).toEqual({ a: 2 });
    expect(readGivenSettings('own.json', root)).toEqual({ a: 1 });
    expect(readGivenSettings(join(root, 'own.json'), '/')).toEqual({ a: 1 });
  });

  it.each(['{"a":}', 'missing.json', 'list.json', 'bad.json'])(
    'is refused in one line when it is none: %s',
    (given) => {
      write('list.json', '[]');
      write('bad.json', '{');
      expect(() => readGivenSettings(given, root)).toThrow(expect.objectContaining({ code: 'usage' }));
    },
  );

  it('is not repeated in the error, for it may hold a secret', () => {
    try {
      readGivenSettings('{"env":{"X":"my-secret"}, oops}', root);
      expect.unreachable();
    } catch (thrown) {
      expect(String(thrown)).not.toContain('my-secret');
    }
  });
});
