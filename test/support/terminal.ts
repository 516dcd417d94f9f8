import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { tempDir } from './temp-home.ts';

const run = promisify(execFile);

export interface TerminalOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly columns?: number;
  readonly rows?: number;
}

/**
 * A program in a terminal: a private tmux server, so that the user's own is neither seen nor touched. The screen stays
 * readable after the program has ended. Closed when the running test is over.
 */
export class Terminal {
  readonly #socket: string;
  readonly #env: Readonly<Record<string, string>>;

  private constructor(socket: string, env: Readonly<Record<string, string>>) {
    this.#socket = socket;
    this.#env = env;
  }

  static async open(argv: readonly string[], options: TerminalOptions): Promise<Terminal> {
    const dir = tempDir('midswap-tmux');
    const config = join(dir, 'tmux.conf');
    writeFileSync(config, 'set -g remain-on-exit on\nset -g status off\nset -g escape-time 0\n');
    const terminal = new Terminal(join(dir, 's'), options.env);
    onTestFinished(() => terminal.close());
    const size = ['-x', String(options.columns ?? 140), '-y', String(options.rows ?? 50)];
    await terminal.#tmux('-f', config, 'new-session', '-d', ...size, '-c', options.cwd, '-s', 'main', '--', ...argv);
    return terminal;
  }

  /** Named keys of tmux: `Enter`, `Escape`, `C-c`, `Up`. */
  async keys(...names: string[]): Promise<void> {
    await this.#tmux('send-keys', '-t', 'main', ...names);
  }

  async type(text: string): Promise<void> {
    await this.#tmux('send-keys', '-t', 'main', '-l', '--', text);
  }

  /** Types a line, waits until the program shows it, and sends it. */
  async submit(text: string): Promise<void> {
    await this.type(text);
    // The client moves a leading exclamation mark to the prompt: `! ls`.
    await this.waitFor(text.replace(/^!/, '').slice(0, 40));
    await sleep(100);
    await this.keys('Enter');
  }

  async screen(): Promise<string> {
    return this.#tmux('capture-pane', '-p', '-J', '-t', 'main');
  }

  /** The screen with everything that has scrolled away. */
  async history(): Promise<string> {
    return this.#tmux('capture-pane', '-p', '-J', '-t', 'main', '-S', '-5000');
  }

  /** Resolves with the screen as soon as it shows the text or fits the pattern. */
  async waitFor(wanted: string | RegExp, timeoutMs = 20_000): Promise<string> {
    const shows = (screen: string): boolean =>
      typeof wanted === 'string' ? screen.includes(wanted) : wanted.test(screen);
    const until = performance.now() + timeoutMs;
    for (;;) {
      const screen = await this.screen();
      if (shows(screen)) return screen;
      if (performance.now() > until) throw new Error(`the terminal never showed ${String(wanted)}:\n${screen}`);
      await sleep(40);
    }
  }

  /** Resolves with the screen once it has not changed for a while. */
  async idle(quietMs = 800, timeoutMs = 20_000): Promise<string> {
    const until = performance.now() + timeoutMs;
    let last = await this.screen();
    let since = performance.now();
    while (performance.now() < until && performance.now() - since < quietMs) {
      await sleep(80);
      const screen = await this.screen();
      if (screen !== last) since = performance.now();
      last = screen;
    }
    return last;
  }

  /** Process id of the program. */
  async pid(): Promise<number> {
    return Number((await this.#tmux('display-message', '-p', '-t', 'main', '#{pane_pid}')).trim());
  }

  /** Exit code once the program has ended. */
  async exitCode(timeoutMs = 20_000): Promise<number> {
    const until = performance.now() + timeoutMs;
    for (;;) {
      const state = await this.#tmux(
        'display-message',
        '-p',
        '-t',
        'main',
        '#{pane_dead}:#{pane_dead_status}:#{pane_dead_signal}',
      );
      const [, code, signal] = /^1:(\d*):(\d*)/.exec(state) ?? [];
      if (code) return Number(code);
      if (signal) return 128 + Number(signal);
      // tmux 3.3 may miss the end of a process; that of another makes it look again.
      if (state.startsWith('1:')) await this.#tmux('run-shell', 'true');
      if (performance.now() > until) throw new Error(`still running:\n${await this.screen()}`);
      await sleep(50);
    }
  }

  async close(): Promise<void> {
    await this.#tmux('kill-server').catch(() => '');
  }

  async #tmux(...args: string[]): Promise<string> {
    const { stdout } = await run('tmux', ['-S', this.#socket, ...args], { env: this.#env, timeout: 10_000 });
    return stdout;
  }
}
