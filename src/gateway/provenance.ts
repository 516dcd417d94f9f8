import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { appendFile, mkdir, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Provenance } from '../protocols/protocol.ts';

const CONVERSATION_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const KEEP_DAYS = 60;
const GENUINE = 'genuine';
/** Conversations that are in memory at once; a gateway that serves sees many, and what is on disk is read again. */
const MAX_MEMORIES = 512;

/**
 * Who made the thinking of one conversation, by a hash of each signature. Kept under the client's own session id, so
 * that a conversation resumed tomorrow keeps it. One line per signature: `HASH PROVIDER`, `genuine` for Anthropic.
 */
class ConversationMemory implements Provenance {
  readonly #makers = new Map<string, string>();
  readonly #onNew: (line: string) => void;

  constructor(text: string, onNew: (line: string) => void) {
    this.#onNew = onNew;
    for (const line of text.split('\n')) {
      const [hash, maker] = line.split(' ');
      if (hash?.length === 22 && maker) this.#makers.set(hash, maker);
    }
  }

  isGenuine(signature: string): boolean {
    return this.#makers.get(hashOf(signature)) === GENUINE;
  }

  isForeign(signature: string): boolean {
    const maker = this.#makers.get(hashOf(signature));
    return maker !== undefined && maker !== GENUINE;
  }

  makerOf(signature: string): string | undefined {
    const maker = this.#makers.get(hashOf(signature));
    return maker === GENUINE ? undefined : maker;
  }

  remember(signature: string, provider: string, genuine: boolean): void {
    const hash = hashOf(signature);
    const maker = genuine ? GENUINE : provider;
    if (this.#makers.get(hash) === maker) return;
    this.#makers.set(hash, maker);
    this.#onNew(`${hash} ${maker}\n`);
  }
}

function hashOf(signature: string): string {
  return createHash('sha256').update(signature).digest('base64url').slice(0, 22);
}

/** The memories of all conversations; on disk when a directory is given (0700, files 0600). */
export class ProvenanceStore {
  readonly #memories = new Map<string, ConversationMemory>();
  readonly #directory: string | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(directory: string | undefined) {
    this.#directory = directory;
  }

  /** Memory of one conversation; `clientSessionId` as the client sends it, `undefined` when it sends none. */
  of(gatewaySession: string, clientSessionId: string | undefined): Provenance {
    const conversation =
      clientSessionId && CONVERSATION_ID.test(clientSessionId) ? clientSessionId.toLowerCase() : undefined;
    const key = conversation ?? `session ${gatewaySession}`;
    let memory = this.#memories.get(key);
    if (memory) this.#memories.delete(key);
    else {
      if (this.#memories.size >= MAX_MEMORIES) this.#memories.delete(this.#memories.keys().next().value as string);
      memory = new ConversationMemory(this.#read(conversation), (line) => this.#append(conversation, line));
    }
    // The one that was used last goes last.
    this.#memories.set(key, memory);
    return memory;
  }

  /** Resolves when everything remembered so far is on disk. */
  flush(): Promise<void> {
    return this.#writing;
  }

  /** Removes memories that were not written to for two months. */
  async prune(nowMs: number): Promise<void> {
    const directory = this.#directory;
    if (!directory) return;
    for (const name of await readdir(directory).catch(() => [])) {
      const path = join(directory, name);
      const age =
        nowMs -
        (await stat(path).then(
          (s) => s.mtimeMs,
          () => nowMs,
        ));
      if (age > KEEP_DAYS * 86_400_000) await unlink(path).catch(() => {});
    }
  }

  #read(conversation: string | undefined): string {
    if (!this.#directory || !conversation) return '';
    try {
      return readFileSync(join(this.#directory, conversation), 'utf8');
    } catch {
      return '';
    }
  }

  #append(conversation: string | undefined, line: string): void {
    const directory = this.#directory;
    if (!directory || !conversation) return;
    // A full disk costs the memory of this conversation after a restart, never the exchange.
    this.#writing = this.#writing
      .then(() => mkdir(directory, { recursive: true, mode: 0o700 }))
      .then(() => appendFile(join(directory, conversation), line, { mode: 0o600 }))
      .catch(() => {});
  }
}
