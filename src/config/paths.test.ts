import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configPaths, type Env } from './paths.ts';

const on = (platform: string, env: Env = {}, home = '/home/u') => {
  const { configFile, stateDir } = configPaths({ env, platform, home });
  return [configFile, stateDir];
};

describe('where the files are', () => {
  it.each<[string, string[], string, string]>([
    ['Linux', on('linux'), '/home/u/.config/midswap/config.yaml', '/home/u/.local/state/midswap'],
    [
      'Linux with XDG directories',
      on('linux', { XDG_CONFIG_HOME: '/c', XDG_STATE_HOME: '/s' }),
      '/c/midswap/config.yaml',
      '/s/midswap',
    ],
    [
      'relative XDG directories are ignored, as their specification wants',
      on('linux', { XDG_CONFIG_HOME: 'c', XDG_STATE_HOME: './s' }),
      '/home/u/.config/midswap/config.yaml',
      '/home/u/.local/state/midswap',
    ],
    [
      'blank XDG directories are not set',
      on('linux', { XDG_CONFIG_HOME: ' ' }),
      '/home/u/.config/midswap/config.yaml',
      '/home/u/.local/state/midswap',
    ],
    [
      'macOS',
      on('darwin', {}, '/Users/u'),
      '/Users/u/Library/Application Support/midswap/config.yaml',
      '/Users/u/Library/Application Support/midswap/state',
    ],
    [
      'macOS with XDG directories',
      on('darwin', { XDG_CONFIG_HOME: '/c' }, '/Users/u'),
      '/c/midswap/config.yaml',
      '/Users/u/Library/Application Support/midswap/state',
    ],
    [
      'Windows',
      on('win32', { APPDATA: 'C:\\U\\u\\Roaming', LOCALAPPDATA: 'C:\\U\\u\\Local' }, 'C:\\U\\u'),
      'C:\\U\\u\\Roaming\\midswap\\config.yaml',
      'C:\\U\\u\\Local\\midswap',
    ],
    [
      'Windows without its variables',
      on('win32', {}, 'C:\\U\\u'),
      'C:\\U\\u\\AppData\\Roaming\\midswap\\config.yaml',
      'C:\\U\\u\\AppData\\Local\\midswap',
    ],
    [
      'MIDSWAP_HOME moves both',
      on('linux', { MIDSWAP_HOME: '/m', XDG_CONFIG_HOME: '/c' }),
      '/m/config.yaml',
      '/m/state',
    ],
    ['MIDSWAP_HOME on Windows', on('win32', { MIDSWAP_HOME: 'D:\\m' }), 'D:\\m\\config.yaml', 'D:\\m\\state'],
  ])('%s', (_, found, configFile, stateDir) => {
    expect(found).toEqual([configFile, stateDir]);
  });

  it('a relative MIDSWAP_HOME is refused: it would be another place in every directory', () => {
    expect(() => on('linux', { MIDSWAP_HOME: 'midswap' })).toThrow(/MIDSWAP_HOME is "midswap"/);
  });

  it('nothing of it depends on the process', () => {
    const value = fc.option(fc.constantFrom('', ' ', '/x', 'x', '/a b'), { nil: undefined });
    const env = fc.record({ XDG_CONFIG_HOME: value, XDG_STATE_HOME: value, APPDATA: value, LOCALAPPDATA: value });
    fc.assert(
      fc.property(env, fc.constantFrom('linux', 'darwin', 'freebsd'), (given, platform) => {
        for (const path of on(platform, given)) expect(path).toMatch(/^\/(home\/u|x|a b)\//);
      }),
    );
  });
});
