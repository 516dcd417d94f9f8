import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../../test/support/temp-home.ts';
import { makePrivateDirectory, writePrivateFile } from './write-file.ts';

const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe('a private file', () => {
  it('is for its owner alone, as are the directories that it needs', () => {
    const dir = tempDir();
    const file = join(dir, 'a', 'b', 'file');
    writePrivateFile(file, 'text');
    expect(readFileSync(file, 'utf8')).toBe('text');
    expect([modeOf(file), modeOf(join(dir, 'a')), modeOf(join(dir, 'a', 'b'))]).toEqual([0o600, 0o700, 0o700]);
  });

  it('that others could read is theirs no more when it is written again', () => {
    const file = join(tempDir(), 'file');
    writeFileSync(file, 'old');
    chmodSync(file, 0o644);
    writePrivateFile(file, new Uint8Array([110, 101, 119]));
    expect(readFileSync(file, 'utf8')).toBe('new');
    expect(modeOf(file)).toBe(0o600);
  });

  it('is whole or as it was, and nothing is left beside it', () => {
    const dir = tempDir();
    const file = join(dir, 'file');
    writePrivateFile(file, 'old');
    const stop = new Error('stop');
    const write = () =>
      writePrivateFile(file, 'new', {
        confirm: () => {
          throw stop;
        },
      });
    expect(write).toThrow(/cannot write .*file/);
    expect(readFileSync(file, 'utf8')).toBe('old');
    expect(readdirSync(dir)).toEqual(['file']);
  });

  it('keeps the mode of a directory that is there', () => {
    const dir = join(tempDir(), 'shared');
    mkdirSync(dir, { mode: 0o755 });
    makePrivateDirectory(dir);
    expect(modeOf(dir)).toBe(0o755);
  });

  it('stays a symbolic link where it was one', () => {
    const dir = tempDir();
    writeFileSync(join(dir, 'real'), 'old');
    symlinkSync('real', join(dir, 'link'));
    writePrivateFile(join(dir, 'link'), 'new', { durable: false });
    expect(readFileSync(join(dir, 'real'), 'utf8')).toBe('new');
  });

  it('in the place of a directory cannot be written, and it is told', () => {
    const dir = tempDir();
    mkdirSync(join(dir, 'file'));
    expect(() => writePrivateFile(join(dir, 'file'), 'x')).toThrow(expect.objectContaining({ code: 'cannot_write' }));
    expect(existsSync(join(dir, 'file'))).toBe(true);
    expect(readdirSync(dir)).toEqual(['file']);
  });
});
