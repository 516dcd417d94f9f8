import type { App, ClientLogin } from '../app.ts';
import type { Output } from '../output.ts';
import { describeLogin } from '../readiness.ts';

/** `providers`: every provider with its endpoints and the variables it takes a key from. */
export async function providers(app: App, out: Output): Promise<number> {
  const [configuration, login] = await Promise.all([app.configuration(), app.clientLogin()]);
  const keys = new Map(configuration.keys().map((entry) => [entry.provider, entry]));
  const rows = [...configuration.snapshot.providers.values()].map((provider) => ({
    id: provider.id,
    name: provider.name,
    endpoints: provider.endpoints.map(({ protocol, baseUrl }) => ({ protocol, baseUrl })),
    keyVariables: keys.get(provider.id)?.wanted ?? provider.keyVariables,
    keysFound: keys.get(provider.id)?.found ?? [],
    login: provider.quirks.acceptsClientLogin ? login : null,
    docs: provider.docs ?? null,
  }));
  if (out.json) {
    out.data(rows);
    return 0;
  }
  out.table(
    ['PROVIDER', 'PROTOCOLS', 'BASE URL', 'KEY'],
    rows.map((row) => [
      row.id,
      [...new Set(row.endpoints.map(({ protocol }) => protocol))].join(', '),
      row.endpoints[0]?.baseUrl ?? '-',
      describeKey(out, row),
    ]),
  );
  return 0;
}

function describeKey(
  out: Output,
  row: {
    readonly keyVariables: readonly string[];
    readonly keysFound: readonly string[];
    readonly login: ClientLogin | null;
  },
): string {
  const { keyVariables, keysFound, login } = row;
  const key =
    keysFound.length > 0
      ? out.paint('green', keysFound.join(', '))
      : keyVariables.length === 0
        ? 'none needed'
        : out.paint('dim', `not set: ${keyVariables.join(' or ')}`);
  if (login === null) return key;
  return `${key}; ${out.paint(login.found ? 'green' : 'dim', `your Claude login: ${describeLogin(login)}`)}`;
}
