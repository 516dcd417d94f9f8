import type { App } from './app.ts';
import { createOutput, errorLine, type Output } from './output.ts';
import { readPlainArguments } from './plain-arguments.ts';

/** What asks for the command parser beside the names of the commands. */
const HELP = ['help', '--help', '-h'];

/**
 * The command line. Resolves to the exit code; what is thrown has become one line on stderr by then. What the client
 * starts all the time (hooks, status line, shims) goes by the shortest way: no parser, no configuration.
 */
export async function run(app: App, argv: readonly string[]): Promise<number> {
  try {
    return await dispatch(app, argv);
  } catch (thrown) {
    const { asMidswapError } = await import('../core/errors.ts');
    app.streams.err.write(`${errorLine(thrown)}\n`);
    return asMidswapError(thrown).exit;
  }
}

async function dispatch(app: App, argv: readonly string[]): Promise<number> {
  const [first, ...rest] = argv;
  const output = (json: boolean): Output =>
    createOutput(app.streams, {
      json,
      noColor: app.machine.env.NO_COLOR,
      forceColor: app.machine.env.FORCE_COLOR,
    });
  if (first === 'hook' && rest[0] === 'prompt' && rest.length === 1) {
    return (await import('./commands/hook.ts')).hookPrompt(app);
  }
  if (first === 'statusline' && rest.length === 0) {
    return (await import('./commands/statusline.ts')).statusline(app, output(false));
  }
  if (first === 'claude') return (await import('./commands/launch.ts')).dropIn(app, rest);
  if (first === 'complete' && rest[0] === '--') {
    return (await import('./commands/completions.ts')).complete(app, rest.slice(1));
  }
  const { findCommand } = await import('./commands.ts');
  const command = findCommand(first ?? '');
  const plain = command && readPlainArguments(command, rest);
  if (plain) return command.run(app, output(plain.options.json === true), plain.words, plain.options);
  if (command || HELP.includes(first ?? '')) return (await import('./program.ts')).runProgram(app, argv, output);
  return (await import('./commands/launch.ts')).launch(app, argv);
}
