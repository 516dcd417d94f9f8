import { existsSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { installCached } from './cached-install.ts';
import { awaitEndOf } from './leftovers.ts';
import { tempDir, writeFiles } from './temp-home.ts';

/** The client that the tests are written against. */
export const CLIENT_VERSION = '2.1.329';
export const AGENT_SDK_VERSION = '0.3.329';

/** Path of the pinned client's binary; `MIDSWAP_TEST_CLAUDE` names another one, and then nothing is downloaded. */
export async function clientBinary(): Promise<string> {
  const named = process.env.MIDSWAP_TEST_CLAUDE;
  if (named) {
    if (!existsSync(named)) throw new Error(`MIDSWAP_TEST_CLAUDE names ${named}, which does not exist`);
    return named;
  }
  const platform = `@anthropic-ai/claude-code-${process.platform}-${process.arch}`;
  const binary = process.platform === 'win32' ? 'claude.exe' : 'claude';
  return join(await installCached(platform, CLIENT_VERSION), platform, binary);
}

/** Entry file of the Agent SDK, for `import()`. It brings no client of its own here: it is given the pinned one. */
export async function agentSdk(): Promise<string> {
  const modules = await installCached('@anthropic-ai/claude-agent-sdk', AGENT_SDK_VERSION);
  return join(modules, '@anthropic-ai/claude-agent-sdk', 'sdk.mjs');
}

export interface ClientHome {
  readonly home: string;
  /** A project folder the client trusts. */
  readonly cwd: string;
  /** Nothing of the caller's environment but what is listed here. */
  readonly env: Readonly<Record<string, string>>;
}

export interface HomeOptions {
  /** Content of the user's own `settings.json`. */
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Login of a subscription, as the client stores it. */
  readonly credentials?: Readonly<Record<string, unknown>>;
}

/** What was asked to end may take this long: closing a session drains what runs. */
const END_LIMIT_MS = 10_000;

/**
 * A throw-away home and project in which the client asks no first-time questions. The test fails if something still
 * runs in it when the test is over.
 */
export function clientHome(options: HomeOptions = {}): ClientHome {
  const root = tempDir();
  // What runs would write into the home while, and after, it is removed.
  onTestFinished(async () => {
    const left = await awaitEndOf(root, END_LIMIT_MS);
    if (left.length > 0) throw new Error(`left running: ${left.map(({ command }) => command).join('; ')}`);
  });
  const home = join(root, 'home');
  const cwd = join(root, 'project');
  writeFiles(root, { 'home/.claude/.keep': '', 'project/README.md': 'a project\n' });
  const state = {
    numStartups: 3,
    autoUpdates: false,
    theme: 'dark',
    hasCompletedOnboarding: true,
    lastOnboardingVersion: CLIENT_VERSION,
    bypassPermissionsModeAccepted: true,
    projects: {
      [realpathSync(cwd)]: { hasTrustDialogAccepted: true, hasCompletedProjectOnboarding: true, allowedTools: [] },
    },
  };
  writeFileSync(join(home, '.claude.json'), JSON.stringify(state));
  if (options.settings) writeFileSync(join(home, '.claude/settings.json'), JSON.stringify(options.settings));
  if (options.credentials) {
    writeFileSync(join(home, '.claude/.credentials.json'), JSON.stringify(options.credentials), { mode: 0o600 });
  }
  const env = {
    HOME: home,
    PATH: '/usr/local/bin:/usr/bin:/bin',
    SHELL: '/bin/bash',
    LANG: 'C.UTF-8',
    TERM: 'xterm-256color',
    USER: 'tester',
    TMPDIR: root,
    IS_SANDBOX: '1',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
    ...options.env,
  };
  return { home, cwd, env };
}
