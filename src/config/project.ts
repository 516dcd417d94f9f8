import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { SLOTS } from '../core/slot.ts';
import { type ConfigFault, pathText } from './faults.ts';
import { PROJECT_FILE } from './paths.ts';
import { type Path, plainValue, positionOf, type Source } from './source.ts';

/** Bytes that a project file may have. */
export const PROJECT_LIMIT = 64 << 10;

/** What a project may say. Everything else, whatever it is, is refused. */
const ALLOWED = new Set(['default_profile', 'profiles', 'aliases', 'routing']);
const ALLOWED_IN_PROFILE = new Set(['models']);
const ALLOWED_MODELS = new Set<string>([...SLOTS, 'default']);

/**
 * Where a project's file may be, the nearest first: in the directory or above it, up to the root of the repository or
 * the home directory. Outside of both only the directory itself counts: a file in `/tmp` is anybody's.
 */
export function projectCandidates(cwd: string, home: string): string[] {
  const directories: string[] = [];
  let bounded = false;
  for (let here = resolve(cwd); ; here = dirname(here)) {
    directories.push(here);
    bounded = here === resolve(home) || existsSync(join(here, '.git'));
    if (bounded || here === dirname(here)) break;
  }
  return (bounded ? directories : directories.slice(0, 1)).map((directory) => join(directory, PROJECT_FILE));
}

/**
 * What a project file says beyond what a project may say. `profiles` are the names of those that exist without it,
 * `aliases` those of the user's, both lower case.
 */
export function checkProject(
  source: Source,
  known: { readonly profiles: ReadonlySet<string>; readonly aliases: ReadonlySet<string> },
): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const refuse = (path: Path, what: string): void => {
    const position = positionOf(source, path, 'key');
    faults.push({ file: source.file, position, path: pathText(path), what, suggestion: undefined });
  };
  const value = plainValue(source.root);
  for (const [key, inner] of entriesOf(value)) {
    if (!ALLOWED.has(key)) refuse([key], 'a project file may not set this');
    if (key === 'routing') checkJudge(inner, ['routing'], refuse);
    if (key === 'aliases') checkAliases(inner, known, refuse);
    if (key === 'profiles') checkProfiles(inner, known.profiles, refuse);
  }
  return faults;
}

type Refuse = (path: Path, what: string) => void;

function checkProfiles(value: unknown, profiles: ReadonlySet<string>, refuse: Refuse): void {
  for (const [name, profile] of entriesOf(value)) {
    if (!profiles.has(name.toLowerCase())) {
      refuse(['profiles', name], 'a project file may only choose among the profiles that you have');
    }
    for (const [key, inner] of entriesOf(profile)) {
      const path = ['profiles', name, key];
      if (!ALLOWED_IN_PROFILE.has(key)) refuse(path, 'a project file may not set this');
      else {
        for (const [slot] of entriesOf(inner)) if (!ALLOWED_MODELS.has(slot)) refuse([...path, slot], 'unknown slot');
        checkJudge(inner, path, refuse);
      }
    }
  }
}

/** Nobody would see that another model judges what the project's own commands may do. */
function checkJudge(value: unknown, path: Path, refuse: Refuse): void {
  for (const [key] of entriesOf(value)) {
    if (key === 'classifier') refuse([...path, key], 'a project file may not choose who judges its tool calls');
  }
}

/** A project adds names; it does not change what the user's own names mean. */
function checkAliases(
  value: unknown,
  known: { readonly profiles: ReadonlySet<string>; readonly aliases: ReadonlySet<string> },
  refuse: Refuse,
): void {
  for (const [name] of entriesOf(value)) {
    const key = name.toLowerCase();
    if (known.profiles.has(key)) refuse(['aliases', name], 'a project file may not take the name of a profile');
    if (known.aliases.has(key)) refuse(['aliases', name], 'a project file may not change an alias of yours');
  }
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
}
