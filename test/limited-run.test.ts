import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runLimited } from '../scripts/limited-run.ts';
import { processesOf } from './support/leftovers.ts';
import { tempDir } from './support/temp-home.ts';

it('a program that takes too long is killed with what it started, and the exit code says so', async () => {
  const root = tempDir();
  const run = { cwd: root, env: { PATH: process.env.PATH }, limitMs: 300 };
  expect(await runLimited('/bin/sh', ['-c', 'sleep 60 & sleep 61'], run)).toBe(124);
  await expect.poll(() => processesOf(root)).toEqual([]);
});

it('a program has its folder for temporary files to itself, and its exit code is passed on', async () => {
  const root = tempDir();
  const script = '[ -d "$TMPDIR" ] && touch "$TMPDIR/file" && echo "$TMPDIR" > folder; exit 7';
  expect(await runLimited('/bin/sh', ['-c', script], { cwd: root, env: {}, limitMs: 10_000 })).toBe(7);
  expect(readdirSync(root)).toEqual(['folder']);
  const folder = readFileSync(join(root, 'folder'), 'utf8').trim();
  expect(existsSync(folder)).toBe(false);
});

it('a program that is not there is 127', async () => {
  expect(await runLimited('/nowhere/program', [], { cwd: '/', env: {}, limitMs: 10_000 })).toBe(127);
});
