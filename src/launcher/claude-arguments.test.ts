import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPlainCommand, isPrint, refuseBackground, takeSettings } from './claude-arguments.ts';

describe('a command of the client’s own', () => {
  it.each([
    [['mcp', 'list']],
    [['config', 'set', 'theme', 'dark']],
    [['doctor']],
    [['update']],
    [['setup-token']],
    [['--model', 'opus', 'mcp', 'list']],
    [['--verbose', 'plugin', 'list']],
    [['--version']],
    [['-p', 'hello', '--help']],
    [['-h']],
    [['--cloud', 'fix it']],
    [['--cloud=fix it']],
  ])('%j runs without a gateway', (args) => {
    expect(isPlainCommand(args)).toBe(true);
  });

  it.each([
    [[]],
    [['hello']],
    [['explain mcp']],
    [['-p', 'what does doctor do']],
    [['--model', 'doctor']],
    [['--append-system-prompt', '--help']],
    [['--allowedTools', 'mcp', 'doctor', '-p', 'hi']],
    [['--resume', 'update']],
    [['hello', 'mcp']],
    [['--', 'mcp']],
    [['--', '--help']],
    [['-p', '--output-format', 'json']],
  ])('%j needs the gateway', (args) => {
    expect(isPlainCommand(args)).toBe(false);
  });

  it('is known whatever options stand before it', () => {
    const option = fc.constantFrom(['--verbose'], ['--model', 'opus'], ['--debug'], ['--add-dir', '/a', '/b', '-c']);
    fc.assert(
      fc.property(fc.array(option), (options) => {
        const before = options.flat();
        // An option with an optional value takes the command for it, as it does in the client.
        const swallowed = before.at(-1) === '--debug';
        expect(isPlainCommand([...before, 'mcp'])).toBe(!swallowed);
      }),
    );
  });
});

describe('--settings of the user', () => {
  it.each([
    [['--settings', 'a.json', '-p', 'hi'], 'a.json', ['-p', 'hi']],
    [['-p', '--settings={"a":1}', 'hi'], '{"a":1}', ['-p', 'hi']],
    [['--settings', 'a', '--settings', 'b'], 'b', []],
    [['--settings', '--settings', 'x'], '--settings', ['x']],
    [['--append-system-prompt', '--settings', 'x'], undefined, ['--append-system-prompt', '--settings', 'x']],
    [['--', '--settings', 'x'], undefined, ['--', '--settings', 'x']],
  ])('%j', (args, given, rest) => {
    expect(takeSettings(args)).toEqual({ given, args: rest });
  });

  it('without a value is refused', () => {
    expect(() => takeSettings(['-p', '--settings'])).toThrow(expect.objectContaining({ code: 'usage' }));
  });

  it('leaves every other argument untouched and in order', () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom('--model', '--add-dir', '-p', '--', '--resume', '-x', '--bg', '--mcp-config'),
    );
    fc.assert(
      fc.property(fc.array(word), (args) => {
        fc.pre(!args.some((text) => text.startsWith('--settings')));
        expect(takeSettings(args)).toEqual({ given: undefined, args });
      }),
    );
  });
});

it('a session in the background is refused where the gateway ends with this process', () => {
  expect(() => refuseBackground(['--bg', 'do it'])).toThrow(/--bg outlives/);
  expect(() => refuseBackground(['-p', '--append-system-prompt', '--bg'])).not.toThrow();
});

it('print mode is told from a prompt that speaks of it', () => {
  expect([isPrint(['-p', 'x']), isPrint(['--print']), isPrint(['--model', '-p']), isPrint(['--', '-p'])]).toEqual([
    true,
    true,
    false,
    false,
  ]);
});
