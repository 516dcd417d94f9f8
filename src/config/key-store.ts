import type { Keychain } from './keychain.ts';
import { configPaths, type Machine } from './paths.ts';
import { listSecrets, removeSecret, storeSecret } from './secrets.ts';

export type KeptIn = 'keychain' | 'file';

/** The keys that midswap keeps itself, by name: in the keychain where there is one, else in a 0600 file. */
export interface KeyStore {
  /** The file, whether or not it is there; with a keychain it holds names only. */
  readonly file: string;
  /** Where the next key goes. */
  place(): Promise<KeptIn>;
  /** Throws `usage` for what cannot be a key, and `cannot_write`. */
  set(name: string, key: string): Promise<KeptIn>;
  /** False when there was none of that name. */
  remove(name: string): Promise<boolean>;
  list(): Promise<readonly { readonly name: string; readonly kept: KeptIn }[]>;
}

export function openKeyStore(machine: Machine, keychain: () => Promise<Keychain | undefined>): KeyStore {
  const paths = configPaths(machine);
  const { platform } = machine;
  return {
    file: paths.secretsFile,
    place: async () => ((await (await keychain())?.exists()) ? 'keychain' : 'file'),
    set: async (name, key) => storeSecret(paths, platform, name, key, await keychain()),
    remove: async (name) => removeSecret(paths, platform, name, await keychain()),
    list: () => listSecrets(paths, platform),
  };
}
