import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Mode } from './figures.ts';
import { processTree } from './machine.ts';

const NGINX = '/usr/sbin/nginx';
/** In a target's directory: what it has printed. */
export const OUTPUT_FILE = 'output.log';

const READY_LIMIT_MS = 15_000;
const STOP_LIMIT_MS = 4_000;

/** Something that requests go through. */
export interface Target {
  readonly name: string;
  /** What exactly ran, for the report. */
  readonly title: string;
  /** Where it takes part; in everything without. */
  readonly only?: { readonly modes: readonly Mode[]; readonly scenarios: readonly string[] };
  start(context: StartContext): Promise<RunningTarget>;
}

export interface StartContext {
  readonly mode: Mode;
  readonly upstreamPort: number;
  /** Empty and the target's own. */
  readonly directory: string;
}

export interface RunningTarget {
  readonly name: string;
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Model name to send. */
  readonly model: string;
  /** Its processes now; none where there is nothing between client and upstream. */
  pids(): readonly number[];
  stop(): Promise<void>;
}

/** What the client sends with every request, but for the credential. */
export const CLIENT_HEADERS: Readonly<Record<string, string>> = {
  accept: 'application/json',
  'user-agent': 'claude-cli/2.1.329 (external, cli)',
  'x-app': 'cli',
  'anthropic-version': '2023-06-01',
  'anthropic-beta': 'claude-code-20250219,context-management-2025-06-27',
  'x-claude-code-session-id': '00000000-0000-4000-8000-000000000000',
  'x-claude-code-request-class': 'main',
  'content-type': 'application/json',
};

export function takesPart({ only }: Pick<Target, 'only'>, mode: Mode, scenario: string): boolean {
  return only === undefined || (only.modes.includes(mode) && only.scenarios.includes(scenario));
}

const UPSTREAM_PATH: Record<Mode, string> = {
  messages: '/v1/messages?beta=true',
  compatible: '/v1/messages?beta=true',
  chat: '/v1/chat/completions',
};

/** The floor: client straight to upstream. */
export const direct: Target = {
  name: 'direct',
  title: 'client straight to the upstream',
  start: async ({ mode, upstreamPort }) => ({
    name: 'direct',
    port: upstreamPort,
    path: UPSTREAM_PATH[mode],
    headers: { ...CLIENT_HEADERS, 'x-api-key': 'bench' },
    model: 'bench-large',
    pids: () => [],
    stop: async () => {},
  }),
};

/** The measure: passes bytes on, in every mode. */
export const nginx: Target = {
  name: 'nginx',
  title: 'nginx, one worker, proxy_buffering off, kept-alive upstream connections',
  async start({ mode, upstreamPort, directory }) {
    const port = await freePort();
    const file = join(directory, 'nginx.conf');
    writeFileSync(file, nginxConfig(port, upstreamPort, directory));
    const running = await startProcess({
      command: [NGINX, '-p', directory, '-c', file],
      env: {},
      directory,
      port,
      readyPath: '/health',
    });
    return {
      name: 'nginx',
      port,
      path: UPSTREAM_PATH[mode],
      headers: { ...CLIENT_HEADERS, 'x-api-key': 'bench' },
      model: 'bench-large',
      ...running,
    };
  },
};

function nginxConfig(port: number, upstreamPort: number, directory: string): string {
  const scratch = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  // Started by root, which it also is in a network of its own, it would become a user who may not enter its folder.
  const user = process.geteuid?.() === 0 ? 'user root root;' : '';
  return `
${user}
daemon off;
worker_processes 1;
pid ${directory}/nginx.pid;
error_log ${directory}/error.log error;
events { worker_connections 4096; }
http {
  access_log off;
  ${scratch.map((name) => `${name}_temp_path ${directory}/${name};`).join('\n  ')}
  client_max_body_size 64m;
  client_body_buffer_size 4m;
  keepalive_requests 1000000000;
  keepalive_timeout 120s;
  upstream provider {
    server 127.0.0.1:${upstreamPort};
    keepalive 512;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = /health { return 200; }
    location / {
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_read_timeout 120s;
    }
  }
}
`;
}

export interface ProcessOptions {
  readonly command: readonly [string, ...string[]];
  /** All of its environment but for PATH and HOME. */
  readonly env: Readonly<Record<string, string>>;
  readonly directory: string;
  readonly port: number;
  readonly readyPath: string;
}

/** Starts a server and waits until it answers. Throws with the end of its output when it does not. */
export async function startProcess(options: ProcessOptions): Promise<Pick<RunningTarget, 'pids' | 'stop'>> {
  const { command, directory, port, readyPath } = options;
  const logFile = join(directory, OUTPUT_FILE);
  const log = openSync(logFile, 'a');
  const [program, ...args] = command;
  const child = spawn(program, args, {
    cwd: directory,
    env: environment(directory, options.env),
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const failed = new Promise<never>((_, reject) => child.once('error', reject));
  const ready = await Promise.race([awaitReady(child, port, readyPath), failed]);
  if (!ready) {
    await stopProcess(child);
    throw new Error(`${program} did not answer on port ${port}:\n${readFileSync(logFile, 'utf8').slice(-2000)}`);
  }
  return { pids: () => processTree(child.pid ?? -1), stop: () => stopProcess(child) };
}

/** A child's whole environment: nothing of the caller's gets in but the place of programs. */
export function environment(home: string, more: Readonly<Record<string, string>>): Record<string, string> {
  return { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: home, LANG: 'C.UTF-8', NO_COLOR: '1', ...more };
}

async function awaitReady(child: ChildProcess, port: number, path: string): Promise<boolean> {
  const end = Date.now() + READY_LIMIT_MS;
  while (Date.now() < end && child.exitCode === null) {
    if (await answers(port, path)) return true;
    await sleep(20);
  }
  return false;
}

function answers(port: number, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = http.get({ host: '127.0.0.1', port, path, agent: false, timeout: 1000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });
}

async function stopProcess(child: ChildProcess): Promise<void> {
  const tree = processTree(child.pid ?? -1);
  const ended = new Promise<void>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once('exit', () => resolve());
  });
  child.kill('SIGTERM');
  const inTime = await Promise.race([ended.then(() => true), sleep(STOP_LIMIT_MS, false, { ref: false })]);
  if (inTime) return;
  for (const pid of tree) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // already gone
    }
  }
  await ended;
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}

/** An empty directory, another one with every call. */
export function freshDirectory(parent: string, name: string): string {
  return mkdtempSync(join(parent, `${name}-`));
}
