import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { MidswapError } from '../core/errors.ts';
import { type TestMachine, testMachine } from './config.fixture.ts';
import type { LoadedConfig } from './load.ts';
import { type ConfigWatch, type WatchOptions, watchConfig } from './watch.ts';

const profile = (name: string): string => `default_profile: ${name}\n`;

interface Watched {
  readonly machine: TestMachine;
  readonly watch: ConfigWatch;
  readonly applied: LoadedConfig[];
  readonly refused: MidswapError[];
  /** Default profile that is in force now. */
  current(): string | undefined;
}

async function watched(machine: TestMachine, more: Partial<WatchOptions> = {}): Promise<Watched> {
  const initial = await machine.load();
  const applied: LoadedConfig[] = [];
  const refused: MidswapError[] = [];
  const watch = watchConfig({
    initial,
    load: (version) => machine.load({ version }),
    onSnapshot: (loaded) => applied.push(loaded),
    onRefused: (error) => refused.push(error),
    quietMs: 20,
    emptyMs: 150,
    pollMs: 50,
    ...more,
  });
  onTestFinished(() => watch.close());
  return {
    machine,
    watch,
    applied,
    refused,
    current: () => (applied.at(-1) ?? initial).snapshot.settings.defaultProfile,
  };
}

/** Waits until the condition holds, 5 s at most. */
async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; waited < 5_000 && !condition(); waited += 10) await sleep(10);
  expect(condition()).toBe(true);
}

