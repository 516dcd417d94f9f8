import { CommanderError, Command as Parser } from 'commander';
import { MidswapError } from '../core/errors.ts';
import type { App } from './app.ts';
import { COMMANDS, type Command, LAUNCH_EXAMPLES, LAUNCH_OPTIONS, type Options } from './commands.ts';
import type { Output } from './output.ts';

const LAUNCH_HELP = `
Without a command midswap launches Claude Code:
  midswap [PROFILE] [claude arguments...]

${LAUNCH_OPTIONS.map(([flags, description]) => `  ${flags.padEnd(25)}${description}`).join('\n')}

Everything that midswap does not know goes to claude untouched; what follows -- always does.

Examples:
${LAUNCH_EXAMPLES.map((line) => `  $ midswap ${line}`).join('\n')}`;

/** Parses the arguments of a command and runs it; resolves to the exit code. Throws `usage`. */
export async function runProgram(
  app: App,
  argv: readonly string[],
  output: (json: boolean) => Output,
): Promise<number> {
  let exit = 0;
  const program = configure(new Parser('midswap'), app)
    .description('Change the model behind a running Claude Code session, without losing the session.')
    .usage('[PROFILE] [claude arguments...] | COMMAND')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('after', LAUNCH_HELP);
  for (const command of COMMANDS) {
    addCommand(program, command, app).action(async (...given: unknown[]) => {
      // The parser gives the arguments, then the options, then itself.
      const words = given
        .slice(0, -2)
        .flat()
        .filter((word) => word !== undefined) as string[];
      const options = given.at(-2) as Options;
      exit = await command.run(app, output(options.json === true), words, options);
    });
  }
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (thrown.exitCode === 0 || thrown.code === 'commander.help') return 0;
    throw new MidswapError('usage', thrown.message.replace(/^error: /, ''), { hint: helpHint(argv) });
  }
  return exit;
}

function addCommand(program: Parser, command: Command, app: App): Parser {
  const parser = configure(program.command(`${command.name}${command.args ? ` ${command.args}` : ''}`), app)
    .description(command.summary)
    .allowExcessArguments(false)
    .option('--json', 'the result as JSON')
    .addHelpText('after', `\nExamples:\n${command.examples.map((line) => `  $ midswap ${line}`).join('\n')}`);
  for (const [flags, description] of command.options ?? []) parser.option(flags, description);
  return parser;
}

function configure(parser: Parser, app: App): Parser {
  return parser
    .exitOverride()
    .configureOutput({ writeOut: (text) => app.streams.out.write(text), writeErr: () => {} })
    .helpOption('-h, --help', 'show this help');
}

function helpHint(argv: readonly string[]): string {
  const command = COMMANDS.find(({ name }) => name === argv[0]);
  return `See: midswap ${command ? `${command.name} ` : ''}--help`;
}
