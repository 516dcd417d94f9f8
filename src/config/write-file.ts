import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { MidswapError } from '../core/errors.ts';

export interface WriteOptions {
  /** `false` leaves it to the system when the bytes reach the disk: for files that mean nothing after a crash. */
  readonly durable?: boolean;
  /** Called at the last moment; throws when the old file must stay. */
  readonly confirm?: () => void;
}

/**
 * Replaces a file as a whole, readable by its owner alone: a reader sees the old text or the new one, also after a
 * crash. Missing directories are made, readable by the owner alone. A symbolic link is followed, so that a file kept
 * elsewhere stays there. Throws `cannot_write`; the old file is then as it was.
 */
export function writePrivateFile(file: string, text: string | Uint8Array, options: WriteOptions = {}): void {
  let temporary: string | undefined;
  try {
    makePrivateDirectory(dirname(file));
    const target = linkTarget(file);
    temporary = `${target}.${randomBytes(6).toString('hex')}.tmp`;
    const descriptor = openSync(temporary, 'wx', 0o600);
    try {
      writeWhole(descriptor, typeof text === 'string' ? Buffer.from(text, 'utf8') : text);
      if (options.durable !== false) fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    options.confirm?.();
    renameSync(temporary, target);
  } catch (cause) {
    if (temporary) rmSync(temporary, { force: true });
    throw unwritable(file, cause);
  }
}

/** Makes a directory that only its owner can enter; one that is there keeps its mode. Throws `cannot_write`. */
export function makePrivateDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw unwritable(directory, cause);
  }
}

function linkTarget(file: string): string {
  const found = lstatSync(file, { throwIfNoEntry: false });
  return found?.isSymbolicLink() ? realpathSync(file) : file;
}

function writeWhole(descriptor: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) written += writeSync(descriptor, bytes, written);
}

function unwritable(path: string, cause: unknown): MidswapError {
  if (cause instanceof MidswapError) return cause;
  const why = (cause as NodeJS.ErrnoException).code ?? String(cause);
  return new MidswapError('cannot_write', `cannot write ${path}: ${why}`, {
    hint: 'Check that the directory exists, is yours and has room; MIDSWAP_HOME moves it.',
    cause,
  });
}
