import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** `_SC_CLK_TCK` of Linux on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

/** A process and all its descendants. Empty when it has ended. */
export function processTree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = Number(statFields(Number(name))?.[1]);
    if (Number.isNaN(parent)) continue;
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  if (!statFields(root)) return [];
  const tree = [root];
  for (let at = 0; at < tree.length; at++) tree.push(...(children.get(tree[at] as number) ?? []));
  return tree;
}

export interface CpuReading {
  /** User and system time in seconds; whole ticks of 10 ms, threads that have ended included. */
  readonly ticksS: number;
  /** Time on a core by the scheduler's nanosecond clock; living threads only. */
  readonly scheduledS: number;
}

export function readCpu(pids: readonly number[]): CpuReading {
  let ticks = 0;
  let scheduledNs = 0;
  for (const pid of pids) {
    const fields = statFields(pid);
    if (!fields) continue;
    ticks += Number(fields[11]) + Number(fields[12]);
    for (const thread of list(`/proc/${pid}/task`))
      scheduledNs += Number(read(`/proc/${pid}/task/${thread}/schedstat`)?.split(' ')[0] ?? 0);
  }
  return { ticksS: ticks / TICKS_PER_SECOND, scheduledS: scheduledNs / 1e9 };
}

/** Milliseconds of CPU between two readings: the fine clock, unless threads that ended took their share with them. */
export function cpuMsBetween(before: CpuReading, after: CpuReading): number {
  const ticks = after.ticksS - before.ticksS;
  const scheduled = after.scheduledS - before.scheduledS;
  const agree = Math.abs(scheduled - ticks) <= 0.03 + 0.1 * ticks;
  return 1000 * (agree ? scheduled : ticks);
}

export interface MemoryReading {
  /** Resident megabytes (2^20), and with every shared page divided among those who share it. */
  readonly rssMb: number;
  readonly pssMb: number;
}

export function readMemory(pids: readonly number[]): MemoryReading {
  let rssKb = 0;
  let pssKb = 0;
  for (const pid of pids) {
    const text = read(`/proc/${pid}/smaps_rollup`) ?? '';
    rssKb += Number(/^Rss:\s+(\d+)/m.exec(text)?.[1] ?? 0);
    pssKb += Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0);
  }
  return { rssMb: rssKb / 1024, pssMb: pssKb / 1024 };
}

export interface LoadReading {
  /** Seconds, over all cores, in which a core did something, and all seconds. */
  readonly busyS: number;
  readonly allS: number;
}

export function readLoad(): LoadReading {
  const times =
    readFileSync('/proc/stat', 'latin1').split('\n', 1)[0]?.trim().split(/\s+/).slice(1, 9).map(Number) ?? [];
  const all = times.reduce((sum, time) => sum + time, 0);
  const idle = (times[3] ?? 0) + (times[4] ?? 0);
  return { busyS: (all - idle) / TICKS_PER_SECOND, allS: all / TICKS_PER_SECOND };
}

/** Waits until less than this share of all cores is busy, but no longer than `limitMs`. */
export async function awaitQuiet(limitMs: number, share = 0.2): Promise<void> {
  const end = Date.now() + limitMs;
  while (Date.now() < end) {
    const before = readLoad();
    await sleep(100);
    const after = readLoad();
    if (after.busyS - before.busyS < share * (after.allS - before.allS)) return;
  }
}

/** Fields of /proc/PID/stat behind the program's name, which may hold anything. */
function statFields(pid: number): string[] | undefined {
  const text = read(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined; // the process has just ended
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
