import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildBinary } from '../../scripts/build.ts';
import { fastest } from '../support/fastest.ts';
import { type CommandResult, runCommand } from '../support/run-command.ts';
import { startSecretService, whyNoSecretService } from '../support/secret-service.ts';
import { listFiles, tempDir, writeFiles } from '../support/temp-home.ts';

let directory: string;
let binary: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'midswap-compiled-'));
  binary = join(directory, 'midswap');
  buildBinary(binary);
}, 60_000);

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The compiled program in a folder, with a home below it. */
function run(cwd: string, args: readonly string[]): Promise<CommandResult> {
  return runCommand([binary, ...args], { cwd, env: { PATH: process.env.PATH ?? '', HOME: join(cwd, 'home') } });
}

describe('the compiled file in a folder that somebody else has written', () => {
  it('takes nothing from an .env: it could name the program to start as the client', async () => {
    const project = tempDir();
    writeFiles(project, { '.env': `MIDSWAP_HOME=${join(project, 'theirs')}\n` });
    const { stdout } = await run(project, ['config', 'path']);
    expect(stdout).toContain(join(project, 'home'));
    expect(stdout).not.toContain('theirs');
  });

  it('runs nothing that a bunfig.toml names', async () => {
    const project = tempDir();
    writeFiles(project, {
      'bunfig.toml': 'preload = ["./theirs.js"]\n',
      'theirs.js': "require('node:fs').writeFileSync('ran', '');\nconsole.log('theirs');\n",
    });
    const { code, stdout } = await run(project, ['version']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

it.runIf(process.versions.bun)('the runtime can be told when to compile, as the gateway does', () => {
  const { Bun: bun } = globalThis as { Bun?: { unsafe?: { setJITPolicy?: unknown } } };
  expect(typeof bun?.unsafe?.setJITPolicy).toBe('function');
});

describe('the start of the compiled file', () => {
  /** A profile as people write it: every slot somewhere, a fallback, now and then keys and a remark. */
  const profile = (at: number) =>
    [
      `  p${at}: # the ${at}th`,
      `    provider: ${['deepseek', 'glm', 'openrouter'][at % 3]}`,
      '    models:',
      `      opus: model-${at}-large`,
      `      sonnet: "glm:model-${at}"`,
      '      haiku: deepseek:deepseek-chat',
      `      default: model-${at}`,
      `    fallback: [p${(at + 1) % 500}, max]`,
      ...(at % 7 === 0 ? [`    keys: [env:KEY_${at}]`] : []),
    ].join('\n');

  it('loads 500 profiles in less than 50 ms, the first time that the process loads anything', async () => {
    const [small, large] = [tempDir(), tempDir()];
    const profiles = Array.from({ length: 500 }, (_, at) => profile(at)).join('\n');
    const place = 'home/.config/midswap/config.yaml';
    writeFiles(small, { [place]: `profiles:\n${profile(0)}\n  p1: { provider: glm }\n` });
    writeFiles(large, { [place]: `profiles:\n${profiles}\n` });
    const check = async (cwd: string) => {
      const { code, stdout, stderr, durationMs } = await run(cwd, ['config', 'check']);
      expect(code, stderr).toBe(0);
      expect(stdout).toContain('fine');
      return durationMs;
    };
    // Everything else that a process does is in both; what else the machine does only adds.
    const restMs = await fastest(0, () => check(small));
    expect(await fastest(50, async () => (await check(large)) - restMs, 20)).toBeLessThan(50);
  });
});

const missing = whyNoSecretService();

it.skipIf(missing !== undefined)(
  'the compiled file has what it needs to ask a keychain',
  { timeout: 30_000 },
  async () => {
    const { env } = await startSecretService();
    const home = tempDir();
    const result = await runCommand([binary, 'keys', 'set', 'deepseek', '--json'], {
      cwd: home,
      env: { PATH: process.env.PATH ?? '', HOME: home, TMPDIR: home, ...env },
      stdin: 'a-key-0123456789',
    });
    expect(result.json()).toMatchObject({ kept: 'keychain' });
    expect(listFiles(home)).toEqual([join('.config', 'midswap', 'secrets.yaml')]);
  },
);
