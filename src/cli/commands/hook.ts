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
 * The client's `UserPromptSubmit` hook: its JSON on stdin, the answer on stdout. A prompt that is not for midswap is
 * let through without asking anybody, and so is everything when the input cannot be read: a hook must never stand
 * between the user and the model. Always exits with 0, which is what makes the client read the answer.
 */
export async function hookPrompt(app: App): Promise<number> {
  const input = await readAll(app.streams.in);
  const prompt = promptOf(input);
  if (prompt === undefined || parsePromptCommand(prompt) === undefined) return 0;
  app.streams.out.write(`${JSON.stringify(await ask(app, prompt))}\n`);
  return 0;
}

async function ask(app: App, prompt: string): Promise<HookAnswer> {
  try {
    const session = app.machine.env[SESSION_VARIABLE];
    const endpoint = session === undefined ? undefined : findOwnEndpoint(app.stateDir(), session);
    if (session === undefined || endpoint === undefined) {
      return stop('midswap: this client was not started by midswap, or its gateway is gone. Start one with: midswap');
    }
    const path = `/sessions/${session}/hook/prompt`;
    return await callControl<HookAnswer>(endpoint, 'POST', path, { prompt }, ANSWER_TIMEOUT_MS);
  } catch (thrown) {
    return stop(errorLine(thrown));
  }
}

function stop(stopReason: string): HookAnswer {
  return { continue: false, stopReason };
}

function promptOf(input: string): string | undefined {
  try {
    const { prompt } = JSON.parse(input) as { prompt?: unknown };
    return typeof prompt === 'string' ? prompt : undefined;
  } catch {
    return undefined;
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
