import { setTimeout as sleep } from 'node:timers/promises';
import type { Mode } from '../figures.ts';
import { readMemory } from '../machine.ts';
import { type Bench, requestFile, SMALL_BODY_BYTES } from '../measurement.ts';
import { runClients } from '../native.ts';
import type { RunningTarget } from '../targets.ts';

export const MEMORY_SHAPES = { fresh: 'fresh', crowd: 'after 200 streams at once', long: 'after 10,000 streams' };

/** Resident memory of a target that was just started for this. */
export async function measureMemory(bench: Bench, mode: Mode, target: RunningTarget): Promise<void> {
  bench.note(`${mode}: memory of ${target.name}`);
  const note = (shape: string) => {
    const { rssMb, pssMb } = readMemory(target.pids());
    const place = { scenario: 'memory', mode, shape, target: target.name };
    bench.figures.add(place, 'rssMb', rssMb);
    bench.figures.add(place, 'pssMb', pssMb);
  };
  const stream = async (shape: string, events: number, clients: number, total: number, gapUs: number) => {
    await bench.upstream.shape({ events, gapUs });
    const requests = requestFile(bench, target, SMALL_BODY_BYTES, true);
    const rampMs = gapUs ? 500 : 0;
    const report = await runClients({
      port: target.port,
      requests,
      clients,
      total,
      expect: events,
      rampMs,
      deadlineS: 60,
    });
    bench.figures.add({ scenario: 'memory', mode, shape, target: target.name }, 'failed', report.failed);
    await sleep(2000);
    note(shape);
  };
  await sleep(1000);
  note(MEMORY_SHAPES.fresh);
  await stream(MEMORY_SHAPES.crowd, 50, 200, 200, 20_000);
  await stream(MEMORY_SHAPES.long, 50, 16, 10_000, 0);
}
