import type { Readable } from 'node:stream';
import { callControl } from '../../control/client.ts';
import { type HookAnswer, SESSION_VARIABLE } from '../../control/contract.ts';
import { findOwnEndpoint } from '../../control/discovery.ts';
import { parsePromptCommand } from '../../control/prompt.ts';
import { MidswapError } from '../../core/errors.ts';
import type { App } from '../app.ts';
import { errorLine } from '../output.ts';

const MAX_INPUT_BYTES = 16 << 20;
/** The client waits for its hooks: a gateway that hangs must not hold the user's prompt. */
const ANSWER_TIMEOUT_MS = 3_000;

/**
 * The client's hooks where they are a command: its JSON on stdin, the answer on stdout. A prompt that is not for midswap
 * is let through without asking anybody, and so is everything when the input cannot be read: a hook must never stand
 * between the user and the model. Always exits with 0, which is what makes the client read the answer.
 */
export async function hookPrompt(app: App): Promise<number> {
  const { prompt, hook_event_name: event, agent_id, agent_type } = objectOf(await readAll(app.streams.in));
  if (event === 'SubagentStart')
    await ask(app, { hook_event_name: event, agent_id, agent_type }).catch(() => undefined);
  if (typeof prompt !== 'string' || parsePromptCommand(prompt) === undefined) return 0;
  const answer = await ask(app, { prompt }).catch((thrown): HookAnswer => stop(errorLine(thrown)));
  app.streams.out.write(`${JSON.stringify(answer)}\n`);
  return 0;
}

async function ask(app: App, input: Readonly<Record<string, unknown>>): Promise<HookAnswer> {
  const session = app.machine.env[SESSION_VARIABLE];
  const endpoint = session === undefined ? undefined : findOwnEndpoint(app.stateDir(), session);
  if (session === undefined || endpoint === undefined) {
    return stop('midswap: this client was not started by midswap, or its gateway is gone. Start one with: midswap');
  }
  return callControl<HookAnswer>(endpoint, 'POST', `/sessions/${session}/hook/prompt`, input, ANSWER_TIMEOUT_MS);
}

function stop(stopReason: string): HookAnswer {
  return { continue: false, stopReason };
}

function objectOf(input: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(input);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** Everything on the stream as text; empty when it is more than any prompt. */
export async function readAll(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += (chunk as Buffer).length;
    if (size > MAX_INPUT_BYTES) return '';
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** `hook EVENT`. Throws `usage` for an event that has no hook. */
export function hook(app: App, event: string | undefined): Promise<number> {
  if (event === 'prompt') return hookPrompt(app);
  throw new MidswapError('usage', `there is no hook "${event ?? ''}"`, { hint: 'Hooks: prompt' });
}
