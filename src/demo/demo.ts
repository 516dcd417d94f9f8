import type { Listener } from '../core/bus.ts';
import { MidswapError } from '../core/errors.ts';
import type { ExchangeRecord } from '../core/events.ts';
import type { DemoClient } from './client.ts';

export interface DemoPorts {
  readonly client: DemoClient;
  /** Where the gateway listens: `127.0.0.1:40123`. */
  readonly address: string;
  /** Points the session at a reference, as `midswap use` does. */
  switchTo(reference: string): Promise<void>;
  subscribe(listener: Listener): () => void;
  print(line: string): void;
}

/** What the demo found, for `--json` and for tests. */
export interface DemoReport {
  readonly client: string;
  readonly exchanges: readonly {
    readonly asked: string;
    readonly answeredBy: string;
    readonly rule: string;
    readonly outcome: string;
    readonly inputTokens: number;
    readonly outputTokens: number;
    readonly durationMs: number;
  }[];
  readonly switches: readonly { readonly to: string; readonly durationMs: number; readonly modelRequests: number }[];
}

const FIRST = 'sandbox:sandbox-swift';
const SECOND = 'sandbox:sandbox-sage';

/**
 * A conversation with a tool call, a switch in the middle and a switch back, and what went where. Rejects when an
 * answer does not come from the model that the session was pointed at.
 */
export async function runDemo(ports: DemoPorts): Promise<DemoReport> {
  const { client, print } = ports;
  const records: ExchangeRecord[] = [];
  const switches: { to: string; durationMs: number; modelRequests: number }[] = [];
  const unsubscribe = ports.subscribe((event) => {
    if (event.type === 'exchange.ended') records.push(event.record);
  });
  const say = async (shown: string, prompt: string, expected: string) => {
    print(`  you            ${shown}`);
    const answer = await client.ask(prompt);
    for (const tool of answer.tools) print(`                 (tool ${tool} ran)`);
    const model =
      records.findLast((record) => record.class !== 'auxiliary' && record.outcome === 'ok')?.model ?? 'nobody';
    print(`  ${model.padEnd(14)} ${answer.text}`);
    if (model !== expected) throw new MidswapError('internal', `the answer came from ${model}, not from ${expected}`);
  };
  const change = async (to: string) => {
    const before = records.length;
    const start = performance.now();
    await ports.switchTo(to);
    const durationMs = performance.now() - start;
    switches.push({ to, durationMs, modelRequests: records.length - before });
    print('');
    print(`  midswap use ${to}   (${durationMs.toFixed(1)} ms, no model request)`);
    print('');
  };

  try {
    print(`midswap demo: gateway on ${ports.address}, client: ${client.name}`);
    print('No key, no network: both models are simulated by the built-in provider.');
    print('');
    const call = `@sandbox think Six sevens.\n@sandbox tool ${client.tool.name} ${JSON.stringify(client.tool.input)}\n@sandbox say The tool gave the product, and the conversation goes on.`;
    await say(
      'How much is six times seven? Use a tool.',
      `How much is six times seven? Use a tool.\n${call}`,
      'sandbox-swift',
    );
    await change(SECOND);
    await say('And who are you now?', 'And who are you now?', 'sandbox-sage');
    await change(FIRST);
    await say('Still there?', 'Still there?', 'sandbox-swift');
  } finally {
    unsubscribe();
  }
  const report = reportOf(client, records, switches);
  printReport(report, print);
  for (const line of nextSteps(import.meta.url)) print(line);
  return report;
}

/** How to go on from here, as it can be typed: in a checkout nothing is called `midswap` yet. */
export function nextSteps(moduleUrl: string): string[] {
  const isCheckout = moduleUrl.endsWith('.ts') && !/\$bunfs|~BUN/.test(moduleUrl);
  const command = isCheckout ? 'npx bun src/main.ts' : 'midswap';
  const rows = [
    ['setup', 'asks for a provider and its key, and tries it'],
    ['profile list', 'what can be used now, and what is missing'],
    ['PROFILE', 'starts Claude Code on it'],
  ] as const;
  return [
    '',
    'Go on with a real provider',
    ...rows.map(([words, what]) => `  ${`${command} ${words}`.padEnd(36)}${what}`),
  ];
}

function reportOf(
  client: DemoClient,
  records: readonly ExchangeRecord[],
  switches: DemoReport['switches'],
): DemoReport {
  const exchanges = records
    .filter((record) => record.provider !== undefined)
    .map((record) => ({
      asked: record.requestedModel ?? '',
      answeredBy: `${record.provider}/${record.model}`,
      rule: record.reason?.rule ?? '',
      outcome: record.outcome,
      inputTokens: record.usage.inputTokens ?? 0,
      outputTokens: record.usage.outputTokens ?? 0,
      durationMs: Math.round(record.durationMs),
    }));
  return { client: client.name, exchanges, switches };
}

function printReport(report: DemoReport, print: (line: string) => void): void {
  print('');
  print('What went where');
  print(
    `  ${'asked for'.padEnd(26)}${'answered by'.padEnd(26)}${'rule'.padEnd(10)}${'in'.padStart(7)}${'out'.padStart(6)}${'ms'.padStart(7)}`,
  );
  for (const row of report.exchanges) {
    const tokens = `${String(row.inputTokens).padStart(7)}${String(row.outputTokens).padStart(6)}`;
    print(
      `  ${row.asked.padEnd(26)}${row.answeredBy.padEnd(26)}${row.rule.padEnd(10)}${tokens}${String(row.durationMs).padStart(7)}`,
    );
  }
  const answered = report.exchanges.filter((row) => row.outcome === 'ok').length;
  print('');
  print(
    `${answered} of ${report.exchanges.length} requests answered, ${report.switches.length} switches, one session all along.`,
  );
}
