import { readRecords } from '../../control/registry.ts';
import { MidswapError } from '../../core/errors.ts';
import { SLOTS } from '../../core/slot.ts';
import { nextWords } from '../../launcher/claude-arguments.ts';
import type { App, Configuration } from '../app.ts';
import { COMMANDS, type Command, findCommand, LAUNCH_OPTIONS } from '../commands.ts';
import { completionScript, SHELLS } from '../completion-script.ts';
import type { Output } from '../output.ts';

/** The command whose arguments are all the client's. */
const DROP_IN = 'claude';
const LAUNCH_FLAGS = LAUNCH_OPTIONS.flatMap(([flags]) => flags.match(/--[a-z-]+/g) ?? []);
/** The directive of the protocol of these scripts that lets the shell complete files where nothing is offered. */
const OR_FILES = 0;

type Tab = typeof import('@bomb.sh/tab')['default'];
type Complete = (value: string, description: string) => void;

/** `completions SHELL`: the script that makes the shell ask. */
export async function completions(app: App, out: Output, shell: string | undefined): Promise<number> {
  const known = SHELLS.find((one) => one === shell);
  if (known === undefined) {
    throw new MidswapError('usage', `completions are for ${SHELLS.join(', ')}, not "${shell ?? ''}"`);
  }
  const { default: tab } = await import('@bomb.sh/tab');
  const script = completionScript(known, (name) => captured(() => tab.setup(name, 'midswap', known)));
  if (out.json) out.data({ shell, script });
  else app.streams.out.write(script);
  return 0;
}

/**
 * Answers the shell: `midswap complete -- WORDS`, the last of which is being typed. Names come from the configuration; a
 * broken one has none.
 */
export async function complete(app: App, words: readonly string[]): Promise<number> {
  const [first = '', ...rest] = words;
  if (first === DROP_IN && rest.length > 0) return offer(app, rest, []);
  const names = await namesOf(app);
  if (first.startsWith('-') || (rest.length > 0 && !findCommand(first)))
    return offer(app, words, launchWords(words, names));
  const { default: tab } = await import('@bomb.sh/tab');
  describeCommands(tab, names);
  const answer = captured(() => tab.parse([...words]));
  app.streams.out.write(/^:\d+\n$/.test(answer) ? `:${OR_FILES}\n` : answer);
  return 0;
}

/** midswap's own flags of a launch, and what can be launched as long as nothing is named. */
function launchWords(words: readonly string[], { references }: Names): Words {
  const isNamed = words.slice(0, -1).some((word) => !LAUNCH_FLAGS.includes(word) && !/^\d+$/.test(word));
  return [...LAUNCH_FLAGS.map((flag) => [flag, ''] as const), ...(isNamed ? [] : references)];
}

/** What the client's arguments may go on with, and more; the shell offers files where that is nothing. */
function offer(app: App, words: readonly string[], more: Words): number {
  const typed = words.at(-1) ?? '';
  const own = typed === '' ? more.filter(([word]) => !word.startsWith('-')) : more;
  const client = nextWords(words.slice(0, -1), typed).map((word) => [word, ''] as const);
  const fitting = new Map([...client, ...own].filter(([word]) => word.startsWith(typed)));
  app.streams.out.write(`${[...fitting].map(([word, what]) => `${word}\t${what}\n`).join('')}:${OR_FILES}\n`);
  return 0;
}

type Words = readonly (readonly [word: string, description: string])[];

interface Names {
  readonly references: Words;
  readonly providers: Words;
  /** Tools that can be imported from. */
  readonly tools: Words;
  readonly sessions: Words;
}

async function namesOf(app: App): Promise<Names> {
  const [configuration, tools] = await Promise.all([app.configuration().catch(() => undefined), app.importable()]);
  const running = readRecords(app.stateDir()).records.flatMap(({ sessions }) => sessions);
  return {
    ...configuredNames(configuration),
    tools: tools.map(({ id, title }) => [id, title]),
    sessions: running.map(({ id, label }) => [id, `session, started with ${label}`]),
  };
}

function configuredNames(configuration: Configuration | undefined): Pick<Names, 'references' | 'providers'> {
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
  const giving = (list: Words) => (give: Complete) => {
    for (const [name, description] of list) give(name, description);
  };
  for (const [name, description] of names.references) tab.command(name, description);
  for (const command of COMMANDS) {
    const described = tab.command(command.name, command.summary);
    const words = wordsOf(command, names);
    if (words.length > 0) described.argument('word', giving(words), command.name !== 'import');
    for (const [flags, description] of [...(command.options ?? []), ['--json', 'the result as JSON'] as const]) {
      const [, name = '', value] = /^--([a-z-]+)(?: <(.+)>)?/.exec(flags) ?? [];
      if (value === undefined) described.option(name, description);
      else described.option(name, description, giving(valuesOf(value, names)));
    }
  }
}

/** What may follow a command: the words of its examples, and the names that it takes. */
function wordsOf({ name, args = '', examples }: Command, names: Names): Words {
  if (name === 'completions') return SHELLS.map((shell) => [shell, ''] as const);
  if (name === 'import') return names.tools;
  if (name === 'sessions') {
    const actions = ['use', 'kill', 'events', 'all'].map((word) => [word, ''] as const);
    return [...names.sessions, ...actions, ...names.references];
  }
  const actions = /\[(action|words\.\.\.|provider)\]/.test(args)
    ? examples.flatMap((line) => (/^\S+ ([a-z]+)\b(?!\.)/.exec(line)?.[1] ?? []) as string | string[])
    : [];
  const named = /reference|names/.test(args) ? names.references : /provider|words/.test(args) ? names.providers : [];
  const known = new Set(named.map(([word]) => word));
  return [...[...new Set(actions)].filter((word) => !known.has(word)).map((word) => [word, ''] as const), ...named];
}

function valuesOf(value: string, names: Names): Words {
  if (value === 'slot') return SLOTS.map((slot) => [slot, ''] as const);
  if (value === 'id') return names.sessions;
  if (value === 'protocol') return ['anthropic-messages', 'openai-chat'].map((word) => [word, ''] as const);
  if (value === 'kind') return ['subscription', 'key', 'none'].map((word) => [word, ''] as const);
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
