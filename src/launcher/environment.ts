import { PLACEHOLDER_TOKEN } from '../core/session.ts';
import { FAMILY_SLOTS } from '../core/slot.ts';
import { windowVariables } from './context-window.ts';
import { pathWith, variableName } from './path-variable.ts';
import type { LaunchSession, Variables } from './request.ts';

export interface EnvironmentInput {
  /** Environment of the launcher. */
  readonly parent: Variables;
  /** Variables of the user's own settings files of the client, which beat the environment. */
  readonly inSettings: Variables;
  readonly session: LaunchSession;
  readonly sensitiveVariables: readonly string[];
  readonly shimsDir: string;
  readonly runtimeRoot: string;
  readonly platform: string;
}

export interface ClientEnvironment {
  /** The child's whole environment. */
  readonly env: Record<string, string>;
  /** Without these the session does not work: they beat whatever else is set. */
  readonly essential: Readonly<Record<string, string>>;
  /** These give way to what the user says on the command line. */
  readonly preferred: Readonly<Record<string, string>>;
  /** Variables of the user that point the client elsewhere and are not passed on, for a line to the user. */
  readonly withheld: readonly string[];
}

const LOOPBACK = ['127.0.0.1', 'localhost', '::1'];

/** Each makes the client talk to somebody else, or with another credential than the session's. */
const STEERING =
  /^(ANTHROPIC_(API_KEY|AUTH_TOKEN|BASE_URL)|CLAUDE_CODE_USE_(BEDROCK|VERTEX|FOUNDRY|MANTLE|GATEWAY|ANTHROPIC_[A-Z_]+)|ANTHROPIC_(AWS|FOUNDRY|BEDROCK|VERTEX)_[A-Z_]*(KEY|TOKEN)|CLAUDE_CODE_GATEWAY_TOKEN)$/;
const LOGIN = /^CLAUDE_CODE_OAUTH_(TOKEN|REFRESH_TOKEN|TOKEN_FILE_DESCRIPTOR)$/;
const SLOT = /^ANTHROPIC_DEFAULT_(OPUS|SONNET|HAIKU|FABLE)_MODEL(?:_[A-Z_]+)?$/;
/** Those of midswap's own variables that may hold a secret. */
const OWN_SECRET = /^MIDSWAP_.*(KEY|TOKEN|SECRET|PASSWORD)/;

/**
 * What the client is started with. Keys of providers are in none of it, credentials and provider switches of the user
 * are not passed on, telemetry and the like stay as the user has them.
 */
export function clientEnvironment(input: EnvironmentInput): ClientEnvironment {
  const { parent, inSettings, session, platform } = input;
  const env: Record<string, string> = {};
  const withheld = new Set<string>();
  const sensitive = new Set(input.sensitiveVariables.map((name) => keyFor(name, platform)));
  for (const [name, value] of Object.entries(parent)) {
    if (value === undefined || sensitive.has(keyFor(name, platform)) || OWN_SECRET.test(name)) continue;
    if (!steersAway(name, parent, session)) env[name] = value;
    else if (value !== '') withheld.add(name);
  }
  const emptied: Record<string, string> = {};
  for (const [name, value] of Object.entries(inSettings)) {
    if (!value || !steersAway(name, inSettings, session)) continue;
    // A settings file cannot unset, but the client takes an empty value for none (measured with 2.1.329).
    emptied[name] = '';
    withheld.add(name);
  }
  const effective = { ...env, ...inSettings };
  const essential: Record<string, string> = {
    ...emptied,
    ANTHROPIC_BASE_URL: session.url,
    CLAUDE_CODE_GATEWAY_HINT_HEADERS: '1',
    MIDSWAP_SESSION: session.id,
    NO_PROXY: withLoopback(effective.NO_PROXY ?? effective.no_proxy),
    no_proxy: withLoopback(effective.no_proxy ?? effective.NO_PROXY),
  };
  if (!session.subscription) essential.ANTHROPIC_AUTH_TOKEN = PLACEHOLDER_TOKEN;
  // Its verdicts on tool calls come from Anthropic's server or from the client's own requests: only the second work
  // with a third party.
  if (!session.anthropicOnly) essential.CLAUDE_CODE_AUTO_MODE_SERVER = '0';
  const pathName = variableName(env, 'PATH', platform);
  const pathOf = (value: string | undefined) => pathWith(input.shimsDir, value ?? '', input.runtimeRoot, platform);
  if (inSettings.PATH !== undefined) essential.PATH = pathOf(inSettings.PATH);
  const preferred: Record<string, string> = {
    ...slotVariables(session),
    ...unsetOnly(windowVariables(session.slots), effective),
  };
  Object.assign(env, preferred, essential, { [pathName]: essential.PATH ?? pathOf(env[pathName]) });
  for (const name of Object.keys(emptied)) if (essential[name] === '') delete env[name];
  return { env, essential, preferred, withheld: [...withheld].sort() };
}

/** The list with the loopback names added; what is there stays as it is. */
export function withLoopback(list: string | undefined): string {
  const present = (list ?? '').split(',').map((entry) => entry.trim().toLowerCase());
  const missing = LOOPBACK.filter((name) => !present.includes(name));
  return [...(list?.trim() ? [list] : []), ...missing].join(',');
}

function steersAway(name: string, from: Variables, session: LaunchSession): boolean {
  if (STEERING.test(name)) return true;
  if (LOGIN.test(name)) return !session.subscription;
  const family = SLOT.exec(name)?.[1];
  if (family === undefined) return false;
  const declared = session.slots[family.toLowerCase() as keyof typeof session.slots] !== undefined;
  // Which of Anthropic's models a family means is the user's choice; a model of another provider is a leftover.
  return declared || !/claude/i.test(from[`ANTHROPIC_DEFAULT_${family}_MODEL`] ?? '');
}

function slotVariables({ slots }: LaunchSession): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const family of FAMILY_SLOTS) {
    const slot = slots[family];
    if (!slot) continue;
    const name = `ANTHROPIC_DEFAULT_${family.toUpperCase()}_MODEL`;
    variables[name] = slot.id;
    variables[`${name}_NAME`] = slot.label;
    variables[`${name}_DESCRIPTION`] = slot.description;
  }
  return variables;
}

/** The user's own value of a limit stays. All of them or none: they are read together. */
function unsetOnly(variables: Record<string, string>, env: Variables): Record<string, string> {
  return Object.keys(variables).some((name) => env[name]) ? {} : variables;
}

function keyFor(name: string, platform: string): string {
  return platform === 'win32' ? name.toUpperCase() : name;
}
