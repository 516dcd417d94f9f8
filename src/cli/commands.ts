import { SLOTS } from '../core/slot.ts';
import type { App } from './app.ts';
import type { Output } from './output.ts';

/** Options as the parser gives them: by camel-case name. */
export type Options = Readonly<Record<string, string | boolean | undefined>>;

/** One command, as data: help, parser and completions are made of it. `run` loads what it needs. */
export interface Command {
  readonly name: string;
  /** Arguments in the parser's notation: `[reference]`, `[words...]`. */
  readonly args?: string;
  readonly summary: string;
  /** Flags in the parser's notation, with what they do. Every command has `--json` and `--help` beside them. */
  readonly options?: readonly (readonly [flags: string, description: string])[];
  readonly examples: readonly string[];
  run(app: App, out: Output, words: readonly string[], options: Options): Promise<number>;
}

/** Flags of `midswap [PROFILE] [claude arguments...]`. */
export const LAUNCH_OPTIONS: readonly (readonly [flags: string, description: string])[] = [
  ['--dynamic, --no-dynamic', 'whether the session can be switched while it runs'],
  ['--pick', 'choose the profile, alias or model from a list'],
  ['--port NUMBER', 'port of the gateway; a free one without it'],
];

export const LAUNCH_EXAMPLES: readonly string[] = [
  'deepseek --continue',
  'deepseek:deepseek-reasoner',
  '--deepseek -p "explain this repository"',
  '-- hello',
];

