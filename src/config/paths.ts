import { posix, win32 } from 'node:path';
import { MidswapError } from '../core/errors.ts';

/** Environment as a plain map: nothing below `environment.ts` reads the process. */
export type Env = Readonly<Record<string, string | undefined>>;

/** What the paths depend on. */
export interface Machine {
  readonly env: Env;
  /** As `process.platform` says it. */
  readonly platform: string;
  /** The user's home directory, absolute. */
  readonly home: string;
  /** Numeric id of the user, where the system has one. */
  readonly uid?: number;
}

/** Where the user's files are. Nothing here exists until it is written. */
export interface ConfigPaths {
  readonly configDir: string;
  readonly configFile: string;
  /** Keys kept in a file, for machines without a keychain. */
  readonly secretsFile: string;
  /** `.env` of the user's own configuration directory; that of a project is never read. */
  readonly envFile: string;
  readonly stateDir: string;
}

/** Name of the file that a project may carry. */
export const PROJECT_FILE = '.midswap.yaml';

/**
 * Directories of the configuration and the state: `MIDSWAP_HOME` moves both; then the XDG variables, which the base
 * directory specification wants ignored when they are relative; then what the system is used to.
 * Throws `config_unreadable` when `MIDSWAP_HOME` is relative: it would mean another place in every directory.
 */
export function configPaths({ env, platform, home }: Machine): ConfigPaths {
  const path = platform === 'win32' ? win32 : posix;
  const moved = env.MIDSWAP_HOME?.trim();
  if (moved) {
    if (!path.isAbsolute(moved)) {
      throw new MidswapError('config_unreadable', `MIDSWAP_HOME is "${moved}", which is not an absolute path`, {
        hint: 'Set it to a path from the root, or unset it.',
      });
    }
    return pathsIn(path, path.normalize(moved), path.join(moved, 'state'));
  }
  const absolute = (name: string): string | undefined => {
    const value = env[name]?.trim();
    return value && path.isAbsolute(value) ? path.join(value, 'midswap') : undefined;
  };
  if (platform === 'win32') {
    const roaming = absolute('APPDATA') ?? path.join(home, 'AppData', 'Roaming', 'midswap');
    const local = absolute('LOCALAPPDATA') ?? path.join(home, 'AppData', 'Local', 'midswap');
    return pathsIn(path, roaming, local);
  }
  const support = path.join(home, 'Library', 'Application Support', 'midswap');
  const config = platform === 'darwin' ? support : path.join(home, '.config', 'midswap');
  const state = platform === 'darwin' ? path.join(support, 'state') : path.join(home, '.local', 'state', 'midswap');
  return pathsIn(path, absolute('XDG_CONFIG_HOME') ?? config, absolute('XDG_STATE_HOME') ?? state);
}

function pathsIn(path: typeof posix, configDir: string, stateDir: string): ConfigPaths {
  return {
    configDir,
    configFile: path.join(configDir, 'config.yaml'),
    secretsFile: path.join(configDir, 'secrets.yaml'),
    envFile: path.join(configDir, '.env'),
    stateDir,
  };
}
