import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { candidates, findClaude } from './find-claude.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'midswap-find-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function program(path: string, mode = 0o755): string {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, '#!/bin/sh\n');
  chmodSync(file, mode);
  return file;
}

function find(dirs: readonly string[], env: Record<string, string> = {}, self: readonly string[] = []): string {
  const path = dirs.map((dir) => join(root, dir)).join(':');
  return findClaude({
    env: { PATH: path, ...env },
    home: join(root, 'home'),
    platform: 'linux',
    runtimeRoot: join(root, 'run'),
    self,
  });
}

describe('the client is found', () => {
  it('where MIDSWAP_CLAUDE says, before the PATH', () => {
    program('bin/claude');
    const named = program('elsewhere/claude-2');
    expect(find(['bin'], { MIDSWAP_CLAUDE: named })).toBe(named);
  });

  it('on the PATH, the first that can be run', () => {
    program('a/claude', 0o644);
    mkdirSync(join(root, 'b/claude'), { recursive: true });
    const right = program('c/claude');
    program('d/claude');
    expect(find(['missing', 'a', 'b', 'c', 'd'])).toBe(right);
  });

  it('in a usual place when it is not on the PATH', () => {
    const right = program('home/.local/bin/claude');
    expect(find(['a'])).toBe(right);
  });

  it('behind midswap’s own shims and links to itself', () => {
    program('run/k3f9-1/bin/claude');
    const main = program('lib/midswap.js');
    mkdirSync(join(root, 'a'));
    symlinkSync(main, join(root, 'a/claude'));
    const drop = program('lib/mclaude.js');
    mkdirSync(join(root, 'b'));
    symlinkSync(drop, join(root, 'b/claude'));
    const right = program('c/claude');
    expect(find(['run/k3f9-1/bin', 'a', 'b', 'c'], {}, ['/usr/bin/node', main])).toBe(right);
  });
});

describe('the client is not found', () => {
  it('when MIDSWAP_CLAUDE names no program, whatever the PATH has', () => {
    program('bin/claude');
    expect(() => find(['bin'], { MIDSWAP_CLAUDE: join(root, 'nothing') })).toThrow(
      expect.objectContaining({ code: 'claude_missing', message: expect.stringContaining('nothing') }),
    );
  });

  it('and how to install it is told', () => {
    const look = () => findClaude({ env: {}, home: root, platform: 'win32', runtimeRoot: root, self: [] });
    expect(look).toThrow(
      expect.objectContaining({ code: 'claude_missing', hint: expect.stringContaining('claude.ai/install.ps1') }),
    );
  });
});

it('a relative entry of the PATH is not searched', () => {
  const found = candidates({ env: { PATH: '.:bin:/abs' }, home: '/h', platform: 'linux', runtimeRoot: '/r', self: [] });
  expect(found[0]).toBe('/abs/claude');
});

it('Windows looks for the program before npm’s script, under whatever spelling Path has', () => {
  const found = candidates({
    env: { Path: 'C:\\one;D:\\two' },
    home: 'C:\\Users\\u',
    platform: 'win32',
    runtimeRoot: 'C:\\run',
    self: [],
  });
  expect(found.slice(0, 4)).toEqual([
    'C:\\one\\claude.exe',
    'C:\\one\\claude.cmd',
    'D:\\two\\claude.exe',
    'D:\\two\\claude.cmd',
  ]);
  expect(found).toContain('C:\\Users\\u\\AppData\\Roaming\\npm\\claude.cmd');
});
