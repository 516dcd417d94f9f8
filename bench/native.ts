import { type ChildProcessWithoutNullStreams, execFile, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const SOURCES = join(import.meta.dirname, 'native');
const BINARIES = join(import.meta.dirname, '..', 'node_modules', '.cache', 'bench');
const HEADERS = ['wire.h', 'script.h', 'histogram.h'];

export type Tool = 'upstream' | 'clients' | 'stopwatch' | 'first-request';

/** Path of a tool of `native/`, compiled when its source is newer. Throws with the compiler's words. */
export function buildTool(tool: Tool): string {
  const source = join(SOURCES, `${tool}.c`);
  const binary = join(BINARIES, tool);
  const newest = Math.max(...[source, ...HEADERS.map((name) => join(SOURCES, name))].map(changedAt));
  if (changedAt(binary) > newest) return binary;
  mkdirSync(BINARIES, { recursive: true });
  const { status, stderr, error } = spawnSync('cc', ['-O2', '-o', binary, source], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`cc could not compile ${source}: ${stderr ?? error?.message}`);
  return binary;
}

function changedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** What the mock provider answers with; times in microseconds. */
export interface AnswerShape {
  readonly events: number;
  readonly gapUs?: number;
  readonly firstUs?: number;
  readonly padBytes?: number;
  readonly kind?: 'text' | 'tool';
}

export interface UpstreamStats {
  readonly requests: number;
  readonly streams: number;
  readonly finished: number;
  readonly aborted: number;
  readonly deltas: number;
  readonly requestBytes: number;
  readonly connections: number;
}

/** The mock provider in its own process. It ends with this one, because its standard input does. */
export class Upstream {
  readonly pid: number;
  readonly port: number;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  private constructor(process: ChildProcessWithoutNullStreams, lines: AsyncIterator<string>, port: number) {
    this.#process = process;
    this.#lines = lines;
    this.pid = process.pid ?? 0;
    this.port = port;
  }

  static async start(): Promise<Upstream> {
    const child = spawn(buildTool('upstream'), [], { stdio: 'pipe' });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const first = await lines.next();
    const port = Number(/^port (\d+)$/.exec(first.value ?? '')?.[1]);
    if (!port) throw new Error(`the mock provider did not start: ${first.value}`);
    return new Upstream(child, lines, port);
  }

  /** Streams that are running keep the shape they began with. */
  async shape({ events, gapUs = 0, firstUs = 0, padBytes = 0, kind = 'text' }: AnswerShape): Promise<void> {
    await this.#command(`shape events=${events} gap_us=${gapUs} first_us=${firstUs} pad=${padBytes} kind=${kind}`);
  }

  /** Counters since the last call. */
  async stats(): Promise<UpstreamStats> {
    return JSON.parse(await this.#command('stats'));
  }

  stop(): void {
    this.#process.stdin.end();
  }

  async #command(line: string): Promise<string> {
    this.#process.stdin.write(`${line}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('the mock provider has ended');
    return value;
  }
}

/** Microseconds. */
export interface Quantiles {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** What `native/clients.c` prints. */
export interface ClientsReport {
  readonly good: number;
  readonly failed: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly firstFault: string;
  readonly statuses: Readonly<Record<string, number>>;
  readonly wallS: number;
  readonly cpuS: number;
  /** Deltas that arrived. */
  readonly markers: number;
  readonly bodyBytes: number;
  readonly connects: number;
  readonly firstByte: Quantiles | null;
  readonly firstMarker: Quantiles | null;
  readonly complete: Quantiles | null;
  readonly oneWay: Quantiles | null;
  /** Time to the first delta of each good answer in order, where asked for. */
  readonly samples?: readonly number[];
}

export interface ClientsOptions {
  readonly port: number;
  /** Written by `writeRequests`. */
  readonly requests: string;
  readonly clients: number;
  /** Answers in all; without it the clients run for `seconds`. */
  readonly total?: number;
  readonly seconds?: number;
  readonly expect: number;
  readonly rampMs?: number;
  readonly deadlineS?: number;
  readonly samples?: boolean;
}

export function runClients(options: ClientsOptions): Promise<ClientsReport> {
  const { port, requests, clients, total, seconds, expect, rampMs = 0, deadlineS = 40, samples } = options;
  const values = { port, requests, clients, expect, ramp_ms: rampMs, deadline_s: deadlineS, samples: samples ? 1 : 0 };
  const length = total === undefined ? { seconds: seconds ?? 1 } : { total };
  return runTool(
    'clients',
    Object.entries({ ...values, ...length }).map(([name, value]) => `${name}=${value}`),
  );
}

/** What `native/stopwatch.c` prints; milliseconds. */
export interface StopwatchReport {
  readonly wallMs?: number;
  readonly cpuMs?: number;
  readonly readyMs?: number;
  readonly stampMs?: number;
  readonly status: number;
}

export interface StopwatchOptions {
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Times until this port answers, instead of until the end. */
  readonly readyPort?: number;
  /** Times until the time written there. */
  readonly stamp?: string;
}

export function timeStart({ command, env, cwd, readyPort, stamp }: StopwatchOptions): Promise<StopwatchReport> {
  const what = readyPort ? [`ready=${readyPort}`] : stamp ? [`stamp=${stamp}`] : [];
  return runTool('stopwatch', [...what, '--', ...command], { env, cwd });
}

function runTool<Report>(
  tool: Tool,
  args: readonly string[],
  options: { env?: Readonly<Record<string, string>>; cwd?: string } = {},
): Promise<Report> {
  return new Promise((resolve, reject) => {
    execFile(buildTool(tool), args, { maxBuffer: 1 << 26, ...options }, (error, stdout, stderr) => {
      if (stdout) resolve(JSON.parse(stdout));
      else reject(new Error(`${tool} failed: ${stderr || error?.message}`));
    });
  });
}

export interface HttpRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Writes requests as `clients` takes them: each whole, behind its length. */
export function writeRequests(file: string, port: number, requests: readonly HttpRequest[]): string {
  const parts = requests.flatMap(({ path, headers, body }) => {
    const fields = { host: `127.0.0.1:${port}`, ...headers, 'content-length': String(body.length) };
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(head.length + body.length);
    return [length, head, body];
  });
  writeFileSync(file, Buffer.concat(parts));
  return file;
}
