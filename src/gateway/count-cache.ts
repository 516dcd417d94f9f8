import { createHash, randomBytes } from 'node:crypto';
import type { Envelope } from '../core/messages.ts';
import type { Target } from '../core/target.ts';
import { circumstances, identityOf } from './cache.ts';
import type { IsToken } from './credential.ts';

/** The client counts the same things several times within moments, as it draws them. */
const TTL_MS = 60_000;
const MAX_ENTRIES = 256;

interface Entry {
  readonly untilMs: number;
  readonly body: Buffer;
}

/** Token counts of the last minute. Who asks for one that is being counted waits for it. */
export class CountCache {
  readonly #entries = new Map<string, Entry>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #nowMs: () => number;
  readonly #salt = randomBytes(32);

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Same body, target, credential and configuration; `undefined` where there is no credential to count with. */
  keyOf(envelope: Envelope, target: Target, snapshotVersion: number, isToken: IsToken): string | undefined {
    const credential = identityOf(target, envelope, isToken, this.#salt);
    if (credential === undefined) return undefined;
    const circumstance = JSON.stringify([snapshotVersion, circumstances(envelope, target), credential]);
    return createHash('sha256').update(circumstance).update(envelope.raw).digest('base64');
  }

  /** The kept answer, or that of a count which is under way. Resolves early with nothing when `signal` is aborted. */
  async find(key: string, signal: AbortSignal): Promise<Buffer | undefined> {
    const kept = this.#kept(key);
    const running = this.#running.get(key);
    if (kept || !running) return kept;
    await orAborted(running, signal);
    return this.#kept(key);
  }

  /** Says that this is being counted. What is returned tells the count, or nothing when it failed. */
  begin(key: string): (body: Buffer | undefined) => void {
    let settle = () => {};
    const running = new Promise<void>((resolve) => {
      settle = resolve;
    });
    this.#running.set(key, running);
    return (body) => {
      if (this.#running.get(key) === running) this.#running.delete(key);
      if (body) this.#keep(key, body);
      settle();
    };
  }

  /** How many there were. */
  clear(): number {
    const { size } = this.#entries;
    this.#entries.clear();
    return size;
  }

  #kept(key: string): Buffer | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    if (entry.untilMs > this.#nowMs()) return entry.body;
    this.#entries.delete(key);
    return undefined;
  }

  #keep(key: string, body: Buffer): void {
    this.#entries.delete(key);
    if (this.#entries.size >= MAX_ENTRIES) this.#entries.delete(this.#entries.keys().next().value as string);
    this.#entries.set(key, { untilMs: this.#nowMs() + TTL_MS, body });
  }
}

async function orAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  let leave = () => {};
  await Promise.race([
    promise,
    new Promise<void>((resolve) => {
      leave = resolve;
      signal.addEventListener('abort', leave, { once: true });
    }),
  ]);
  signal.removeEventListener('abort', leave);
}
