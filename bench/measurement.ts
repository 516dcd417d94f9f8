import { join } from 'node:path';
import { makeBody, SMALLEST_BODY_BYTES } from './bodies.ts';
import type { Figures, Mode, Place } from './figures.ts';
import { awaitQuiet, cpuMsBetween, readCpu, readLoad } from './machine.ts';
import { type AnswerShape, type ClientsReport, runClients, type Upstream, writeRequests } from './native.ts';
import { rotate } from './statistics.ts';
import type { RunningTarget } from './targets.ts';

/** What scenarios work with. */
export interface Bench {
  readonly upstream: Upstream;
  readonly figures: Figures;
  readonly rounds: number;
  /** Length of one cell of a closed loop. */
  readonly cellS: number;
  readonly quick: boolean;
  readonly directory: string;
  readonly quietLimitMs: number;
  /** Everything that was run, for the JSON. */
  readonly cells: Cell[];
  note(line: string): void;
}

/** One run of the clients against one target. */
export interface Cell {
  readonly place: Place;
  readonly round: number;
  readonly report: ClientsReport;
  readonly cpuMs: number | undefined;
  /** Share of all cores that neither target, upstream nor clients used. */
  readonly foreignShare: number;
}

export interface CellOptions {
  readonly scenario: string;
  readonly mode: Mode;
  readonly shape: string;
  readonly answer: AnswerShape;
  readonly clients: number;
  readonly bodyBytes?: number;
  readonly total?: number;
  readonly seconds?: number;
  readonly rampMs?: number;
  readonly rounds?: number;
}

export const SMALL_BODY_BYTES = Math.max(2_000, SMALLEST_BODY_BYTES);

/** Runs one cell on every target, round after round in rotated order, and adds its figures. */
export async function measureInterleaved(
  bench: Bench,
  targets: readonly RunningTarget[],
  options: CellOptions,
): Promise<void> {
  bench.note(`${options.mode}: ${options.shape}`);
  await bench.upstream.shape(options.answer);
  for (let round = 0; round < (options.rounds ?? bench.rounds); round++) {
    const reports = new Map<string, ClientsReport>();
    for (const target of rotate(targets, round)) {
      const cell = await measureCell(bench, target, options, round);
      reports.set(target.name, cell.report);
    }
    addDifferences(bench, options, reports);
  }
}

async function measureCell(bench: Bench, target: RunningTarget, options: CellOptions, round: number): Promise<Cell> {
  const { scenario, mode, shape, answer, clients, total, seconds = bench.cellS, rampMs = 0 } = options;
  const requests = requestFile(bench, target, options.bodyBytes ?? SMALL_BODY_BYTES, true);
  await awaitQuiet(bench.quietLimitMs);
  const before = { target: readCpu(target.pids()), upstream: readCpu([bench.upstream.pid]), load: readLoad() };
  const report = await runClients({
    port: target.port,
    requests,
    clients,
    expect: answer.events,
    rampMs,
    ...(total === undefined ? { seconds } : { total }),
  });
  const after = { target: readCpu(target.pids()), upstream: readCpu([bench.upstream.pid]), load: readLoad() };
  const hasProcess = target.pids().length > 0;
  const cpuMs = hasProcess ? cpuMsBetween(before.target, after.target) : undefined;
  const ownS = report.cpuS + ((cpuMs ?? 0) + cpuMsBetween(before.upstream, after.upstream)) / 1000;
  const foreignS = after.load.busyS - before.load.busyS - ownS;
  const place = { scenario, mode, shape, target: target.name };
  const cell: Cell = {
    place,
    round,
    report,
    cpuMs,
    foreignShare: Math.max(0, foreignS / (after.load.allS - before.load.allS)),
  };
  bench.cells.push(cell);
  addFigures(bench.figures, cell);
  if (report.failed > 0) bench.note(`  ${target.name}: ${report.failed} failed, first: ${report.firstFault}`);
  return cell;
}

function addFigures(figures: Figures, { place, report, cpuMs, foreignShare }: Cell): void {
  const answers = report.good + report.failed;
  figures.add(place, 'ttftUs', report.firstMarker?.p50);
  figures.add(place, 'ttftP99Us', report.firstMarker?.p99);
  figures.add(place, 'completeUs', report.complete?.p50);
  figures.add(place, 'eventP50Us', report.oneWay?.p50);
  figures.add(place, 'eventP99Us', report.oneWay?.p99);
  figures.add(place, 'answersPerS', report.good / report.wallS);
  figures.add(place, 'failed', report.failed);
  figures.add(place, 'foreignShare', foreignShare);
  if (cpuMs === undefined || answers === 0) return;
  figures.add(place, 'cpuMs', cpuMs / answers);
  if (report.markers > 0) figures.add(place, 'cpuMsPerThousand', (1000 * cpuMs) / report.markers);
}

/** What a target adds to the floor, taken within one round: drift of the machine is in both. */
function addDifferences(
  bench: Bench,
  { scenario, mode, shape }: CellOptions,
  reports: ReadonlyMap<string, ClientsReport>,
): void {
  const floor = reports.get('direct')?.firstMarker?.p50;
  if (floor === undefined) return;
  for (const [target, report] of reports) {
    const time = report.firstMarker?.p50;
    if (time !== undefined && target !== 'direct')
      bench.figures.add({ scenario, mode, shape, target }, 'addedTtftUs', time - floor);
  }
}

/** Requests with one body of this size, written once per target and size. */
export function requestFile(bench: Bench, target: RunningTarget, bytes: number, stream: boolean): string {
  const file = join(bench.directory, `${target.name}-${target.port}-${bytes}-${stream ? 'stream' : 'whole'}.requests`);
  const { path, headers, model } = target;
  const body = makeBody({ model, bytes, stream, seed: 1 });
  return writeRequests(file, target.port, [{ path, headers, body }]);
}

/** Lets a runtime compile what is hot before anything is measured. Returns what is wrong with a target that does not
 * answer well. */
export async function warmUp(bench: Bench, target: RunningTarget): Promise<string | undefined> {
  for (const [events, bytes, total] of [
    [8, SMALL_BODY_BYTES, 40],
    [100, SMALL_BODY_BYTES, bench.quick ? 400 : 1000],
    [20, 100_000, bench.quick ? 40 : 100],
  ] as const) {
    await bench.upstream.shape({ events });
    const requests = requestFile(bench, target, bytes, true);
    const report = await runClients({ port: target.port, requests, clients: 4, total, expect: events, deadlineS: 20 });
    if (report.failed > 0 || report.good < total)
      return `${report.good} of ${total} good; ${report.firstFault}; statuses ${JSON.stringify(report.statuses)}`;
  }
  return undefined;
}
