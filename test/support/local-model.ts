import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { hasDebianTools, installFromDebian } from './debian-install.ts';
import { send } from './http-client.ts';
import { tempDir } from './temp-home.ts';
import { type TinyModel, writeTinyModel } from './tiny-model.ts';
import { until } from './until.ts';

/** The suite that has the server, which brings its own C library along. */
const SUITE = 'forky';
const PACKAGE = 'llama.cpp-tools';
const NAMED = process.env.MIDSWAP_TEST_LLAMA_SERVER;

/** Whether there is a server for this machine: Debian's, or the one that `MIDSWAP_TEST_LLAMA_SERVER` names. */
export function hasLocalModel(): boolean {
  return NAMED !== undefined || hasDebianTools();
}

interface Program {
  readonly argv: readonly string[];
  /** Working folder: the server looks there for the build that fits the processor best. */
  readonly cwd?: string;
}

/** llama.cpp's server, downloaded once. */
export async function installLocalServer(): Promise<Program> {
  if (NAMED !== undefined) {
    if (!existsSync(NAMED)) throw new Error(`MIDSWAP_TEST_LLAMA_SERVER names ${NAMED}, which does not exist`);
    return { argv: [NAMED] };
  }
  const root = await installFromDebian(SUITE, PACKAGE);
  const libraries = join(root, 'usr/lib/x86_64-linux-gnu');
  const loader = [
    join(libraries, 'ld-linux-x86-64.so.2'),
    '--library-path',
    `${libraries}:${join(libraries, 'llama')}`,
  ];
  return { argv: [...loader, join(root, 'usr/bin/llama-server')], cwd: join(libraries, 'ggml/backends0') };
}

export interface LocalModel {
  /** Origin of the server. */
  readonly url: string;
  /** Tokens said so far in each answer that is being given now. */
  answering(): Promise<number[]>;
  /** Ends the server at once, as when the system takes it away. */
  kill(): Promise<void>;
}

export interface LocalModelOptions {
  readonly model: TinyModel;
  /** Context window in tokens: what the server is told to give to a conversation. */
  readonly contextTokens: number;
}

/** llama.cpp's server with a model of the test's own, on a free port and in a home of its own. Ended with the test. */
export async function startLocalModel({ model, contextTokens }: LocalModelOptions): Promise<LocalModel> {
  const { argv, cwd } = await installLocalServer();
  const home = tempDir('midswap-local-model');
  const file = join(home, `${model.name}.gguf`);
  writeFileSync(file, writeTinyModel(model));
  const options = ['--model', file, '--alias', model.name, '--ctx-size', String(contextTokens)];
  const where = ['--host', '127.0.0.1', '--port', '0', '--threads', '1', '--threads-batch', '2', '--offline'];
  const [command = '', ...before] = argv;
  const child = spawn(command, [...before, ...options, ...where], {
    cwd: cwd ?? home,
    env: { HOME: home, PATH: '/usr/bin:/bin', TMPDIR: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = () => end(child);
  onTestFinished(kill);
  const url = await readUrl(child);
  await until('the model is loaded', async () => (await send(`${url}/health`)).status === 200, 30_000);
  return { url, kill, answering: () => readSlots(url) };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** The address it says it listens on. */
function readUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    const look = (text: string): void => {
      // What it says later is read and not kept: a full pipe would stop it.
      if (said.length < 100_000) said += text;
      const url = /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(said)?.[1];
      if (url !== undefined) resolve(url);
    };
    child.stdout?.setEncoding('utf8').on('data', look);
    child.stderr?.setEncoding('utf8').on('data', look);
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`the server ended with ${code ?? signal}:\n${said}`)));
  });
}

interface Slot {
  readonly is_processing: boolean;
  readonly next_token: readonly { readonly n_decoded: number }[];
}

async function readSlots(url: string): Promise<number[]> {
  const slots = JSON.parse((await send(`${url}/slots`)).text) as readonly Slot[];
  return slots.filter((slot) => slot.is_processing).map((slot) => slot.next_token[0]?.n_decoded ?? 0);
}
