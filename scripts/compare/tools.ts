import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PROJECT_ROOT } from '../layers.ts';
import { exchange } from './answer.ts';

/** The key that each tool is given for the upstream, and the one that its client sends to it. */
export const UPSTREAM_KEY = 'upstream-key-0123456789';
export const CLIENT_KEY = 'client-key-9876543210';
const READY_MS = 30_000;

export interface Tool {
  readonly id: string;
  readonly title: string;
  /** As it was configured, for the report. */
  readonly setup: string;
  /** Model that its client asks for. */
  readonly model: string;
  /** Model of an upstream that is declared to put its reasoning into `<think>` tags, if that can be declared. */
  readonly taggedModel?: string;
  /** Model of an upstream that is declared to send `reasoning_content`, where that has to be declared. */
  readonly reasoningModel?: string;
  readonly npm?: { readonly name: string; readonly version: string };
  /** Writes its configuration and says how it is started. */
  prepare(place: Place): Start | Promise<Start>;
}

export interface Place {
  readonly home: string;
  readonly port: number;
  readonly upstreamPort: number;
  /** Folder of its `node_modules`. */
  readonly modules: string;
  /** What runs it, if it is not a program by itself. */
  readonly node: string;
}

interface Start {
  readonly argv: readonly [string, ...string[]];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Base URL for its client, out of what it printed; by default the port. */
  baseUrl?(output: string): string | undefined;
}

export interface RunningTool {
  readonly baseUrl: string;
  stop(): Promise<void>;
}

export const MIDSWAP: Tool = {
  id: 'midswap',
  title: 'midswap',
  setup: 'provider with `protocol: openai-chat`, no quirks; `midswap serve` from the sources on Bun',
  model: 'claude-sonnet-4-5',
  taggedModel: 'tags:bench-model',
  prepare({ home, port, upstreamPort }) {
    const provider = `protocol: openai-chat, base_url: "http://127.0.0.1:${upstreamPort}/v1", auth: { type: bearer, keys: ["env:BENCH_KEY"] }`;
    write(
      join(home, 'midswap/config.yaml'),
      [
        'providers:',
        `  bench: { ${provider} }`,
        `  tags: { ${provider}, quirks: { think_tags: true } }`,
        'profiles:',
        '  bench: { provider: bench, models: { default: bench-model } }',
        'default_profile: bench',
        '',
      ].join('\n'),
    );
    const bun = join(PROJECT_ROOT, 'node_modules/.bin/bun');
    return {
      argv: [bun, join(PROJECT_ROOT, 'src/main.ts'), 'serve', '--host', '127.0.0.1', '--port', String(port), '--json'],
      env: { MIDSWAP_HOME: join(home, 'midswap'), BENCH_KEY: UPSTREAM_KEY },
      baseUrl: (output) => /"baseUrl":"([^"]+)"/.exec(output)?.[1],
    };
  },
};

export const CCR: Tool = {
  id: 'ccr',
  title: 'claude-code-router',
  setup:
    'providers without a transformer, with `reasoning` and with `extrathinktag`, each for its case; `Router.default`',
  model: 'claude-sonnet-4-5',
  taggedModel: 'tags,bench-model',
  reasoningModel: 'reasoning,bench-model',
  npm: { name: '@musistudio/claude-code-router', version: '2.0.0' },
  prepare({ home, port, upstreamPort, modules, node }) {
    const provider = (name: string, ...use: string[]) => ({
      name,
      api_base_url: `http://127.0.0.1:${upstreamPort}/v1/chat/completions`,
      api_key: UPSTREAM_KEY,
      models: ['bench-model'],
      ...(use.length > 0 && { transformer: { use } }),
    });
    write(join(home, '.claude-code-router/config.json'), {
      HOST: '127.0.0.1',
      PORT: port,
      APIKEY: CLIENT_KEY,
      LOG: false,
      NON_INTERACTIVE_MODE: true,
      API_TIMEOUT_MS: 600_000,
      Providers: [provider('bench'), provider('reasoning', 'reasoning'), provider('tags', 'extrathinktag')],
      Router: { default: 'bench,bench-model' },
    });
    return { argv: [node, join(modules, '@musistudio/claude-code-router/dist/cli.js'), 'start'] };
  },
};

