import { MidswapError } from '../../core/errors.ts';
import { SLOTS } from '../../core/slot.ts';
import type { App, Configuration } from '../app.ts';
import { COMMANDS, type Command } from '../commands.ts';
import type { Output } from '../output.ts';

const SHELLS = ['bash', 'zsh', 'fish', 'powershell'];
const PROGRAM = 'midswap';

type Tab = typeof import('@bomb.sh/tab')['default'];
type Complete = (value: string, description: string) => void;

/** `completions SHELL`: the script that makes the shell ask. */
export async function completions(app: App, out: Output, shell: string | undefined): Promise<number> {
  if (shell === undefined || !SHELLS.includes(shell)) {
    throw new MidswapError('usage', `completions are for ${SHELLS.join(', ')}, not "${shell ?? ''}"`);
  }
  const { default: tab } = await import('@bomb.sh/tab');
  const script = captured(() => tab.setup(PROGRAM, PROGRAM, shell));
  if (out.json) out.data({ shell, script });
  else app.streams.out.write(script);
  return 0;
}

/** Answers the shell: `midswap complete -- WORDS`. Names come from the configuration; a broken one has none. */
export async function complete(app: App, words: readonly string[]): Promise<number> {
  const { default: tab } = await import('@bomb.sh/tab');
  const names = namesOf(await app.configuration().catch(() => undefined));
  describeCommands(tab, names);
  app.streams.out.write(captured(() => tab.parse([...words])));
  return 0;
}

interface Names {
  readonly references: readonly (readonly [name: string, description: string])[];
  readonly providers: readonly (readonly [name: string, description: string])[];
}

function namesOf(configuration: Configuration | undefined): Names {
  if (!configuration) return { references: [], providers: [] };
  const { profiles, aliases, providers } = configuration.snapshot;
  const usable = [...profiles.values()].filter(({ unusable }) => unusable === undefined);
  return {
    references: [
      ...usable.map(({ name, provider }) => [name, `profile, ${provider}`] as const),
      ...[...aliases].map(([name, reference]) => [name, `alias of ${reference}`] as const),
    ],
    providers: [...providers.values()].map(({ id, name }) => [id, name] as const),
  };
}

function describeCommands(tab: Tab, names: Names): void {
  const offer = (list: Names['references']) => (give: Complete) => {
    for (const [name, description] of list) give(name, description);
  };
  for (const [name, description] of names.references) tab.command(name, description);
  for (const command of COMMANDS) {
    const described = tab.command(command.name, command.summary);
    const words = wordsOf(command, names);
    if (words.length > 0) described.argument('word', offer(words), true);
    for (const [flags, description] of [...(command.options ?? []), ['--json', 'the result as JSON'] as const]) {
      const [, name = '', value] = /^--([a-z-]+)(?: <(.+)>)?/.exec(flags) ?? [];
      if (value === undefined) described.option(name, description);
      else described.option(name, description, offer(valuesOf(value, names)));
    }
  }
}

/** What may follow a command: the words of its examples, and the names that it takes. */
function wordsOf({ name, args = '', examples }: Command, names: Names): Names['references'] {
  if (name === 'completions') return SHELLS.map((shell) => [shell, ''] as const);
  const actions = /\[(action|words\.\.\.|provider)\]/.test(args)
    ? examples.flatMap((line) => (/^\S+ ([a-z]+)\b(?!\.)/.exec(line)?.[1] ?? []) as string | string[])
    : [];
  const named = /reference|names/.test(args) ? names.references : /provider|words/.test(args) ? names.providers : [];
  const known = new Set(named.map(([word]) => word));
  return [...[...new Set(actions)].filter((word) => !known.has(word)).map((word) => [word, ''] as const), ...named];
}

function valuesOf(value: string, names: Names): Names['references'] {
  if (value === 'slot') return SLOTS.map((slot) => [slot, ''] as const);
  if (value === 'name') return names.providers;
  return value === 'names' ? names.references : [];
}

/** The library prints to the console. */
function captured(run: () => void): string {
  const { log } = console;
  let text = '';
  console.log = (...parts: unknown[]) => {
    text += `${parts.join(' ')}\n`;
  };
  try {
    run();
  } finally {
    console.log = log;
  }
  return text;
}
