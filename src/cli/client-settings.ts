import { randomBytes } from 'node:crypto';
import { readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MidswapError } from '../core/errors.ts';

/** What the user's own settings of the client hold that concerns a gateway. */
export interface ClientSettings {
  /** Variables under `env` that point the client somewhere. */
  readonly variables: readonly { readonly file: string; readonly name: string }[];
  /** A default model that only midswap knows: the client saves what is chosen in its picker. */
  readonly savedModel: { readonly file: string; readonly model: string } | undefined;
  readonly problems: readonly string[];
}

/** Rows that midswap puts into the client's picker carry this prefix. */
const PICKER_ROW = /^claude\//;
/** The client's own names, which a plain client understands whatever they mean here. */
const CLIENT_NAME = /^(default|best|opusplan|opus|sonnet|haiku|fable)(\[1m\])?$|^claude-/i;
const STEERING =
  /^(ANTHROPIC_(BASE_URL|AUTH_TOKEN|API_KEY|MODEL|SMALL_FAST_MODEL|DEFAULT_[A-Z]+_MODEL)|CLAUDE_CODE_(SUBAGENT_MODEL|USE_[A-Z]+))$/;

/**
 * Reads the client's user settings; nothing in them makes this throw. `isReference` tells what means something here: a
 * name that was typed after `/model` is saved as it was typed.
 */
export function readClientSettings(
  home: string,
  configDir: string | undefined,
  isReference: (model: string) => boolean = () => false,
): ClientSettings {
  const file = join(configDir || join(home, '.claude'), 'settings.json');
  const variables: { file: string; name: string }[] = [];
  let settings: Record<string, unknown>;
  try {
    settings = readObject(file);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return { variables, savedModel: undefined, problems: [] };
    return { variables, savedModel: undefined, problems: [`${file} cannot be read: ${(thrown as Error).message}`] };
  }
  const { env, model } = settings;
  if (typeof env === 'object' && env !== null) {
    for (const name of Object.keys(env)) if (STEERING.test(name)) variables.push({ file, name });
  }
  const isOurs = (name: string) => PICKER_ROW.test(name) || (!CLIENT_NAME.test(name) && isReference(name));
  const saved = typeof model === 'string' && isOurs(model) ? { file, model } : undefined;
  return { variables, savedModel: saved, problems: [] };
}

/** Takes the default model out, and leaves everything else of the file as it means. Throws `cannot_write`. */
export function removeSavedModel(file: string): void {
  const target = realpathSync(file);
  const temporary = `${target}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const { model: _, ...rest } = readObject(target);
    writeFileSync(temporary, `${JSON.stringify(rest, null, 2)}\n`, { mode: statSync(target).mode & 0o777, flag: 'wx' });
    renameSync(temporary, target);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw new MidswapError('cannot_write', `cannot write ${file}: ${(cause as Error).message}`, { cause });
  }
}

function readObject(file: string): Record<string, unknown> {
  const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('not an object');
  return value as Record<string, unknown>;
}
