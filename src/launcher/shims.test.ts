import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { shellCommand } from './shell-quote.ts';
import { commandLookup, planShims, writeShims } from './shims.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'midswap-shims-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const never = () => false;

describe('the plan', () => {
  it('has midswap, swap, backend and every name, each once', () => {
    const shims = ['ds', 'Max', 'ds', 'max'].map((name) => ({ name, reference: `to-${name}` }));
    const { commands, skipped } = planShims(shims, never);
    expect([...commands]).toEqual([
      ['midswap', []],
      ['swap', ['use']],
      ['backend', ['use']],
      ['ds', ['use', 'to-ds']],
      ['max', ['use', 'to-Max']],
    ]);
    expect(skipped).toEqual([]);
  });

  it('leaves existing commands, words of the shell and the client alone, and names them', () => {
    const shims = ['ls', 'ollama', 'test', 'claude', 'ok'].map((name) => ({ name, reference: name }));
    const { commands, skipped } = planShims(shims, (name) => ['ls', 'ollama'].includes(name));
    expect([...commands.keys()]).toEqual(['midswap', 'swap', 'backend', 'ok']);
    expect(skipped).toEqual(['ls', 'ollama', 'test', 'claude']);
  });

  it.each(['../x', 'a/b', 'a b', '-x', '.x', '', 'a;b', 'ü'])(
    'takes no name that is no plain file name: %j',
    (name) => {
      expect(planShims([{ name, reference: 'x' }], never).commands.has(name)).toBe(false);
    },
  );
});

describe('a written shim', () => {
  it('is for the user only and runs midswap with its reference, then what is typed', () => {
    const self = join(root, "it's midswap");
    writeFileSync(self, '#!/bin/sh\nfor a in "$@"; do echo "[$a]"; done\n', { mode: 0o700 });
    const plan = planShims([{ name: 'g5', reference: "glm:it's $HOME 5" }], never);
    writeShims(join(root, 'bin'), plan, [self, 'first'], 'linux');
    const shim = join(root, 'bin/g5');
    expect(statSync(shim).mode & 0o777).toBe(0o700);
    expect(execFileSync(shim, ['--slot', 'haiku x'], { encoding: 'utf8' })).toBe(
      "[first]\n[use]\n[glm:it's $HOME 5]\n[--slot]\n[haiku x]\n",
    );
  });

  it('has a form for each of the shells of Windows', () => {
    writeShims(join(root, 'bin'), planShims([], never), ['C:\\Program Files\\midswap.exe'], 'win32');
    expect(readFileSync(join(root, 'bin/swap'), 'utf8')).toContain('exec \'C:/Program Files/midswap.exe\' use "$@"');
    expect(readFileSync(join(root, 'bin/swap.cmd'), 'utf8')).toBe('@"C:\\Program Files\\midswap.exe" "use" %*\r\n');
  });
});

it('an existing command is one that can be run from the PATH', () => {
  writeFileSync(join(root, 'runs'), '', { mode: 0o755 });
  writeFileSync(join(root, 'reads'), '', { mode: 0o644 });
  const isCommand = commandLookup([root, 'relative'], 'linux');
  expect([isCommand('runs'), isCommand('nothing')]).toEqual([true, false]);
});

it('a quoted command line means the same words to a shell', () => {
  const word = fc.string({ minLength: 0, maxLength: 12 }).filter((text) => !text.includes('\0'));
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), (words) => {
      const line = `printf '%s\\0' ${shellCommand(words)}`;
      const said = execFileSync('/bin/sh', ['-c', line], { encoding: 'utf8' });
      expect(said.split('\0').slice(0, -1)).toEqual(words);
    }),
    { numRuns: 60 },
  );
});
