import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildBinary } from '../../scripts/build.ts';
import { type CommandResult, runCommand } from '../support/run-command.ts';
import { tempDir, writeFiles } from '../support/temp-home.ts';

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
