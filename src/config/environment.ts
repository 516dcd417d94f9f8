import { homedir } from 'node:os';
import type { Env, Machine } from './paths.ts';
import type { RawConfig } from './schema.ts';

/** What the process says of itself, read once. The only place of the configuration that looks at the process. */
export function readMachine(): Machine & { readonly cwd: string } {
  const uid = process.getuid?.();
  return {
    env: { ...process.env },
    platform: process.platform,
    home: homedir(),
    cwd: process.cwd(),
    ...(uid !== undefined ? { uid } : {}),
  };
}

/** One key of the configuration that a variable or a flag sets. */
export interface Override {
  readonly variable: string;
  readonly flag?: keyof Flags;
  readonly path: readonly [keyof RawConfig, ...string[]];
  /** The value that the text stands for; `undefined` for a text of another form. */
  read(text: string): string | number | boolean | undefined;
  /** What the value has to be, for messages. */
  readonly form: string;
}

/** What the command line sets. */
export interface Flags {
  readonly profile?: string;
  readonly host?: string;
  readonly port?: number;
  readonly dynamic?: boolean;
}

/** Every key that a variable overrides. The limits are those of the schema, which need not be loaded for them. */
export const OVERRIDES: readonly Override[] = [
  { variable: 'MIDSWAP_PROFILE', flag: 'profile', path: ['default_profile'], read: token, form: 'a profile' },
  { variable: 'MIDSWAP_ALWAYS_DYNAMIC', flag: 'dynamic', path: ['always_dynamic'], read: truth, form: 'true or false' },
  { variable: 'MIDSWAP_HOST', flag: 'host', path: ['gateway', 'host'], read: token, form: 'an address' },
  { variable: 'MIDSWAP_PORT', flag: 'port', path: ['gateway', 'port'], ...whole(0, 65_535) },
  { variable: 'MIDSWAP_MAX_BODY_BYTES', path: ['gateway', 'max_body_bytes'], ...whole(1024, Number.MAX_SAFE_INTEGER) },
  { variable: 'MIDSWAP_GRACE_MS', path: ['gateway', 'grace_ms'], ...whole(0, 86_400_000) },
  { variable: 'MIDSWAP_PING_MS', path: ['gateway', 'ping_ms'], ...whole(100, 600_000) },
];

function token(text: string): string | undefined {
  return /^[^\s\p{Cc}]{1,256}$/u.test(text) ? text : undefined;
}

function truth(text: string): boolean | undefined {
  if (/^(1|true|yes|on)$/i.test(text)) return true;
  return /^(0|false|no|off)$/i.test(text) ? false : undefined;
}

function whole(least: number, most: number): Pick<Override, 'read' | 'form'> {
  return {
    read: (text) => {
      const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
      return value >= least && value <= most ? value : undefined;
    },
    form: most === Number.MAX_SAFE_INTEGER ? `a whole number from ${least}` : `a whole number from ${least} to ${most}`,
  };
}

/** Variables that other gateways use for their models; a blank one inherits. */
const MODEL_VARIABLES = [
  ['MODEL', 'default'],
  ['MODEL_OPUS', 'opus'],
  ['MODEL_SONNET', 'sonnet'],
  ['MODEL_HAIKU', 'haiku'],
] as const;

export type ModelVariable = (typeof MODEL_VARIABLES)[number][1];

/** What the environment says about models: `MODEL`, `MODEL_OPUS`, `MODEL_SONNET`, `MODEL_HAIKU`. Blank ones are out. */
export function modelVariables(env: Env): { variable: string; slot: ModelVariable; reference: string }[] {
  return MODEL_VARIABLES.flatMap(([variable, slot]) => {
    const reference = env[variable]?.trim();
    return reference ? [{ variable, slot, reference }] : [];
  });
}

/** A line of a `.env` file that cannot be read: 1 is the first. */
export interface EnvFileFault {
  readonly line: number;
  readonly what: string;
}

/**
 * Reads the text of a `.env` file: `NAME=value`, an optional `export`, single or double quotes, comments. Nothing is
 * expanded and nothing runs. A line of another form is reported and left out.
 */
export function parseEnvFile(source: string): { values: Map<string, string>; faults: EnvFileFault[] } {
  const values = new Map<string, string>();
  const faults: EnvFileFault[] = [];
  for (const [index, line] of source
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const match = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$/.exec(trimmed);
    const value = match ? envValue(match[2] as string) : undefined;
    if (match && value !== undefined) values.set(match[1] as string, value);
    else faults.push({ line: index + 1, what: match ? 'the quote is not closed' : 'not of the form NAME=value' });
  }
  return { values, faults };
}

function envValue(written: string): string | undefined {
  const quote = written[0];
  if (quote !== '"' && quote !== "'") return written.replace(/\s+#.*$/, '').trim();
  const quoted = quote === '"' ? /^"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$/ : /^'([^']*)'\s*(?:#.*)?$/;
  const inner = quoted.exec(written)?.[1];
  if (inner === undefined || quote === "'") return inner;
  return inner.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
}
