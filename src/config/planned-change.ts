import { type ConfigEdit, changedText, editConfig, NEW_FILE } from './edit.ts';
import type { LoadOptions } from './load.ts';
import { type OpenConfiguration, openConfiguration } from './open-configuration.ts';
import { configPaths } from './paths.ts';
import { readRegularFile } from './read-source.ts';

/** A change to the user's file that is not made yet, so that it can be shown. */
export interface PlannedChange {
  readonly file: string;
  /** `undefined` where there is no file. */
  readonly before: string | undefined;
  readonly after: string;
  /** What it comes to. */
  readonly configuration: OpenConfiguration;
  /** Throws `cannot_write`; the file is then as it was. */
  apply(): Promise<void>;
}

const LIMIT = 4 << 20;

/**
 * Works out a change and what it comes to. Throws `config_invalid` when the result would not do, which includes names
 * that lead nowhere, and for a file that was faulty before.
 */
export async function planChange(options: LoadOptions, change: (edit: ConfigEdit) => void): Promise<PlannedChange> {
  const file = options.configFile ?? configPaths(options).configFile;
  const before = readRegularFile(file, LIMIT, options.platform)?.text;
  const after = await changedText(file, before ?? NEW_FILE, change);
  return {
    file,
    before,
    after,
    configuration: await openConfiguration({ ...options, configText: after }),
    apply: async () => void (await editConfig(file, options.platform, change)),
  };
}
