import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** A request for a completion as the upstream got it. */
export interface Seen {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly raw: string;
  readonly body: ChatBody;
  /** `performance.now()` when the tool closed the connection before the answer was complete. */
  closedAtMs: number | undefined;
}

export interface ChatBody {
  readonly [field: string]: unknown;
  readonly messages?: readonly ChatMessage[];
  readonly tools?: readonly { readonly function?: { readonly name?: string; readonly parameters?: unknown } }[];
}

export interface ChatMessage {
  readonly role: string;
  readonly content?: unknown;
  readonly tool_calls?: readonly { readonly id: string; readonly function: { readonly name: string } }[];
  readonly tool_call_id?: string;
}

export type Respond = (res: ServerResponse, seen: Seen) => void | Promise<void>;

export interface CaseUpstream {
  readonly port: number;
  /** Requests for completions since the case began. */
  readonly seen: Seen[];
  /** Begins a case: what is answered from now on. */
  begin(respond: Respond): void;
  close(): Promise<void>;
}

/** A Chat Completions server on a free port of 127.0.0.1 that answers exactly what a case says. */
export async function startCaseUpstream(): Promise<CaseUpstream> {
  const seen: Seen[] = [];
  const sockets = new Set<Socket>();
  let respond: Respond = sendText('ok');
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    res.on('error', () => {});
    req.on('error', () => {});
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const path = req.url ?? '';
      if (req.method !== 'POST' || !path.includes('/chat/completions')) {
        res.writeHead(404, { 'content-type': 'application/json' }).end('{"error":{"message":"no such path"}}');
        return;
      }
      const raw = Buffer.concat(chunks).toString('utf8');
      const one: Seen = { path, headers: req.headers, raw, body: JSON.parse(raw) as ChatBody, closedAtMs: undefined };
      seen.push(one);
      res.on('close', () => {
        if (!res.writableFinished) one.closedAtMs = performance.now();
      });
      void respond(res, one);
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    begin(next) {
      seen.length = 0;
      respond = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

export type Delta = Readonly<Record<string, unknown>>;

/** One event of a stream. */
export function chunk(
  delta: Delta,
  finish: string | null = null,
  more: Readonly<Record<string, unknown>> = {},
): string {
  const choices = [{ index: 0, delta, finish_reason: finish }];
  return event({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'up-model', choices, ...more });
}

export function event(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

export const DONE = 'data: [DONE]\n\n';

/** A piece of a call: its place, and what of it is told now. */
export function call(index: number | undefined, id: string | undefined, name: string | undefined, args: string): Delta {
  const piece = {
    ...(index !== undefined && { index }),
    ...(id !== undefined && { id, type: 'function' }),
    function: { ...(name !== undefined && { name }), arguments: args },
  };
  return { tool_calls: [piece] };
}

/** A real model takes its time from event to event. */
const PAUSE_MS = 5;

/** Streams pieces, with a pause behind each; the answer is over behind the last. */
export function sendStream(
  pieces: readonly (string | Buffer)[],
  options: { readonly type?: string; readonly pauseMs?: number } = {},
): Respond {
  return async (res) => {
    res.writeHead(200, { 'content-type': options.type ?? 'text/event-stream' });
    for (const piece of pieces) {
      res.write(piece);
      const pauseMs = options.pauseMs ?? PAUSE_MS;
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    res.end();
  };
}

/** A short complete answer, streamed or whole, as the request wants it. */
export function sendText(text: string): Respond {
  return (res, seen) => {
    if (seen.body.stream === true)
      return sendStream([chunk({ role: 'assistant', content: text }), chunk({}, 'stop'), usage(10, 5), DONE])(
        res,
        seen,
      );
    return sendJson(200, completion({ role: 'assistant', content: text }, 'stop'))(res, seen);
  };
}

export function usage(prompt: number, completionTokens: number, more: Readonly<Record<string, unknown>> = {}): string {
  const counted = {
    prompt_tokens: prompt,
    completion_tokens: completionTokens,
    total_tokens: prompt + completionTokens,
  };
  return event({ id: 'chatcmpl-1', object: 'chat.completion.chunk', choices: [], usage: { ...counted, ...more } });
}

export function completion(message: Delta, finish: string): Record<string, unknown> {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'up-model',
    choices: [{ index: 0, message, finish_reason: finish }],
    usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
  };
}

export function sendJson(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Respond {
  return (res) => {
    res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
  };
}
