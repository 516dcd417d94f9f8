import { callControl, followControl } from '../../control/client.ts';
import {
  type ControlEvent,
  type FailureInfo,
  SESSION_VARIABLE,
  type SessionInfo,
  type StopResult,
  type UseResult,
} from '../../control/contract.ts';
import { defaultSession, discover, type FoundSession, pickSession } from '../../control/discovery.ts';
import { describeDetour, describeRestingKey, describeSwitch, describeTokens, mainSlot } from '../../control/wording.ts';
import { MidswapError } from '../../core/errors.ts';
import type { App } from '../app.ts';
import { describeDuration, errorLine, type Output } from '../output.ts';
import { readRequest, type UseOptions } from './use.ts';

export interface SessionsOptions extends Omit<UseOptions, 'session' | 'all'> {
  readonly yes?: boolean | undefined;
}

const STOP_TIMEOUT_MS = 10_000;

/** `sessions`, `sessions ID`, `sessions ID use REF`, `sessions ID|all kill`, `sessions ID events`. */
export async function sessions(
  app: App,
  out: Output,
  words: readonly string[],
  options: SessionsOptions,
): Promise<number> {
  const [id, action, ...rest] = words;
  const { sessions: found, problems } = await discover(app.stateDir());
  for (const { file, reason } of problems) out.note(`midswap: ${file}: ${reason}`);
  const inside = app.machine.env[SESSION_VARIABLE];
  if (id === undefined) return list(out, found, inside);
  switch (action) {
    case undefined:
      return show(out, pickSession(found, id, inside));
    case 'use':
    case 'set-profile':
      return switchOne(out, pickSession(found, id, inside), rest, options);
    case 'kill':
      return kill(app, out, id === 'all' ? found : [pickSession(found, id, inside)], options.yes === true);
    case 'events':
      return follow(out, pickSession(found, id, inside));
    default:
      throw new MidswapError('usage', `sessions does not know "${action}"`, {
        hint: 'sessions ID [use REF | set-profile REF | kill | events]',
      });
  }
}

function list(out: Output, found: readonly FoundSession[], inside: string | undefined): number {
  const target = defaultSession(found, inside);
  if (out.json) {
    out.data(found.map((session) => ({ ...session.info, default: session === target })));
    return 0;
  }
  if (found.length === 0) {
    out.line('no session is running; start one with: midswap');
    return 0;
  }
  const headings = [
    '',
    'ID',
    'PROFILE',
    'UPSTREAM',
    'MODEL',
    'PORT',
    'UP',
    'MODE',
    'REQS',
    'TOKENS',
    'COST',
    'LAST ROUTE',
  ];
  out.table(
    headings,
    found.map((session) => [session === target ? '>' : '', ...row(session.info)]),
  );
  return 0;
}

function row(info: SessionInfo): string[] {
  const main = mainSlot(info);
  const { counters } = info;
  return [
    info.id,
    info.reference,
    main?.host ?? '-',
    main ? (main.model ?? 'as asked') : '-',
    String(info.port),
    describeDuration(info.uptimeMs),
    info.mode,
    String(counters.requests),
    describeTokens(counters.inputTokens + counters.outputTokens),
    describeCost(info.costMicros),
    counters.lastRoute ?? '-',
  ];
}

function show(out: Output, { info }: FoundSession): number {
  if (out.json) {
    out.data(info);
    return 0;
  }
  const { counters } = info;
  const facts: [string, string][] = [
    ['session', info.id],
    ['profile', info.reference],
    ['mode', info.mode],
    ['client', info.pid === null ? 'not running yet' : `pid ${info.pid}`],
    ['port', String(info.port)],
    ['directory', info.cwd],
    ['up', describeDuration(info.uptimeMs)],
    ['requests', `${counters.requests}, ${counters.errors} failed, ${counters.active} running`],
    ['tokens', `${describeTokens(counters.inputTokens)} in, ${describeTokens(counters.outputTokens)} out`],
    ['conversation', info.contextTokens === null ? 'unknown' : `${describeTokens(info.contextTokens)} tokens`],
    ['cost', describeCost(info.costMicros)],
    ['last route', counters.lastRoute ?? 'none'],
  ];
  if (info.waiting !== null) facts.push(['waits', `${info.waiting} at the next compaction`]);
  if (info.untilMs !== null) facts.push(['back at', time(info.untilMs)]);
  if (info.detour !== null) facts.push(['detour', out.paint('yellow', describeDetour(info.detour))]);
  for (const key of info.restingKeys) facts.push(['key', out.paint('yellow', describeRestingKey(key, Date.now()))]);
  if (info.unusable !== null) facts.push(['unusable', out.paint('red', info.unusable)]);
  for (const [name, value] of facts) out.line(`${out.paint('dim', name.padEnd(14))}${value}`);
  if (info.failures.length > 0) out.line(`${out.paint('dim', 'last failures')}`);
  for (const failure of info.failures) out.line(`  ${describeFailure(failure)}`);
  if (info.slots.length === 0) return 0;
  out.line();
  out.table(
    ['SLOT', 'MODEL', 'UPSTREAM', 'WINDOW', ''],
    info.slots.map(({ slot, model, host, window, override }) => [
      slot,
      model ?? 'as asked',
      host,
      window === null ? 'unknown' : describeTokens(window),
      override ? 'set by use --slot' : '',
    ]),
  );
  return 0;
}

