import { spawn } from 'node:child_process';
import type { Article } from './page-reader.ts';

const TIME_MS = 5_000;
const MAX_OUTPUT_BYTES = 16 << 20;
/** Readers that run at once: what a page costs is bounded by this and the time. */
const MAX_RUNNING = 2;

let running = 0;
const waiting: (() => void)[] = [];

/**
 * Reads a page in a child process, which knows nothing but the page: its environment is empty. `undefined` when there is
 * no article or no end to it. Never rejects.
 */
export async function readInChild(
  command: readonly string[],
  html: string,
  url: string,
  signal: AbortSignal,
): Promise<Article | undefined> {
  while (running >= MAX_RUNNING) await new Promise<void>((resolve) => waiting.push(resolve));
  running += 1;
  try {
    return signal.aborted ? undefined : await run(command, html, url, signal);
  } finally {
    running -= 1;
    waiting.shift()?.();
  }
}

function run(
  [program = '', ...args]: readonly string[],
  html: string,
  url: string,
  signal: AbortSignal,
): Promise<Article | undefined> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'], env: {}, windowsHide: true });
    const parts: Buffer[] = [];
    let bytes = 0;
    const stop = () => child.kill('SIGKILL');
    const timer = setTimeout(stop, TIME_MS);
    const settle = (article: Article | undefined) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      resolve(article);
    };
    signal.addEventListener('abort', stop, { once: true });
    child.on('error', () => settle(undefined));
    child.stdin.on('error', () => {});
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_OUTPUT_BYTES) stop();
      else parts.push(chunk);
    });
    child.on('close', (code) => settle(code === 0 ? articleOf(Buffer.concat(parts).toString('utf8')) : undefined));
    child.stdin.end(`${url}\n${html}`);
  });
}

function articleOf(text: string): Article | undefined {
  try {
    const value = JSON.parse(text) as Article | null;
    return value && typeof value.markdown === 'string' && typeof value.title === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
