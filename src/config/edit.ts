import { basename, dirname, join } from 'node:path';
import { MidswapError } from '../core/errors.ts';
import { configInvalid } from './faults.ts';
import { parseSource, readRegularFile } from './read-source.ts';
import type { Path, Source } from './source.ts';
import { plainValue } from './source.ts';
import { checkShape } from './validate.ts';
import { writePrivateFile } from './write-file.ts';

/** Changes one file is subjected to, in order. A value is what YAML can hold. */
export interface ConfigEdit {
  /** Sets a value, and makes the maps around it where they are missing. */
  set(path: Path, value: unknown): void;
  /** Removes a key with its value. False when it is not there. */
  remove(path: Path): boolean;
}

const LIMIT = 4 << 20;
/** How often a change is applied anew because somebody else wrote the file meanwhile. */
const ATTEMPTS = 5;
/** Editors complete the file with the schema that lies beside it. */
const SCHEMA_FILE = 'config.schema.json';
/** What a file begins with that was not there before. */
export const NEW_FILE = `# yaml-language-server: $schema=./${SCHEMA_FILE}\n`;
const GUIDE = `# midswap configuration. Everything has a default: this file may be empty.
# See which profiles there are: midswap profile list
# Check this file: midswap config check
`;

/**
 * Edits a configuration file: comments, order and layout of everything else stay as they are. The result is checked
 * before it is written, and written as a whole. When the file changes meanwhile, `change` is applied again to what is
 * there then, so it must depend on nothing but its argument.
 *
 * Throws `config_invalid` (also for a file that was faulty before), `config_unreadable`, `cannot_write`; the file is then
 * as it was. Returns whether anything was changed.
 */
export async function editConfig(file: string, platform: string, change: (edit: ConfigEdit) => void): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    const before = readRegularFile(file, LIMIT, platform)?.text;
    const after = await changedText(file, before ?? NEW_FILE, change);
    if (after === (before ?? NEW_FILE)) return false;
    await writeSchemaFor(file, after, platform);
    try {
      writePrivateFile(file, after, {
        confirm: () => {
          if (readRegularFile(file, LIMIT, platform)?.text !== before) throw MEANWHILE;
        },
      });
      return true;
    } catch (error) {
      if (error !== MEANWHILE) throw error;
      if (attempt === ATTEMPTS) throw MEANWHILE;
    }
  }
}

/** The text with the changes in it. Throws `config_invalid` when it would not be a valid configuration. */
export async function changedText(file: string, text: string, change: (edit: ConfigEdit) => void): Promise<string> {
  const before = await parseSource(file, text);
  const { editText } = await import('./edit-text.ts');
  let here = text;
  change({
    set: (path, value) => {
      here = editText(here, pathIn(before, path), value);
    },
    remove: (path) => {
      const without = editText(here, pathIn(before, path), undefined);
      const changed = without !== here;
      here = without;
      return changed;
    },
  });
  if (here !== text) await check(await parseSource(file, here));
  return here;
}

const MEANWHILE = new MidswapError('cannot_write', 'the configuration file is being changed by somebody else', {
  hint: 'Save or close it in your editor, then try again.',
});

/** The file as it is, or a new one that says how to go on. Throws `cannot_write`. */
export async function ensureConfig(file: string, platform: string): Promise<void> {
  if (readRegularFile(file, LIMIT, platform)) return;
  await writeSchemaFor(file, NEW_FILE, platform);
  writePrivateFile(file, NEW_FILE + GUIDE);
}

/** Puts the schema beside a file that refers to it, when it is not there or of another version. */
export async function writeSchemaFor(file: string, text: string, platform: string): Promise<void> {
  if (!text.includes(`$schema=./${SCHEMA_FILE}`) || basename(file) === SCHEMA_FILE) return;
  const { configJsonSchema } = await import('./json-schema.ts');
  const schema = `${JSON.stringify(configJsonSchema(), null, 2)}\n`;
  const schemaFile = join(dirname(file), SCHEMA_FILE);
  if (readRegularFile(schemaFile, LIMIT, platform)?.text !== schema) writePrivateFile(schemaFile, schema);
}

async function check(source: Source): Promise<void> {
  const [first, ...others] = checkShape(source).faults;
  if (first) throw configInvalid([first, ...others]);
}

/** The path in the spelling of the file: `profiles.deepseek` where the file says `DeepSeek`. */
function pathIn(source: Source, path: Path): Path {
  const value = plainValue(source.root) as Readonly<Record<string, unknown>> | null;
  const [map, name, ...rest] = path;
  const inner = value?.[String(map)];
  if (typeof name !== 'string' || typeof inner !== 'object' || inner === null || Object.hasOwn(inner, name))
    return path;
  const spelled = Object.keys(inner).find((key) => key.toLowerCase() === name.toLowerCase());
  return spelled === undefined ? path : [map as string, spelled, ...rest];
}
