import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { listFiles, writeFiles } from '../../../test/support/temp-home.ts';
import { MidswapError } from '../../core/errors.ts';
import { testMachine } from '../config.fixture.ts';
import { EXAMPLES, type Example, KEY } from './import.fixture.ts';
import { planImport, RIVALS } from './index.ts';
import type { Rival } from './rival.ts';
import { faultsOf, settle } from './settle.ts';

/** Words that mean something to one of the readers, and values of every kind. */
const PIECES = [
  '"',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\n',
  '  ',
  '#',
  "'",
  '/*',
  '$',
  '${X}',
  'os.environ/X',
  '__proto__',
  'constructor',
  'null',
  'true',
  '-1',
  '1e9',
  '""',
  '[[]]',
  '{"a":{}}',
  'https://u:p@x.y/z',
  'http://localhost:8000/v1',
  'file:///etc/passwd',
  'deepseek',
  'opus',
  'claude',
  'max',
  'subscription',
  'a'.repeat(300),
  '中',
  '\u0000',
  '&a *a',
  '<<: *a',
  ');',
  'INSERT INTO providers VALUES (',
];

const mutation = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.integer({ min: 0, max: 40 }),
  put: fc.oneof(fc.constantFrom(...PIECES), fc.string({ maxLength: 12 })),
});
const mutations = fc.array(mutation, { minLength: 1, maxLength: 4 });

function mutated(text: string, changes: readonly { at: number; length: number; put: string }[]): string {
  return changes.reduce((now, { at, length, put }) => {
    const start = Math.floor(at * now.length);
    return now.slice(0, start) + put + now.slice(start + length);
  }, text);
}

/** The example with every value of its JSON or of its lines in the place of another. */
function shuffled(
  { files }: Example,
  changes: readonly { at: number; length: number; put: string }[],
): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([name, text]) => [name, mutated(text, changes)]));
}

const ODD: readonly unknown[] = [
  null,
  0,
  -1,
  1e300,
  true,
  '',
  ' ',
  [],
  {},
  [[]],
  ['a'],
  { use: ['x'] },
  { env: { ANTHROPIC_BASE_URL: 5 } },
  'a,b',
  'a,b,c',
  '__proto__',
  'claude',
  'opus',
  'subscription',
  'x'.repeat(5000),
  'a b',
  '\u001b[31m',
  'http://u:p@h/',
  'not a url',
  '$',
  '${}',
  'https://api.deepseek.com/v1/chat/completions',
  'http://localhost:8000/v1',
  'deepseek:x',
];
const swaps = fc.array(fc.record({ at: fc.nat(200), put: fc.constantFrom(...ODD), name: fc.boolean() }), {
  minLength: 1,
  maxLength: 5,
});

/** The tree with its nth node replaced, or with the name of that node replaced. */
function swapped(root: unknown, { at, put, name }: { at: number; put: unknown; name: boolean }): unknown {
  let left = at;
  const visit = (value: unknown): unknown => {
    if (left-- === 0 && !name) return put;
    if (Array.isArray(value)) return value.map(visit);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(
      ([key, inner]) => [name && left === 0 ? String(put) : key, visit(inner)] as const,
    );
    return Object.fromEntries(entries);
  };
  return visit(root);
}

function read(rival: Rival, one: Example, files: Readonly<Record<string, string>>) {
  const home = '/home/u';
  const texts = new Map(Object.entries(files).map(([name, text]) => [join(home, name), text]));
  const main = join(home, one.path === 'proxy' ? 'proxy/.env' : (Object.keys(one.files)[0] ?? ''));
  return rival.read({ main, files: texts, home, env: {}, options: { keys: true } });
}

describe.each(EXAMPLES.map((one) => [one.title, one] as const))('%s, damaged', (_, one) => {
  const rival = RIVALS.find(({ id }) => id === one.rival) as Rival;

  it('is read or refused, and what is read is a valid configuration', () => {
    fc.assert(
      fc.property(mutations, (changes) => {
        let imported: ReturnType<typeof settle>;
        try {
          imported = settle(read(rival, one, shuffled(one, changes)));
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(MidswapError);
          expect(String(thrown)).not.toMatch(KEY);
          return;
        }
        expect(faultsOf(imported.config)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it.runIf(Object.keys(one.files).some((name) => /\.(?:json|ya?ml)$/.test(name)))(
    'with other values and names in it is read or refused as well, and no key is shown',
    () => {
      fc.assert(
        fc.property(swaps, (changes) => {
          const files = Object.fromEntries(
            Object.entries(one.files).map(([name, text]) => {
              if (!/\.(?:json|ya?ml)$/.test(name)) return [name, text];
              const root: unknown = parse(text.replace(/^\s*\/\/.*$/gm, ''), { logLevel: 'silent' });
              // JSON is YAML too.
              return [name, JSON.stringify(changes.reduce(swapped, root))];
            }),
          );
          let imported: ReturnType<typeof settle>;
          try {
            imported = settle(read(rival, one, files));
          } catch (thrown) {
            expect(thrown).toMatchObject({ code: 'config_invalid' });
            return;
          }
          expect(faultsOf(imported.config)).toEqual([]);
          expect(JSON.stringify(imported)).not.toMatch(KEY);
          // biome-ignore lint/suspicious/noControlCharactersInRegex: what is shown must not steer the terminal
          for (const { path, reason } of imported.notes) expect(path + reason).not.toMatch(/[\u0000-\u001f]/);
        }),
        { numRuns: 60 },
      );
    },
  );

  it('is applied as a whole or not at all', async () => {
    await fc.assert(
      fc.asyncProperty(mutations, async (changes) => {
        const own = '# mine\nprofiles:\n  mine: { provider: sandbox }\n';
        const machine = testMachine(own);
        writeFiles(machine.home, { ...shuffled(one, changes), '.keep': '' });
        const path = one.path === undefined ? undefined : join(machine.home, one.path);
        const options = {
          env: one.env ?? {},
          platform: 'linux',
          home: machine.home,
          cwd: machine.work,
          rival: one.rival,
          path,
        };
        try {
          await (await planImport({ ...options, keychain: async () => undefined })).apply();
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(MidswapError);
          expect(readFileSync(machine.file, 'utf8')).toBe(own);
          expect(listFiles(machine.home).filter((name) => name.includes('secrets'))).toEqual([]);
          return;
        }
        const text = readFileSync(machine.file, 'utf8');
        expect(text).toContain('# mine\nprofiles:\n  mine: { provider: sandbox }\n');
        expect((await machine.load()).snapshot.profiles.has('mine')).toBe(true);
      }),
      { numRuns: 8 },
    );
  });
});
