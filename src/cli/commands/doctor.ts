import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { discover } from '../../control/discovery.ts';
import { asMidswapError } from '../../core/errors.ts';
import type { App, ClientLogin, Configuration } from '../app.ts';
import { type ClientSettings, readClientSettings, removeSavedModel } from '../client-settings.ts';
import type { Output } from '../output.ts';
import { describeLogin, LOGIN_HINT, whyNotReady } from '../readiness.ts';

interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'warning' | 'fault';
  readonly detail: string;
  readonly hint?: string;
}

const MARKS = { ok: ['green', 'ok'], warning: ['yellow', 'warn'], fault: ['red', 'FAIL'] } as const;

/** Looks for what would keep a session from working. Exit code 1 when something would. */
export async function doctor(app: App, out: Output, fix: boolean): Promise<number> {
  const isReference = await referenceTest(app);
  const settings = readClientSettings(app.machine.home, app.machine.env.CLAUDE_CONFIG_DIR, isReference);
  const findings = [
    await attempt('claude', () => checkClient(app)),
    ...(await checkConfiguration(app)),
    ...checkClientSettings(settings),
    await attempt('gateways', () => checkGateways(app)),
  ].filter((finding) => finding !== undefined);
  if (out.json) out.data(findings);
  else for (const finding of findings) print(out, finding);
  if (settings.savedModel !== undefined) await offerRemoval(app, out, settings, fix);
  return findings.some(({ state }) => state === 'fault') ? 1 : 0;
}

/** Whether a name means something here, also when it cannot be had; nothing does while the configuration is broken. */
async function referenceTest(app: App): Promise<(text: string) => boolean> {
  const configuration = await app.configuration().catch(() => undefined);
  return (text) => {
    try {
      return configuration?.resolve(text) !== undefined;
    } catch {
      return true;
    }
  };
}

function print(out: Output, { check, state, detail, hint }: Finding): void {
  const [style, mark] = MARKS[state];
  out.line(`${out.paint(style, mark.padEnd(5))}${check.padEnd(16)}${detail}${hint === undefined ? '' : `. ${hint}`}`);
}

async function attempt(check: string, look: () => Promise<Finding>): Promise<Finding> {
  try {
    return await look();
  } catch (thrown) {
    const { message, hint } = asMidswapError(thrown);
    return { check, state: 'fault', detail: message, ...(hint !== undefined && { hint }) };
  }
}

async function checkClient(app: App): Promise<Finding> {
  const { path, version } = await app.findClient();
  return { check: 'claude', state: 'ok', detail: version === undefined ? path : `${path} (${version})` };
}

async function checkConfiguration(app: App): Promise<Finding[]> {
  let configuration: Configuration;
  try {
    configuration = await app.configuration();
  } catch (thrown) {
    const { message, hint } = asMidswapError(thrown);
    return [{ check: 'configuration', state: 'fault', detail: message, ...(hint !== undefined && { hint }) }];
  }
  const { file, snapshot, warnings } = configuration;
  const login = await app.clientLogin();
  const usable = [...snapshot.profiles.values()].filter((profile) => whyNotReady(profile, login) === undefined);
  const set = configuration.keys().flatMap(({ found }) => found);
  const kept = (await (await app.keyStore()).list()).map(({ name }) => name);
  const byDefault = snapshot.settings.defaultProfile;
  const defaultProfile = byDefault === undefined ? undefined : snapshot.profiles.get(byDefault.toLowerCase());
  return [
    {
      check: 'configuration',
      state: 'ok',
      detail: existsSync(file) ? file : `${file} is not there: the defaults apply`,
    },
    ...warnings.map((detail): Finding => ({ check: 'configuration', state: 'warning', detail })),
    {
      check: 'keys',
      state: 'ok',
      detail: [set.length > 0 ? `set: ${set.join(', ')}` : 'none is set in the environment']
        .concat(kept.length > 0 ? `kept here: ${kept.join(', ')}` : [])
        .join('; '),
    },
    checkLogin(login, defaultProfile?.auth === 'subscription'),
    {
      check: 'profiles',
      state: usable.length > 0 ? 'ok' : 'fault',
      detail: `${usable.length} of ${snapshot.profiles.size} can be used: ${usable.map(({ name }) => name).join(', ')}`,
    },
    ...(defaultProfile?.unusable === undefined
      ? []
      : [
          {
            check: 'default profile',
            state: 'warning',
            detail: `${defaultProfile.name}: ${defaultProfile.unusable}`,
          } as const,
        ]),
  ];
}

/** The client's own login is missed only by who wants to use it. */
function checkLogin(login: ClientLogin, isWanted: boolean): Finding {
  const { found, place } = login;
  if (found || isWanted)
    return { check: 'claude login', state: found ? 'ok' : 'warning', detail: describeLogin(login) };
  return {
    check: 'claude login',
    state: 'ok',
    detail: `none found in ${place}; a subscription needs one: ${LOGIN_HINT}`,
  };
}

function checkClientSettings(settings: ClientSettings): Finding[] {
  const findings: Finding[] = settings.problems.map((detail) => ({
    check: 'claude settings',
    state: 'warning',
    detail,
  }));
  for (const { file, name } of settings.variables) {
    findings.push({
      check: 'claude settings',
      state: 'warning',
      detail: `${file} sets ${name} for every session`,
      hint: 'A session that midswap starts overrides it; a plain claude goes where it points',
    });
  }
  if (settings.savedModel !== undefined) {
    findings.push({
      check: 'claude settings',
      state: 'warning',
      detail: `${settings.savedModel.file} has the default model ${settings.savedModel.model}, which only midswap knows`,
      hint: 'A plain claude cannot start with it: midswap doctor --fix takes it out',
    });
  }
  if (findings.length === 0) findings.push({ check: 'claude settings', state: 'ok', detail: 'nothing in the way' });
  return findings;
}

async function checkGateways(app: App): Promise<Finding> {
  const { gateways, sessions, problems } = await discover(app.stateDir());
  const detail = `${gateways.length} running, ${sessions.length} sessions`;
  if (problems.length === 0) return { check: 'gateways', state: 'ok', detail };
  const reasons = problems.map(({ file, reason }) => `${file}: ${reason}`).join('; ');
  return { check: 'gateways', state: 'warning', detail: `${detail}; ${reasons}` };
}

async function offerRemoval(app: App, out: Output, settings: ClientSettings, fix: boolean): Promise<void> {
  const { savedModel } = settings;
  if (savedModel === undefined || !(fix || (!out.json && (await agree(app, savedModel.file))))) return;
  removeSavedModel(savedModel.file);
  out.note(`midswap: took "model" out of ${savedModel.file}`);
}

async function agree(app: App, file: string): Promise<boolean> {
  if (app.streams.in.isTTY !== true || app.streams.err.isTTY !== true) return false;
  const terminal = createInterface({ input: app.streams.in, output: app.streams.err });
  try {
    return /^y(es)?$/i.test((await terminal.question(`take the default model out of ${file}? [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
