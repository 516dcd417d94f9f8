import type { Slot } from '../../core/slot.ts';
import type { RawProfile } from '../schema.ts';
import type { ImportDraft } from './draft.ts';
import { type Fields, textOf } from './source-text.ts';

/** Claude Code's own variables for models (code.claude.com/docs/en/model-config). The first that is set wins. */
const MODELS: readonly (readonly [variable: string, key: Slot | 'default'])[] = [
  ['ANTHROPIC_MODEL', 'default'],
  ['ANTHROPIC_DEFAULT_OPUS_MODEL', 'opus'],
  ['ANTHROPIC_DEFAULT_SONNET_MODEL', 'sonnet'],
  ['ANTHROPIC_DEFAULT_HAIKU_MODEL', 'haiku'],
  ['ANTHROPIC_SMALL_FAST_MODEL', 'haiku'],
  ['ANTHROPIC_DEFAULT_FABLE_MODEL', 'fable'],
  ['CLAUDE_CODE_SUBAGENT_MODEL', 'subagent'],
];
const URL_VARIABLE = 'ANTHROPIC_BASE_URL';
const TOKEN_VARIABLE = 'ANTHROPIC_AUTH_TOKEN';
const KEY_VARIABLE = 'ANTHROPIC_API_KEY';
const KNOWN = [URL_VARIABLE, TOKEN_VARIABLE, KEY_VARIABLE, ...MODELS.map(([variable]) => variable)];
const OFFICIAL_URL = 'https://api.anthropic.com';

/**
 * A profile from variables of Claude Code, which several tools keep per profile. `undefined`, and told, when they lead
 * nowhere. Without an address and a key it is the client's own login.
 */
export function profileFromEnv(draft: ImportDraft, name: string, env: Fields, path: string): string | undefined {
  const at = (variable: string): string => `${path}.${variable}`;
  draft.leftOver(env, KNOWN, path, "a variable of the client's: set it in the environment or in the client's settings");
  const url = textOf(env[URL_VARIABLE]);
  const token = textOf(env[TOKEN_VARIABLE]);
  const keyText = token ?? textOf(env[KEY_VARIABLE]);
  if (token !== undefined && textOf(env[KEY_VARIABLE]) !== undefined) {
    draft.note(at(KEY_VARIABLE), `${TOKEN_VARIABLE} goes before it`);
  }
  const upstream = draft.upstream({
    name,
    path: url === undefined ? path : at(URL_VARIABLE),
    url: url ?? OFFICIAL_URL,
    protocol: 'anthropic-messages',
    header: token === undefined ? 'x-api-key' : 'bearer',
  });
  if (!upstream) return undefined;
  const models: NonNullable<RawProfile['models']> = {};
  for (const [variable, key] of MODELS) {
    const model = draft.model(env[variable], at(variable));
    if (model !== undefined && models[key] !== undefined && models[key] !== model) {
      draft.note(at(variable), `another variable sets the model of ${key} already`);
    } else if (model !== undefined) models[key] = model;
  }
  const key =
    keyText === undefined
      ? undefined
      : draft.key(keyText, name, at(token === undefined ? KEY_VARIABLE : TOKEN_VARIABLE));
  const isLogin = url === undefined && keyText === undefined;
  const raw: RawProfile = {
    provider: upstream.provider,
    ...(isLogin && { auth: 'subscription' }),
    ...(key !== undefined && { keys: [key] }),
    ...(Object.keys(models).length > 0 && { models }),
  };
  return draft.profile(name, raw, path);
}
