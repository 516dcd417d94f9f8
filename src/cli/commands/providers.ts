import type { App } from '../app.ts';
import type { Output } from '../output.ts';

/** `providers`: every provider with its endpoints and the variables it takes a key from. */
export async function providers(app: App, out: Output): Promise<number> {
  const configuration = await app.configuration();
  const keys = new Map(configuration.keys().map((entry) => [entry.provider, entry]));
  const rows = [...configuration.snapshot.providers.values()].map((provider) => ({
    id: provider.id,
    name: provider.name,
    endpoints: provider.endpoints.map(({ protocol, baseUrl }) => ({ protocol, baseUrl })),
    keyVariables: keys.get(provider.id)?.wanted ?? provider.keyVariables,
    keysFound: keys.get(provider.id)?.found ?? [],
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
      describeKey(out, row.keyVariables, row.keysFound),
    ]),
  );
  return 0;
}

function describeKey(out: Output, wanted: readonly string[], found: readonly string[]): string {
  if (found.length > 0) return out.paint('green', found.join(', '));
  return wanted.length === 0 ? 'none needed' : out.paint('dim', `not set: ${wanted.join(' or ')}`);
}
