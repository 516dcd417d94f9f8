import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MidswapError } from '../core/errors.ts';
import type { KeychainAnswer, KeychainRequest } from './keychain-process.ts';
import type { Machine } from './paths.ts';

/** The system's store of secrets: by name, under the service `midswap`. */
export interface Keychain {
  /** Whether this system has one, locked or not. */
  exists(): Promise<boolean>;
  /** Those of the names that are there. Never rejects. */
  read(names: readonly string[]): Promise<KeychainReading>;
  /** False where this system has none. Throws `cannot_write` where there is one that does not take it. */
  set(name: string, value: string): Promise<boolean>;
  /** One that is not there is removed already. Throws `cannot_write`. */
  remove(name: string): Promise<void>;
}

export interface KeychainReading {
  readonly values: ReadonlyMap<string, string>;
  /** Why a name that is not among the values may be in the keychain all the same, for people. */
  readonly problem?: string;
}

export interface KeychainOptions extends Machine {
  /** The command line that runs this program as `serveKeychain`. */
  readonly command: readonly string[];
  /** Told once when a keychain takes its time: it may be waiting for the user. */
  readonly onWait?: (line: string) => void;
  /** How long a keychain may take, which includes the time a person needs to unlock it. */
  readonly limitMs?: number;
}

const LIMIT_MS = 60_000;
const WAIT_MS = 2_000;
const MAX_ANSWER_BYTES = 4 << 20;
const WAITING = 'midswap: waiting for the keychain of this system, which may be asking you to unlock it';
const NONE = 'this system has no keychain';
/** What a keychain needs to find its session and to show its prompt; the rest of the environment holds keys. */
const VARIABLES =
  /^(HOME|PATH|USER|LOGNAME|LANG|LC_ALL|DBUS_SESSION_BUS_ADDRESS|XDG_[A-Z_]+|DISPLAY|WAYLAND_DISPLAY|XAUTHORITY|__CF_USER_TEXT_ENCODING|SystemRoot|SystemDrive|windir|USERPROFILE|USERNAME|USERDOMAIN|APPDATA|LOCALAPPDATA|BUN_RUNTIME_TRANSPILER_CACHE_PATH)$/i;

/**
 * The system's keychain; `undefined` where `MIDSWAP_KEYCHAIN=off` wants none. It is asked in a child process, which can
 * be stopped: the native module blocks its thread for as long as a keychain waits for a person, or for ever. What was
 * read once is kept, so that a keychain that is locked later takes no key away from a gateway that runs.
 */
export function openKeychain(options: KeychainOptions): Keychain | undefined {
  if (/^(off|0|no|false)$/i.test(options.env.MIDSWAP_KEYCHAIN?.trim() ?? '')) return undefined;
  const seen = new Map<string, string>();
  const change = async (request: KeychainRequest, doing: string): Promise<boolean> => {
    const answer = await ask(options, request);
    if ('values' in answer) return true;
    if ('absent' in answer) return false;
    throw new MidswapError('cannot_write', `the keychain of this system did not ${doing}: ${answer.failed}`, {
      hint: 'Unlock it and try again. With MIDSWAP_KEYCHAIN=off keys are kept in a file for you alone.',
    });
  };
  return {
    exists: async () => !('absent' in (await ask(options, { action: 'probe' }))),
    read: async (names) => {
      const answer = await ask(options, { action: 'read', names });
      if ('values' in answer) {
        for (const name of names) seen.delete(name);
        for (const [name, value] of Object.entries(answer.values)) seen.set(name, value);
        return { values: new Map(Object.entries(answer.values)) };
      }
      const values = new Map([...seen].filter(([name]) => names.includes(name)));
      if ('absent' in answer) return { values, problem: `${NONE} (${answer.absent})` };
      return { values, problem: `the keychain of this system cannot be read: ${answer.failed}` };
    },
    set: async (name, value) => {
      const isKept = await change({ action: 'set', name, value }, `take the key "${name}"`);
      if (isKept) seen.set(name, value);
      return isKept;
    },
    remove: async (name) => {
      const isGone = await change({ action: 'remove', name }, `forget the key "${name}"`);
      if (!isGone) {
        throw new MidswapError('cannot_write', `the key "${name}" is in a keychain, and ${NONE} now`, {
          hint: 'Remove it where the keychain can be reached, for example in your desktop session.',
        });
      }
      seen.delete(name);
    },
  };
}

/**
 * Asks with a folder for temporary files of the user's own, which goes away: the single file unpacks its native module
 * there under a name that can be foreseen, and leaves it. Never rejects, and ends in time.
 */
async function ask(options: KeychainOptions, request: KeychainRequest): Promise<KeychainAnswer> {
  let folder: string;
  try {
    folder = mkdtempSync(join(tmpdir(), 'midswap-keychain-'));
  } catch {
    return { absent: 'the folder for temporary files cannot be written' };
  }
  const temporary = Object.fromEntries(['TMPDIR', 'BUN_TMPDIR', 'TEMP', 'TMP'].map((name) => [name, folder]));
  try {
    return await run(options, request, temporary);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

function run(
  { command, env, home, onWait, limitMs = LIMIT_MS }: KeychainOptions,
  request: KeychainRequest,
  temporary: Readonly<Record<string, string>>,
): Promise<KeychainAnswer> {
  const [program = '', ...args] = command;
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      // A copy of the single file that is called `mclaude` would take this for the client's arguments.
      argv0: 'midswap',
      cwd: home,
      env: { ...Object.fromEntries(Object.entries(env).filter(([name]) => VARIABLES.test(name))), ...temporary },
      stdio: ['pipe', 'pipe', 'ignore'],
      windowsHide: true,
    });
    const parts: Buffer[] = [];
    let bytes = 0;
    let isLate = false;
    const waiting = setTimeout(() => onWait?.(WAITING), WAIT_MS);
    const limit = setTimeout(() => {
      isLate = true;
      child.kill('SIGKILL');
    }, limitMs);
    const settle = (answer: KeychainAnswer): void => {
      clearTimeout(waiting);
      clearTimeout(limit);
      resolve(answer);
    };
    child.on('error', () => settle({ failed: 'its process cannot be started' }));
    child.stdin.on('error', () => {});
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_ANSWER_BYTES) child.kill('SIGKILL');
      else parts.push(chunk);
    });
    child.on('close', (code) => {
      if (isLate) return settle({ failed: `it gave no answer in ${limitMs / 1000} s` });
      const answer = code === 0 ? answerOf(Buffer.concat(parts).toString('utf8')) : undefined;
      settle(answer ?? { failed: 'its process ended without an answer' });
    });
    child.stdin.end(JSON.stringify(request));
  });
}

function answerOf(text: string): KeychainAnswer | undefined {
  try {
    const value = JSON.parse(text) as KeychainAnswer | null;
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
