import type { Readable } from 'node:stream';
import type { Trial } from '../control/trial.ts';
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
  /** Makes the user's file where there is none, with the schema that it refers to. Throws `cannot_write`. */
  ensureConfig(): Promise<void>;
  /** Keys that midswap keeps itself. */
  keyStore(): Promise<KeyStore>;
  /** The client's own login, which a subscription is used by. */
  clientLogin(): Promise<ClientLogin>;
  /**
   * A change to the user's file, worked out and not made. `variables` count as set in the environment. Throws
   * `config_invalid` when the result would not do.
   */
  planChange(change: (edit: ConfigEdit) => void, variables?: Readonly<Record<string, string>>): Promise<PlannedChange>;
  /** Entries of a document of shared profiles, by their path. Throws `config_invalid`. */
  readShared(
    file: string,
    text: string,
  ): Promise<readonly { readonly path: readonly (string | number)[]; readonly value: unknown }[]>;
  /** What another tool's configuration comes to here; nothing is changed. Throws `usage`, `config_unreadable`. */
  planImport(options: ImportOptions): Promise<ImportPlan>;
  /** Tools that can be imported from. */
  importable(): Promise<readonly { readonly id: string; readonly title: string; readonly places: readonly string[] }[]>;
  /** Takes over a table of model data. Throws `invalid_request` and `cannot_write`. */
  updateModels(
    text: string,
    source: string,
  ): Promise<{ readonly file: string; readonly providers: number; readonly models: number }>;
  /** Address of an endpoint: that of the built-in provider is known at run time only. */
  originOf(baseUrl: string): Promise<string>;
  /** One small request to where a reference leads. Throws what the reference grammar throws, and `no_credential`. */
  trial(configuration: Configuration, reference: string): Promise<Trial>;
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
  /** Plays faults at the configuration as it is, with a simulated provider in every place. Throws `no_credential`. */
  drill(print: (line: string) => void): Promise<Drill>;
  /** The plan for a request. */
  explain(options: ExplainOptions): Promise<Explanation>;
  /** Directory of the plugin, written if need be. */
  pluginPath(): Promise<string>;
  /** Throws `claude_missing`, which says how to install it. */
  findClient(): Promise<{ readonly path: string; readonly version: string | undefined }>;
}

/** Tokens, and US dollars for a million of them. */
export interface ModelRecord {
  readonly context?: number;
  readonly output?: number;
  readonly vision?: boolean;
  readonly thinking?: boolean;
  readonly tools?: boolean;
  readonly price?: {
    readonly input?: number;
    readonly output?: number;
    readonly cacheRead?: number;
    readonly cacheWrite?: number;
  };
}

/** What is done to a configuration file; comments and layout stay. */
export interface ConfigEdit {
  set(path: readonly (string | number)[], value: unknown): void;
  /** False when there is nothing at the path. */
  remove(path: readonly (string | number)[]): boolean;
}

export interface PlannedChange {
  readonly file: string;
  /** `undefined` where there is no file. */
  readonly before: string | undefined;
  readonly after: string;
  /** What it comes to. */
  readonly configuration: Configuration;
  apply(): Promise<void>;
}

export interface ImportOptions {
  readonly rival: string;
  readonly path?: string;
  /** Keep keys that stand in plain text there. */
  readonly keys: boolean;
  readonly force: boolean;
  /** Put before every name. */
  readonly rename?: string;
}

/** What an import would do; see `apply`. */
export interface ImportPlan {
  readonly title: string;
  readonly sources: readonly string[];
  readonly file: string;
  /** For people: keys are masked. */
  readonly before: string | undefined;
  readonly after: string;
  readonly changes: boolean;
  /** Something of it can be carried over, or is there already. */
  readonly usable: boolean;
  readonly secrets: readonly { readonly name: string; readonly path: string }[];
  readonly conflicts: readonly { readonly path: string; readonly reason: string }[];
  readonly notes: readonly { readonly path: string; readonly reason: string }[];
  /** All of it, or nothing. */
  apply(): Promise<{
    readonly changed: boolean;
    readonly stored: readonly { readonly name: string; readonly kept: 'keychain' | 'file' }[];
  }>;
}

/** Whether the client has a login, and where it is or would be. Never its value. */
export interface ClientLogin {
  readonly found: boolean;
  readonly place: string;
}

/** Keys by name, in the keychain where there is one, else in a file. */
export interface KeyStore {
  /** The file, whether or not it is there. */
  readonly file: string;
  /** Where the next key goes. */
  place(): Promise<'keychain' | 'file'>;
  /** Throws `usage` for what cannot be a key, and `cannot_write`. */
  set(name: string, key: string): Promise<'keychain' | 'file'>;
  /** False when there was none of that name. */
  remove(name: string): Promise<boolean>;
  list(): Promise<readonly { readonly name: string; readonly kept: 'keychain' | 'file' }[]>;
}

/** What a drill found. */
export interface Drill {
  /** A sentence or two. */
  readonly verdict: string;
  readonly results: readonly unknown[];
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
  /** Names of a provider's models of which something is known. */
  knownModels(provider: string): readonly string[];
  /** All that is known of a model; what is not there is unknown. */
  modelRecord(provider: string, model: string): ModelRecord;
  /** Whether a file writes it, in any case: what is built in is not written. */
  isWritten(path: readonly [section: 'profiles' | 'aliases', name: string]): boolean;
  /** Profiles as they are written, as a document without keys. Throws `unknown_reference`. */
  exportProfiles(
    names: readonly string[],
  ): Promise<{ readonly text: string; readonly data: unknown; readonly leftOut: readonly string[] }>;
  /** Every value that is set, with where it came from. */
  origins(): readonly { readonly key: string; readonly value: unknown; readonly origin: string }[];
  /** Variables that hold a provider's keys, and which of them are set, `.env` included. Never a value. */
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
