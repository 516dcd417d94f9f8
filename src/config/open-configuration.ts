import { knownModels, type ModelRecord, modelRecord } from '../catalogue/models.ts';
import { MidswapError } from '../core/errors.ts';
import { resolveReference } from '../routing/reference.ts';
import { type LoadedConfig, type LoadOptions, loadConfig } from './load.ts';

/** A loaded configuration with what is asked of it. */
export interface OpenConfiguration extends Pick<LoadedConfig, 'snapshot' | 'file' | 'warnings'> {
  readonly loaded: LoadedConfig;
  /** The same sources as they are now. */
  reload(version: number): Promise<LoadedConfig>;
  /** The reference in its normal spelling; `undefined` when it means nothing. Throws where it means too much. */
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
  origins(): ReturnType<LoadedConfig['values']>;
  /** Names of every variable that may hold a key: those of the providers, and those that the configuration refers to. */
  sensitiveVariables(): string[];
  /** Variables that hold a provider's keys, and which of them are set, `.env` included. Never a value. */
  keys(): readonly {
    readonly provider: string;
    readonly wanted: readonly string[];
    readonly found: readonly string[];
  }[];
}

/** Loads the configuration. Throws `config_invalid` and `config_unreadable`. */
export async function openConfiguration(options: LoadOptions): Promise<OpenConfiguration> {
  const loaded = await loadConfig(options);
  const { snapshot, config, file, warnings } = loaded;
  return {
    loaded,
    reload: (version) => loadConfig({ ...options, version }),
    snapshot,
    file,
    warnings,
    resolve(reference) {
      try {
        return resolveReference(snapshot, reference).label;
      } catch (thrown) {
        if (thrown instanceof MidswapError && thrown.code === 'unknown_reference') return undefined;
        throw thrown;
      }
    },
    providerId: (name) => snapshot.providerId(name),
    knownModels: (provider) => knownModels(provider, ...loaded.tables),
    modelRecord: (provider, model) => modelRecord(provider, model, ...loaded.tables),
    isWritten: ([section, name]) =>
      Object.keys(config[section] ?? {}).some((key) => key.toLowerCase() === name.toLowerCase()),
    exportProfiles: async (names) => (await import('./profile-share.ts')).exportProfiles(loaded, names),
    origins: () => loaded.values(),
    sensitiveVariables: () => {
      const ofProviders = [...snapshot.providers.values()].flatMap(({ keyVariables }) => keyVariables);
      const written = JSON.stringify(config).matchAll(/"env:([^"]+)"/g);
      return [...new Set([...ofProviders, ...[...written].map(([, name]) => name as string)])];
    },
    keys: () =>
      [...snapshot.providers.values()].map(({ id, keyVariables }) => ({
        provider: id,
        wanted: keyVariables,
        found: keyVariables.filter((name) => loaded.hasVariable(name)),
      })),
  };
}