export const CCS: Tool = {
  id: 'ccs',
  title: 'CCS',
  setup: 'the proxy daemon of `ccs proxy start`, a profile of the kind `generic-chat-completion-api`',
  model: 'bench-model',
  npm: { name: '@kaitranntt/ccs', version: '7.79.1' },
  prepare({ home, port, upstreamPort, modules, node }) {
    const settings = join(home, 'bench.settings.json');
    write(settings, {
      env: {
        ANTHROPIC_BASE_URL: `http://127.0.0.1:${upstreamPort}/v1`,
        ANTHROPIC_AUTH_TOKEN: UPSTREAM_KEY,
        ANTHROPIC_MODEL: 'bench-model',
        CCS_DROID_PROVIDER: 'generic-chat-completion-api',
      },
    });
    const daemon = join(modules, '@kaitranntt/ccs/dist/proxy/proxy-daemon-entry.js');
    const where = ['--port', String(port), '--host', '127.0.0.1', '--profile', 'bench', '--settings-path', settings];
    return { argv: [node, daemon, ...where, '--auth-token', CLIENT_KEY, '--ccs-openai-proxy-daemon'] };
  },
};

const CCFLARE: Tool = {
  id: 'ccflare',
  title: 'better-ccflare',
  setup: 'its own binary; one account of the kind `openai-compatible`; payloads are not stored',
  model: 'claude-sonnet-4-5',
  npm: { name: 'better-ccflare', version: '3.5.4' },
  async prepare({ home, port, upstreamPort, modules }) {
    const binary = join(modules, 'better-ccflare/dist/better-ccflare');
    const env = { BETTER_CCFLARE_HOST: '127.0.0.1', STORE_PAYLOADS: 'false', LOG_LEVEL: 'ERROR' };
    const cwd = join(home, 'work');
    mkdirSync(cwd, { recursive: true });
    const add = ['--add-account', 'bench', '--mode', 'openai-compatible', '--priority', '0'];
    const child = spawn(binary, add, {
      cwd,
      env: { ...plainEnvironment(home), ...env },
      stdio: ['pipe', 'ignore', 'ignore'],
      timeout: 30_000,
    });
    const ended = new Promise<void>((resolve) => child.on('close', () => resolve()).on('error', () => resolve()));
    child.stdin.on('error', () => {});
    // It asks one question after the other and reads what is there when it has asked.
    for (const line of [UPSTREAM_KEY, `http://127.0.0.1:${upstreamPort}`, '1', '1']) {
      await sleep(1_200);
      child.stdin.write(`${line}\n`);
    }
    child.stdin.end();
    await ended;
    return { argv: [binary, '--serve', '--port', String(port)], cwd, env };
  },
};

export const TOOLS: readonly Tool[] = [MIDSWAP, CCR, CCS, CCFLARE];

/** Starts a tool with a new home on a free port, and waits until it answers. */
export async function startTool(tool: Tool, upstreamPort: number, modules: string): Promise<RunningTool> {
  const home = mkdtempSync(join(tmpdir(), `midswap-compare-${tool.id}-`));
  const port = await freePort();
  const start = await tool.prepare({ home, port, upstreamPort, modules, node: process.execPath });
  const [file, ...args] = start.argv;
  const child = spawn(file, args, {
    cwd: start.cwd ?? home,
    env: { ...plainEnvironment(home), ...start.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  child.stdout.on('data', (piece: Buffer) => {
    output += piece.toString();
  });
  child.stderr.on('data', (piece: Buffer) => {
    output += piece.toString();
  });
  const until = performance.now() + READY_MS;
  for (;;) {
    const health = await exchange(`http://127.0.0.1:${port}/health`, { method: 'GET', timeoutMs: 1_000 }).catch(
      () => undefined,
    );
    const baseUrl = start.baseUrl ? start.baseUrl(output) : `http://127.0.0.1:${port}`;
    if (health !== undefined && health.status < 500 && baseUrl !== undefined) {
      return { baseUrl, stop: () => stop(child, home) };
    }
    if (performance.now() > until || child.exitCode !== null) {
      await stop(child, home);
      throw new Error(`${tool.title} does not start: ${output.slice(-2_000)}`);
    }
    await sleep(100);
  }
}

/** Ends the process group that was started here. */
async function stop(child: ChildProcess, home: string): Promise<void> {
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  if (child.exitCode === null && child.pid !== undefined) {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      child.kill('SIGKILL');
    }
    await Promise.race([ended, sleep(3_000)]);
  }
  rmSync(home, { recursive: true, force: true, maxRetries: 3 });
}

function plainEnvironment(home: string): Record<string, string> {
  return {
    HOME: home,
    PATH: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
    TMPDIR: home,
    LANG: 'C.UTF-8',
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function write(file: string, content: unknown): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content, null, 1));
}
