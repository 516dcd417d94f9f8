import { existsSync, readFileSync, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { MidswapError } from '../core/errors.ts';
import type { Variables } from './request.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

const MAX_SETTINGS_BYTES = 4 << 20;

/** The client's settings files as they are before a launch, later ones beating earlier ones, key by key. */
export interface UserSettings {
  readonly files: readonly JsonObject[];
  /** Variables that the files set. */
  readonly env: Variables;
}

export interface SettingsPlaces {
  readonly env: Variables;
  readonly home: string;
  readonly cwd: string;
  readonly platform: string;
}

/** Reads the user's, the project's, the local and the managed settings. What cannot be read is as good as absent. */
export function readUserSettings({ env, home, cwd, platform }: SettingsPlaces): UserSettings {
  const places = [
    join(env.CLAUDE_CONFIG_DIR || join(home, '.claude'), 'settings.json'),
    join(cwd, '.claude', 'settings.json'),
    join(cwd, '.claude', 'settings.local.json'),
    join(managedDir(platform), 'managed-settings.json'),
  ];
  const files = places.flatMap((file): JsonObject[] => {
    try {
      return [readObject(file)];
    } catch {
      return [];
    }
  });
  return { files, env: Object.assign({}, ...files.map((file) => textValues(file.env))) };
}

/** Whether any of the files says something about the key. */
export function isSet(settings: UserSettings, key: string): boolean {
  return settings.files.some((file) => file[key] !== undefined && file[key] !== null);
}

/**
 * What a `--settings` of the user's means: a file, or JSON as it stands. Throws `usage` where the client would refuse
 * it too, before the terminal is touched.
 */
export function readGivenSettings(given: string, cwd: string): JsonObject {
  const inline = given.trim();
  if (inline.startsWith('{') && inline.endsWith('}')) {
    try {
      return asObject(JSON.parse(inline));
    } catch {
      throw new MidswapError('usage', 'what --settings was given is not valid JSON', {
        hint: 'Give it the path of a file, or JSON in quotes.',
      });
    }
  }
  const file = isAbsolute(given) ? given : resolve(cwd, given);
  if (!existsSync(file)) {
    throw new MidswapError('usage', `the settings file ${file} does not exist`, {
      hint: 'Check the path after --settings.',
    });
  }
  try {
    return readObject(file);
  } catch (thrown) {
    throw new MidswapError('usage', `the settings file ${file} cannot be read: ${(thrown as Error).message}`, {
      hint: 'It has to be a JSON object.',
    });
  }
}

/** The entries of an `env` section that the client would set. */
export function textValues(section: unknown): Record<string, string> {
  if (typeof section !== 'object' || section === null) return {};
  const entries = Object.entries(section).filter(([, value]) => typeof value === 'string' || typeof value === 'number');
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}

function readObject(file: string): JsonObject {
  if (statSync(file).size > MAX_SETTINGS_BYTES) throw new Error('too large');
  return asObject(JSON.parse(readFileSync(file, 'utf8').replace(/^\uFEFF/, '')));
}

function asObject(value: unknown): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('not a JSON object');
  return value as JsonObject;
}

function managedDir(platform: string): string {
  if (platform === 'darwin') return '/Library/Application Support/ClaudeCode';
  return platform === 'win32' ? 'C:\\Program Files\\ClaudeCode' : '/etc/claude-code';
}
