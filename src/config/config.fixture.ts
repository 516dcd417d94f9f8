import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir, writeFiles } from '../../test/support/temp-home.ts';
import { type LoadedConfig, type LoadOptions, loadConfig } from './load.ts';

/** A throw-away home with files in it, below `home/` (the user's own) and `work/` (a project). */
export interface TestMachine {
  readonly dir: string;
  readonly home: string;
  readonly work: string;
  /** `config.yaml` of the user. */
  readonly file: string;
  load(more?: Partial<LoadOptions>): Promise<LoadedConfig>;
}

const USER_DIR = 'home/.config/midswap';

/** The user's configuration and further files by their path in the machine. Files of the user are made 0600. */
export function testMachine(config?: string, files: Readonly<Record<string, string>> = {}): TestMachine {
  const dir = tempDir('midswap-config');
  const all = { ...(config === undefined ? {} : { [`${USER_DIR}/config.yaml`]: config }), 'work/.keep': '', ...files };
  writeFiles(dir, all);
  for (const name of Object.keys(all)) if (name.startsWith(USER_DIR)) chmodSync(join(dir, name), 0o600);
  const home = join(dir, 'home');
  const work = join(dir, 'work');
  return {
    dir,
    home,
    work,
    file: join(dir, USER_DIR, 'config.yaml'),
    load: (more = {}) =>
      loadConfig({ env: {}, platform: 'linux', home, cwd: work, keychain: async () => undefined, ...more }),
  };
}

/** Loads a configuration text of the user's in an environment. */
export function loadText(config: string, env: LoadOptions['env'] = {}): Promise<LoadedConfig> {
  return testMachine(config).load({ env });
}
