import { type ControlEndpoint, callControl } from '../../control/client.ts';
import { type CacheCleared, type CacheStats, SESSION_VARIABLE } from '../../control/contract.ts';
import { discover, pickSession } from '../../control/discovery.ts';
import { MidswapError } from '../../core/errors.ts';
import type { App } from '../app.ts';
import type { Output } from '../output.ts';

/** `cache`, `cache clear`: what the running gateways keep of answers. Exit code 1 when none is running. */
export async function cache(
  app: App,
  out: Output,
  action: string | undefined,
  session: string | undefined,
): Promise<number> {
  if (action !== undefined && action !== 'clear') {
    throw new MidswapError('usage', `cache does not know "${action}"`, { hint: 'cache [clear]' });
  }
  const gateways = await gatewaysOf(app, session);
  if (gateways.length === 0) {
    if (out.json) out.data([]);
    else out.line('no gateway is running, and answers are kept in its memory only');
    return 1;
  }
  return action === 'clear' ? clear(out, gateways) : show(out, gateways);
}

type Place = ControlEndpoint & { readonly gatewayId: string; readonly sessions: readonly { readonly id: string }[] };

async function gatewaysOf(app: App, session: string | undefined): Promise<readonly Place[]> {
  const { gateways, sessions } = await discover(app.stateDir());
  if (session === undefined) return gateways;
  const { info } = pickSession(sessions, session, app.machine.env[SESSION_VARIABLE]);
  return gateways.filter(({ gatewayId }) => gatewayId === info.gateway);
}

async function show(out: Output, gateways: readonly Place[]): Promise<number> {
  const rows = await Promise.all(
    gateways.map(async (gateway) => ({
      gateway,
      stats: await callControl<CacheStats>(gateway, 'GET', '/admin/cache'),
    })),
  );
  if (out.json) {
    out.data(rows.map(({ gateway, stats }) => ({ ...nameOf(gateway), ...stats })));
    return 0;
  }
  out.table(
    ['PORT', 'SESSIONS', 'ANSWERS', 'BYTES', 'HITS', 'MISSES'],
    rows.map(({ gateway: { port, sessions }, stats }) => {
      const counts = [stats.entries, stats.bytes, stats.hits, stats.misses].map(String);
      return [String(port), sessions.map(({ id }) => id).join(' '), ...(stats.enabled ? counts : ['not in use'])];
    }),
  );
  return 0;
}

async function clear(out: Output, gateways: readonly Place[]): Promise<number> {
  const results = await Promise.all(
    gateways.map(async (gateway) => ({
      ...nameOf(gateway),
      ...(await callControl<CacheCleared>(gateway, 'DELETE', '/admin/cache')),
    })),
  );
  if (out.json) out.data(results);
  else for (const { port, cleared } of results) out.line(`port ${port}: forgot ${cleared} answers`);
  return 0;
}

function nameOf({ gatewayId, port, sessions }: Place) {
  return { gateway: gatewayId, port, sessions: sessions.map(({ id }) => id) };
}
