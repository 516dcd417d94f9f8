import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MidswapError } from '../../core/errors.ts';
import type { Configuration } from '../app.ts';
import { takeOwnFlags, takeReference } from './launch.ts';

const names = new Map([
  ['swift', {}],
  ['locked', {}],
]);
const configuration = {
  snapshot: { profiles: names, aliases: new Map([['sw2', 'swift:two']]) },
  resolve(reference: string) {
    const key = reference.toLowerCase();
    if (key === 'locked') throw new MidswapError('no_credential', 'locked cannot be used: no key');
    return names.has(key) || key === 'sw2' || key.startsWith('swift:') ? key : undefined;
  },
} as unknown as Configuration;
const take = (...args: string[]) => takeReference(args, configuration);

describe('the first word of a launch', () => {
  it.each([
    [['swift'], 'swift', []],
    [['SWIFT', '-p', 'hi'], 'swift', ['-p', 'hi']],
    [['sw2', '--continue'], 'sw2', ['--continue']],
    [['swift:two', 'do it'], 'swift:two', ['do it']],
    [['--swift', '-p', 'hi'], 'swift', ['-p', 'hi']],
    [['--SW2'], 'SW2', []],
  ])('%j is a reference', (args, reference, rest) => {
    expect(take(...args)).toEqual({ reference, args: rest });
  });

  it.each([
    [[]],
    [['-p', 'swift']],
    [['--print', 'swift']],
    [['--swift:two']],
    [['-swift']],
    [['fix the tests']],
    [['hello']],
    [['/init']],
    [['']],
    [['--', 'swift']],
    [['go']],
  ])('%j is the client’s', (args) => {
    expect(take(...args)).toEqual({ reference: undefined, args });
  });

  it.each([
    ['swfit', 'swift'],
    ['swif', 'swift'],
    ['swfit:two', 'swift:two'],
    ['sesions', 'sessions'],
    ['doktor', 'doctor'],
  ])('%j is refused with the nearest name', (word, near) => {
    expect(() => take(word)).toThrow(
      expect.objectContaining({ code: 'unknown_reference', hint: expect.stringContaining(near) }),
    );
  });

  it('names a profile that has no key: that is said, and not sent to the model as a prompt', () => {
    expect(() => take('locked')).toThrow(/no key/);
  });
});

describe('flags of a launch', () => {
  it('are taken wherever they stand before --', () => {
    expect(takeOwnFlags(['--dynamic', 'x', '--port', '80', '-p', '--', '--no-dynamic'])).toEqual({
      dynamic: true,
      port: 80,
      pick: false,
      rest: ['x', '-p', '--', '--no-dynamic'],
    });
    expect(takeOwnFlags(['--no-dynamic', '--port=0'])).toEqual({
      dynamic: false,
      port: 0,
      pick: false,
      rest: [],
    });
  });

  it.each([['--port'], ['--port', 'x'], ['--port', '65536'], ['--port=-1'], ['--port=']])(
    '%s %s is refused',
    (...args) => {
      expect(() => takeOwnFlags(args.filter((word) => word !== undefined))).toThrow(/--port takes a number/);
    },
  );

  it('leave every other argument as it is and where it is', () => {
    const own = /^--(dynamic|no-dynamic|pick|port(=.*)?)$/;
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.constantFrom('-p', '--model', 'opus', '--dynamic'))), (argv) => {
        const plain = argv.filter((word) => word === '--dynamic' || !own.test(word));
        const end = plain.indexOf('--');
        const before = end < 0 ? plain : plain.slice(0, end);
        const after = end < 0 ? [] : plain.slice(end);
        expect(takeOwnFlags(plain).rest).toEqual([...before.filter((word) => word !== '--dynamic'), ...after]);
      }),
    );
  });
});
