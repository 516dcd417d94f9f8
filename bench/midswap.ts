import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Mode } from './figures.ts';
import { buildTool } from './native.ts';
import { CLIENT_HEADERS, freePort, OUTPUT_FILE, startProcess, type Target } from './targets.ts';

const ROOT = join(import.meta.dirname, '..');
const BUN = join(ROOT, 'node_modules', '.bin', 'bun');
const NODE = join(ROOT, 'node_modules', '.bin', 'node');

/** The profile that the bench launches and serves. */
export const PROFILE = 'bench';
const KEY_VARIABLE = 'MIDSWAP_BENCH_KEY';

export interface Runtime {
  readonly name: 'midswap-bun' | 'midswap-node';
  readonly title: string;
  readonly command: readonly [string, ...string[]];
  /** Built for release, not run from its sources. */
  readonly built: boolean;
}

/** How midswap is started here: what was built, and the sources where nothing was. */
export function midswapRuntimes(): [Runtime, Runtime] {
  const binary = join(ROOT, 'dist', 'midswap');
  const bundle = join(ROOT, 'dist', 'main.js');
  const source = join(ROOT, 'src', 'main.ts');
  return [
    existsSync(binary)
      ? { name: 'midswap-bun', title: 'dist/midswap, compiled with Bun', command: [binary], built: true }
      : { name: 'midswap-bun', title: 'bun src/main.ts', command: [BUN, source], built: false },
    existsSync(bundle)
      ? { name: 'midswap-node', title: 'node dist/main.js', command: [NODE, bundle], built: true }
      : { name: 'midswap-node', title: 'node src/main.ts', command: [NODE, source], built: false },
  ];
}

export function midswapTarget({ name, title, command }: Runtime): Target {
  return {
    name,
    title,
    async start({ mode, upstreamPort, directory }) {
      const port = await freePort();
      const env = prepareHome(directory, mode, upstreamPort);
      const running = await startProcess({
        command: [...command, ...serveArguments(port)],
        env,
        directory,
        port,
        readyPath: '/health',
      });
      return {
        name,
        port,
        path: `${sessionPath(directory)}/v1/messages?beta=true`,
        headers: { ...CLIENT_HEADERS, authorization: 'Bearer bench' },
        model: 'claude-sonnet-5',
        ...running,
      };
    },
  };
}

export function serveArguments(port: number): string[] {
  return ['serve', '--host', '127.0.0.1', '--port', String(port), '--json'];
}

/** Path of the session that a served gateway has told of in its output: it holds the secret. */
function sessionPath(directory: string): string {
  const output = readFileSync(join(directory, OUTPUT_FILE), 'utf8');
  const baseUrl = /"baseUrl"\s*:\s*"([^"]+)"/.exec(output)?.[1];
  if (baseUrl === undefined) throw new Error(`no base URL in the output of \`midswap serve --json\`: ${output}`);
  return new URL(baseUrl).pathname.replace(/\/$/, '');
}

/** A throw-away home with one profile, whose provider is the mock. Gives the environment to live there. */
export function prepareHome(directory: string, mode: Mode, upstreamPort: number): Readonly<Record<string, string>> {
  const home = join(directory, 'midswap');
  mkdirSync(home, { recursive: true });
  const origin = `http://127.0.0.1:${upstreamPort}`;
  const provider =
    mode === 'chat'
      ? { protocol: 'openai-chat', base_url: `${origin}/v1` }
      : { protocol: 'anthropic-messages', base_url: origin, quirks: { anthropic_genuine: mode === 'messages' } };
  const config = {
    default_profile: PROFILE,
    providers: { mock: { ...provider, auth: { type: 'bearer', keys: [`env:${KEY_VARIABLE}`] } } },
    profiles: {
      [PROFILE]: {
        provider: 'mock',
        models: { opus: 'bench-large', sonnet: 'bench-large', haiku: 'bench-large', fable: 'bench-large' },
      },
    },
  };
  // JSON is YAML.
  writeFileSync(join(home, 'config.yaml'), JSON.stringify(config, null, 2), { mode: 0o600 });
  return {
    MIDSWAP_HOME: home,
    MIDSWAP_CLAUDE: buildTool('first-request'),
    [KEY_VARIABLE]: 'bench-key-0123456789',
  };
}
