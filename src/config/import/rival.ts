import type { Secret } from '../../core/secret.ts';
import type { RawConfig } from '../schema.ts';

/** Something of the other tool's file that midswap does not have, with the place where it is written. Never a value. */
export interface ImportNote {
  readonly path: string;
  readonly reason: string;
}

/** A key that stands in the other tool's file in plain text. The configuration refers to it as `keychain:NAME`. */
export interface ImportedSecret {
  readonly name: string;
  readonly value: Secret;
  /** Where it was found. */
  readonly path: string;
}

/** What a configuration of another tool comes to. */
export interface Imported {
  readonly config: Pick<
    RawConfig,
    'default_profile' | 'profiles' | 'providers' | 'aliases' | 'routing' | 'model_map' | 'always_dynamic'
  >;
  readonly secrets: readonly ImportedSecret[];
  readonly notes: readonly ImportNote[];
  /** Providers that the references above name: a profile or alias of the same name would change their meaning. */
  readonly heads: readonly string[];
}

/** What a reader is given. It reads nothing else. */
export interface RivalInput {
  /** Path of the file that was asked for; the first one read. */
  readonly main: string;
  /** Text by path. */
  readonly files: ReadonlyMap<string, string>;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly options: DraftOptions;
}

export interface DraftOptions {
  /** Keep keys that stand in plain text as secrets; otherwise they are left out. */
  readonly keys: boolean;
  /** Put before every name that is imported; nothing that is there already is touched then. */
  readonly prefix?: string;
}

/** Another tool whose configuration can be read. */
export interface Rival {
  readonly id: string;
  readonly title: string;
  /** Where its file is by default, below the home directory, in order. Empty: it has no such place. */
  readonly places: readonly string[];
  /** Names that its file has in a directory. */
  readonly names: readonly string[];
  /** It has something to import without any file. */
  readonly needsNoFile?: true;
  /** Further files that the first one refers to; those that are not there are skipped. */
  references?(text: string, file: string, home: string): readonly string[];
  /** Throws `config_invalid` for a file that is not of its format. */
  read(input: RivalInput): Imported;
}
