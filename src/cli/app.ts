import type { Readable } from 'node:stream';
import type { Snapshot } from '../core/snapshot.ts';
import type { Output, Stream } from './output.ts';

/** What the command line reaches through `main.ts`: it sees neither configuration, gateway nor routing itself. */
export interface App {
  readonly version: string;
  readonly machine: {
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly cwd: string;
    readonly home: string;
  };
  readonly streams: {
    readonly in: Readable & { readonly isTTY?: boolean };
    readonly out: Stream;
    readonly err: Stream;
  };
  /** Where state is kept. Throws `config_unreadable` when `MIDSWAP_HOME` is no absolute path. */
  stateDir(): string;
  /** Reads and compiles the configuration. Throws `config_invalid` and `config_unreadable`, with file and line. */
  configuration(file?: string): Promise<Configuration>;
  /** Every fault behind a `config_invalid`, one line each; empty for any other error. */
  configFaults(thrown: unknown): Promise<readonly string[]>;
  /** The files of the configuration, by what they are for; none need exist. */
  configFiles(): Promise<Readonly<Record<'config' | 'secrets' | 'env' | 'state', string>>>;
  /** Keys that midswap keeps itself. */
  keyStore(): Promise<KeyStore>;
  /** JSON Schema of the configuration file. */
  configSchema(): Promise<unknown>;
  /** Whether the arguments are a command of the client's own that needs no gateway: `mcp`, `update`, `--version`. */
  isPlainCommand(args: readonly string[]): Promise<boolean>;
  /** Runs `claude` as it is, without a gateway; resolves to its exit code. */
  runPlainClient(args: readonly string[]): Promise<number>;
  /** Runs the client behind a gateway; resolves to its exit code. */
  launch(options: LaunchOptions): Promise<number>;
  /** Runs the gateway on its own until it is told to end. */
  serve(options: ServeOptions): Promise<number>;
  demo(out: Output): Promise<number>;
  /** The plan for a request. */
  explain(options: ExplainOptions): Promise<Explanation>;
  /** Directory of the plugin, written if need be. */
  pluginPath(): Promise<string>;
  /** Throws `claude_missing`, which says how to install it. */
  findClient(): Promise<{ readonly path: string; readonly version: string | undefined }>;
}

/** Keys by name, in the keychain where there is one, else in a file. */
export interface KeyStore {
  /** The file, whether or not it is there. */
  readonly file: string;
  /** Throws `usage` for what cannot be a key, and `cannot_write`. */
  set(name: string, key: string): Promise<'keychain' | 'file'>;
  /** False when there was none of that name. */
  remove(name: string): Promise<boolean>;
  list(): Promise<readonly { readonly name: string; readonly kept: 'keychain' | 'file' }[]>;
}

/** The configuration, read and compiled. */
export interface Configuration {
  readonly snapshot: Snapshot;
  readonly file: string;
  /** What was ignored and is no reason to stop. */
  readonly warnings: readonly string[];
  /**
   * The reference in its normal spelling; `undefined` when it means nothing. Throws `ambiguous_reference` and
   * `no_credential`: it means something that cannot be had.
   */
  resolve(reference: string): string | undefined;
  /** The id of a provider by any of its names, in any case. */
  providerId(name: string): string | undefined;
  /** Every value that is set, with where it came from. */
  origins(): readonly { readonly key: string; readonly value: unknown; readonly origin: string }[];
  /** Variables that hold a provider's keys, and which of them are set. Never a value. */
  keys(): readonly {
    readonly provider: string;
    readonly wanted: readonly string[];
    readonly found: readonly string[];
  }[];
}

export interface LaunchOptions {
  /** Profile, alias or model reference; the default profile without one. */
  readonly reference: string | undefined;
  readonly args: readonly string[];
  readonly configuration: Configuration;
  readonly dynamic?: boolean;
  readonly port?: number;
}

export interface ServeOptions {
  readonly out: Output;
  readonly host?: string;
  readonly port?: number;
  readonly config?: string;
}

export interface ExplainOptions {
  readonly reference?: string;
  readonly model?: string;
  /** Text of a request. */
  readonly request?: string;
}

export interface Explanation {
  readonly lines: readonly string[];
  readonly data: unknown;
}
