import type { DemoClient } from './client.ts';

/** The user's client where there is one that runs, else the built-in one; in a home of its own. */
export async function startDemoClient(
  found: { readonly path: string; readonly version: string | undefined } | undefined,
  env: Readonly<Record<string, string | undefined>>,
  baseUrl: string,
  home: string,
): Promise<DemoClient> {
  if (found?.version === undefined) return (await import('./built-in-client.ts')).startBuiltInClient(baseUrl);
  const { startClaude } = await import('./claude-client.ts');
  const { PATH, TERM, LANG, SystemRoot } = env;
  const kept = Object.entries({ PATH, TERM, LANG, SystemRoot }).filter(([, value]) => value !== undefined);
  return startClaude({
    command: found.path,
    version: found.version,
    cwd: home,
    environment: {
      ...(Object.fromEntries(kept) as Record<string, string>),
      HOME: home,
      USERPROFILE: home,
      ANTHROPIC_BASE_URL: baseUrl,
      // Any value that is no key: the client starts no turn without one, and the gateway never sends it on.
      ANTHROPIC_AUTH_TOKEN: 'midswap',
      CLAUDE_CODE_GATEWAY_HINT_HEADERS: '1',
      CLAUDE_CODE_AUTO_MODE_SERVER: '0',
      // Not the user's session: nothing but the conversation is to happen.
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_AUTOUPDATER: '1',
      NO_PROXY: '127.0.0.1,localhost',
    },
  });
}
