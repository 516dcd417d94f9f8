import { join, resolve } from 'node:path';
import { PROJECT_ROOT } from '../../scripts/layers.ts';
import { type ClientHome, clientBinary, clientHome, type HomeOptions } from './real-client.ts';
import { type CommandOptions, type CommandResult, runCommand } from './run-command.ts';
import type { ScriptedUpstream } from './scripted-upstream.ts';
import { writeFiles } from './temp-home.ts';
import { Terminal } from './terminal.ts';

/** The program under test: the sources on `bun` or `node`, or a built file such as `dist/midswap`. */
const PROGRAM = process.env.MIDSWAP_TEST_PROGRAM ?? 'bun';

/** The command line that starts midswap. */
export const MIDSWAP: readonly string[] = commandOf(PROGRAM);

function commandOf(program: string): readonly string[] {
  const runtime = (name: string): string => join(PROJECT_ROOT, 'node_modules', '.bin', name);
  if (program === 'bun' || program === 'node') return [runtime(program), join(PROJECT_ROOT, 'src', 'main.ts')];
  const path = resolve(PROJECT_ROOT, program);
  return path.endsWith('.js') ? [runtime('node'), path] : [path];
}

export interface Installation extends ClientHome {
  readonly midswapHome: string;
  /** Runs a command to its end, as in a terminal of its own. */
  midswap(args: readonly string[], options?: Partial<CommandOptions>): Promise<CommandResult>;
  /** Starts a command in a terminal. */
  open(args: readonly string[], options?: { readonly env?: Readonly<Record<string, string>> }): Promise<Terminal>;
}

export interface InstallationOptions extends HomeOptions {
  /** Profile name to upstream. Each becomes a provider of the same name and a profile. */
  readonly upstreams: Readonly<Record<string, ScriptedUpstream>>;
  /** An upstream that is declared to be Anthropic itself, with a key: provider and profile `genuine`. */
  readonly genuine?: ScriptedUpstream;
  /** Further lines of the configuration, top level. */
  readonly config?: string;
  /** Further entries, indented by two. */
  readonly extraProviders?: string;
  readonly extraProfiles?: string;
  /** Further fields of each provider, indented by four. */
  readonly provider?: string;
  readonly protocol?: 'anthropic-messages' | 'openai-chat';
}

/** The key that the configuration gives to an upstream. */
export function keyOf(name: string): string {
  return `key-of-${name}-0123456789`;
}

/** A user's machine: a home, a project, the real client and a configuration whose providers are the upstreams. */
export async function install(options: InstallationOptions): Promise<Installation> {
  const names = Object.keys(options.upstreams);
  const keys = Object.fromEntries([...names, 'genuine'].map((name) => [`${name.toUpperCase()}_KEY`, keyOf(name)]));
  const machine = clientHome(options);
  const midswapHome = join(machine.home, 'midswap');
  writeFiles(midswapHome, { 'config.yaml': configOf(options) });
  const env = { ...machine.env, ...keys, MIDSWAP_HOME: midswapHome, MIDSWAP_CLAUDE: await clientBinary() };
  return {
    ...machine,
    env,
    midswapHome,
    midswap: (args, more = {}) =>
      runCommand([...MIDSWAP, ...args], { cwd: machine.cwd, ...more, env: { ...env, ...more.env } }),
    open: (args, more = {}) => Terminal.open([...MIDSWAP, ...args], { cwd: machine.cwd, env: { ...env, ...more.env } }),
  };
}

function configOf(options: InstallationOptions): string {
  const names = Object.keys(options.upstreams);
  const lines = ['providers:'];
  for (const name of names) {
    const protocol = options.protocol ?? 'anthropic-messages';
    lines.push(`  ${name}:`, `    protocol: ${protocol}`, `    base_url: ${options.upstreams[name]?.url}`);
    lines.push(`    auth: { type: bearer, keys: ["env:${name.toUpperCase()}_KEY"] }`);
    if (options.provider) lines.push(options.provider);
  }
  if (options.genuine) {
    lines.push('  genuine:', '    protocol: anthropic-messages', `    base_url: ${options.genuine.url}`);
    lines.push('    auth: { type: x-api-key, keys: ["env:GENUINE_KEY"] }', '    quirks: { anthropic_genuine: true }');
  }
  if (options.extraProviders) lines.push(options.extraProviders);
  lines.push('profiles:');
  for (const name of names) lines.push(`  ${name}: { provider: ${name}, models: { default: ${name}-model } }`);
  if (options.genuine) lines.push('  genuine: { provider: genuine }');
  if (options.extraProfiles) lines.push(options.extraProfiles);
  lines.push(`default_profile: ${names[0]}`);
  if (options.config) lines.push(options.config);
  return `${lines.join('\n')}\n`;
}
