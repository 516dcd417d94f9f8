import { randomBytes } from 'node:crypto';
import { type RandomBytes, secretToken, shortId } from '../core/ids.ts';
import { Secret, sameDigest, secretDigest } from '../core/secret.ts';
import type { Selection, SessionCounters } from '../core/session.ts';

export interface SessionOptions {
  readonly selection: Selection;
  /** A session that is not dynamic refuses every switch. */
  readonly dynamic: boolean;
  readonly cwd: string;
  /** Name of the profile it was launched with, and what the launcher declared to the client. */
  readonly label: string;
  readonly nowMs: number;
}

/**
 * One launched client, as the data plane knows it. Switching replaces `selection` whole; an exchange reads it once.
 * `secret` is part of the client's base URL and so known to the model's shell; `controlSecret` is not in the client's
 * environment and is good for this session only.
 */
export class Session {
  readonly id: string;
  readonly secret: Secret;
  readonly secretDigest: Buffer;
  readonly controlSecret: Secret;
  readonly dynamic: boolean;
  readonly cwd: string;
  readonly label: string;
  readonly startedAtMs: number;
  readonly counters: SessionCounters;
  readonly #agentNames = new Map<string, string>();
  selection: Selection;
  /** A switch that waits for it: called before the first request behind a compaction is pinned. */
  onCompacted: (() => void) | undefined;
  /** Process id of the client, once it runs. */
  pid: number | undefined;
  /** The client's own session id, last seen; changes on `/clear`. */
  clientSessionId: string | undefined;
  /** What the prompts that began with `@alias` asked for, by their id: subagents and tool turns follow their prompt. */
  readonly promptChoices = new Map<string, string>();
  /** Aborted when the session is closed hard: every exchange of it ends. */
  readonly abort = new AbortController();
  /** Ends a running exchange, one for each. */
  readonly running = new Set<() => void>();

  constructor(id: string, random: RandomBytes, options: SessionOptions) {
    this.id = id;
    this.secret = new Secret(secretToken(random), `session ${id}`);
    this.secretDigest = secretDigest(this.secret.reveal());
    this.controlSecret = new Secret(secretToken(random), `control of session ${id}`);
    this.dynamic = options.dynamic;
    this.cwd = options.cwd;
    this.label = options.label;
    this.startedAtMs = options.nowMs;
    this.selection = options.selection;
    this.counters = {
      requests: 0,
      errors: 0,
      inputTokens: 0,
      outputTokens: 0,
      active: 0,
      lastRoute: undefined,
      lastAtMs: undefined,
    };
  }

  /** The client's headers call every agent of the user's own `custom`; its hook tells the name before the first request. */
  nameAgent(id: string, name: string): void {
    const names = this.#agentNames;
    names.delete(id);
    if (names.size >= MAX_AGENTS) names.delete(names.keys().next().value as string);
    names.set(id, name);
  }

  /** Name of the agent with this id of the client's. */
  agentName(id: string | string[] | undefined): string | undefined {
    return typeof id === 'string' ? this.#agentNames.get(id) : undefined;
  }
}

/** Agents whose names are kept in mind: those that may still run. */
const MAX_AGENTS = 512;

/** The sessions of one gateway. */
export class SessionTable {
  readonly #sessions = new Map<string, Session>();
  readonly #random: RandomBytes;

  constructor(random: RandomBytes = (count) => randomBytes(count)) {
    this.#random = random;
  }

  open(options: SessionOptions): Session {
    let id = shortId(this.#random);
    while (this.#sessions.has(id)) id = shortId(this.#random);
    const session = new Session(id, this.#random, options);
    this.#sessions.set(id, session);
    return session;
  }

  close(id: string): void {
    const session = this.#sessions.get(id);
    if (!session) return;
    this.#sessions.delete(id);
    session.abort.abort();
    for (const end of [...session.running]) end();
  }

  get(id: string): Session | undefined {
    return this.#sessions.get(id);
  }

  list(): Session[] {
    return [...this.#sessions.values()];
  }

  /** Looks at every session, so that the time does not tell which secret was nearly right. */
  bySecret(given: string): Session | undefined {
    const digest = secretDigest(given);
    let found: Session | undefined;
    for (const session of this.#sessions.values()) if (sameDigest(digest, session.secretDigest)) found = session;
    return found;
  }
}
