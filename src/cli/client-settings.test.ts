import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readClientSettings, removeSavedModel } from './client-settings.ts';

let home: string;
let file: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'midswap-settings-'));
  mkdirSync(join(home, '.claude'));
  file = join(home, '.claude', 'settings.json');
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe('the client’s settings', () => {
  it('that are not there are fine', () => {
    expect(readClientSettings(home, undefined)).toEqual({ variables: [], savedModel: undefined, problems: [] });
  });

  it('are looked through for what steers the client, by name and never by value', () => {
    const env = { ANTHROPIC_BASE_URL: 'http://x', ANTHROPIC_AUTH_TOKEN: 'value-of-token', EDITOR: 'vi' };
    writeFileSync(file, JSON.stringify({ env, model: 'claude/swift' }));
    const settings = readClientSettings(home, undefined);
    expect(settings.variables.map(({ name }) => name)).toEqual(['ANTHROPIC_BASE_URL', 'ANTHROPIC_AUTH_TOKEN']);
    expect(settings.savedModel).toEqual({ file, model: 'claude/swift' });
    expect(JSON.stringify(settings)).not.toContain('value-of-token');
  });

  it.each(['sonnet', 'claude-opus-5', 'opus[1m]', 7])('the default model %j is the user’s own', (model) => {
    writeFileSync(file, JSON.stringify({ model }));
    expect(readClientSettings(home, undefined).savedModel).toBeUndefined();
  });

  it('a default model that was typed as a reference is one that only midswap knows', () => {
    writeFileSync(file, JSON.stringify({ model: 'deepseek' }));
    const isReference = (model: string) => model === 'deepseek';
    expect(readClientSettings(home, undefined, isReference).savedModel).toEqual({ file, model: 'deepseek' });
    expect(readClientSettings(home, undefined).savedModel).toBeUndefined();
  });

  it.each(['opus', 'Sonnet[1m]', 'claude-opus-5'])('the client’s own %s is not taken for a reference', (model) => {
    writeFileSync(file, JSON.stringify({ model }));
    expect(readClientSettings(home, undefined, () => true).savedModel).toBeUndefined();
  });

  it.each(['{', '[]', 'null', '"x"'])('that hold %j are a problem to report, not to throw', (text) => {
    writeFileSync(file, text);
    expect(readClientSettings(home, undefined).problems).toEqual([expect.stringContaining(file)]);
  });

  it('are found where CLAUDE_CONFIG_DIR says', () => {
    mkdirSync(join(home, 'elsewhere'));
    writeFileSync(join(home, 'elsewhere', 'settings.json'), '{"model":"claude/x"}');
    expect(readClientSettings(home, join(home, 'elsewhere')).savedModel?.model).toBe('claude/x');
  });
});

describe('taking the saved model out', () => {
  it('keeps everything else, the mode, and a link', () => {
    const real = join(home, 'dotfiles.json');
    writeFileSync(real, JSON.stringify({ model: 'claude/x', env: { A: '1' }, hooks: {} }));
    chmodSync(real, 0o640);
    symlinkSync(real, file);
    removeSavedModel(file);
    expect(JSON.parse(readFileSync(real, 'utf8'))).toEqual({ env: { A: '1' }, hooks: {} });
    expect(statSync(real).mode & 0o777).toBe(0o640);
    expect(readdirSync(home).sort()).toEqual(['.claude', 'dotfiles.json']);
  });
});
