import type { FigureName, Figures, Mode } from './figures.ts';
import { PEERS, type Peer } from './peers.ts';
import { BODY_SHAPES, TURN_SHAPES } from './scenarios/bodies.ts';
import { MEMORY_SHAPES } from './scenarios/memory.ts';
import { START_SHAPES } from './scenarios/starts.ts';
import { burstShape, CROWD_SHAPE, PACED_SHAPE, TOOL_SHAPES } from './scenarios/streams.ts';
import { difference, ratio } from './statistics.ts';

/** A figure that has to be reached. `value` above `limit` is missed; `undefined` was not measured. */
export interface Bound {
  readonly text: string;
  readonly mode: Mode;
  readonly limit: number;
  /** `×` for ratios. */
  readonly unit: string;
  value(look: Look): number | undefined;
  /** What nginx, which only passes bytes on, reaches: when that is above the limit, no translation can be below it. */
  floor?(look: Look): number | undefined;
}

type Median = (scenario: string, shape: string, name: FigureName) => number | undefined;

/** Medians of the target that is judged, and of those it is compared with. */
export interface Look {
  readonly own: Median;
  readonly nginx: Median;
  peer(name: string): Median;
  /** Answers that were not good, over everything that ran in this mode. */
  failed(): number | undefined;
}

export function lookAt(figures: Figures, target: string, mode: Mode): Look {
  const of =
    (who: string): Median =>
    (scenario, shape, name) =>
      figures.median({ scenario, mode, shape, target: who }, name);
  return { own: of(target), nginx: of('nginx'), peer: of, failed: () => figures.sum(target, mode, 'failed') };
}

const timesNginx =
  (scenario: string, shape: string, name: FigureName) =>
  (look: Look): number | undefined =>
    ratio(look.own(scenario, shape, name), look.nginx(scenario, shape, name));

const milliseconds =
  (scenario: string, shape: string) =>
  (look: Look): number | undefined =>
    ratio(look.own(scenario, shape, 'addedTtftUs'), 1000);

function streamBounds(mode: Mode, burstLimit: number, pacedLimit: number): Bound[] {
  return [
    ...[1, 16, 64].map((clients) => ({
      text: `CPU per burst of ${burstShape(200, clients)}, to nginx`,
      mode,
      limit: burstLimit,
      unit: '×',
      value: timesNginx('burst', burstShape(200, clients), 'cpuMs'),
    })),
    {
      text: `CPU per 1,000 events, ${PACED_SHAPE}, to nginx`,
      mode,
      limit: pacedLimit,
      unit: '×',
      value: timesNginx('paced', PACED_SHAPE, 'cpuMsPerThousand'),
    },
    {
      text: `event p99, ${CROWD_SHAPE}, to nginx`,
      mode,
      limit: 3,
      unit: '×',
      value: timesNginx('crowd', CROWD_SHAPE, 'eventP99Us'),
    },
    {
      text: 'tool input: CPU per delta of 10,000 to that of 1,000',
      mode,
      limit: 1.5,
      unit: '×',
      value: (look) =>
        ratio(
          look.own('tool', TOOL_SHAPES.large, 'cpuMsPerThousand'),
          look.own('tool', TOOL_SHAPES.small, 'cpuMsPerThousand'),
        ),
    },
    { text: 'answers that failed or lost a delta', mode, limit: 0, unit: '', value: (look) => look.failed() },
  ];
}

/** What is asked beside a peer that translates too. */
function peerBounds({ name: peer, called }: Peer): Bound[] {
  const toPeer = (text: string, limit: number, scenario: string, shape: string, name: FigureName): Bound => ({
    text: `${text}, to ${called}`,
    mode: 'chat',
    limit,
    unit: '×',
    value: (look) => ratio(look.own(scenario, shape, name), look.peer(peer)(scenario, shape, name)),
    floor: (look) => ratio(look.nginx(scenario, shape, name), look.peer(peer)(scenario, shape, name)),
  });
  const cpu = [
    ...[1, 16, 64].map((clients) =>
      toPeer(`CPU per burst of ${burstShape(200, clients)}`, 0.1, 'burst', burstShape(200, clients), 'cpuMs'),
    ),
    toPeer(`CPU per 1,000 events, ${PACED_SHAPE}`, 0.1, 'paced', PACED_SHAPE, 'cpuMsPerThousand'),
  ];
  if (peer === 'ccr') return cpu;
  return [
    ...cpu,
    toPeer('time to first token added at one client', 1 / 8, 'burst', burstShape(20, 1), 'addedTtftUs'),
    toPeer('time added by the first body of 1 MB', 1 / 2, 'turns', TURN_SHAPES.first, 'addedTtftUs'),
  ];
}

/** What the gateway has to reach on Bun. */
export const BOUNDS: readonly Bound[] = [
  ...streamBounds('messages', 1.6, 1.6),
  {
    text: 'time to first token added at one client, to what nginx adds',
    mode: 'messages',
    limit: 2,
    unit: '×',
    value: timesNginx('burst', burstShape(20, 1), 'addedTtftUs'),
  },
  {
    text: 'a body of 1 MB adds',
    mode: 'messages',
    limit: 1,
    unit: 'ms',
    value: milliseconds('body', BODY_SHAPES.large),
  },
  {
    text: 'a body of 1 MB costs CPU',
    mode: 'messages',
    limit: 2,
    unit: 'ms',
    value: (look) => look.own('body', BODY_SHAPES.large, 'cpuMs'),
  },
  {
    text: '`midswap version`',
    mode: 'messages',
    limit: 15,
    unit: 'ms',
    value: (look) => look.own('start', START_SHAPES.version, 'startMs'),
  },
  {
    text: 'gateway ready after spawn',
    mode: 'messages',
    limit: 45,
    unit: 'ms',
    value: (look) => look.own('start', START_SHAPES.ready, 'startMs'),
  },
  {
    text: "added between `midswap x` and the client's first request",
    mode: 'messages',
    limit: 60,
    unit: 'ms',
    value: (look) => look.own('start', START_SHAPES.launch, 'startMs'),
  },
  {
    text: 'memory, fresh',
    mode: 'messages',
    limit: 45,
    unit: 'MB',
    value: (look) => look.own('memory', MEMORY_SHAPES.fresh, 'rssMb'),
  },
  {
    text: 'memory, after 200 streams at once',
    mode: 'messages',
    limit: 60,
    unit: 'MB',
    value: (look) => look.own('memory', MEMORY_SHAPES.crowd, 'rssMb'),
  },
  {
    text: 'memory, growth from there over 10,000 streams',
    mode: 'messages',
    limit: 10,
    unit: 'MB',
    value: (look) =>
      difference(look.own('memory', MEMORY_SHAPES.long, 'rssMb'), look.own('memory', MEMORY_SHAPES.crowd, 'rssMb')),
  },
  ...streamBounds('chat', 2, 2.2),
  {
    text: 'time added by the next turn of a session of 1 MB, to its first',
    mode: 'chat',
    limit: 0.1,
    unit: '×',
    value: (look) =>
      ratio(look.own('turns', TURN_SHAPES.next, 'addedTtftUs'), look.own('turns', TURN_SHAPES.first, 'addedTtftUs')),
  },
  ...PEERS.flatMap(peerBounds),
];
