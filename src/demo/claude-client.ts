import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { MidswapError } from '../core/errors.ts';
import { ASK_TIMEOUT_MS, type DemoAnswer, type DemoClient } from './client.ts';

export interface ClaudeClientOptions {
  readonly command: string;
  readonly version: string;
  /** The child's whole environment: a throw-away home, the gateway's address. */
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd: string;
}

interface StreamMessage {
  readonly type: string;
  readonly result?: string;
  readonly is_error?: boolean;
  readonly message?: {
    readonly content?: readonly { readonly type: string; readonly name?: string; readonly text?: string }[];
  };
}

/** One running Claude Code that takes prompts on its standard input, so that the switch happens to a live session. */
export function startClaude(options: ClaudeClientOptions): DemoClient {
  const child = spawn(
    options.command,
    ['-p', '--input-format', 'stream-json', '--output-format', 'stream-json', '--verbose', '--allowedTools', 'Bash'],
    { cwd: options.cwd, env: options.environment, stdio: ['pipe', 'pipe', 'ignore'] },
  );
  const turns = new Turns(child);
  return {
    name: `Claude Code ${options.version}`,
    tool: { name: 'Bash', input: { command: 'echo $((6 * 7))', description: 'Multiply six by seven' } },
    ask(prompt) {
      child.stdin?.write(`${JSON.stringify({ type: 'user', message: { role: 'user', content: prompt } })}\n`);
      return turns.next();
    },
    async close() {
      child.stdin?.end();
      const timer = setTimeout(() => child.kill('SIGKILL'), 3_000);
      await turns.exited;
      clearTimeout(timer);
    },
  };
}

/** Collects the client's messages into turns. */
class Turns {
  readonly exited: Promise<void>;
  #tools: string[] = [];
  #waiting: { resolve(answer: DemoAnswer): void; reject(error: Error): void } | undefined;

  constructor(child: ChildProcess) {
    this.exited = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#fail(error);
        resolve();
      });
      child.once('exit', (code) => {
        this.#fail(
          new MidswapError('upstream_failed', `Claude Code ended with code ${code} in the middle of the demo`),
        );
        resolve();
      });
    });
    if (child.stdout) createInterface({ input: child.stdout }).on('line', (line) => this.#take(line));
  }

  next(): Promise<DemoAnswer> {
    this.#tools = [];
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#fail(new MidswapError('upstream_failed', 'Claude Code did not answer')),
        ASK_TIMEOUT_MS,
      );
      this.#waiting = {
        resolve: (answer) => {
          clearTimeout(timer);
          resolve(answer);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
    });
  }

  #take(line: string): void {
    if (!line.startsWith('{')) return;
    const message = JSON.parse(line) as StreamMessage;
    for (const block of message.message?.content ?? []) {
      if (message.type === 'assistant' && block.type === 'tool_use' && block.name) this.#tools.push(block.name);
    }
    if (message.type !== 'result') return;
    if (message.is_error)
      return this.#fail(new MidswapError('upstream_failed', `Claude Code: ${message.result ?? 'the turn failed'}`));
    this.#waiting?.resolve({ text: message.result ?? '', tools: this.#tools });
    this.#waiting = undefined;
  }

  #fail(error: Error): void {
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }
}
