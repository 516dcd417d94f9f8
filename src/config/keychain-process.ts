import type { Readable, Writable } from 'node:stream';
import { MidswapError } from '../core/errors.ts';

export type KeychainRequest =
  | { readonly action: 'probe' }
  | { readonly action: 'read'; readonly names: readonly string[] }
  | { readonly action: 'set'; readonly name: string; readonly value: string }
  | { readonly action: 'remove'; readonly name: string };

/** What came of it; why this system has no keychain; or why the one that is there did not do it. */
export type KeychainAnswer =
  | { readonly values: Readonly<Record<string, string>> }
  | { readonly absent: string }
  | { readonly failed: string };

interface Entry {
  getPassword(): string | null;
  setPassword(value: string): void;
  deletePassword(): boolean;
}

const SERVICE = 'midswap';
/** Left to itself the module falls back to the keyring of the Linux kernel, which forgets everything at the next start. */
const LASTING = { linux: { store: 'secret-service' } } as const;
/** The D-Bus library's words for a service that is there and silent. */
const SILENT = /did not receive a reply|no ?reply|timed? ?out/i;
const MAX_REASON = 240;

/**
 * Answers one request from standard input on standard output, as JSON. It runs in a process of its own, see
 * `keychain.ts`. Secrets go through the two pipes and nowhere else.
 */
export async function serveKeychain(input: Readable, output: Writable): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of input) chunks.push(chunk as Buffer);
  const answer = await answerTo(JSON.parse(Buffer.concat(chunks).toString('utf8')) as KeychainRequest);
  await new Promise<void>((resolve) => output.write(JSON.stringify(answer), () => resolve()));
}

async function answerTo(request: KeychainRequest): Promise<KeychainAnswer> {
  let open: (name: string) => Entry;
  try {
    const { Entry } = await import('@napi-rs/keyring');
    open = (name) => new Entry(SERVICE, name, LASTING);
    open('probe');
  } catch (thrown) {
    const reason = reasonOf(thrown);
    return SILENT.test(reason) ? { failed: reason } : { absent: reason };
  }
  try {
    return { values: perform(request, open) };
  } catch (thrown) {
    return { failed: reasonOf(thrown, request.action === 'set' ? request.value : undefined) };
  }
}

function perform(request: KeychainRequest, open: (name: string) => Entry): Record<string, string> {
  switch (request.action) {
    case 'probe':
      // Where opening needs no connection, this does.
      open('probe').getPassword();
      return {};
    case 'read':
      return Object.fromEntries(
        request.names.flatMap((name) => {
          const value = open(name).getPassword();
          return value === null ? [] : [[name, value]];
        }),
      );
    case 'set': {
      const entry = open(request.name);
      entry.setPassword(request.value);
      if (entry.getPassword() === request.value) return {};
      throw new MidswapError('cannot_write', 'it took the key and does not give it back');
    }
    case 'remove':
      open(request.name).deletePassword();
      return {};
  }
}

/** The first line of what was thrown, without the secret. */
function reasonOf(thrown: unknown, secret?: string): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  const line = (secret ? text.replaceAll(secret, '[secret]') : text).split('\n', 1)[0] ?? '';
  return line.slice(0, MAX_REASON).trim() || 'it does not say why';
}
