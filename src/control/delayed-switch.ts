import type { Bus } from '../core/bus.ts';
import { MidswapError } from '../core/errors.ts';
import type { Selection } from '../core/session.ts';
import type { Session } from '../gateway/session.ts';
import type { UseRequest, UseResult } from './contract.ts';

export interface DelayedSwitchOptions {
  readonly bus: Bus;
  nowMs(): number;
  /** Switches at once, or with `dryRun` tells what that would mean. */
  switchNow(session: Session, request: UseRequest): UseResult;
}

/** What is still to happen to a session by itself. */
export interface Outlook {
  /** Where it goes at its next compaction. */
  readonly waiting: string | null;
  /** When it goes back to what was selected before; wall clock, milliseconds. */
  readonly untilMs: number | null;
}

interface Waiting {
  readonly to: string;
  readonly session: Session;
}

interface Return {
  readonly selection: Selection;
  readonly untilMs: number;
  readonly timer: NodeJS.Timeout;
}

/**
 * Switches that wait for a compaction, when the prompt cache is cold anyway, and switches that end by themselves. Any
 * other switch of the session takes the place of both. What waits when its session ends, or is gone from the
 * configuration by then, does not happen.
 */
export class DelayedSwitches {
  readonly #options: DelayedSwitchOptions;
  readonly #waiting = new Map<string, Waiting>();
  readonly #returns = new WeakMap<Session, Return>();
  readonly #unsubscribe: () => void;

  constructor(options: DelayedSwitchOptions) {
    this.#options = options;
    this.#unsubscribe = options.bus.subscribe((event) => {
      if (event.type === 'session.closed') this.#waiting.delete(event.session);
      if (event.type !== 'exchange.ended') return;
      const { record } = event;
      // A client that does not mark the request behind a compaction is known by the compaction itself; an agent's own
      // leaves the conversation as it is.
      if (record.class !== 'compaction' || record.outcome !== 'ok' || record.agentType !== undefined) return;
      this.#waiting.get(record.session)?.session.onCompacted?.();
    });
  }

  use(session: Session, request: UseRequest): UseResult {
    const { atCompaction = false, forMs, ...now } = request;
    if (request.dryRun) return { ...this.#options.switchNow(session, now), ...this.outlook(session) };
    const waiting = this.#waiting.get(session.id);
    if (request.undo && waiting) {
      this.#forget(session);
      const { reference } = session.selection;
      const stay = this.#options.switchNow(session, { reference, dryRun: true });
      return { ...stay, dryRun: false, takenBack: waiting.to, from: stay.to, changed: false, ...this.outlook(session) };
    }
    return atCompaction ? this.#wait(session, now, forMs) : this.#switch(session, now, forMs);
  }

  outlook(session: Session): Outlook {
    const back = this.#returns.get(session);
    return {
      waiting: this.#waiting.get(session.id)?.to ?? null,
      untilMs: back?.selection === session.selection ? back.untilMs : null,
    };
  }

  close(): void {
    this.#unsubscribe();
    for (const { session } of [...this.#waiting.values()]) this.#forget(session);
  }

  #wait(session: Session, request: UseRequest, forMs: number | undefined): UseResult {
    if (!session.dynamic) return this.#options.switchNow(session, request);
    const preview = this.#options.switchNow(session, { ...request, dryRun: true });
    this.#forget(session);
    this.#waiting.set(session.id, { session, to: preview.to });
    session.onCompacted = () => {
      this.#forget(session);
      try {
        this.#switch(session, request, forMs);
      } catch (thrown) {
        // A reload has taken away what it was to go to: it stays, and its requests are none the worse.
        if (!(thrown instanceof MidswapError)) throw thrown;
      }
    };
    return { ...preview, dryRun: false, changed: false, ...this.outlook(session) };
  }

  #switch(session: Session, request: UseRequest, forMs: number | undefined): UseResult {
    const before = this.#returns.get(session);
    const result = this.#options.switchNow(session, request);
    this.#forget(session);
    if (before && (result.changed || forMs !== undefined)) {
      clearTimeout(before.timer);
      this.#returns.delete(session);
    }
    if (forMs !== undefined && (result.changed || before)) this.#comeBack(session, forMs);
    return { ...result, ...this.outlook(session) };
  }

  #comeBack(session: Session, forMs: number): void {
    const { selection } = session;
    const timer = setTimeout(() => {
      if (this.#returns.get(session)?.timer !== timer) return;
      this.#returns.delete(session);
      if (session.selection !== selection || session.abort.signal.aborted) return;
      try {
        this.#options.switchNow(session, { undo: true });
      } catch (thrown) {
        if (!(thrown instanceof MidswapError)) throw thrown;
      }
    }, forMs);
    timer.unref();
    this.#returns.set(session, { selection, untilMs: this.#options.nowMs() + forMs, timer });
  }

  #forget(session: Session): void {
    this.#waiting.delete(session.id);
    session.onCompacted = undefined;
  }
}
