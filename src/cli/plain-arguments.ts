import type { Command, Options } from './commands.ts';

/** Arguments of a command as the parser gives them. */
export interface ReadArguments {
  readonly words: readonly string[];
  readonly options: Options;
}

/**
 * Reads the arguments of a command without the parser, which takes longer to load than most commands to run. `undefined`
 * for all that it has to judge: help, flags that the command does not know, values and words that are missing or too many.
 */
export function readPlainArguments(command: Command, args: readonly string[]): ReadArguments | undefined {
  const flags = flagsOf(command);
  const words: string[] = [];
  const options: Record<string, string | boolean> = Object.fromEntries(flags.negated.map((name) => [name, true]));
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] as string;
    if (arg === '') return undefined;
    if (!arg.startsWith('-')) {
      words.push(arg);
      continue;
    }
    const [written, inline] = splitOnce(arg);
    const flag = flags.byName.get(written);
    if (!flag) return undefined;
    if (!flag.takesValue) {
      if (inline !== undefined) return undefined;
      options[flag.option] = !flag.isNegated;
      continue;
    }
    const value = inline ?? args[++at];
    if (value === undefined || value === '' || value.startsWith('-')) return undefined;
    options[flag.option] = value;
  }
  return fits(command.args ?? '', words.length) ? { words, options } : undefined;
}

interface Flag {
  /** Its name among the options: `dryRun`. */
  readonly option: string;
  readonly takesValue: boolean;
  readonly isNegated: boolean;
}

function flagsOf({ options = [] }: Command) {
  const byName = new Map<string, Flag>([['--json', { option: 'json', takesValue: false, isNegated: false }]]);
  const negated: string[] = [];
  for (const [notation] of options) {
    const [written, value] = notation.split(' ') as [string, string?];
    const isNegated = written.startsWith('--no-');
    const option = camelCase(written.slice(isNegated ? 5 : 2));
    if (isNegated) negated.push(option);
    byName.set(written, { option, takesValue: value !== undefined, isNegated });
  }
  return { byName, negated };
}

/** Whether so many words go with arguments in the parser's notation: `<event>`, `[action] [names...]`. */
function fits(notation: string, count: number): boolean {
  const declared = notation.split(' ').filter((one) => one !== '');
  const needed = declared.filter((one) => one.startsWith('<')).length;
  const isOpen = notation.endsWith('...]') || notation.endsWith('...>');
  return count >= needed && (isOpen || count <= declared.length);
}

function splitOnce(arg: string): readonly [name: string, value: string | undefined] {
  const at = arg.indexOf('=');
  return at === -1 ? [arg, undefined] : [arg.slice(0, at), arg.slice(at + 1)];
}

function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
