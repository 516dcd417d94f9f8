import type { Keychain } from './keychain.ts';
import type { Machine } from './paths.ts';

/**
 * The machine with its keychain, which is one for the whole process, since it remembers what it has read, and is loaded
 * when it is first asked for. `command` and `onWait` as in `keychain.ts`.
 */
export function withKeychain<M extends Machine>(
  machine: M,
  command: readonly string[],
  onWait: (line: string) => void,
): M & { keychain(): Promise<Keychain | undefined> } {
  let opened: Promise<Keychain | undefined> | undefined;
  return {
    ...machine,
    keychain: () => {
      opened ??= import('./keychain.ts').then(({ openKeychain }) => openKeychain({ ...machine, command, onWait }));
      return opened;
    },
  };
}
