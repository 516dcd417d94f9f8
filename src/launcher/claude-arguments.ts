import { MidswapError } from '../core/errors.ts';

/**
 * The client's own commands: everything `claude --help` lists under Commands in 2.1.329, those that answer to
 * `claude WORD --help` without being listed (`daemon`, `project`, `remote-control`, `sandbox`), and those of earlier
 * versions (`config`, `migrate-installer`). None of them holds a conversation through the gateway.
 */
const COMMANDS = new Set(
  'agents attach auth auto-mode config daemon doctor gateway import install kill logs mcp migrate-installer plugin plugins project purge rc remote-control respawn rm sandbox setup-token stop ultrareview update upgrade'.split(
    ' ',
  ),
);

/** Answered by the client itself, or carried out elsewhere. */
const PLAIN_FLAGS = new Set(['--help', '-h', '--version', '-v', '--cloud', '--desktop']);

/** How many of the following words belong to an option of the client (`claude --help`, 2.1.329). */
const ONE_VALUE = new Set(
  '--agent --agents --append-system-prompt --append-system-prompt-file --autocompact --debug-file --effort --environment --fallback-model --input-format --json-schema --max-budget-usd --max-turns --model -n --name --output-format --permission-mode --permission-prompt-tool --permission-prompts --plugin-dir --plugin-url --remote-control-session-name-prefix --session-id --setting-sources --settings --system-prompt --system-prompt-file --system-prompt-snapshot --tools'.split(
    ' ',
  ),
);
const MANY_VALUES = new Set(
  '--add-dir --allowedTools --allowed-tools --betas --disallowedTools --disallowed-tools --file --mcp-config'.split(
    ' ',
  ),
);
const MAYBE_VALUE = new Set(
  '-d --debug --cloud --from-pr --prompt-suggestions --remote-control -r --resume --teleport -w --worktree'.split(' '),
);
const BACKGROUND = new Set(['--bg', '--background']);
const PRINT = new Set(['-p', '--print']);
/** Long options without a value that are not in the sets above. */
const SWITCHES =
  '--allow-dangerously-skip-permissions --ax-screen-reader --bare --brief --chrome --continue --dangerously-skip-permissions --disable-slash-commands --exclude-dynamic-system-prompt-sections --fork-session --forward-subagent-text --ide --include-hook-events --include-partial-messages --no-chrome --no-session-persistence --replay-user-messages --restricted --safe-mode --strict-mcp-config --tmux --verbose'.split(
    ' ',
  );
/** Options whose values are known words. */
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  '--effort': ['low', 'medium', 'high', 'xhigh', 'max'],
  '--input-format': ['text', 'stream-json'],
  '--model': ['opus', 'sonnet', 'haiku', 'fable'],
  '--output-format': ['text', 'json', 'stream-json'],
  '--permission-mode': ['acceptEdits', 'auto', 'bypassPermissions', 'manual', 'dontAsk', 'plan'],
};

const LONG_OPTIONS = [PLAIN_FLAGS, ONE_VALUE, MANY_VALUES, MAYBE_VALUE, BACKGROUND, PRINT, SWITCHES]
  .flatMap((names) => [...names])
  .filter((name) => name.startsWith('--'))
  .toSorted();

/** One word of the client's arguments, as the client would take it. */
interface Word {
  readonly kind: 'option' | 'value' | 'operand';
  readonly text: string;
}

/** Whether the arguments are for the client alone, so that no gateway is needed. In doubt they are not. */
export function isPlainCommand(args: readonly string[]): boolean {
  const words = readWords(args);
  if (words.some(({ kind, text }) => kind === 'option' && PLAIN_FLAGS.has(nameOf(text)))) return true;
  const first = words.find(({ kind }) => kind === 'operand');
  return first !== undefined && COMMANDS.has(first.text);
}

/**
 * What may stand at the end of the client's arguments, where `before` are those that are typed already: its commands as
 * the first word, its options where one is begun. Empty where it is the user's to say: a prompt, a file.
 */
export function nextWords(before: readonly string[], typed: string): readonly string[] {
  const last = before.at(-1) ?? '';
  if (CHOICES[last]) return CHOICES[last];
  const words = readWords(before);
  if (ONE_VALUE.has(last) || before.includes('--')) return [];
  const operand = words.find(({ kind }) => kind === 'operand');
  if (operand && COMMANDS.has(operand.text)) return [];
  if (typed.startsWith('-')) return LONG_OPTIONS;
  return before.length === 0 ? [...COMMANDS] : [];
}

/** Whether the client answers one prompt and ends. */
export function isPrint(args: readonly string[]): boolean {
  return readWords(args).some(({ kind, text }) => kind === 'option' && PRINT.has(text));
}

/** Throws `usage` for a session that goes on in the background, where a gateway in this process would be missed. */
export function refuseBackground(args: readonly string[]): void {
  const flag = readWords(args).find(({ kind, text }) => kind === 'option' && BACKGROUND.has(text));
  if (!flag) return;
  throw new MidswapError('usage', `a session with ${flag.text} outlives the gateway that is started for it`, {
    hint: 'Leave it out, or run midswap serve and start claude with the environment that midswap proxy prints.',
  });
}

/** Takes every `--settings` out of the arguments; the last one counts, as for the client. Throws `usage`. */
export function takeSettings(args: readonly string[]): { readonly given: string | undefined; readonly args: string[] } {
  const rest: string[] = [];
  let given: string | undefined;
  let expected = false;
  for (const { kind, text } of readWords(args)) {
    if (expected && kind === 'value') given = text;
    else if (kind === 'option' && text.startsWith('--settings=')) given = text.slice('--settings='.length);
    else if (!(kind === 'option' && text === '--settings')) rest.push(text);
    expected = kind === 'option' && text === '--settings';
  }
  if (expected) {
    throw new MidswapError('usage', '--settings needs a file or JSON after it', {
      hint: 'Give it the path of a file, or JSON in quotes.',
    });
  }
  return { given, args: rest };
}

/** Every word of the arguments, in order and none left out. */
function readWords(args: readonly string[]): Word[] {
  const words: Word[] = [];
  let at = 0;
  const take = (kind: Word['kind']) => {
    words.push({ kind, text: args[at] as string });
    at += 1;
  };
  const nextIsValue = () => at < args.length && !(args[at] as string).startsWith('-');
  while (at < args.length) {
    const text = args[at] as string;
    if (text === '--') {
      take('option');
      while (at < args.length) take('value');
    } else if (!text.startsWith('-') || text === '-') take('operand');
    else {
      take('option');
      if (ONE_VALUE.has(text) && at < args.length) take('value');
      else if (MAYBE_VALUE.has(text) && nextIsValue()) take('value');
      else if (MANY_VALUES.has(text)) while (nextIsValue()) take('value');
    }
  }
  return words;
}

function nameOf(option: string): string {
  return option.split('=', 1)[0] as string;
}
