import type { Bus } from '../core/bus.ts';

/** So many exchanges leave enough behind to be worth the work. */
const WORTH = 50;
const QUIET_MS = 1_000;

export interface IdleOptions {
  readonly bus: Bus;
  /** Exchanges under way. */
  active(): number;
  /** Takes away what nobody uses any more; blocks for some milliseconds. */
  collect(): void;
}

/**
 * Gives memory back when a gateway that was busy has nothing to do. By itself the runtime waits until the heap has grown to
 * a multiple, and a gateway that idles beside its client would keep that for hours. Ends with the returned function.
 */
export function collectWhenIdle({ bus, active, collect }: IdleOptions): () => void {
  let ended = 0;
  let endedLast = 0;
  let timer: NodeJS.Timeout | undefined;
  const look = () => {
    timer = undefined;
    if (active() > 0) return;
    const quietMs = performance.now() - endedLast;
    if (quietMs < QUIET_MS) return wait(QUIET_MS - quietMs);
    ended = 0;
    collect();
  };
  const wait = (ms: number) => {
    timer = setTimeout(look, ms);
    timer.unref();
  };
  const unsubscribe = bus.subscribe(({ type }) => {
    if (type !== 'exchange.ended') return;
    endedLast = performance.now();
    if (++ended >= WORTH && timer === undefined) wait(QUIET_MS);
  });
  return () => {
    unsubscribe();
    clearTimeout(timer);
  };
}
