import { isSet, type JsonObject, textValues, type UserSettings } from './client-settings.ts';
import { type ClientEnvironment, withLoopback } from './environment.ts';
import { type PickerOption, pickerOptions } from './model-picker.ts';
import type { LaunchSession } from './request.ts';

export interface SettingsInput {
  readonly session: LaunchSession;
  readonly environment: ClientEnvironment;
  readonly user: UserSettings;
  /** The user's own `--settings`, which the client would otherwise not see: of several it takes the last. */
  readonly given: JsonObject;
  /** Shell command of the status line. */
  readonly statusLine: string;
  /** URL to which the plugin's hook is posted, if it is. */
  readonly hookUrl: string | undefined;
}

/** A look costs a start of this program. */
const STATUS_SECONDS = 5;

/**
 * The session's settings: the user's own `--settings`, and beneath them midswap's. The user's win except for what
 * makes the session work.
 */
export function sessionSettings(input: SettingsInput): JsonObject {
  const { session, environment, user, given, statusLine, hookUrl } = input;
  const isFree = (key: string) => given[key] === undefined && !isSet(user, key);
  return {
    ...(isFree('statusLine') && {
      // The client asks again after an answer; a switch from outside is to be seen before the next one.
      statusLine: { type: 'command', command: statusLine, padding: 0, refreshInterval: STATUS_SECONDS },
    }),
    // A switch by a shim must not ask a model to comment on it.
    ...(isFree('respondToBashCommands') && { respondToBashCommands: false }),
    ...given,
    modelPicker: mergePicker(given.modelPicker, user, pickerOptions(session)),
    ...(hookUrl !== undefined && allowedHooks(given, user, hookUrl)),
    env: mergeEnv(environment, textValues(given.env)),
  };
}

function mergeEnv(
  { preferred, essential }: ClientEnvironment,
  given: Readonly<Record<string, string>>,
): Record<string, string> {
  const env: Record<string, string> = { ...preferred, ...given, ...essential };
  for (const name of ['NO_PROXY', 'no_proxy']) if (given[name] !== undefined) env[name] = withLoopback(given[name]);
  return env;
}

/** The user's rows first, then ours; of two for the same model the user's. */
function mergePicker(given: unknown, user: UserSettings, ours: readonly PickerOption[]): JsonObject {
  const sources = [...user.files.map((file) => file.modelPicker), given].filter(isObject);
  const theirs = sources.flatMap((source) => (Array.isArray(source.options) ? source.options : [])).filter(isObject);
  const taken = new Set(theirs.map((option) => option.model));
  return Object.assign({}, ...sources, { options: [...theirs, ...ours.filter(({ model }) => !taken.has(model))] });
}

/** A list of allowed hook URLs exists only to shut others out: where there is one, ours has to be on it. */
function allowedHooks(given: JsonObject, user: UserSettings, hookUrl: string): JsonObject {
  if (given.allowedHttpHookUrls === undefined && !isSet(user, 'allowedHttpHookUrls')) return {};
  const listed = Array.isArray(given.allowedHttpHookUrls) ? given.allowedHttpHookUrls : [];
  return { allowedHttpHookUrls: [...listed, hookUrl] };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
