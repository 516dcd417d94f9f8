import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { HookEndpoint } from './request.ts';

/**
 * What the client tells: prompts before the model sees them, and the name of an agent before its first request. Only
 * events that the client knows, since it stops at a dialog for any other.
 */
const HOOK_EVENTS = ['UserPromptSubmit', 'SubagentStart'] as const;

/** How that reaches midswap. */
export type PromptHook =
  | ({ readonly kind: 'http' } & HookEndpoint)
  /** A shell command; it gets the hook's JSON on stdin. */
  | { readonly kind: 'command'; readonly command: string };

export interface PluginOptions {
  readonly hook: PromptHook;
  readonly version: string;
}

/** Seconds the client waits for the answer. */
const HOOK_TIMEOUT_S = 5;

/**
 * Writes the plugin into `dir`, readable by the user only: the hook may hold the session's control token.
 * `/midswap:use` and `/midswap:status` are answered by the hook; their files exist so that the client offers and
 * completes them, and do the same work with the model's help where hooks are switched off.
 */
export function writePlugin(dir: string, options: PluginOptions): void {
  for (const [name, content] of Object.entries(pluginFiles(options))) {
    const file = join(dir, name);
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, content, { mode: 0o600 });
  }
}

/** The plugin's files, by their path below its directory. */
export function pluginFiles({ hook, version }: PluginOptions): Record<string, string> {
  const handler =
    hook.kind === 'http'
      ? {
          type: 'http',
          url: hook.url,
          headers: { authorization: `Bearer ${hook.token}` },
          timeout: HOOK_TIMEOUT_S,
        }
      : { type: 'command', command: hook.command, timeout: HOOK_TIMEOUT_S };
  const manifest = { name: 'midswap', version, description: 'Change the model behind this session.' };
  return {
    '.claude-plugin/plugin.json': toJson(manifest),
    'hooks/hooks.json': toJson({
      hooks: Object.fromEntries(HOOK_EVENTS.map((event) => [event, [{ hooks: [handler] }]])),
    }),
    'commands/use.md': command(
      'Change the model behind this session',
      'REF [--slot SLOT] [--at-compaction] [--for 30m] [--dry-run] | --undo',
      'use $ARGUMENTS',
    ),
    'commands/status.md': command('What this session is pointed at', '', 'statusline'),
  };
}

/** The model may not call it by itself: who pays for the next request is the user's decision. */
function command(description: string, hint: string, midswap: string): string {
  const [verb] = midswap.split(' ');
  return `---
description: ${description}
${hint === '' ? '' : `argument-hint: "${hint}"\n`}allowed-tools: Bash(midswap ${verb}:*)
disable-model-invocation: true
---
!\`midswap ${midswap}\`

Repeat the line above and do nothing else.
`;
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
