import { join } from 'node:path';
import { makeTurns } from '../bodies.ts';
import { awaitQuiet } from '../machine.ts';
import { runClients, writeRequests } from '../native.ts';
import { median, rotate } from '../statistics.ts';
import type { RunningTarget } from '../targets.ts';
import type { ModeContext, Scenario } from './scenario.ts';

export const BODY_SHAPES = { medium: 'body of 100 KB', large: 'body of 1 MB' };
const LARGE_BYTES = 1_000_000;

export const body: Scenario = {
  name: 'body',
  title: 'Large requests, 20 events back, one client',
  columns: ['ttftUs', 'addedTtftUs', 'cpuMs', 'failed'],
  cells: ({ bench, mode }) =>
    (
      [
        [BODY_SHAPES.medium, 100_000],
        [BODY_SHAPES.large, LARGE_BYTES],
      ] as const
    ).map(([shape, bodyBytes]) => ({
      scenario: 'body',
      mode,
      shape,
      answer: { events: 20 },
      clients: 1,
      bodyBytes,
      rounds: Math.max(bench.rounds, 5),
    })),
};

export const TURN_SHAPES = { first: 'first turn, 1 MB', next: 'next turns, 1 MB and 3 KB more each' };
const TURNS = 6;
const TURN_BYTES = 3_000;

/** Conversations that grow: what the first turn of a session adds, and what each turn after it adds. */
export const turns: Scenario = {
  name: 'turns',
  title: 'A conversation that grows, 20 events back, one client',
  columns: ['ttftUs', 'addedTtftUs', 'failed'],
  async run({ bench, mode, targets }) {
    bench.note(`${mode}: conversations of ${TURNS} turns`);
    await bench.upstream.shape({ events: 20 });
    const rounds = bench.quick ? 3 : 6;
    for (let round = 0; round < rounds; round++) {
      const times = new Map<string, { first: number; next: number }>();
      for (const target of rotate(targets, round)) {
        const time = await converse({ bench, mode, targets }, target, round);
        if (time) times.set(target.name, time);
      }
      const floor = times.get('direct');
      for (const [target, time] of times) {
        for (const turn of ['first', 'next'] as const) {
          const place = { scenario: 'turns', mode, shape: TURN_SHAPES[turn], target };
          bench.figures.add(place, 'ttftUs', time[turn]);
          if (floor && target !== 'direct') bench.figures.add(place, 'addedTtftUs', time[turn] - floor[turn]);
        }
      }
    }
  },
};

async function converse(
  { bench, mode }: ModeContext,
  target: RunningTarget,
  round: number,
): Promise<{ first: number; next: number } | undefined> {
  const bodies = makeTurns(
    { model: target.model, bytes: LARGE_BYTES, stream: true, seed: 100 + round },
    TURNS,
    TURN_BYTES,
  );
  const session = `00000000-0000-4000-8000-${String(round + 1).padStart(12, '0')}`;
  const headers = { ...target.headers, 'x-claude-code-session-id': session };
  const requests = writeRequests(
    join(bench.directory, `${target.name}-turns.requests`),
    target.port,
    bodies.map((body) => ({ path: target.path, headers, body })),
  );
  await awaitQuiet(bench.quietLimitMs);
  const report = await runClients({ port: target.port, requests, clients: 1, total: TURNS, expect: 20, samples: true });
  bench.figures.add({ scenario: 'turns', mode, shape: TURN_SHAPES.next, target: target.name }, 'failed', report.failed);
  const [first, ...rest] = report.samples ?? [];
  const next = median(rest);
  return report.failed > 0 || first === undefined || next === undefined ? undefined : { first, next };
}
