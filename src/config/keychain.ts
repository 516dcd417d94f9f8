import { MidswapError } from '../core/errors.ts';

/** The system's store of secrets: by name, under the service `midswap`. */
export interface Keychain {
  /** `undefined` when there is no such entry. */
  get(name: string): string | undefined;
  set(name: string, value: string): void;
  remove(name: string): void;
}

interface KeyringModule {
  readonly Entry: new (
    service: string,
    account: string,
  ) => { getPassword(): string | null; setPassword(value: string): void; deletePassword(): boolean };
}

const SERVICE = 'midswap';
/** Optional: a native module that need not be there, and throws without a secret service. */
const MODULE = '@napi-rs/keyring';

/** The system's keychain, or `undefined` where there is none. */
export async function openKeychain(): Promise<Keychain | undefined> {
  let keyring: KeyringModule;
  try {
    keyring = (await import(MODULE)) as KeyringModule;
    new keyring.Entry(SERVICE, 'probe').getPassword();
  } catch {
    return undefined;
  }
  const { Entry } = keyring;
  return {
    get: (name) => new Entry(SERVICE, name).getPassword() ?? undefined,
    set: (name, value) => {
      try {
        new Entry(SERVICE, name).setPassword(value);
      } catch (cause) {
        throw new MidswapError('cannot_write', `the keychain refused the key "${name}"`, { cause });
      }
    },
    remove: (name) => {
      new Entry(SERVICE, name).deletePassword();
    },
  };
}