/** `14:03:11 deepseek/deepseek-chat overloaded 529, answered by openrouter/x: the provider is overloaded` */
function describeFailure({ atMs, provider, model, failure, status, message, answeredBy }: FailureInfo): string {
  const code = status === null ? '' : ` ${status}`;
  const went = answeredBy === null ? 'not answered' : `answered by ${answeredBy}`;
  return `${time(atMs)} ${provider}/${model} ${failure}${code}, ${went}${message === null ? '' : `: ${message}`}`;
}

async function switchOne(
  out: Output,
  { info, endpoint }: FoundSession,
  words: readonly string[],
  options: SessionsOptions,
): Promise<number> {
  const [reference, extra] = words;
  if (extra !== undefined) throw new MidswapError('usage', `one reference is enough, not also "${extra}"`);
  const request = readRequest(reference, options);
  const result = await callControl<UseResult>(endpoint, 'POST', `/sessions/${info.id}/use`, request);
  if (out.json) out.data(result);
  else out.line(`${info.id}: ${result.dryRun ? 'would switch ' : ''}${describeSwitch(result)}`);
  return 0;
}

async function kill(app: App, out: Output, targets: readonly FoundSession[], sure: boolean): Promise<number> {
  if (targets.length === 0) {
    if (out.json) out.data([]);
    else out.line('no session is running');
    return 0;
  }
  if (!sure && !(await confirm(app, targets))) return 1;
  const results = await Promise.all(
    targets.map(async ({ info, endpoint }) => {
      try {
        const path = `/sessions/${info.id}?timeoutMs=${STOP_TIMEOUT_MS}`;
        const { cut } = await callControl<StopResult>(endpoint, 'DELETE', path, undefined, STOP_TIMEOUT_MS + 5_000);
        return { session: info.id, cut, error: null };
      } catch (thrown) {
        return { session: info.id, cut: 0, error: errorLine(thrown) };
      }
    }),
  );
  if (out.json) out.data(results);
  for (const { session, cut, error } of out.json ? [] : results) {
    if (error !== null) out.note(error);
    else out.line(`${session}: stopped${cut > 0 ? `, ${cut} running requests were cut` : ''}`);
  }
  return results.every(({ error }) => error === null) ? 0 : 1;
}

async function confirm(app: App, targets: readonly FoundSession[]): Promise<boolean> {
  const names = targets.map(({ info }) => `${info.id} (${info.reference}, ${info.cwd})`).join(', ');
  if (app.streams.in.isTTY !== true) {
    throw new MidswapError('usage', `this would stop ${names}`, { hint: 'Say --yes where nobody can be asked' });
  }
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: app.streams.in, output: app.streams.err });
  try {
    return /^y(es)?$/i.test((await terminal.question(`stop ${names}? [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

async function follow(out: Output, { info, endpoint }: FoundSession): Promise<number> {
  const controller = new AbortController();
  process.once('SIGINT', () => controller.abort());
  const print = (event: ControlEvent) => out.line(out.json ? JSON.stringify(event) : describeEvent(event));
  await followControl(endpoint, `/sessions/${info.id}/events`, print, controller.signal);
  return 0;
}

/** One line per event: time, what, and the numbers that matter. */
export function describeEvent(event: ControlEvent): string {
  switch (event.type) {
    case 'exchange.ended': {
      const { record } = event;
      const target =
        record.provider === undefined ? 'answered here' : `${record.provider}/${record.model ?? 'as asked'}`;
      const tokens = `${describeTokens(record.usage.inputTokens ?? 0)} in, ${describeTokens(record.usage.outputTokens ?? 0)} out`;
      const rule = record.reason ? ` by ${record.reason.rule}` : '';
      const fault = record.message === undefined ? '' : `: ${record.message}`;
      return `${time(record.atMs)} ${record.outcome} ${record.status} ${target}${rule}, ${tokens}, ${Math.round(record.durationMs)} ms${fault}`;
    }
    case 'exchange.started':
      return `${time(event.atMs)} started ${event.requestId}`;
    case 'session.switched':
      return `${time(event.atMs)} switched ${event.from} -> ${event.to}`;
    case 'session.opened':
    case 'session.closed':
      return `${time(event.atMs)} ${event.type.replace('.', ' ')}`;
    case 'config.reloaded':
      return `${time(event.atMs)} configuration ${event.version} is in use`;
    case 'config.refused':
      return `${time(event.atMs)} configuration refused: ${event.message}`;
  }
}

function time(atMs: number): string {
  return new Date(atMs).toTimeString().slice(0, 8);
}

function describeCost(micros: number | null): string {
  return micros === null ? '-' : `$${(micros / 1_000_000).toFixed(micros < 10_000 ? 4 : 2)}`;
}
