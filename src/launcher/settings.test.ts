import { describe, expect, it } from 'vitest';
import type { JsonObject, UserSettings } from './client-settings.ts';
import { clientEnvironment } from './environment.ts';
import { SESSION } from './launcher.fixture.ts';
import { pickerOptions } from './model-picker.ts';
import { sessionSettings } from './settings.ts';

const HOOK_URL = 'http://127.0.0.1:55240/control/v1/sessions/k3f9/hook/prompt';

function settingsOf(given: JsonObject = {}, files: readonly JsonObject[] = []): JsonObject {
  const user: UserSettings = { files, env: {} };
  const environment = clientEnvironment({
    parent: {},
    inSettings: {},
    session: SESSION,
    sensitiveVariables: [],
    shimsDir: '/run/x/bin',
    runtimeRoot: '/run',
    platform: 'linux',
  });
  return sessionSettings({
    session: SESSION,
    environment,
    user,
    given,
    statusLine: 'midswap statusline',
    hookUrl: HOOK_URL,
  });
}

describe('settings of a session', () => {
  it('carry the launch values again, because a settings file beats the environment', () => {
    const { env } = settingsOf() as { env: Record<string, string> };
    expect(env).toMatchObject({
      ANTHROPIC_BASE_URL: SESSION.url,
      ANTHROPIC_AUTH_TOKEN: 'midswap',
      ANTHROPIC_DEFAULT_FABLE_MODEL_NAME: 'label of claude-fable-5',
      CLAUDE_CODE_GATEWAY_HINT_HEADERS: '1',
    });
    expect(env.PATH).toBeUndefined();
  });

  it('hold the status line and the quiet shell only where the user says nothing about them', () => {
    expect(settingsOf()).toMatchObject({
      statusLine: { type: 'command', command: 'midswap statusline' },
      respondToBashCommands: false,
    });
    const theirs = { statusLine: { type: 'command', command: 'mine' }, respondToBashCommands: true };
    expect(settingsOf(theirs)).toMatchObject(theirs);
    const inFile = settingsOf({}, [theirs]);
    expect(inFile.statusLine).toBeUndefined();
    expect(inFile.respondToBashCommands).toBeUndefined();
  });

  it('do not allow hooks by URL unless somebody restricts them', () => {
    expect(settingsOf().allowedHttpHookUrls).toBeUndefined();
    expect(settingsOf({}, [{ allowedHttpHookUrls: [] }]).allowedHttpHookUrls).toEqual([HOOK_URL]);
    expect(settingsOf({ allowedHttpHookUrls: ['https://x/*'] }).allowedHttpHookUrls).toEqual(['https://x/*', HOOK_URL]);
  });
});

describe('a --settings of the user', () => {
  it('wins except for what makes the session work', () => {
    const settings = settingsOf({
      model: 'haiku',
      hooks: { Stop: [] },
      env: {
        ANTHROPIC_BASE_URL: 'http://elsewhere',
        ANTHROPIC_DEFAULT_SONNET_MODEL_NAME: 'mine',
        NO_PROXY: '.corp',
        OWN: '1',
      },
    }) as JsonObject & { env: Record<string, string> };
    expect(settings).toMatchObject({ model: 'haiku', hooks: { Stop: [] } });
    expect(settings.env).toMatchObject({
      ANTHROPIC_BASE_URL: SESSION.url,
      ANTHROPIC_DEFAULT_SONNET_MODEL_NAME: 'mine',
      NO_PROXY: '.corp,127.0.0.1,localhost,::1',
      OWN: '1',
    });
  });

  it('keeps its rows of the picker before ours, and those of the settings files', () => {
    const row = (model: string) => ({ model, label: 'mine' });
    const { modelPicker } = settingsOf(
      { modelPicker: { options: [row('claude/minimax'), row('a')], replaceBuiltInOptions: true } },
      [{ modelPicker: { options: [row('b')] } }],
    ) as { modelPicker: { options: { model: string; label: string }[]; replaceBuiltInOptions: boolean } };
    expect(modelPicker.replaceBuiltInOptions).toBe(true);
    expect(modelPicker.options.slice(0, 3)).toEqual([row('b'), row('claude/minimax'), row('a')]);
    expect(modelPicker.options.filter(({ model }) => model === 'claude/minimax')).toHaveLength(1);
  });

  it('that is no object where one is expected does no harm', () => {
    const settings = settingsOf({ env: 'x', modelPicker: 3, allowedHttpHookUrls: 'y' });
    expect(settings.env).toMatchObject({ ANTHROPIC_BASE_URL: SESSION.url });
    expect(settings.modelPicker).toEqual({ options: pickerOptions(SESSION) });
  });
});

it('the picker names the slots and every reference, each with the capabilities of a model the client knows', () => {
  const options = pickerOptions({
    ...SESSION,
    pickerRows: [...SESSION.pickerRows, ...SESSION.pickerRows],
  });
  expect(options.map(({ model }) => model)).toEqual([
    'claude-opus-5',
    'claude-sonnet-5',
    'claude-haiku-5',
    'claude-fable-5',
    'claude/minimax',
  ]);
  expect(new Set(options.map(({ behavesAs }) => behavesAs))).toEqual(new Set(['claude-sonnet-5']));
});
