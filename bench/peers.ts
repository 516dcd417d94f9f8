import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CCR, CCS, CLIENT_KEY, type Tool } from '../scripts/compare/tools.ts';
import { findCached, installCached } from '../test/support/cached-install.ts';
import { CLIENT_HEADERS, freePort, startProcess, type Target } from './targets.ts';

const NODE = join(import.meta.dirname, '..', 'node_modules', '.bin', 'node');

/** Another gateway, that midswap is measured against where it translates. */
export interface Peer {
  readonly name: string;
  /** Its name in a sentence. */
  readonly called: string;
  readonly tool: Tool;
  /** What it is configured with beyond the comparison's setup: files below its home. */
  readonly files?: Readonly<Record<string, string>>;
}

export const PEERS: readonly Peer[] = [
  { name: 'ccr', called: 'claude-code-router', tool: CCR },
  {
    name: 'ccs',
    called: 'CCS, logging off',
    tool: CCS,
    files: { '.ccs/config.yaml': 'version: 13\nlogging:\n  enabled: false\n' },
  },
  { name: 'ccs-logging', called: 'CCS as it ships', tool: CCS },
];

export function peerTarget({ name, called, tool, files = {} }: Peer): Target {
  return {
    name,
    title: `${called}: ${packageOf(tool).name} ${packageOf(tool).version} on Node 24`,
    only: { modes: ['chat'], scenarios: ['burst', 'paced', 'turns'] },
    async start({ upstreamPort, directory }) {
      const modules = findCached(packageOf(tool).name, packageOf(tool).version);
      if (modules === undefined) throw new Error('it is not installed');
      writeFiles(directory, files);
      const port = await freePort();
      const start = await tool.prepare({ home: directory, port, upstreamPort, modules, node: NODE });
      const running = await startProcess({
        command: start.argv,
        env: { PATH: `${dirname(NODE)}:/usr/local/bin:/usr/bin:/bin`, TMPDIR: directory, ...start.env },
        directory,
        port,
        readyPath: '/health',
      });
      return {
        name,
        port,
        path: '/v1/messages?beta=true',
        headers: { ...CLIENT_HEADERS, 'x-api-key': CLIENT_KEY },
        model: tool.model,
        ...running,
      };
    },
  };
}

/** Brings a peer from npm, once: the project does not depend on it. Its own install scripts stay off. */
export async function installPeer({ tool }: Peer): Promise<void> {
  await installCached(packageOf(tool).name, packageOf(tool).version);
}

function packageOf({ id, npm }: Tool): { readonly name: string; readonly version: string } {
  if (npm === undefined) throw new Error(`${id} is not a package of npm`);
  return npm;
}

function writeFiles(home: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(home, name)), { recursive: true });
    writeFileSync(join(home, name), text);
  }
}
