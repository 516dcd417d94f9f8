import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { MidswapError } from '../core/errors.ts';
import { type ConfigFault, configInvalid } from './faults.ts';
import { readPlainJson } from './plain-json.ts';
import { readPlainYaml } from './plain-yaml.ts';
import type { Source } from './source.ts';

/** A file as it was found. */
export interface FileText {
  readonly text: string;
  /** Group or others may read it; always false on Windows. */
  readonly isOpen: boolean;
  /** Numeric id of the owner. */
  readonly owner: number;
}

/**
 * The text of a regular file; `undefined` when there is none. Throws `config_unreadable` for what is no regular file
 * (a pipe would block), is larger than `limit` bytes, is not UTF-8, or cannot be read.
 */
export function readRegularFile(file: string, limit: number, platform: string): FileText | undefined {
  let descriptor: number | undefined;
  try {
    // Without blocking: a pipe in the place of the file must not hang the start.
    descriptor = openSync(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) throw unreadable(file, 'is not a regular file');
    if (stat.size > limit) throw unreadable(file, `is larger than ${limit} bytes`);
    const bytes = readFileSync(descriptor);
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return { text, isOpen: platform !== 'win32' && (stat.mode & 0o077) !== 0, owner: stat.uid };
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (thrown instanceof MidswapError) throw thrown;
    throw unreadable(file, thrown instanceof TypeError ? 'is not UTF-8' : `cannot be read: ${code ?? String(thrown)}`);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** The text as a tree. Throws `config_invalid` with every fault for what is no YAML. */
export async function parseSource(file: string, text: string): Promise<Source> {
  const plain = readPlainYaml(text) ?? readPlainJson(text);
  if (plain) return { file, text, root: plain };
  const { readYaml } = await import('./library-yaml.ts');
  const { root, faults } = readYaml(text);
  if (root) return { file, text, root };
  const [first, ...others] = faults.map(
    ({ line, column, what }): ConfigFault => ({
      file,
      position: { line, column },
      path: '',
      what,
      suggestion: undefined,
    }),
  );
  throw configInvalid([first as ConfigFault, ...others]);
}

function unreadable(file: string, what: string): MidswapError {
  return new MidswapError('config_unreadable', `${file} ${what}`, { hint: 'Make it a text file that you can read.' });
}
