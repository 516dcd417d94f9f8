import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMANDS_PAGE, commandsPage } from '../scripts/command-page.ts';
import { PROJECT_ROOT } from '../scripts/layers.ts';
import { COMMANDS } from '../src/cli/commands.ts';
import { ERROR_EXITS } from '../src/core/errors.ts';

const page = readFileSync(COMMANDS_PAGE, 'utf8');
const readme = readFileSync(join(PROJECT_ROOT, 'README.md'), 'utf8');

describe('docs/commands.md', () => {
  it('is that of this version (node scripts/command-page.ts writes it)', () => {
    expect(page).toBe(commandsPage());
  });

  it('tells every exit code', () => {
    const table = page.slice(page.indexOf('## Exit codes'));
    for (const exit of ERROR_EXITS) expect(table).toMatch(new RegExp(`\\b${exit}\\b`));
  });
});

it('the README names commands and flags that there are', () => {
  const rows = [...readme.matchAll(/^\| `midswap ([a-z]+)([^`]*)` \|(.*)$/gm)];
  expect(rows.length).toBeGreaterThan(8);
  for (const [row, name, , meaning] of rows) {
    const command = COMMANDS.find((one) => one.name === name);
    expect([row, command?.name]).toEqual([row, name]);
    for (const [, flag] of (meaning as string).matchAll(/`(--[a-z-]+)`/g)) {
      expect(command?.options?.some(([flags]) => flags.startsWith(flag as string))).toBe(true);
    }
  }
});

it('every example of a command begins with its name', () => {
  for (const { name, examples } of COMMANDS) {
    expect(examples.length).toBeGreaterThan(0);
    for (const line of examples) expect(line.split(' ')[0]).toBe(name);
  }
});

it('one flag says everywhere that what is there may be written over', () => {
  const flags = COMMANDS.flatMap(({ options = [] }) => options.filter(([, does]) => /writes? over|replace/.test(does)));
  expect(flags.length).toBeGreaterThan(2);
  expect(new Set(flags.map(([name]) => name))).toEqual(new Set(['--force']));
});
