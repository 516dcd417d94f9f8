import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { type Discovery, discover, type FoundSession } from '../../control/discovery.ts';
import { describeRestingKey } from '../../control/wording.ts';
import { asMidswapError } from '../../core/errors.ts';
import { isSlot } from '../../core/slot.ts';
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
    ...(await checkGateways(app)),
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
    return faultOf(check, thrown);
  }
}

function faultOf(check: string, thrown: unknown): Finding {
  const { message, hint } = asMidswapError(thrown);
  return { check, state: 'fault', detail: message, ...(hint !== undefined && { hint }) };
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
    return [faultOf('configuration', thrown)];
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
    ...checkRoutes(configuration),
  ];
}

/** A route that leads to a place without a key fails every request that it matches. */
function checkRoutes({ snapshot, resolve }: Configuration): Finding[] {
  const { subagents, longContext, webSearch, ...plain } = snapshot.routing;
  const classes = Object.entries({ ...plain, web_search: webSearch, 'long_context.target': longContext?.target });
  const routes = [...classes, ...[...subagents].map(([agent, to]) => [`subagents.${agent}`, to] as const)];
  return routes.flatMap(([name, reference]): Finding[] => {
    if (reference === undefined || isSlot(reference.toLowerCase())) return [];
    try {
      resolve(reference);
      return [];
    } catch (thrown) {
      const detail = `routing.${name}: such requests will fail: ${asMidswapError(thrown).message}`;
      return [{ check: 'routes', state: 'warning', detail }];
    }
  });
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

async function checkGateways(app: App): Promise<Finding[]> {
  let found: Discovery;
  try {
    found = await discover(app.stateDir());
  } catch (thrown) {
    return [faultOf('gateways', thrown)];
  }
  const { gateways, sessions, problems } = found;
  const detail = `${gateways.length} running, ${sessions.length} sessions`;
  const reasons = problems.map(({ file, reason }) => `; ${file}: ${reason}`).join('');
  return [
    { check: 'gateways', state: problems.length === 0 ? 'ok' : 'warning', detail: detail + reasons },
    ...restingKeys(sessions),
  ];
}

/** Keys that the running gateways do not use at the moment. All sessions of a gateway share its keys. */
function restingKeys(sessions: readonly FoundSession[]): Finding[] {
  const byGateway = new Map(sessions.map(({ info }) => [info.gateway, info]));
  return [...byGateway.values()].flatMap(({ restingKeys, port }) =>
    restingKeys.map((key): Finding => {
      const where = byGateway.size > 1 ? `, at the gateway on port ${port}` : '';
      return { check: 'key', state: 'warning', detail: `${describeRestingKey(key, Date.now())}${where}` };
    }),
  );
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
