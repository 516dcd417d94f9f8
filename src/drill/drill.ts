import http from 'node:http';
import type { AttemptRecord, ExchangeRecord } from '../core/events.ts';
import type { DrillFault, DrillInjector } from './injector.ts';

/** One profile of the user's, with the places that its chain goes through, the first choice first. */
export interface DrillProfile {
  readonly name: string;
  readonly places: readonly string[];
}

export interface DrillOptions {
  readonly profiles: readonly DrillProfile[];
  readonly injector: DrillInjector;
  /** A gateway that knows nothing yet, under the drill's configuration. */
  open(profile: string): Promise<DrillGateway>;
  print(line: string): void;
}

export interface DrillGateway {
  readonly baseUrl: string;
  /** Resolves with the record of the next exchange that ends. */
  next(): Promise<ExchangeRecord>;
  close(): Promise<void>;
}

export interface DrillResult {
  readonly profile: string;
  readonly fault: DrillFault;
  readonly outcome: ExchangeRecord['outcome'];
  readonly status: number;
  readonly attempts: readonly string[];
  readonly ms: number;
  /** In plain words. */
  readonly verdict: string;
  readonly good: boolean;
}

const SCRIPT: readonly (readonly [DrillFault, string])[] = [
  ['none', 'nothing is wrong'],
  ['overloaded', 'the provider is overloaded (529)'],
  ['server-error', 'the provider has a fault (500)'],
  ['limited', 'the provider limits (429, 30 s)'],
  ['no-quota', 'the balance is empty (402)'],
  ['wrong-key', 'the key is refused (401)'],
  ['reset', 'the connection is reset'],
  ['silent', 'the provider says nothing'],
  ['not-the-protocol', 'a login page answers'],
  ['cut', 'the answer is cut in the middle'],
];

/**
 * Plays every fault at the first choice of each profile and tells what a session would see. Nothing leaves this
 * machine: all places are played by the injector.
 */
export async function runDrill(options: DrillOptions): Promise<readonly DrillResult[]> {
  const results: DrillResult[] = [];
  for (const profile of options.profiles) {
    const chain = profile.places.join(' -> ');
    options.print(`${profile.name}: ${profile.places.length > 1 ? chain : `${chain}, without a fallback`}`);
    for (const [fault, words] of SCRIPT) {
      const result = await play(options, profile, fault);
      results.push(result);
      options.print(`  ${result.good ? 'ok  ' : 'note'}  ${words}: ${result.verdict}`);
    }
  }
  return results;
}

async function play(options: DrillOptions, profile: DrillProfile, fault: DrillFault): Promise<DrillResult> {
  const { injector } = options;
  const [first = ''] = profile.places;
  const gateway = await options.open(profile.name);
  injector.set(first, fault);
  try {
    const ended = gateway.next();
    await ask(gateway.baseUrl);
    const record = await ended;
    return describe(profile, fault, record);
  } finally {
    injector.set(first, 'none');
    await gateway.close();
  }
}

function describe({ name, places }: DrillProfile, fault: DrillFault, record: ExchangeRecord): DrillResult {
  const { outcome, status, attempts } = record;
  const told = record.message === undefined ? '' : ` (${record.message})`;
  const seconds = `${(record.durationMs / 1000).toFixed(1)} s`;
  const last = attempts.at(-1);
  const tries = `${attempts.length} ${attempts.length === 1 ? 'try' : 'tries'}`;
  let verdict = `answered by ${last?.provider}, ${seconds}`;
  if (outcome === 'ok' && attempts.length > 1)
    verdict = `answered by ${last?.provider} after ${tries}, ${seconds}: you would hardly notice`;
  else if (outcome === 'truncated')
    verdict =
      'the answer ends with an error, as it must: what was said cannot be taken back, and the client asks again';
  else if (outcome !== 'ok')
    verdict = `the client is told ${status}${told} after ${tries}, ${seconds}${adviceFor(fault, places)}`;
  return {
    profile: name,
    fault,
    outcome,
    status,
    attempts: attempts.map(describeAttempt),
    ms: Math.round(record.durationMs),
    verdict,
    good: outcome === 'ok' || outcome === 'truncated',
  };
}

/** A wrong key is told, unless somebody asks for silence about it. */
function adviceFor(fault: DrillFault, places: readonly string[]): string {
  if (fault === 'none') return '';
  if (fault === 'wrong-key') return '; it moves on only where fallback_on names "credential"';
  return places.length > 1 ? '' : '; a fallback in the profile could take over';
}

function describeAttempt({ provider, model, failure }: AttemptRecord): string {
  return `${provider}/${model}: ${failure ?? 'answered'}`;
}

/** The whole in a sentence or two. */
export function describeDrill(results: readonly DrillResult[]): string {
  const faults = results.filter(({ fault }) => fault !== 'none');
  const told = results.filter(({ good }) => !good);
  if (told.length === 0) return 'Every fault was taken care of: a session goes on, or is told when an answer was cut.';
  const healthy = results.filter(({ fault, good }) => fault === 'none' && !good);
  if (healthy.length > 0)
    return `${healthy.map(({ profile }) => profile).join(', ')} cannot answer even when nothing is wrong: see the lines above.`;
  const profiles = [...new Set(told.map(({ profile }) => profile))].join(', ');
  return `${faults.length - told.length} of ${faults.length} faults were taken care of. The others are told to the client, which repeats what can be repeated; "fallback" and "fallback_on" of ${profiles} say what moves on.`;
}

function ask(baseUrl: string): Promise<void> {
  const body = JSON.stringify({
    model: 'claude-sonnet-5',
    max_tokens: 64,
    stream: true,
    messages: [{ role: 'user', content: 'This is a drill. Say a few words.' }],
  });
  return new Promise((resolve) => {
    const request = http.request(`${baseUrl}/v1/messages`, {
      method: 'POST',
      agent: false,
      // What a client that is logged in sends; it opens nothing.
      headers: { 'content-type': 'application/json', authorization: 'Bearer drill-login' },
    });
    request.on('error', () => resolve());
    request.on('response', (answer) => {
      answer
        .resume()
        .on('close', () => resolve())
        .on('error', () => resolve());
    });
    request.end(body);
  });
}
