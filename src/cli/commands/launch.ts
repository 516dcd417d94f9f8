import { MidswapError } from '../../core/errors.ts';
import { nearest } from '../../core/nearest.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import type { App, Configuration } from '../app.ts';
import { COMMANDS } from '../commands.ts';

/** What midswap takes from the arguments of a launch; the rest is the client's. */
export interface LaunchArguments {
  /** `--dynamic` or `--no-dynamic`. */
  readonly dynamic: boolean | undefined;
  readonly port: number | undefined;
  /** Ask which profile. */
  readonly pick: boolean;
  /** Everything else, in order. */
  readonly rest: readonly string[];
}

/** `midswap [PROFILE] [claude arguments...]` */
export async function launch(app: App, argv: readonly string[]): Promise<number> {
  const { dynamic, port, pick, rest } = takeOwnFlags(argv);
  if ((await app.isPlainCommand(rest)) && !(await isOwnWord(app, rest[0]))) return app.runPlainClient(rest);
  const configuration = await app.configuration();
  const taken = pick ? { reference: undefined, args: rest } : takeReference(rest, configuration);
  const { args } = taken;
  if (await app.isPlainCommand(args)) return app.runPlainClient(args);
  const reference = pick ? await (await import('./pick.ts')).pickReference(app, configuration) : taken.reference;
  return app.launch({
    reference,
    args,
    configuration,
    ...(dynamic !== undefined && { dynamic }),
    ...(port !== undefined && { port }),
  });
}

/**
 * A profile may have the name of one of the client's commands, and then it is the profile that is meant: the command
 * is still there as `midswap claude COMMAND`. A broken configuration must not keep the client's commands from running.
 */
async function isOwnWord(app: App, word: string | undefined): Promise<boolean> {
  if (word === undefined || word.startsWith('-')) return false;
  try {
    return isOwnName((await app.configuration()).snapshot, word);
  } catch {
    return false;
  }
}

/** `midswap claude ARGS...`: nothing is taken from the arguments. */
export async function dropIn(app: App, args: readonly string[]): Promise<number> {
  if (await app.isPlainCommand(args)) return app.runPlainClient(args);
  return app.launch({ reference: undefined, args, configuration: await app.configuration() });
}

/** Takes midswap's own flags, wherever they stand before `--`. Throws `usage`. */
export function takeOwnFlags(argv: readonly string[]): LaunchArguments {
  const rest: string[] = [];
  let dynamic: boolean | undefined;
  let port: number | undefined;
  let pick = false;
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] as string;
    if (word === '--') {
      rest.push(...argv.slice(at));
      break;
    }
    if (word === '--dynamic') dynamic = true;
    else if (word === '--no-dynamic') dynamic = false;
    else if (word === '--pick') pick = true;
    else if (word === '--port') port = readPort(argv[++at]);
    else if (word.startsWith('--port=')) port = readPort(word.slice('--port='.length));
    else rest.push(word);
  }
  return { dynamic, port, pick, rest };
}

export function readPort(text: string | undefined): number {
  if (text !== undefined && /^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new MidswapError('usage', `--port takes a number from 0 to 65535, not "${text ?? ''}"`);
}

/**
 * The reference that a launch begins with, if it does: a word or `--word` that the configuration resolves. A single
 * word that resolves to nothing but is near a name is a slip and refused; every other first word is the client's, so
 * that `midswap "fix the tests"` and `midswap hello` are prompts. `--` says so in any case.
 */
export function takeReference(
  args: readonly string[],
  configuration: Configuration,
): { readonly reference: string | undefined; readonly args: readonly string[] } {
  const [first, ...rest] = args;
  if (first === undefined) return { reference: undefined, args };
  if (first.startsWith('-')) {
    // Only a name: a model id that some profile names must not take a flag from the client.
    const name = first.slice(2);
    const isName = first.startsWith('--') && isOwnName(configuration.snapshot, name);
    return isName ? { reference: name, args: rest } : { reference: undefined, args };
  }
  if (/\s/.test(first) || first === '') return { reference: undefined, args };
  const reference = configuration.resolve(first);
  if (reference !== undefined) return { reference, args: rest };
  const near = nearestName(configuration.snapshot, first);
  if (near === undefined) return { reference: undefined, args };
  throw new MidswapError('unknown_reference', `there is no profile or command "${first}"`, {
    hint: `Did you mean ${near}? A prompt of one word goes after --`,
  });
}

function isOwnName(snapshot: Snapshot, name: string): boolean {
  const key = name.toLowerCase();
  return snapshot.profiles.has(key) || snapshot.aliases.has(key);
}

/** `deepsek` is near a profile, `sesions` near a command, `depseek:chat` near a profile of a longer reference. */
function nearestName(snapshot: Snapshot, word: string): string | undefined {
  const names = [...snapshot.profiles.keys(), ...snapshot.aliases.keys()];
  const [left = '', right] = word.split(/:(.*)/s, 2);
  if (right === undefined) return nearest(word, [...names, ...COMMANDS.map(({ name }) => name)]);
  const near = nearest(left, names);
  return near === undefined ? undefined : `${near}:${right}`;
}
