import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { App } from './app.ts';
import { COMMANDS, type Command } from './commands.ts';
import { type ReadArguments, readPlainArguments } from './plain-arguments.ts';
import { runProgram } from './program.ts';

const APP = { version: '1', streams: { out: { write: () => true } } } as unknown as App;

afterEach(() => vi.restoreAllMocks());

/** What the parser makes of the arguments of a command; `undefined` when it refuses them. */
async function parsed(command: Command, args: readonly string[]): Promise<ReadArguments | undefined> {
  let read: ReadArguments | undefined;
  vi.spyOn(command, 'run').mockImplementation(async (_app, _out, words, options) => {
    read = { words, options };
    return 0;
  });
  try {
    await runProgram(APP, [command.name, ...args], () => ({}) as never);
  } catch {
    return undefined;
  }
  return read;
}

const find = (name: string) => COMMANDS.find((command) => command.name === name) as Command;

describe('arguments read without the parser', () => {
  it.each([
    ['serve', ['--port', '8484', '--json'], [], { port: '8484', json: true }],
    ['serve', ['--port=8484'], [], { port: '8484' }],
    ['use', ['deepseek', '--dry-run', '--slot', 'opus'], ['deepseek'], { dryRun: true, slot: 'opus' }],
    ['sessions', ['k3', 'use', 'glm', '--undo'], ['k3', 'use', 'glm'], { undo: true }],
    ['import', ['ccr', '--no-keys'], ['ccr'], { keys: false }],
  ])('%s %j', (name, args, words, options) => {
    expect(readPlainArguments(find(name), args)).toMatchObject({ words, options });
  });

  it.each([
    ['help', 'serve', ['--help']],
    ['an unknown flag', 'serve', ['--prot', '1']],
    ['a missing value', 'serve', ['--port']],
    ['a word too many', 'serve', ['now']],
    ['a word that is missing', 'hook', []],
    ['a value for a flag that takes none', 'serve', ['--json=yes']],
    ['a value that looks like a flag', 'serve', ['--port', '-1']],
    ['the end of the flags', 'use', ['--', 'x']],
  ])('%s is left to the parser', (_, name, args) => {
    expect(readPlainArguments(find(name), args)).toBeUndefined();
  });

  it('are what the parser makes of them, whatever the command and the arguments', async () => {
    const flags = COMMANDS.flatMap(({ options = [] }) => options.map(([notation]) => notation.split(' ')[0] as string));
    const arg = fc.oneof(
      fc.constantFrom(...flags, '--json', '--help', '-h', '--', '-', '', '--unknown'),
      fc.constantFrom(...flags).map((flag) => `${flag}=value`),
      fc.constantFrom('help', 'list', 'deepseek', 'a=b', '8484', 'opus', 'x y'),
    );
    let read = 0;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...COMMANDS), fc.array(arg, { maxLength: 4 }), async (command, args) => {
        const plain = readPlainArguments(command, args);
        if (!plain) return;
        read++;
        expect(await parsed(command, args)).toEqual(plain);
      }),
      { numRuns: 3000 },
    );
    expect(read).toBeGreaterThan(300);
  });
});
