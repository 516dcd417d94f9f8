import { accessSync, constants, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { posix, win32 } from 'node:path';
import type { Shim } from './request.ts';
import { shellCommand } from './shell-quote.ts';

export interface ShimPlan {
  /** Command name to the words that follow midswap's own command line. */
  readonly commands: ReadonlyMap<string, readonly string[]>;
  /** Names that are not taken, because they are commands already. */
  readonly skipped: readonly string[];
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** Words of the shell itself, which a file on the PATH could not replace, and the client's own name. */
const RESERVED = new Set(
  'alias bg break builtin case cd claude command continue declare do done echo elif else esac eval exec exit export false fc fg fi for function getopts hash if in jobs kill let local logout popd printf pushd pwd read readonly return select set shift source test then time times trap true type typeset ulimit umask unalias unset until wait while'.split(
    ' ',
  ),
);

/**
 * What can be typed after `!`: every name of the session, `swap REF`, `backend` (alone: where it points and what can be
 * chosen), and midswap itself. A name that is a command of
 * the user's already stays that command.
 */
export function planShims(shims: readonly Shim[], isCommand: (name: string) => boolean): ShimPlan {
  const commands = new Map<string, readonly string[]>();
  const skipped: string[] = [];
  const wanted: [string, readonly string[]][] = [
    ['midswap', []],
    ['swap', ['use']],
    ['backend', ['use']],
    ...shims.map(({ name, reference }): [string, readonly string[]] => [name, ['use', reference]]),
  ];
  for (const [given, words] of wanted) {
    const name = given.toLowerCase();
    if (commands.has(name) || !NAME.test(name)) continue;
    if (RESERVED.has(name) || isCommand(name)) skipped.push(name);
    else commands.set(name, words);
  }
  return { commands, skipped };
}

/** Tells whether a name is a program in one of the directories. */
export function commandLookup(directories: readonly string[], platform: string): (name: string) => boolean {
  const path = platform === 'win32' ? win32 : posix;
  const endings = platform === 'win32' ? ['.exe', '.cmd', '.bat', '.com', '.ps1', ''] : [''];
  const absolute = directories.filter((dir) => path.isAbsolute(dir));
  return (name) => absolute.some((dir) => endings.some((ending) => isExecutable(path.join(dir, name + ending))));
}

/** Writes the plan into `dir`, each file for the user only. They hold no secret: the session is in the environment. */
export function writeShims(dir: string, plan: ShimPlan, self: readonly string[], platform: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  for (const [name, words] of plan.commands) {
    const line = shellCommand([...self, ...words].map((word) => (platform === 'win32' ? forwardSlashes(word) : word)));
    writeFileSync(`${dir}/${name}`, `#!/bin/sh\nexec ${line} "$@"\n`, { mode: 0o700 });
    if (platform !== 'win32') continue;
    const quoted = [...self, ...words].map((word) => `"${word}"`).join(' ');
    writeFileSync(`${dir}/${name}.cmd`, `@${quoted} %*\r\n`, { mode: 0o700 });
  }
}

function isExecutable(file: string): boolean {
  // Most are not there, and an exception for each of a few hundred paths takes longer than the rest of a start.
  if (!existsSync(file)) return false;
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function forwardSlashes(word: string): string {
  return word.replaceAll('\\', '/');
}
