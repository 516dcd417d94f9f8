import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { canIsolate, runIsolated } from '../scripts/isolated-network.ts';
import { Figures, MODES, type Mode } from './figures.ts';
import { type Bench, measureInterleaved, warmUp } from './measurement.ts';
import { midswapRuntimes, midswapTarget, type Runtime } from './midswap.ts';
import { Upstream } from './native.ts';
import { installPeer, PEERS, peerTarget } from './peers.ts';
import { judge, renderTables, renderVerdicts, type Table } from './report.ts';
import { body, turns } from './scenarios/bodies.ts';
import { measureMemory } from './scenarios/memory.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { measureStarts } from './scenarios/starts.ts';
import { burst, crowd, paced, tool } from './scenarios/streams.ts';
import { direct, freshDirectory, nginx, type RunningTarget, type Target, takesPart } from './targets.ts';

const USAGE = `npm run bench -- [options]

  --quick              two rounds of short cells: about seven minutes
  --only NAME[,NAME]   scenarios: burst, paced, crowd, tool, body, turns, start, memory
  --mode NAME[,NAME]   messages, compatible, chat (default messages,chat, which have bounds)
  --targets A[,B]      of nginx, midswap-bun, midswap-node, ${PEERS.map(({ name }) => name).join(', ')} (direct always runs)
  --rounds N           rounds per cell (default 5, quick 2)
  --out FILE           where the JSON goes (default bench/results/<time>.json)
`;

const SCENARIOS: readonly Scenario[] = [burst, paced, crowd, tool, body, turns];
const OWN_TABLES: readonly Table[] = [
  { scenario: 'start', title: 'Starts', columns: ['startMs'] },
  { scenario: 'memory', title: 'Resident memory', columns: ['rssMb', 'pssMb', 'failed'] },
];

interface Plan {
  readonly scenarios: readonly string[];
  readonly modes: readonly Mode[];
  readonly targets: readonly Target[];
  readonly runtimes: readonly Runtime[];
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      mode: { type: 'string' },
      targets: { type: 'string' },
      rounds: { type: 'string' },
      out: { type: 'string' },
      /** Given by the bench to itself. */
      isolated: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const plan = makePlan(values);
  if (!values.isolated && (await installPeers(plan)) && canIsolate())
    return runIsolated(fileURLToPath(import.meta.url), [...process.argv.slice(2), '--isolated']);
  const directory = mkdtempSync(join(tmpdir(), 'midswap-bench-'));
  const upstream = await Upstream.start();
  const bench: Bench = {
    upstream,
    figures: new Figures(),
    rounds: values.rounds ? Math.max(1, Number(values.rounds)) : values.quick ? 2 : 5,
    cellS: values.quick ? 0.6 : 1.2,
    quick: values.quick,
    directory,
    quietLimitMs: values.quick ? 500 : 1500,
    cells: [],
    note: (line) => process.stderr.write(`${line}\n`),
  };
  const startedAt = new Date();
  try {
    for (const mode of plan.modes) await measureMode(bench, plan, mode);
    if (plan.scenarios.includes('start')) await measureStarts(bench, plan.runtimes);
  } finally {
    upstream.stop();
    rmSync(directory, { recursive: true, force: true });
  }
  print(bench, plan, startedAt, values.out);
  return 0;
}

function makePlan(values: { only?: string; mode?: string; targets?: string }): Plan {
  const known = [...SCENARIOS.map(({ name }) => name), 'start', 'memory'];
  const runtimes = midswapRuntimes();
  const all = [nginx, ...runtimes.map(midswapTarget), ...PEERS.map(peerTarget)];
  const targets = choose(
    values.targets,
    all.map(({ name }) => name),
    'target',
  );
  return {
    scenarios: choose(values.only, known, 'scenario'),
    modes: MODES.filter((mode) => choose(values.mode ?? 'messages,chat', MODES, 'mode').includes(mode)),
    targets: [direct, ...all.filter(({ name }) => targets.includes(name))],
    runtimes: runtimes.filter(({ name }) => targets.includes(name)),
  };
}

function choose(given: string | undefined, known: readonly string[], what: string): readonly string[] {
  const wanted = given?.split(',').map((name) => name.trim()) ?? known;
  const unknown = wanted.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`there is no ${what} "${unknown}"; there are ${known.join(', ')}`);
  return wanted;
}

