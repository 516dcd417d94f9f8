import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { QUIRK_TABLE } from '../src/catalogue/quirks.ts';
import { BUILT_IN } from '../src/config/compile.ts';
import { OVERRIDES } from '../src/config/environment.ts';
import { configJsonSchema } from '../src/config/json-schema.ts';
import { SLOTS } from '../src/core/slot.ts';

/** The part of JSON Schema that the configuration's schema uses. */
interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | false;
  readonly default?: unknown;
}

export const CONFIGURATION_PAGE = fileURLToPath(new URL('../docs/configuration.md', import.meta.url));

/** What a name of the user's stands for, by the map that it is in. */
const PLACEHOLDERS: Readonly<Record<string, string>> = {
  profiles: 'PROFILE',
  providers: 'PROVIDER',
  aliases: 'ALIAS',
  limits: 'PROVIDER',
  model_map: 'MODEL',
  model_data: 'MODEL',
  subagents: 'AGENT',
};

/** Every key of the configuration file as a Markdown table. */
export function configTable(): string {
  return table(['Key', 'Value', 'Meaning'], rowsOf(configJsonSchema() as Schema, []));
}

/** Every quirk as a Markdown table. */
export function quirkTable(): string {
  const rows = QUIRK_TABLE.filter(({ key }) => key !== 'accepts_client_login').map((row) => {
    const value = row.values ? row.values.map(code).join(', ') : row.kind;
    const list = row.values ? `list of ${value}` : 'list of text';
    return [code(row.key), row.kind === 'list' ? list : value, defaultText(row.default), row.doc];
  });
  return table(['Quirk', 'Value', 'Default', 'Meaning'], rows);
}

/** Every variable that sets a key. */
export function variableTable(): string {
  const rows = OVERRIDES.map(({ variable, path, form }) => [code(variable), code(path.join('.')), form]);
  return table(['Variable', 'Key', 'Value'], rows);
}

/** The page with its tables brought up to date. A table stands between `<!-- NAME -->` and `<!-- /NAME -->`. */
export function withTables(page: string): string {
  const tables = { keys: configTable(), quirks: quirkTable(), variables: variableTable() };
  return Object.entries(tables).reduce((text, [name, made]) => {
    const place = new RegExp(`(<!-- ${name} -->\n)[\\s\\S]*?(<!-- /${name} -->)`);
    if (!place.test(text)) throw new Error(`docs/configuration.md has no place for the table "${name}"`);
    return text.replace(place, (_, before: string, after: string) => `${before}${made}${after}`);
  }, page);
}

function rowsOf(schema: Schema, path: readonly string[]): string[][] {
  // A name of the user's is told by the map that it is in.
  const own = schema.description === undefined ? [] : [rowOf(schema, path)];
  if (path.at(-1) === 'quirks') return own;
  const properties = Object.entries(schema.properties ?? {});
  const hasSlots = SLOTS.every((slot) => schema.properties?.[slot]);
  const inner = properties.flatMap(([key, child]) => {
    if (!hasSlots || !(SLOTS as readonly string[]).includes(key)) return rowsOf(child, [...path, key]);
    if (key !== SLOTS[0]) return [];
    const description = `For one slot: ${SLOTS.map(code).join(', ')}.`;
    return [rowOf({ ...child, description }, [...path, 'SLOT'])];
  });
  const named = schema.additionalProperties || undefined;
  if (!named) return [...own, ...inner];
  return [...own, ...rowsOf(named, [...path, PLACEHOLDERS[path.at(-1) as string] ?? 'NAME'])];
}

function rowOf(schema: Schema, path: readonly string[]): string[] {
  const builtIn = path.reduce<unknown>(
    (value, step) => (value as Record<string, unknown> | undefined)?.[step],
    BUILT_IN,
  );
  const given = schema.default ?? builtIn;
  const isPlain = given !== undefined && typeof given !== 'object';
  const meaning = schema.description ?? '';
  return [code(path.join('.')), valueText(schema), isPlain ? `${meaning} Default: ${defaultText(given)}.` : meaning];
}

function valueText(schema: Schema): string {
  if (schema.enum) return schema.enum.map(code).join(', ');
  if (schema.anyOf) return schema.anyOf.map(valueText).join(', ');
  if (schema.type === 'array') return `list of ${valueText(schema.items ?? {})}`;
  const words: Readonly<Record<string, string>> = {
    string: 'text',
    integer: 'whole number',
    boolean: 'true, false',
    object: 'map',
  };
  return words[schema.type ?? ''] ?? schema.type ?? 'text';
}

/** The value of a quirk or a key, as it is written. */
export function defaultText(value: unknown): string {
  if (value === undefined) return 'not set';
  return code(typeof value === 'string' ? value : JSON.stringify(value));
}

/** A text as code. */
export function code(text: unknown): string {
  return `\`${String(text)}\``;
}

/** A Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(CONFIGURATION_PAGE, withTables(readFileSync(CONFIGURATION_PAGE, 'utf8')));
}
