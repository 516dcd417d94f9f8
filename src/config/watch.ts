import { createHash } from 'node:crypto';
import { type FSWatcher, readFileSync, statSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import { asMidswapError, MidswapError } from '../core/errors.ts';
import { signsOf } from './file-signs.ts';
import type { LoadedConfig } from './load.ts';

export interface WatchOptions {
  readonly initial: LoadedConfig;
  /** Loads everything anew; the snapshot gets the version. */
  load(version: number): Promise<LoadedConfig>;
  onSnapshot(loaded: LoadedConfig): void;
  /** What is there now cannot be used: what was loaded last stays. Called once for each such text. */
  onRefused(error: MidswapError): void;
  /** Milliseconds without a change before it is read. */
  readonly quietMs?: number;
  /** Milliseconds after which an empty file is taken for what is meant: editors empty a file before they write it. */
  readonly emptyMs?: number;
  /** Milliseconds between looks at the files themselves, for changes that the system does not tell of. */
  readonly pollMs?: number;
}

export interface ConfigWatch {
  /** Looks now, without waiting for quiet. Resolves when what is there has been applied or refused. */
  check(): Promise<void>;
  close(): void;
}

/**
 * Follows the files of a configuration. A change is loaded as a whole and handed over, or refused as a whole. Nothing
 * here keeps the process alive. Directories are watched rather than files, because editors replace files; and
 * the files are looked at every now and then, because directories come and go, links lead elsewhere, and network
 * file systems tell nothing. Times of change are only compared for being equal, so that a clock may jump.
 */
export function watchConfig(options: WatchOptions): ConfigWatch {
  const { quietMs = 80, emptyMs = 1_000, pollMs = 2_000 } = options;
  const watchers = new Map<string, FSWatcher>();
  let current = options.initial;
  let files = current.files;
  // What changed between the first load and now has not been read by anybody.
  let seen = current.signs;
  let settled = seen === signsOf(files) ? digestOf(files) : undefined;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let closed = false;

  const look = (): void => {
    if (closed) return;
    watchDirectories();
    const signs = signsOf(files);
    if (signs === seen) return;
    seen = signs;
    schedule(isEmpty(current.file) ? emptyMs : quietMs);
  };
  const schedule = (delayMs: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void settle(), delayMs);
    timer.unref();
  };
  const settle = async (): Promise<void> => {
    while (running) await running;
    if (closed) return;
    running = apply().finally(() => {
      running = undefined;
    });
    await running;
    // What changed while it was read is read again.
    look();
  };
  const apply = async (): Promise<void> => {
    const digest = digestOf(files);
    if (digest === settled) return;
    settled = digest;
    try {
      const loaded = await options.load(current.snapshot.version + 1);
      if (closed) return;
      if (isGone(current, loaded)) throw gone(current.file);
      current = loaded;
      if (loaded.files.join('\n') !== files.join('\n')) {
        files = loaded.files;
        seen = signsOf(files);
        settled = digestOf(files);
      }
      options.onSnapshot(loaded);
    } catch (error) {
      if (!closed) options.onRefused(asMidswapError(error));
    }
  };
  const watchDirectories = (): void => {
    const wanted = new Set(files.map((file) => dirname(file)));
    for (const [directory, watcher] of watchers) {
      if (wanted.has(directory)) continue;
      watcher.close();
      watchers.delete(directory);
    }
    for (const directory of wanted) {
      if (watchers.has(directory)) continue;
      try {
        const watcher = watch(directory, { persistent: false }, look);
        const drop = (): void => {
          watcher.close();
          if (watchers.get(directory) === watcher) watchers.delete(directory);
        };
        watcher.on('error', drop);
        watchers.set(directory, watcher);
      } catch {
        // Not there, or no more watches to be had: the next look finds it.
      }
    }
  };

  look();
  const poll = setInterval(() => {
    // A directory that was replaced is watched under its old identity, which says nothing any more.
    for (const [directory, watcher] of watchers) {
      if (statSync(directory, { throwIfNoEntry: false })) continue;
      watcher.close();
      watchers.delete(directory);
    }
    look();
  }, pollMs);
  poll.unref();

  return {
    check: async () => {
      clearTimeout(timer);
      await settle();
    },
    close: () => {
      closed = true;
      clearTimeout(timer);
      clearInterval(poll);
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}

/** The file that was read is no longer there: nobody says that by that they want the defaults. */
function isGone(before: LoadedConfig, after: LoadedConfig): boolean {
  return before.hasFile && !after.hasFile;
}

function gone(file: string): MidswapError {
  return new MidswapError('config_unreadable', `${file} is gone; what it said stays in force`, {
    hint: 'Put it back, or empty it to have the defaults.',
  });
}

function digestOf(files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) {
    hash.update(`\n${file}\n`);
    try {
      if (statSync(file).isFile()) hash.update(readFileSync(file));
    } catch {
      hash.update('-');
    }
  }
  return hash.digest('hex');
}

function isEmpty(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.size === 0;
}
