import { homedir } from 'node:os';
import type { Env, Machine } from './paths.ts';
import type { RawConfig } from './schema.ts';

/** What the process says of itself, read once. The only place of the configuration that looks at the process. */
export function readMachine(): Machine & { readonly cwd: string } {
  return { env: { ...process.env }, platform: process.platform, home: homedir(), cwd: process.cwd() };
}

type Read = (text: string) => string | number | boolean | undefined;

const text: Read = (value) => value;
const whole: Read = (value) => (/^\d{1,15}$/.test(value) ? Number(value) : undefined);
const truth: Read = (value) => {
  if (/^(1|true|yes|on)$/i.test(value)) return true;
  return /^(0|false|no|off)$/i.test(value) ? false : undefined;
};

/** One variable that overrides a key of the configuration. */
export interface Override {
  readonly variable: string;
  readonly path: readonly [keyof RawConfig, ...string[]];
  readonly read: Read;
  /** What the value has to be, for messages. */
  readonly form: string;
}

/** Every variable that overrides a key. */
export const OVERRIDES: readonly Override[] = [
  { variable: 'MIDSWAP_PROFILE', path: ['default_profile'], read: text, form: 'a profile' },
  { variable: 'MIDSWAP_ALWAYS_DYNAMIC', path: ['always_dynamic'], read: truth, form: 'true or false' },
  { variable: 'MIDSWAP_HOST', path: ['gateway', 'host'], read: text, form: 'an address' },
  { variable: 'MIDSWAP_PORT', path: ['gateway', 'port'], read: whole, form: 'a whole number' },
  { variable: 'MIDSWAP_MAX_BODY_BYTES', path: ['gateway', 'max_body_bytes'], read: whole, form: 'a whole number' },
  { variable: 'MIDSWAP_GRACE_MS', path: ['gateway', 'grace_ms'], read: whole, form: 'a whole number' },
  { variable: 'MIDSWAP_PING_MS', path: ['gateway', 'ping_ms'], read: whole, form: 'a whole number' },
];

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
