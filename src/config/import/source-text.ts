import { type ParseError, parse } from 'jsonc-parser';
import { MidswapError } from '../../core/errors.ts';
import { parseEnvFile } from '../environment.ts';
import { readYaml } from '../library-yaml.ts';
import { plainValue, positionAt } from '../source.ts';
import type { ImportNote } from './rival.ts';

export type Fields = Readonly<Record<string, unknown>>;

const DEPTH_LIMIT = 32;

/** JSON with comments and commas at the end, which these tools take. Throws `config_invalid` with the line. */
export function readJson(file: string, text: string): unknown {
  const errors: ParseError[] = [];
  checkDepth(file, text);
  const value: unknown = parse(text.replace(/^\uFEFF/, ''), errors, { allowTrailingComma: true });
  const [first] = errors;
  if (first) throw notThat(`${file}:${positionAt(text, first.offset).line}`, 'cannot be read as JSON');
  return value;
}

/** Throws `config_invalid` with the line: the words around a fault may be keys, so they are not shown. */
export function readYamlText(file: string, text: string): unknown {
  const { root, faults } = readYaml(text.replace(/^\uFEFF/, ''));
  if (!root) throw notThat(`${file}:${faults[0]?.line ?? 1}`, 'cannot be read as YAML');
  return plainValue(root);
}

/** A `.env` file, or a shell's file with `export NAME=value` in it; `strict` tells of lines that are neither. */
export function readEnvText(text: string, strict: boolean): { values: Map<string, string>; notes: ImportNote[] } {
  const { values, faults } = parseEnvFile(text);
  const notes = strict ? faults.map(({ line, what }) => ({ path: `line ${line}`, reason: what })) : [];
  return { values, notes };
}

/** The value as a map of keys; `undefined` for anything else. */
export function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

/** As `fieldsOf`, for a file as a whole. Throws `config_invalid`. */
export function rootOf(file: string, value: unknown): Fields {
  const fields = fieldsOf(value);
  if (!fields) throw notThat(file, 'is not a map of keys');
  return fields;
}

export function entriesOf(value: unknown): [string, unknown][] {
  return Object.entries(fieldsOf(value) ?? {});
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A text that is not blank. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}

export function notThat(where: string, what: string): MidswapError {
  return new MidswapError('config_invalid', `${where} ${what}`, {
    hint: 'Give the path of the file that the other tool reads; nothing was changed.',
  });
}

/** The parser below recurses. */
function checkDepth(file: string, text: string): void {
  let depth = 0;
  for (const character of text) {
    if (character === '{' || character === '[') depth++;
    else if (character === '}' || character === ']') depth--;
    if (depth > DEPTH_LIMIT * 8) throw notThat(file, 'is nested too deeply');
  }
}
