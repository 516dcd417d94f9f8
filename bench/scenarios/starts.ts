import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { awaitQuiet } from '../machine.ts';
import type { Bench } from '../measurement.ts';
import { PROFILE, prepareHome, type Runtime, serveArguments } from '../midswap.ts';
import { buildTool, type StopwatchReport, timeStart } from '../native.ts';
import { environment, freePort, freshDirectory } from '../targets.ts';

export const START_SHAPES = {
  version: '`midswap version`, start to end',
  ready: '`midswap serve`, spawn to first answer',
  launch: '`midswap x`, added before the first request',
};

const ATTEMPTS = 15;
const ATTEMPTS_QUICK = 7;

/** Cold starts on a warm disk, the runtimes in turn. The first attempt of each is not counted. */
export async function measureStarts(bench: Bench, runtimes: readonly Runtime[]): Promise<void> {
  bench.note('starts');
  await bench.upstream.shape({ events: 20 });
  const attempts = bench.quick ? ATTEMPTS_QUICK : ATTEMPTS;
  for (let attempt = 0; attempt <= attempts; attempt++) {
    const counted = attempt > 0;
    const floorMs = await launchDirect(bench);
    for (const runtime of runtimes) {
      const add = (shape: string, value: number | undefined) => {
        const place = { scenario: 'start', mode: 'messages', shape, target: runtime.name } as const;
        if (counted) bench.figures.add(place, 'startMs', value);
      };
      const directory = freshDirectory(bench.directory, `start-${runtime.name}`);
      const env = environment(directory, prepareHome(directory, 'messages', bench.upstream.port));
      await awaitQuiet(bench.quietLimitMs);
      const version = await timeStart({ command: [...runtime.command, 'version'], env, cwd: directory });
      add(START_SHAPES.version, whenGood(bench, `${runtime.name} version`, version)?.wallMs);

      const readyPort = await freePort();
      const serve = [...runtime.command, ...serveArguments(readyPort)] as const;
      const ready = await timeStart({ command: serve, env, cwd: directory, readyPort });
      add(START_SHAPES.ready, ready.readyMs !== undefined && ready.readyMs > 0 ? ready.readyMs : undefined);

      const launch = await timeLaunch(directory, env, [...runtime.command, PROFILE]);
      const stampMs = whenGood(bench, `${runtime.name} ${PROFILE}`, launch)?.stampMs;
      add(START_SHAPES.launch, stampMs === undefined || floorMs === undefined ? undefined : stampMs - floorMs);
    }
  }
}

/** The client alone, straight to the upstream. */
async function launchDirect(bench: Bench): Promise<number | undefined> {
  const directory = freshDirectory(bench.directory, 'start-direct');
  const url = `http://127.0.0.1:${bench.upstream.port}`;
  const env = environment(directory, { ANTHROPIC_BASE_URL: url, ANTHROPIC_AUTH_TOKEN: 'bench' });
  const report = await timeLaunch(directory, env, [buildTool('first-request')]);
  return whenGood(bench, 'the client alone', report)?.stampMs;
}

function timeLaunch(
  directory: string,
  env: Readonly<Record<string, string>>,
  command: readonly [string, ...string[]],
): Promise<StopwatchReport> {
  const stamp = join(directory, 'stamp');
  rmSync(stamp, { force: true });
  return timeStart({ command: [...command, '--stamp', stamp], env, cwd: directory, stamp });
}

function whenGood(bench: Bench, what: string, report: StopwatchReport): StopwatchReport | undefined {
  if (report.status === 0) return report;
  bench.note(`  ${what} ended with ${report.status}`);
  return undefined;
}
