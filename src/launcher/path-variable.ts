import { posix, win32 } from 'node:path';
import type { Variables } from './request.ts';

/** The name under which a variable is set: Windows keeps `Path` and does not care. */
export function variableName(env: Variables, name: string, platform: string): string {
  if (platform !== 'win32' || env[name] !== undefined) return name;
  return Object.keys(env).find((key) => key.toUpperCase() === name.toUpperCase()) ?? name;
}

/** Directories of the PATH, in order, without empty ones (an empty entry means the current directory). */
export function pathEntries(env: Variables, platform: string): string[] {
  const value = env[variableName(env, 'PATH', platform)] ?? '';
  return value.split(platform === 'win32' ? ';' : ':').filter((entry) => entry !== '');
}

/** The PATH with `first` in front and without the shim directories of other sessions, which lie below `root`. */
export function pathWith(first: string, value: string, root: string, platform: string): string {
  const path = platform === 'win32' ? win32 : posix;
  const delimiter = platform === 'win32' ? ';' : ':';
  const prefix = `${root}${path.sep}`;
  const others = value.split(delimiter).filter((entry) => !entry.startsWith(prefix));
  return value === '' ? first : [first, ...others].join(delimiter);
}
