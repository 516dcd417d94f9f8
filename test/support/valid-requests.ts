import { chatFaults } from './chat-validator.ts';
import { type MessagesRules, messagesFaults } from './messages-requests.ts';
import type { ScriptedUpstream } from './scripted-upstream.ts';

export interface ValidityRules extends MessagesRules {
  /** Fields of a Chat Completions request that this server has on top of the common ones. */
  readonly ownFields?: readonly string[];
}

/** Why strict servers of the two protocols would refuse requests that an upstream got; nothing when all are right. */
export function requestFaults(upstream: ScriptedUpstream, rules: ValidityRules = {}): string[] {
  return upstream.turns().flatMap(({ path, body }, at) => {
    const isChat = path.endsWith('/chat/completions');
    const common = Object.entries(body ?? {}).filter(([name]) => !rules.ownFields?.includes(name));
    const faults = isChat ? chatFaults(Object.fromEntries(common)) : messagesFaults(body, rules);
    return faults.map((fault) => `${upstream.name}, request ${at}: ${fault}`);
  });
}

/** Names of the tools that a Chat Completions request declares. */
export function declaredTools(body: unknown): string[] {
  const { tools = [] } = body as { tools?: { function: { name: string } }[] };
  return tools.map((tool) => tool.function.name);
}
