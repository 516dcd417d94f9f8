import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ProvenanceStore } from './provenance.ts';

const CONVERSATION = '0b9c2f4e-1111-4222-8333-444455556666';
let directory: string;
beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'provenance-')), 'memory');
});
afterEach(() => rm(join(directory, '..'), { recursive: true }));

it('a resumed conversation still knows who made its thinking', async () => {
  const before = new ProvenanceStore(directory);
  before.of('k3f9', CONVERSATION).remember('sig-a', 'anthropic', true);
  before.of('k3f9', CONVERSATION).remember('sig-k', 'kimi', false);
  await before.flush();
  const after = new ProvenanceStore(directory).of('x2y3', CONVERSATION.toUpperCase());
  expect([after.isGenuine('sig-a'), after.isForeign('sig-a')]).toEqual([true, false]);
  expect([after.isGenuine('sig-k'), after.isForeign('sig-k')]).toEqual([false, true]);
  expect([after.isGenuine('sig-x'), after.isForeign('sig-x')]).toEqual([false, false]);
});

it('only hashes are kept, in a file for the owner alone', async () => {
  const store = new ProvenanceStore(directory);
  store.of('k3f9', CONVERSATION).remember('a-long-signature', 'kimi', false);
  await store.flush();
  expect(await readFile(join(directory, CONVERSATION), 'utf8')).toMatch(/^[\w-]{22} kimi\n$/);
  expect((await stat(join(directory, CONVERSATION))).mode & 0o777).toBe(0o600);
  expect((await stat(directory)).mode & 0o777).toBe(0o700);
});

it('an id that is no conversation id never becomes a path', async () => {
  const store = new ProvenanceStore(directory);
  store.of('k3f9', '../../../etc/passwd').remember('sig', 'kimi', false);
  await store.flush();
  expect(await readdir(join(directory, '..'))).toEqual([]);
  expect(store.of('k3f9', undefined).isForeign('sig')).toBe(true);
});

it('a damaged file costs the memory, not the conversation', async () => {
  const store = new ProvenanceStore(directory);
  store.of('k3f9', CONVERSATION).remember('sig', 'kimi', false);
  await store.flush();
  await writeFile(join(directory, CONVERSATION), '\0\0 garbage\nxx\n');
  expect(new ProvenanceStore(directory).of('a', CONVERSATION).isForeign('sig')).toBe(false);
});

it('memories that were left alone for months go away', async () => {
  const store = new ProvenanceStore(directory);
  store.of('a', CONVERSATION).remember('sig', 'kimi', false);
  await store.flush();
  const old = new Date('2026-01-01');
  await utimes(join(directory, CONVERSATION), old, old);
  await store.prune(Date.parse('2026-11-01'));
  expect(await readdir(directory)).toEqual([]);
});

it('of many conversations those of late are in memory, and the others are read again', async () => {
  const store = new ProvenanceStore(directory);
  const first = store.of('k3f9', CONVERSATION);
  first.remember('sig-k', 'kimi', false);
  await store.flush();
  const idOf = (number: number) => `00000000-1111-4222-8333-${String(number).padStart(12, '0')}`;
  for (let number = 0; number < 400; number++) store.of('k3f9', idOf(number));
  expect(store.of('k3f9', CONVERSATION)).toBe(first);
  for (let number = 0; number < 600; number++) store.of('k3f9', idOf(number));
  const again = store.of('k3f9', CONVERSATION);
  expect(again).not.toBe(first);
  expect(again.isForeign('sig-k')).toBe(true);
});