/** As editors do: a new file takes the place of the old one. */
function replace(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

describe('a change of the configuration', () => {
  it.each([
    ['written in place', (file: string, text: string) => writeFileSync(file, text)],
    ['put in the place of the old file', replace],
    [
      'removed and made anew',
      (file: string, text: string) => {
        rmSync(file);
        writeFileSync(file, text);
      },
    ],
    [
      'with a time of change in the past, as a clock that jumps gives it',
      (file: string, text: string) => {
        replace(file, text);
        utimesSync(file, new Date('2001-01-01'), new Date('2001-01-01'));
      },
    ],
  ])('%s is applied, again and again', async (_, change) => {
    const { machine, applied, refused, current } = await watched(testMachine(profile('glm')));
    for (const name of ['groq', 'kimi', 'sandbox']) {
      change(machine.file, profile(name));
      await until(() => current() === name);
    }
    expect(applied.map(({ snapshot }) => snapshot.version)).toEqual(applied.map((_, at) => at + 2));
    expect(refused).toEqual([]);
  });

  it('that cannot be used is refused once, the old one stays, and the next good one is applied', async () => {
    const { machine, applied, refused, current } = await watched(testMachine(profile('glm')));
    writeFileSync(machine.file, profile('nobody'));
    await until(() => refused.length === 1);
    expect(refused[0]).toMatchObject({ code: 'config_invalid' });
    expect(refused[0]?.message).toContain(`${machine.file}:1:18: default_profile`);
    utimesSync(machine.file, new Date(), new Date());
    await sleep(200);
    expect(refused).toHaveLength(1);
    expect(applied).toEqual([]);
    expect(current()).toBe('glm');
    replace(machine.file, profile('groq'));
    await until(() => current() === 'groq');
    expect(applied[0]?.snapshot.version).toBe(2);
  });

  it('written bit by bit is applied when it rests, and never in part', async () => {
    const { machine, applied, refused, current } = await watched(testMachine(profile('glm')), {
      quietMs: 250,
      emptyMs: 400,
    });
    const text = `default_profile: groq\naliases:\n  a: glm\n  b: kimi\nrouting:\n  think: kimi\n`;
    writeFileSync(machine.file, '');
    for (let length = 5; length < text.length + 5; length += 5) {
      await sleep(10);
      writeFileSync(machine.file, text.slice(0, length));
    }
    await until(() => current() === 'groq');
    expect(applied).toHaveLength(1);
    expect(applied[0]?.snapshot.routing.think).toBe('kimi');
    expect(refused).toEqual([]);
  });

  it('by which the file is gone keeps what it said; put back it is followed again', async () => {
    const { machine, refused, current } = await watched(testMachine(profile('glm')));
    rmSync(machine.file);
    await until(() => refused.length === 1);
    expect(refused[0]?.message).toBe(`${machine.file} is gone; what it said stays in force`);
    expect(current()).toBe('glm');
    writeFileSync(machine.file, profile('groq'));
    await until(() => current() === 'groq');
  });

  it('by which it is emptied for good gives the defaults, after a longer wait', async () => {
    const { machine, current } = await watched(testMachine(profile('glm')));
    writeFileSync(machine.file, '');
    await sleep(80);
    expect(current()).toBe('glm');
    await until(() => current() === 'subscription');
  });

  it('in a directory that comes, goes and comes again is seen', async () => {
    const { machine, current, refused } = await watched(testMachine());
    const directory = join(machine.file, '..');
    mkdirSync(directory, { recursive: true });
    writeFileSync(machine.file, profile('groq'));
    await until(() => current() === 'groq');
    rmSync(directory, { recursive: true });
    await until(() => refused.length === 1);
    mkdirSync(directory, { recursive: true });
    writeFileSync(machine.file, profile('kimi'));
    await until(() => current() === 'kimi');
  });

  it('behind a symbolic link is seen', async () => {
    const machine = testMachine(undefined, { 'dotfiles/config.yaml': profile('glm') });
    mkdirSync(join(machine.file, '..'), { recursive: true });
    symlinkSync(join(machine.dir, 'dotfiles/config.yaml'), machine.file);
    const { current } = await watched(machine);
    writeFileSync(join(machine.dir, 'dotfiles/config.yaml'), profile('groq'));
    await until(() => current() === 'groq');
  });

  it('of a key or of the project counts too, also when the file was not there before', async () => {
    const { machine, applied, current } = await watched(testMachine(profile('glm')));
    writeFileSync(join(machine.file, '../.env'), 'GROQ_API_KEY=k\n');
    chmodSync(join(machine.file, '../.env'), 0o600);
    await until(() => applied.at(-1)?.snapshot.profiles.get('groq')?.unusable === undefined && applied.length > 0);
    writeFileSync(join(machine.work, '.midswap.yaml'), profile('sandbox'));
    await until(() => current() === 'sandbox');
    rmSync(join(machine.work, '.midswap.yaml'));
    await until(() => current() === 'glm');
  });

  it('between the first load and the watch is applied too', async () => {
    const machine = testMachine(profile('glm'));
    const initial = await machine.load();
    replace(machine.file, profile('groq'));
    const { applied } = await watched(machine, { initial, pollMs: 60_000 });
    await until(() => applied[0]?.snapshot.settings.defaultProfile === 'groq');
  });

  it('without polling is told by the system', async () => {
    const { machine, current } = await watched(testMachine(profile('glm')), { pollMs: 60_000 });
    replace(machine.file, profile('groq'));
    await until(() => current() === 'groq');
  });

  it('is looked at on demand', async () => {
    const { machine, watch, current } = await watched(testMachine(profile('glm')), { pollMs: 60_000, quietMs: 60_000 });
    writeFileSync(machine.file, profile('groq'));
    await watch.check();
    expect(current()).toBe('groq');
  });

  it('while another one is loaded is applied after it', async () => {
    const machine = testMachine(profile('glm'));
    let loads = 0;
    const slow = async (version: number): Promise<LoadedConfig> => {
      const loaded = await machine.load({ version });
      if (++loads === 1) {
        replace(machine.file, profile('kimi'));
        await sleep(100);
      }
      return loaded;
    };
    const { applied, current } = await watched(machine, { load: slow });
    replace(machine.file, profile('groq'));
    await until(() => current() === 'kimi');
    expect(applied.map(({ snapshot }) => snapshot.version)).toEqual([2, 3]);
  });

  it('after the end is not followed, and a load that is under way comes to nothing', async () => {
    const machine = testMachine(profile('glm'));
    let started = false;
    const { watch, applied, refused } = await watched(machine, {
      load: async (version) => {
        started = true;
        await sleep(100);
        return machine.load({ version });
      },
    });
    replace(machine.file, profile('groq'));
    await until(() => started);
    watch.close();
    replace(machine.file, profile('kimi'));
    await sleep(300);
    expect([applied, refused]).toEqual([[], []]);
  });

  it('a listener that fails does not end it', async () => {
    const machine = testMachine(profile('glm'));
    const seen: string[] = [];
    const { refused } = await watched(machine, {
      onSnapshot: ({ snapshot }) => {
        seen.push(snapshot.settings.defaultProfile as string);
        if (seen.length === 1) throw new Error('broken listener');
      },
    });
    replace(machine.file, profile('groq'));
    await until(() => refused.length === 1);
    replace(machine.file, profile('kimi'));
    await until(() => seen.at(-1) === 'kimi');
  });
});