/** Whether a peer takes part. One that cannot be installed is named now, and left out when it does not start. */
async function installPeers({ targets, modes, scenarios }: Plan): Promise<boolean> {
  const takingPart = PEERS.filter(({ name }) => {
    const target = targets.find((each) => each.name === name);
    return target && modes.some((mode) => scenarios.some((scenario) => takesPart(target, mode, scenario)));
  });
  for (const peer of takingPart) {
    await installPeer(peer).catch((fault: unknown) => {
      process.stderr.write(`${peer.name} could not be installed: ${fault instanceof Error ? fault.message : fault}\n`);
    });
  }
  return takingPart.length > 0;
}

async function measureMode(bench: Bench, plan: Plan, mode: Mode): Promise<void> {
  const scenarios = SCENARIOS.filter(({ name }) => plan.scenarios.includes(name));
  if (plan.scenarios.includes('memory')) {
    for (const target of plan.targets.filter((each) => each !== direct && takesPart(each, mode, 'memory')))
      await withTargets(bench, [target], mode, async ([running]) => {
        if (running) await measureMemory(bench, mode, running);
      });
  }
  if (scenarios.length === 0) return;
  const takingPart = (scenario: Scenario): readonly Target[] =>
    plan.targets.filter((target) => takesPart(target, mode, scenario.name));
  const needed = new Set(scenarios.flatMap(takingPart));
  await withTargets(bench, [...needed], mode, async (running) => {
    const warm: RunningTarget[] = [];
    for (const target of running) {
      const fault = await warmUp(bench, target);
      if (fault === undefined) warm.push(target);
      else bench.note(`${mode}: ${target.name} is left out: ${fault}`);
    }
    for (const scenario of scenarios) {
      const names = new Set(takingPart(scenario).map(({ name }) => name));
      const targets = warm.filter(({ name }) => names.has(name));
      const context = { bench, mode, targets };
      for (const cell of scenario.cells?.(context) ?? []) await measureInterleaved(bench, targets, cell);
      await scenario.run?.(context);
    }
  });
}

/** Starts the targets, and stops them however the work ends. One that does not start is left out and named. */
async function withTargets(
  bench: Bench,
  targets: readonly Target[],
  mode: Mode,
  work: (running: RunningTarget[]) => Promise<void>,
): Promise<void> {
  const running: RunningTarget[] = [];
  try {
    for (const target of targets) {
      const directory = freshDirectory(bench.directory, `${mode}-${target.name}`);
      try {
        running.push(await target.start({ mode, upstreamPort: bench.upstream.port, directory }));
      } catch (thrown) {
        bench.note(`${mode}: ${target.name} is left out: ${thrown instanceof Error ? thrown.message : thrown}`);
      }
    }
    await work(running);
  } finally {
    for (const target of running) await target.stop();
  }
}

function print(bench: Bench, plan: Plan, startedAt: Date, out: string | undefined): void {
  const { figures } = bench;
  const tables = [...SCENARIOS.map(({ name, title, columns }) => ({ scenario: name, title, columns })), ...OWN_TABLES];
  const onBun = judge(figures, 'midswap-bun');
  const onNode = judge(figures, 'midswap-node');
  const foreign = bench.cells.map((cell) => cell.foreignShare).sort((a, b) => a - b);
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    kernel: process.platform,
    medianForeignShare: foreign[foreign.length >> 1],
  };
  const titles = Object.fromEntries(plan.targets.map(({ name, title }) => [name, title]));
  process.stdout.write(
    `${[
      `Medians over ${bench.rounds} or more rounds, ${machine.cores} cores (${machine.cpu}).`,
      ...(machine.medianForeignShare === undefined
        ? []
        : [`Other programs used ${(100 * machine.medianForeignShare).toFixed(0)} % of them beside the clients.`]),
      ...Object.entries(titles).map(([name, title]) => `  ${name}: ${title}`),
      '',
      renderTables(figures, tables),
      'Bounds',
      renderVerdicts(onBun, onNode),
    ].join('\n')}\n`,
  );
  const directory = join(import.meta.dirname, 'results');
  mkdirSync(directory, { recursive: true });
  const file = out ?? join(directory, `${startedAt.toISOString().replaceAll(/[:.]/g, '-')}.json`);
  const result = { startedAt, machine, targets: titles, bounds: [...onBun, ...onNode], figures, cells: bench.cells };
  writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`);
  process.stdout.write(`\nEverything: ${file}\n`);
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (thrown: unknown) => {
    process.stderr.write(`bench: ${thrown instanceof Error ? thrown.message : thrown}\n`);
    process.exitCode = 1;
  },
);
