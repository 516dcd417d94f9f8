import { randomBytes } from 'node:crypto';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { idMinter } from '../core/ids.ts';
import type { MessagesRequest } from '../core/messages.ts';
import { chatDialect, type Dialect, messagesDialect, type ReplyFacts } from './dialects.ts';
import { answer, type SandboxFault, type Turn } from './script.ts';

/** Simulated models and how fast each one speaks, milliseconds between frames. */
export const SANDBOX_MODELS: Readonly<Record<string, number>> = { 'sandbox-swift': 4, 'sandbox-sage': 12 };

const DIALECTS: readonly Dialect[] = [messagesDialect, chatDialect];
const STALL_MS = 600_000;

/** Status, type and message of the faults that come before an answer. */
const REFUSALS: Partial<Record<SandboxFault, readonly [number, string, string]>> = {
  overloaded: [529, 'overloaded_error', 'the simulated provider is overloaded'],
  'rate-limit': [429, 'rate_limit_error', 'the simulated rate limit is reached'],
  credential: [401, 'authentication_error', 'the simulated key is not valid'],
  overflow: [400, 'invalid_request_error', 'prompt is too long: 300000 tokens > 200000 maximum'],
};

export interface Sandbox {
  /** `http://127.0.0.1:41234` */
  readonly origin: string;
  close(): Promise<void>;
}

/** Starts the built-in provider on a free port of the loopback interface. It needs no key and stores nothing. */
export async function startSandbox(): Promise<Sandbox> {
  const server = http.createServer({ noDelay: true }, (req, res) => {
    serve(req, res).catch(() => res.destroy());
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  server.unref();
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of req) parts.push(part as Buffer);
  const path = (req.url ?? '').split('?', 1)[0] as string;
  if (req.method === 'GET' && path.endsWith('/models'))
    return json(res, 200, { data: Object.keys(SANDBOX_MODELS).map((id) => ({ id, object: 'model' })) });
  const dialect = DIALECTS.find((candidate) => path.endsWith(candidate.path));
  if (!dialect) return json(res, 404, messagesDialect.error('not_found_error', `nothing at ${path}`));
  let request: MessagesRequest;
  try {
    request = dialect.read(JSON.parse(Buffer.concat(parts).toString('utf8')));
  } catch {
    return json(res, 400, dialect.error('invalid_request_error', 'the body is not valid JSON'));
  }
  const delayMs = SANDBOX_MODELS[request.model];
  if (delayMs === undefined)
    return json(res, 404, dialect.error('not_found_error', `model: ${request.model} does not exist`));
  const turn = answer(request.model, request);
  const refusal = turn.fault && REFUSALS[turn.fault];
  if (refusal)
    return json(
      res,
      refusal[0],
      dialect.error(refusal[1], refusal[2]),
      refusal[0] === 429 ? { 'retry-after': '2' } : {},
    );
  const mintId = idMinter((count) => randomBytes(count));
  const facts: ReplyFacts = {
    id: mintId('msg'),
    model: request.model,
    inputTokens: Math.ceil(Buffer.concat(parts).length / 4),
    outputTokens: Math.ceil(JSON.stringify([turn.thinking, turn.text, turn.tools]).length / 4),
    toolId: cached((_index) => mintId('toolu')),
  };
  if (request.stream !== true) return json(res, 200, dialect.whole(turn, facts));
  return stream(res, dialect, turn, facts, delayMs);
}

async function stream(
  res: ServerResponse,
  dialect: Dialect,
  turn: Turn,
  facts: ReplyFacts,
  delayMs: number,
): Promise<void> {
  res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  res.flushHeaders();
  if (turn.fault === 'empty') return void res.end();
  if (turn.fault === 'garbage') return void res.end('<html><body>502 Bad Gateway</body></html>');
  const { frames, mark } = dialect.stream(turn, facts);
  for (const [i, frame] of frames.entries()) {
    if (res.destroyed) return;
    if (turn.fault === 'cut' && i === mark) return void res.destroy();
    if (turn.fault === 'stall' && i === mark)
      await Promise.race([sleep(STALL_MS, undefined, { ref: false }), closed(res)]);
    res.write(frame);
    await sleep(delayMs);
  }
  res.end();
}

function closed(res: ServerResponse): Promise<void> {
  return new Promise((resolve) => res.once('close', () => resolve()));
}

function cached(make: (index: number) => string): (index: number) => string {
  const made = new Map<number, string>();
  return (index) => {
    const id = made.get(index) ?? make(index);
    made.set(index, id);
    return id;
  };
}

function json(
  res: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}
