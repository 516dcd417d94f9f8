import { type IncomingMessage, request } from 'node:http';
import { asMidswapError, isErrorCode, MidswapError } from '../core/errors.ts';
import { CONTROL_PREFIX, type ControlEvent } from './contract.ts';

/** Where a gateway's control API is, and the token for it. */
export interface ControlEndpoint {
  readonly host: string;
  readonly port: number;
  readonly controlToken: string;
}

/** `gone`: nobody listens there, or somebody else does. `silent`: no answer in time. */
export type Liveness = 'live' | 'gone' | 'silent';

const MAX_ANSWER_BYTES = 16 << 20;

/**
 * One call of the control API. `path` is relative to `/control/v1`. Throws the error that the gateway answered,
 * `unreachable` when it does not answer, `internal` when what answers is not the control API.
 */
export function callControl<Answer>(
  endpoint: ControlEndpoint,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: unknown,
  timeoutMs = 5_000,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const outgoing = open(endpoint, method, `${CONTROL_PREFIX}${path}`, payload, (incoming) => {
      collect(incoming)
        .then((text) => resolve(readAnswer<Answer>(endpoint, incoming, text)), fail)
        .catch(reject);
    });
    const deadline = setTimeout(() => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    const fail = (cause: Error) => {
      clearTimeout(deadline);
      reject(unreachable(endpoint, cause));
    };
    outgoing.on('error', fail);
    outgoing.on('close', () => clearTimeout(deadline));
    outgoing.end(payload);
  });
}

/** Follows an event stream until it ends (resolves) or breaks (rejects). `signal` ends it from this side. */
export function followControl(
  endpoint: ControlEndpoint,
  path: string,
  onEvent: (event: ControlEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const outgoing = open(endpoint, 'GET', `${CONTROL_PREFIX}${path}`, undefined, (incoming) => {
      if (incoming.statusCode !== 200) {
        collect(incoming)
          .then((text) => readAnswer(endpoint, incoming, text))
          .then(() => resolve(), reject);
        return;
      }
      let pending = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => {
        const parts = (pending + chunk).split('\n\n');
        pending = parts.pop() ?? '';
        for (const part of parts) {
          const data = part.split('\n').find((line) => line.startsWith('data: '));
          if (data) onEvent(JSON.parse(data.slice(6)) as ControlEvent);
        }
      });
      incoming.on('end', resolve);
      incoming.on('error', (cause) => (signal.aborted ? resolve() : reject(unreachable(endpoint, cause))));
    });
    outgoing.on('error', (cause) => (signal.aborted ? resolve() : reject(unreachable(endpoint, cause))));
    signal.addEventListener('abort', () => outgoing.destroy(), { once: true });
    outgoing.on('close', resolve);
    outgoing.end();
  });
}

/** Is this gateway the one that listens there? Asks `/health`, which needs no token: none is shown to a stranger. */
export function probeGateway(
  gateway: { readonly host: string; readonly port: number; readonly gatewayId: string },
  timeoutMs: number,
): Promise<Liveness> {
  return new Promise((resolve) => {
    const outgoing = open({ ...gateway, controlToken: '' }, 'GET', '/health', undefined, (incoming) => {
      collect(incoming).then(
        (text) => resolve(healthId(text) === gateway.gatewayId ? 'live' : 'gone'),
        () => resolve('silent'),
      );
    });
    const deadline = setTimeout(() => {
      resolve('silent');
      outgoing.destroy();
    }, timeoutMs);
    outgoing.on('error', (cause: NodeJS.ErrnoException) => {
      // Refused: nobody there. Anything else that is no HTTP (a reset, a parse error) is somebody else on the port.
      resolve(cause.code === 'ETIMEDOUT' ? 'silent' : 'gone');
    });
    outgoing.on('close', () => clearTimeout(deadline));
    outgoing.end();
  });
}

function open(
  endpoint: ControlEndpoint,
  method: string,
  path: string,
  payload: Buffer | undefined,
  onAnswer: (incoming: IncomingMessage) => void,
) {
  return request(
    {
      host: connectHost(endpoint.host),
      port: endpoint.port,
      method,
      path,
      // One call per process: a kept connection would only hold the gateway's drain.
      agent: false,
      headers: {
        ...(endpoint.controlToken && { authorization: `Bearer ${endpoint.controlToken}` }),
        ...(payload && { 'content-type': 'application/json', 'content-length': String(payload.length) }),
      },
    },
    onAnswer,
  );
}

/** An address to connect to for one that was listened on. */
function connectHost(host: string): string {
  if (host === '0.0.0.0' || host === '') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

async function collect(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    size += (chunk as Buffer).length;
    if (size > MAX_ANSWER_BYTES) throw new Error('the answer is too large');
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function readAnswer<Answer>(endpoint: ControlEndpoint, incoming: IncomingMessage, text: string): Answer {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new MidswapError('internal', `${placeOf(endpoint)} answered no JSON (status ${incoming.statusCode})`, {
      cause,
    });
  }
  if (incoming.statusCode === 200) return value as Answer;
  const { error } = value as { error?: { code?: unknown; message?: unknown; hint?: unknown } };
  if (typeof error?.code !== 'string' || typeof error.message !== 'string') {
    throw new MidswapError('internal', `${placeOf(endpoint)} answered status ${incoming.statusCode}`);
  }
  throw new MidswapError(isErrorCode(error.code) ? error.code : 'internal', error.message, {
    ...(typeof error.hint === 'string' && { hint: error.hint }),
  });
}

function healthId(text: string): unknown {
  try {
    return (JSON.parse(text) as { gateway?: unknown } | null)?.gateway;
  } catch {
    return undefined;
  }
}

function unreachable(endpoint: ControlEndpoint, cause: Error): MidswapError {
  if (cause instanceof MidswapError) return asMidswapError(cause);
  return new MidswapError('unreachable', `${placeOf(endpoint)} does not answer: ${cause.message}`, {
    hint: 'See what runs with: midswap sessions',
    cause,
  });
}

function placeOf(endpoint: ControlEndpoint): string {
  return `the gateway at ${connectHost(endpoint.host)}:${endpoint.port}`;
}
