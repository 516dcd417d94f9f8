import { callControl } from '../../control/client.ts';
import { SESSION_VARIABLE, type StatuslineInfo } from '../../control/contract.ts';
import { findOwnEndpoint } from '../../control/discovery.ts';
import type { App } from '../app.ts';
import type { Output } from '../output.ts';

const ANSWER_TIMEOUT_MS = 1_000;

/**
 * The client's status line command: one line on stdout. What the client tells on stdin is not needed and not waited
 * for. Without an answer the line says so and the exit code stays 0: a status line is no place for an error.
 */
export async function statusline(app: App, out: Output): Promise<number> {
  const session = app.machine.env[SESSION_VARIABLE];
  try {
    const endpoint = session === undefined ? undefined : findOwnEndpoint(app.stateDir(), session);
    if (endpoint === undefined) throw new Error('no gateway');
    const path = `/sessions/${session}/statusline`;
    const info = await callControl<StatuslineInfo>(endpoint, 'GET', path, undefined, ANSWER_TIMEOUT_MS);
    if (out.json) out.data(info);
    else out.line(info.text);
  } catch {
    if (out.json) out.data({ text: null, session: null });
    else out.line('midswap: no gateway');
  }
  return 0;
}
