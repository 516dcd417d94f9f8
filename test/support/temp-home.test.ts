import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { homeChanges, photographHome, tempDir, writeFiles } from './temp-home.ts';

describe('the guard of the home folder', () => {
  it('sees made, changed and removed files, also in hidden depths', () => {
    const home = tempDir();
    writeFiles(home, {
      '.claude/projects/p/session.jsonl': 'a',
      '.claude.json': '{}',
      '.config/midswap/config.yaml': 'x',
    });
    const before = photographHome(home, true);
    writeFileSync(join(home, '.claude/projects/p/session.jsonl'), 'b');
    writeFiles(home, { '.local/state/midswap/registry.json': '{}' });
    rmSync(join(home, '.claude.json'));
    expect(homeChanges(before, photographHome(home, true)).map((line) => line.replace(home, '~'))).toEqual([
      'removed: ~/.claude.json',
      'changed: ~/.claude/projects/p/session.jsonl',
      'made: ~/.local/state/midswap',
      'made: ~/.local/state/midswap/registry.json',
    ]);
  });

  it('is silent when nothing changed, and about files that are nobody’s concern', () => {
    const home = tempDir();
    writeFiles(home, { '.claude/settings.json': '{}' });
    const before = photographHome(home, true);
    writeFiles(home, { 'notes.txt': 'x' });
    expect(homeChanges(before, photographHome(home, true))).toEqual([]);
  });

  it('lets the user’s own sessions write what sessions write, and nothing else', () => {
    const home = tempDir();
    writeFiles(home, { '.claude/settings.json': '{}' });
    const before = photographHome(home, false);
    writeFiles(home, { '.claude.json': '{"a":1}', '.claude/projects/p/s.jsonl': 'x', '.claude/todos/t.json': '[]' });
    expect(homeChanges(before, photographHome(home, false))).toEqual([]);
    writeFiles(home, { '.claude/commands/new.md': 'x' });
    expect(homeChanges(before, photographHome(home, false))).toHaveLength(2);
  });
});

it('a temporary folder is gone after its test', ({ onTestFinished }) => {
  let dir = '';
  onTestFinished(() => expect(existsSync(dir)).toBe(false));
  dir = tempDir();
  expect(existsSync(dir)).toBe(true);
});
