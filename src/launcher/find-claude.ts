import { execFile } from 'node:child_process';
import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { posix, win32 } from 'node:path';
import { MidswapError } from '../core/errors.ts';
import { pathEntries } from './path-variable.ts';
import type { Variables } from './request.ts';

export interface FindOptions {
  readonly env: Variables;
  readonly home: string;
  readonly platform: string;
  /** Directories below this one hold midswap's own shims. */
  readonly runtimeRoot: string;
  /** Command line of midswap itself: the client is never one of these files. */
  readonly self: readonly string[];
}

/**
 * Path of the user's Claude Code: `MIDSWAP_CLAUDE`, else the PATH, else the places where its installers put it.
 * Throws `claude_missing`, which says how to install it.
 */
export function findClaude(options: FindOptions): string {
  const named = options.env.MIDSWAP_CLAUDE?.trim();
  if (named) {
    if (isProgram(named, options.platform)) return named;
    throw new MidswapError('claude_missing', `MIDSWAP_CLAUDE names ${named}, which is no program`, {
      hint: 'Set it to the path of claude, or unset it.',
    });
  }
  const own = ownFiles(options.self);
  for (const candidate of candidates(options)) {
    if (isProgram(candidate, options.platform) && !isOurs(candidate, own)) return runnable(candidate, options.platform);
  }
  throw new MidswapError('claude_missing', 'Claude Code (claude) was not found on the PATH or where it is installed', {
    hint: `Install it with: ${installCommand(options.platform)} (or npm install -g @anthropic-ai/claude-code), or set MIDSWAP_CLAUDE to its path.`,
  });
}

/** Every path at which the client may be, best first. */
export function candidates({ env, home, platform, runtimeRoot }: FindOptions): string[] {
  const path = platform === 'win32' ? win32 : posix;
  const names = platform === 'win32' ? ['claude.exe', 'claude.cmd'] : ['claude'];
  const onPath = pathEntries(env, platform).filter(
    // A relative entry means another program in every directory, and a project is not to be trusted with that.
    (dir) => path.isAbsolute(dir) && !isBelow(path, dir, runtimeRoot),
  );
  return [...onPath, ...installPlaces(env, home, platform)].flatMap((dir) => names.map((name) => path.join(dir, name)));
}

function installPlaces(env: Variables, home: string, platform: string): string[] {
  if (platform === 'win32') {
    const roaming = env.APPDATA || win32.join(home, 'AppData', 'Roaming');
    return [win32.join(home, '.local', 'bin'), win32.join(home, '.claude', 'local'), win32.join(roaming, 'npm')];
  }
  const prefix = env.npm_config_prefix ?? env.NPM_CONFIG_PREFIX;
  return [
    posix.join(home, '.local', 'bin'),
    posix.join(home, '.claude', 'local'),
    ...(prefix ? [posix.join(prefix, 'bin')] : []),
    posix.join(home, '.npm-global', 'bin'),
    posix.join(home, '.bun', 'bin'),
    posix.join(home, '.volta', 'bin'),
    posix.join(home, '.local', 'share', 'pnpm'),
    '/opt/homebrew/bin',
    '/usr/local/bin',
    '/home/linuxbrew/.linuxbrew/bin',
    '/usr/bin',
  ];
}

function installCommand(platform: string): string {
  return platform === 'win32'
    ? 'irm https://claude.ai/install.ps1 | iex'
    : 'curl -fsSL https://claude.ai/install.sh | bash';
}

function isProgram(file: string, platform: string): boolean {
  try {
    if (!statSync(file).isFile()) return false;
    if (platform !== 'win32') accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function ownFiles(self: readonly string[]): ReadonlySet<string> {
  return new Set(self.flatMap((file) => resolved(file) ?? []));
}

/** A link called `claude` to midswap or `mclaude` would start itself for ever. */
function isOurs(file: string, own: ReadonlySet<string>): boolean {
  const real = resolved(file) ?? file;
  return own.has(real) || /[\\/]mclaude(\.\w+)?$/.test(real);
}

function resolved(file: string): string | undefined {
  try {
    return realpathSync(file);
  } catch {
    return undefined;
  }
}

/** npm's `claude.cmd` can only be run through a shell; the program it starts lies beside it. */
function runnable(file: string, platform: string): string {
  if (platform !== 'win32' || !file.toLowerCase().endsWith('.cmd')) return file;
  const program = win32.join(win32.dirname(file), 'node_modules', '@anthropic-ai', 'claude-code', 'bin', 'claude.exe');
  return isProgram(program, platform) ? program : file;
}

function isBelow(path: typeof posix, dir: string, root: string): boolean {
  const relative = path.relative(root, dir);
  return relative === '' || (!relative.startsWith('..') && !path.isAbsolute(relative));
}

/** What a client says its version is; `undefined` when it does not say. */
export function readVersion(claude: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(claude, ['--version'], { timeout: 10_000 }, (error, stdout) => {
      resolve(error ? undefined : /\d+\.\d+\.\d+\S*/.exec(stdout)?.[0]);
    });
  });
}
