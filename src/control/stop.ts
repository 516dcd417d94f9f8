import type { Bus } from '../core/bus.ts';
import type { Session } from '../gateway/session.ts';

/**
 * Waits for the session's running exchanges, at most `timeoutMs`, and tells how many were still running then. A client
 * in a tool loop starts the next request at once: the first moment without one is taken.
 */
export function drainSession(session: Session, bus: Bus, timeoutMs: number): Promise<number> {
  if (session.counters.active === 0) return Promise.resolve(0);
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(deadline);
      unsubscribe();
      resolve(session.counters.active);
    };
    const deadline = setTimeout(finish, timeoutMs);
    const unsubscribe = bus.subscribe((event) => {
      if (event.type === 'session.closed' && event.session === session.id) finish();
      if (event.type !== 'exchange.ended' || event.record.session !== session.id) return;
      // The counter may go down only after the event.
      queueMicrotask(() => session.counters.active === 0 && finish());
    });
  });
}
