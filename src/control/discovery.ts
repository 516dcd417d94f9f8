import { MidswapError } from '../core/errors.ts';
import { type ControlEndpoint, callControl } from './client.ts';
import type { SessionInfo } from './contract.ts';
import { type GatewayRecord, liveRecords, type RegistryListing, readRecords } from './registry.ts';

/** A running session and how to reach it. `endpoint` carries the gateway's token. */
export interface FoundSession {
  readonly info: SessionInfo;
  readonly endpoint: ControlEndpoint;
}

export interface Discovery {
  readonly gateways: readonly GatewayRecord[];
  readonly sessions: readonly FoundSession[];
  readonly problems: RegistryListing['problems'];
}

/** Every session of every gateway of this user that answers, oldest first. All are asked at the same time. */
export async function discover(stateDir: string, timeoutMs = 1_000): Promise<Discovery> {
  const { records, problems } = await liveRecords(stateDir, timeoutMs);
  const more = [...problems];
  const lists = await Promise.all(
    records.map(async (endpoint): Promise<FoundSession[]> => {
      try {
        const infos = await callControl<SessionInfo[]>(endpoint, 'GET', '/sessions', undefined, timeoutMs);
        return infos.map((info) => ({ info, endpoint }));
      } catch (thrown) {
        more.push({ file: endpoint.gatewayId, reason: (thrown as Error).message });
        return [];
      }
    }),
  );
  const sessions = lists.flat().sort((a, b) => a.info.startedAtMs - b.info.startedAtMs);
  return { gateways: records, sessions, problems: more };
}

/**
 * The session that a bare command means: inside a session that one, else the only dynamic one; `undefined` where
 * neither says it.
 */
export function defaultSession(
  sessions: readonly FoundSession[],
  inside: string | undefined,
): FoundSession | undefined {
  const own = inside === undefined ? undefined : sessions.find(({ info }) => info.id === inside);
  if (own) return own;
  const dynamic = sessions.filter(({ info }) => info.mode === 'dynamic');
  return dynamic.length === 1 ? dynamic[0] : undefined;
}

/**
 * The session for an id, a pid or a unique prefix of an id; without one, the default. Throws `unknown_session` and
 * `ambiguous_session`, naming what there is.
 */
export function pickSession(
  sessions: readonly FoundSession[],
  wanted: string | undefined,
  inside?: string,
): FoundSession {
  if (sessions.length === 0) {
    throw new MidswapError('unknown_session', 'no session is running', { hint: 'Start one with: midswap' });
  }
  if (wanted === undefined) {
    const own = defaultSession(sessions, inside);
    if (own) return own;
    const dynamic = sessions.filter(({ info }) => info.mode === 'dynamic');
    if (dynamic.length === 0) {
      throw new MidswapError('fixed_session', `no session can be switched: ${enumerate(sessions)}`, {
        hint: 'Start one that can with: midswap --dynamic',
      });
    }
    throw new MidswapError('ambiguous_session', `${dynamic.length} sessions are running: ${enumerate(dynamic)}`, {
      hint: 'Name one with --session ID, or take --all',
    });
  }
  const text = wanted.toLowerCase();
  const exact = sessions.filter(({ info }) => info.id === text || String(info.pid) === text);
  const matches = exact.length > 0 ? exact : sessions.filter(({ info }) => text !== '' && info.id.startsWith(text));
  if (matches.length === 1) return matches[0] as FoundSession;
  if (matches.length === 0) {
    throw new MidswapError('unknown_session', `no running session has the id or pid "${wanted}"`, {
      hint: `Running: ${enumerate(sessions)}`,
    });
  }
  throw new MidswapError('ambiguous_session', `"${wanted}" fits ${matches.length} sessions: ${enumerate(matches)}`, {
    hint: 'Give more of the id',
  });
}

/**
 * How to reach the session that a process runs in, with that session's own token and without asking anybody: the way
 * of hooks, shims and the status line. `undefined` when no file of a gateway names it.
 */
export function findOwnEndpoint(stateDir: string, session: string): ControlEndpoint | undefined {
  for (const { host, port, sessions } of readRecords(stateDir).records) {
    const own = sessions.find(({ id }) => id === session);
    if (own) return { host, port, controlToken: own.controlToken };
  }
  return undefined;
}

function enumerate(sessions: readonly FoundSession[]): string {
  return sessions.map(({ info }) => `${info.id} (${info.reference}${info.pid ? `, pid ${info.pid}` : ''})`).join(', ');
}
