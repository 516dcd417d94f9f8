import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { COMMANDS, type Command, LAUNCH_EXAMPLES, LAUNCH_OPTIONS } from '../src/cli/commands.ts';

export const COMMANDS_PAGE = fileURLToPath(new URL('../docs/commands.md', import.meta.url));

const HEAD = `# Commands

Every command has \`--help\` with these examples, and \`--json\`. Results go to stdout, everything else to stderr, so that a pipe gets the result alone. This page is made from the table of commands by \`node scripts/command-page.ts\`.

`;

const LAUNCH = `## midswap [PROFILE] [claude arguments...]

Starts Claude Code on a profile, an alias or \`provider:model\`. Everything that midswap does not know goes to \`claude\` untouched; what follows \`--\` always does. \`midswap claude ARGS...\`, and \`mclaude ARGS...\`, take nothing from the arguments.

`;

const EXITS = `## Exit codes

| Code | Meaning |
| --- | --- |
| 0 | done |
| 1 | done in part, or \`doctor\` found a fault |
| 64 | the command line is wrong |
| 65, 66 | what was given is wrong, or is not there |
| 69 | an upstream or a gateway does not answer; \`claude\` is missing |
| 70 | a fault of midswap itself |
| 71, 73 | a port is taken; a file cannot be written |
| 75, 77 | try again later; not allowed |
| 78 | the configuration is wrong, or a key is missing |
| 130 | broken off |

A launch ends with the exit code of Claude Code.
`;

/** The whole page, from the table of commands. */
export function commandsPage(): string {
  const launch = `${LAUNCH}${optionTable(LAUNCH_OPTIONS)}${examples(LAUNCH_EXAMPLES)}`;
  return `${HEAD}${launch}${COMMANDS.map(section).join('')}${EXITS}`;
}

function section({ name, args, summary, options, examples: lines }: Command): string {
  const title = args === undefined ? name : `${name} ${args}`;
  return `## midswap ${title}\n\n${sentence(summary)}\n\n${optionTable(options ?? [])}${examples(lines)}`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function optionTable(options: readonly (readonly [flags: string, description: string])[]): string {
  if (options.length === 0) return '';
  const rows = options.map(([flags, description]) => `| \`${flags}\` | ${description.replaceAll('|', '\\|')} |`);
  return `| Flag | Meaning |\n| --- | --- |\n${rows.join('\n')}\n\n`;
}

function examples(lines: readonly string[]): string {
  return `\`\`\`\n${lines.map((line) => `midswap ${line}`).join('\n')}\n\`\`\`\n\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(COMMANDS_PAGE, commandsPage());
