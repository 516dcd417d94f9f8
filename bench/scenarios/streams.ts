import type { Bench, CellOptions } from '../measurement.ts';
import type { Scenario } from './scenario.ts';

const CLIENTS = [1, 16, 64];
const EVENTS = [20, 200];
const PACE_US = 20_000;

export const burstShape = (events: number, clients: number) =>
  `${events} events, ${clients} ${clients === 1 ? 'client' : 'clients'}`;

/** Streams as fast as they are taken. */
export const burst: Scenario = {
  name: 'burst',
  title: 'Streams in one burst, closed loop',
  columns: ['ttftUs', 'addedTtftUs', 'completeUs', 'answersPerS', 'cpuMs', 'cpuMsPerThousand', 'failed'],
  cells: ({ bench, mode }) =>
    EVENTS.flatMap((events) =>
      CLIENTS.map((clients) => ({ mode, shape: burstShape(events, clients), answer: { events }, clients })),
    ).map((cell) => ({ scenario: 'burst', rounds: Math.max(bench.rounds, cell.clients === 1 ? 5 : 0), ...cell })),
};

export const PACED_SHAPE = '200 streams at 50 events/s';

export const paced: Scenario = {
  name: 'paced',
  title: 'Many streams at the pace of a model',
  columns: ['eventP50Us', 'eventP99Us', 'cpuMsPerThousand', 'failed'],
  cells: ({ bench, mode }) => [pacedCell(bench, 'paced', mode, PACED_SHAPE, 200)],
};

export const CROWD_SHAPE = '400 streams at 50 events/s';

export const crowd: Scenario = {
  name: 'crowd',
  title: 'How late an event is when there are many streams',
  columns: ['eventP50Us', 'eventP99Us', 'cpuMsPerThousand', 'failed'],
  cells: ({ bench, mode }) => [pacedCell(bench, 'crowd', mode, CROWD_SHAPE, 400)],
};

/** Each client one stream of three seconds (quick: one and a half), begun spread over a second. */
function pacedCell(
  bench: Bench,
  scenario: string,
  mode: CellOptions['mode'],
  shape: string,
  clients: number,
): CellOptions {
  const events = bench.quick ? 75 : 150;
  return { scenario, mode, shape, answer: { events, gapUs: PACE_US }, clients, total: clients, rampMs: 1000 };
}

export const TOOL_SHAPES = { small: '100 KB in 1,000 deltas', large: '1 MB in 10,000 deltas' };

/** One tool input in pieces of about 100 bytes: ten times as many may cost ten times as much. */
export const tool: Scenario = {
  name: 'tool',
  title: 'A long tool input, piece by piece',
  columns: ['completeUs', 'cpuMs', 'cpuMsPerThousand', 'failed'],
  cells: ({ mode }) =>
    (
      [
        [TOOL_SHAPES.small, 1_000, 40],
        [TOOL_SHAPES.large, 10_000, 4],
      ] as const
    ).map(([shape, events, total]) => ({
      scenario: 'tool',
      mode,
      shape,
      answer: { events, padBytes: 75, kind: 'tool' },
      clients: 1,
      total,
      rounds: 3,
    })),
};
