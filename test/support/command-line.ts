import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../../scripts/layers.ts';
import { type CommandResult, runCommand } from './run-command.ts';
import { tempDir, writeFiles } from './temp-home.ts';

/** The sources as a program of their own, on the runtime that runs the suite, in a home of their own. */
export interface CommandLine {
  readonly home: string;
  /** `config.yaml` of the user. */
  readonly file: string;
  /** What `run` puts before its arguments, and the environment in which it runs. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  run(args: readonly string[], more?: { env?: Record<string, string>; stdin?: string }): Promise<CommandResult>;
  /** A file below midswap's folder as text. */
  read(name: string): string;
}

/** A client that says its version and does nothing else. */
const CLIENT = '#!/bin/sh\n[ "$1" = --version ] && echo "2.1.329 (Claude Code)"\nexit 0\n';

export function commandLine(config?: string): CommandLine {
  const home = tempDir('midswap-cli');
  const client = join(home, 'claude');
  writeFileSync(client, CLIENT);
  chmodSync(client, 0o755);
  writeFiles(join(home, 'midswap'), config === undefined ? { '.keep': '' } : { 'config.yaml': config });
  const runtime = process.versions.bun === undefined ? 'node' : 'bun';
  const argv = [join(PROJECT_ROOT, 'node_modules', '.bin', runtime), join(PROJECT_ROOT, 'src', 'main.ts')];
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: home,
    MIDSWAP_HOME: join(home, 'midswap'),
    MIDSWAP_CLAUDE: client,
    // That of whoever runs the tests is not for them.
    MIDSWAP_KEYCHAIN: 'off',
    // Bun would keep what it made of the sources in the home.
    BUN_RUNTIME_TRANSPILER_CACHE_PATH: '0',
  };
  return {
    home,
    file: join(home, 'midswap', 'config.yaml'),
    argv,
    env,
    run: (args, more = {}) =>
      runCommand([...argv, ...args], {
        cwd: home,
        env: { ...env, ...more.env },
        ...(more.stdin !== undefined && { stdin: more.stdin }),
      }),
    read: (name) => readFileSync(join(home, 'midswap', name), 'utf8'),
  };
}