export const COMMANDS: readonly Command[] = [
  {
    name: 'setup',
    summary: 'the first run: find claude, choose a provider, try its key, write the profile',
    examples: ['setup'],
    run: async (app, out) => (await import('./commands/setup.ts')).setup(app, out),
  },
  {
    name: 'use',
    args: '[reference]',
    summary: 'switch a running session to a profile, an alias or provider:model; alone, show the choices',
    options: [
      ['--session <id>', 'the session: its id, the start of it, or the pid of its client'],
      ['--all', 'every session that can be switched'],
      ['--slot <slot>', 'one slot only: opus, sonnet, haiku, fable, subagent, classifier'],
      ['--at-compaction', 'when the client compacts the conversation, which has no prompt cache then anyway'],
      ['--for <time>', 'back by itself after 30m, 2h, 1h30m'],
      ['--undo', 'back to what was selected before; takes back a switch that waits'],
      ['--dry-run', 'tell what the switch would mean and change nothing'],
    ],
    examples: [
      'use',
      'use deepseek',
      'use deepseek:deepseek-reasoner --slot opus',
      'use deepseek --for 30m',
      'use max --at-compaction',
      'use --undo',
      'use max --dry-run',
    ],
    run: async (app, out, [reference], options) =>
      (await import('./commands/use.ts')).use(app, out, reference, {
        session: text(options.session),
        all: options.all === true,
        slot: text(options.slot),
        undo: options.undo === true,
        dryRun: options.dryRun === true,
        atCompaction: options.atCompaction === true,
        for: text(options.for),
      }),
  },
  {
    name: 'pick',
    summary: 'choose among profiles, aliases and models by typing a part of the name; prints the reference',
    options: [['--use', 'switch the running session to it']],
    examples: ['pick', 'pick --use'],
    run: async (app, out, _, options) => (await import('./commands/pick.ts')).pick(app, out, options.use === true),
  },
  {
    name: 'sessions',
    args: '[words...]',
    summary: 'list, show, switch, follow and stop sessions',
    options: [
      ['--yes', 'kill without asking'],
      ['--slot <slot>', 'with use: one slot only'],
      ['--at-compaction', 'with use: when the client compacts the conversation'],
      ['--for <time>', 'with use: back by itself after that time'],
      ['--undo', 'with use: back to what was selected before'],
      ['--dry-run', 'with use: tell and change nothing'],
    ],
    examples: [
      'sessions',
      'sessions k3f9',
      'sessions k3 use deepseek',
      'sessions k3 events',
      'sessions k3 kill',
      'sessions all kill --yes',
    ],
    run: async (app, out, words, options) =>
      (await import('./commands/sessions.ts')).sessions(app, out, words, {
        yes: options.yes === true,
        slot: text(options.slot),
        undo: options.undo === true,
        dryRun: options.dryRun === true,
        atCompaction: options.atCompaction === true,
        for: text(options.for),
      }),
  },
  {
    name: 'cache',
    args: '[action]',
    summary: 'what the running gateways keep of answers; clear forgets it',
    options: [['--session <id>', 'of the gateway of this session only']],
    examples: ['cache', 'cache clear', 'cache clear --session k3f9'],
    run: async (app, out, [action], options) =>
      (await import('./commands/cache.ts')).cache(app, out, action, text(options.session)),
  },
  {
    name: 'serve',
    summary: 'run the gateway on its own, in the foreground',
    options: [
      ['--host <address>', 'where to listen: 127.0.0.1'],
      ['--port <number>', 'port; a free one without it'],
      ['--config <file>', 'another configuration file'],
    ],
    examples: ['serve', 'serve --port 8484'],
    run: async (app, out, _, options) =>
      (await import('./commands/serve.ts')).serve(app, out, {
        host: text(options.host),
        port: text(options.port),
        config: text(options.config),
      }),
  },
  {
    name: 'profile',
    args: '[action] [names...]',
    summary: 'list, show, add, remove, test, export and import profiles',
    options: [
      ['--provider <name>', 'with add: provider; the one of that name without it'],
      ['--model <name>', 'with add: model for every slot that has none of its own'],
      ...SLOTS.map((slot) => [`--${slot} <model>`, `with add: model of the ${slot} slot`] as const),
      ['--base-url <url>', 'with add: a provider of your own at this address'],
      ['--protocol <protocol>', 'with --base-url: anthropic-messages or openai-chat'],
      ['--auth <kind>', 'with add: subscription, key or none'],
      ['--fallback <names>', 'with add: where to move on to, separated by commas'],
      ['--description <text>', 'with add: for people'],
      ['--default', 'with add: make it the profile of sessions that name none'],
      ['--force', 'with add and import: write over what is there already'],
      ['--dry-run', 'with add, remove and import: show the change and make none'],
      ['--yes', 'with import: without asking'],
    ],
    examples: [
      'profile list',
      'profile show deepseek',
      'profile add work --provider openrouter --model z-ai/glm-5 --default',
      'profile add corp --base-url https://llm.corp/v1 --protocol openai-chat --model qwen3',
      'profile test deepseek',
      'profile remove work',
      'profile export work > work.yaml',
      'profile import work.yaml',
    ],
    run: async (app, out, words, options) => (await import('./commands/profile.ts')).profile(app, out, words, options),
  },
  {
    name: 'alias',
    args: '[action] [name] [reference]',
    summary: 'short names for a provider and a model',
    options: [['--force', 'with add: write over what is there already']],
    examples: ['alias list', 'alias add mm minimax:MiniMax-M2.5', 'alias remove mm'],
    run: async (app, out, words, options) =>
      (await import('./commands/profile-change.ts')).alias(app, out, words, options),
  },
  {
    name: 'import',
    args: '[tool] [path]',
    summary: "read another tool's configuration, show what it comes to, and take it over",
    options: [
      ['--dry-run', 'show the change and make none'],
      ['--yes', 'without asking; keys in plain text are kept as secrets'],
      ['--no-keys', 'leave keys that stand in plain text where they are'],
      ['--rename <prefix>', 'put this before every name that is imported'],
      ['--force', 'write over what is there already'],
    ],
    examples: [
      'import',
      'import ccr --dry-run',
      'import litellm ./litellm_config.yaml',
      'import free-claude-code ~/free-claude-code/.env --rename fcc',
      'import cc-switch --yes --json',
    ],
    run: async (app, out, [tool, path], options) =>
      (await import('./commands/import.ts')).importFrom(app, out, tool, path, options),
  },
  {
    name: 'keys',
    args: '[words...]',
    summary: 'keep, list and forget the keys of providers; a key is pasted or piped, never an argument',
    examples: ['keys set deepseek', 'keys set corp < key.txt', 'keys list', 'keys remove deepseek'],
    run: async (app, out, words) => (await import('./commands/keys.ts')).keys(app, out, words),
  },
  {
    name: 'providers',
    summary: 'the providers that are known, with the keys they want',
    examples: ['providers', 'providers --json'],
    run: async (app, out) => (await import('./commands/providers.ts')).providers(app, out),
  },
  {
    name: 'models',
    args: '[provider] [source]',
    summary: 'models with window, prices and what they take; from the providers themselves with --live',
    options: [
      ['--live', "the providers' own lists, kept for a day"],
      ['--refresh', 'ask the providers now'],
    ],
    examples: [
      'models',
      'models deepseek',
      'models openrouter --live',
      'models update',
      'models update model_prices.json',
    ],
    run: async (app, out, words, options) =>
      (await import('./commands/models.ts')).models(app, out, words, {
        live: options.live === true,
        refresh: options.refresh === true,
      }),
  },
  {
    name: 'explain',
    args: '[reference]',
    summary: 'the plan for a request: which rule, which target, which deviations',
    options: [
      ['--model <name>', 'the model that the client asks for'],
      ['--file <request.json>', 'a request; - reads it from standard input'],
    ],
    examples: ['explain --model claude-opus-5', 'explain deepseek --file request.json'],
    run: async (app, out, [reference], options) =>
      (await import('./commands/explain.ts')).explain(app, out, {
        reference,
        model: text(options.model),
        file: text(options.file),
      }),
  },
  {
    name: 'config',
    args: '[action]',
    summary: 'where the configuration is, whether it is right, and where each value comes from',
    options: [['--origin', 'with show: where each value comes from']],
    examples: ['config path', 'config check', 'config show --origin', 'config edit', 'config schema'],
    run: async (app, out, [action], options) =>
      (await import('./commands/config.ts')).config(app, out, action, options.origin === true),
  },
  {
    name: 'plugin',
    args: '[action]',
    summary: 'the plugin by which a client switches from inside',
    examples: ['plugin path', 'plugin install'],
    run: async (app, out, [action]) => (await import('./commands/plugin.ts')).plugin(app, out, action),
  },
  {
    name: 'hook',
    args: '<event>',
    summary: "the client's hooks, which call this: prompt",
    examples: ['hook prompt < input.json'],
    run: async (app, _, [event]) => (await import('./commands/hook.ts')).hook(app, event),
  },
  {
    name: 'statusline',
    summary: "the client's status line, which calls this",
    examples: ['statusline', 'statusline --json'],
    run: async (app, out) => (await import('./commands/statusline.ts')).statusline(app, out),
  },
  {
    name: 'doctor',
    summary: 'look for what would keep a session from working',
    options: [
      ['--fix', 'put right what can be, without asking'],
      ['--drill', 'play the faults of providers at your own set-up; no real provider is called'],
    ],
    examples: ['doctor', 'doctor --fix', 'doctor --drill', 'doctor --json'],
    run: async (app, out, _, options) =>
      options.drill === true
        ? (await import('./commands/drill.ts')).drill(app, out)
        : (await import('./commands/doctor.ts')).doctor(app, out, options.fix === true),
  },
  {
    name: 'demo',
    summary: 'a conversation that is switched in the middle, without key or network',
    examples: ['demo', 'demo --json'],
    run: (app, out) => app.demo(out),
  },
  {
    name: 'completions',
    args: '[shell]',
    summary: 'the script that completes midswap and mclaude: commands, flags, profiles and those of claude',
    examples: ['completions bash >> ~/.bashrc', 'completions zsh > ~/.zfunc/_midswap', 'completions fish | source'],
    run: async (app, out, [shell]) => (await import('./commands/completions.ts')).completions(app, out, shell),
  },
  {
    name: 'claude',
    args: '[args...]',
    summary: 'Claude Code behind the gateway, every argument untouched',
    examples: ['claude -p "hello"', 'claude config list', 'claude mcp list'],
    // Taken before the parser, which would look at the arguments.
    run: async (app, _, words) => (await import('./commands/launch.ts')).dropIn(app, words),
  },
  {
    name: 'version',
    summary: 'the version',
    examples: ['version'],
    run: async (app, out) => {
      if (out.json) out.data({ version: app.version });
      else out.line(app.version);
      return 0;
    },
  },
];

export function findCommand(name: string): Command | undefined {
  return COMMANDS.find((command) => command.name === name);
}

function text(value: string | boolean | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
