import { setTimeout as realSleep } from 'node:timers/promises';
import { onTestFinished, vi } from 'vitest';

/** Time that passes when the test says so, for timers and clocks; sockets are real and take the time they take. */
export interface SimulatedClock {
  /** Timers that wait. */
  readonly timers: number;
  /** Lets this much time pass, in steps between which sockets get their turn. */
  pass(ms: number, stepMs?: number): Promise<void>;
  /** Waits for all of them; time passes only while nothing happens without it. */
  settle(work: readonly Promise<unknown>[]): Promise<void>;
}

/** From now on, until the running test is over. */
export function simulateClock(): SimulatedClock {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'],
    now: Date.now(),
  });
  onTestFinished(() => void vi.useRealTimers());
  const pass = async (ms: number, stepMs = 250) => {
    for (let passed = 0; passed < ms; passed += stepMs) {
      vi.advanceTimersByTime(Math.min(stepMs, ms - passed));
      for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return {
    get timers() {
      return vi.getTimerCount();
    },
    pass,
    async settle(work) {
      let left = work.length;
      const noted = work.map((one) =>
        one.finally(() => {
          left--;
        }),
      );
      for (let before = -1; left > 0; ) {
        // What is under way by itself is not to run into its time limits.
        for (before = -1; before !== left && left > 0; ) {
          before = left;
          await realSleep(4);
        }
        if (left > 0) await pass(250);
      }
      await Promise.all(noted);
    },
  };
}
