import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isatty } from 'node:tty';
import { runClaude } from './claude.ts';
import { isPrint, refuseBackground, takeSettings } from './claude-arguments.ts';
import { type JsonObject, readGivenSettings, readUserSettings, type UserSettings } from './client-settings.ts';
import { type ClientEnvironment, clientEnvironment } from './environment.ts';
import { findClaude } from './find-claude.ts';
import { pathEntries } from './path-variable.ts';
import { type PromptHook, writePlugin } from './plugin.ts';
import type { LaunchRequest, StartLine, Variables } from './request.ts';
import { createRuntimeDir, sweepRuntimeDirs } from './runtime-dir.ts';
import { sessionSettings } from './settings.ts';
import { shellCommand } from './shell-quote.ts';
import { commandLookup, planShims, writeShims } from './shims.ts';

/**
 * Runs the client behind the session's gateway and resolves to its exit code, after the gateway has ended with it.
 * Whatever can go wrong is thrown before the terminal is touched: `claude_missing`, `cannot_write`, `usage`.
 */
export async function launch(request: LaunchRequest): Promise<number> {
  try {
    return await launchSession(request);
  } finally {
    await request.onExit?.();
  }
}

async function launchSession(request: LaunchRequest): Promise<number> {
  const { session, parentEnv, cwd, home, self, runtimeRoot, ownGateway, startLine } = request;
  const { platform } = process;
  if (ownGateway) refuseBackground(request.args);
  const { given, args } = takeSettings(request.args);
  const command = request.claude ?? findClaude({ env: parentEnv, home, platform, runtimeRoot, self });
  const givenSettings = given === undefined ? {} : readGivenSettings(given, cwd);
  const user = readUserSettings({ env: parentEnv, home, cwd, platform });

  const directory = createRuntimeDir(runtimeRoot, session.id, ownGateway ? startLine.port : null);
  // What ends this process without its leave (`process.exit` somewhere, an uncaught error) must not leave it behind.
  process.once('exit', directory.remove);
  try {
    const shimsDir = join(directory.path, 'bin');
    const pluginDir = join(directory.path, 'plugin');
    const settingsFile = join(directory.path, 'settings.json');
    const environment = clientEnvironment({
      parent: parentEnv,
      inSettings: user.env,
      session,
      sensitiveVariables: request.sensitiveVariables,
      shimsDir,
      runtimeRoot,
      platform,
    });
    const hook = promptHook(request, user, givenSettings);
    const settings = sessionSettings({
      session,
      environment,
      user,
      given: givenSettings,
      statusLine: shellCommand([...self, 'statusline']),
      hookUrl: hook.kind === 'http' ? hook.url : undefined,
    });
    writeFileSync(settingsFile, JSON.stringify(settings), { mode: 0o600 });
    writePlugin(pluginDir, { hook, version: request.version });
    const { env } = environment;
    const others = pathEntries(env, platform).filter((dir) => dir !== shimsDir);
    const shims = planShims(session.shims, commandLookup(others, platform));
    announce(request, environment, shims.skipped);
    const swept = sweepLater(runtimeRoot);
    const code = await runClaude({
      command,
      args: ['--settings', settingsFile, '--plugin-dir', pluginDir, ...args],
      env,
      cwd,
      onSpawn: (pid) => {
        request.onSpawn?.(pid);
        writeInTime(() => writeShims(shimsDir, shims, self, platform));
      },
    });
    await swept;
    return code;
  } finally {
    directory.remove();
    process.off('exit', directory.remove);
  }
}

/** Runs the client as it is, without a gateway: its own commands. */
export function runPlainClaude(options: {
  readonly args: readonly string[];
  readonly parentEnv: Variables;
  readonly cwd: string;
  readonly home: string;
  readonly self: readonly string[];
  readonly runtimeRoot: string;
}): Promise<number> {
  const { args, parentEnv, cwd, home, self, runtimeRoot } = options;
  const command = findClaude({ env: parentEnv, home, platform: process.platform, runtimeRoot, self });
  return runClaude({ command, args, env: parentEnv, cwd });
}

/** `midswap: profile "deepseek" -> api.deepseek.com (deepseek-chat), dynamic, port 55240, session k3f9` */
export function startLineText(line: StartLine, session: { readonly id: string; readonly dynamic: boolean }): string {
  const mode = session.dynamic ? 'dynamic' : 'fixed';
  return `midswap: profile "${line.profile}" -> ${line.host} (${line.model}), ${mode}, port ${line.port}, session ${session.id}`;
}

/**
 * A request to the gateway starts no process, which is why it is the rule. The client's sandbox lets hooks reach
 * allowed hosts only, and runs commands outside.
 */
function promptHook({ hook, self }: LaunchRequest, user: UserSettings, given: JsonObject): PromptHook {
  const isSandboxed = [...user.files, given].some(({ sandbox }) => {
    return typeof sandbox === 'object' && sandbox !== null && (sandbox as JsonObject).enabled === true;
  });
  return isSandboxed
    ? { kind: 'command', command: shellCommand([...self, 'hook', 'prompt']) }
    : { kind: 'http', ...hook };
}

function announce(request: LaunchRequest, environment: ClientEnvironment, skipped: readonly string[]): void {
  const { announce: when = 'auto', args, startLine, session } = request;
  const isWatched = isatty(1) && isatty(2) && !isPrint(args);
  if (when === 'never' || (when === 'auto' && !isWatched)) return;
  const lines = [startLineText(startLine, session)];
  if (environment.withheld.length > 0) {
    lines.push(`midswap: not passed on to claude in this session: ${environment.withheld.join(', ')}`);
  }
  const names = skipped.filter((name) => name !== 'midswap');
  if (names.length > 0) {
    lines.push(`midswap: no shortcut where there is a command: ${names.join(', ')} (use: swap NAME)`);
  }
  process.stderr.write(`${lines.join('\n')}\n`);
}

/** Shims are needed when something is typed: they are written while the client starts. Without them it works too. */
function writeInTime(write: () => void): void {
  try {
    write();
  } catch {
    // The disk has filled up since the settings were written; the terminal is the client's, so nobody is told.
  }
}

/** What others left is looked at when the client is under way: a start does not wait for it. */
function sweepLater(root: string): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(() => void sweepRuntimeDirs(root, Date.now()).then(resolve));
  });
}
