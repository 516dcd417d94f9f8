import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a place does to a request. */
export type DrillFault =
  | 'none'
  | 'overloaded'
  | 'server-error'
  | 'limited'
  | 'no-quota'
  | 'wrong-key'
  | 'reset'
  | 'silent'
  | 'cut'
  | 'not-the-protocol';

const SWIFT = 'sandbox-swift';

const ANSWERS: Partial<Record<DrillFault, readonly [number, string, string]>> = {
  overloaded: [529, 'overloaded_error', 'overloaded (drill)'],
  'server-error': [500, 'api_error', 'internal error (drill)'],
  limited: [429, 'rate_limit_error', 'rate limit reached (drill)'],
  'no-quota': [402, 'billing_error', 'insufficient balance (drill)'],
  'wrong-key': [401, 'authentication_error', 'invalid key (drill)'],
};

export interface DrillInjector {
  readonly origin: string;
  /** What this place does until it is told otherwise. */
  set(place: string, fault: DrillFault): void;
  close(): Promise<void>;
}

/**
 * Stands where every provider would be: the first part of a path names the place, and what is healthy is answered by the
 * built-in provider at `sandboxOrigin`.
 */
export async function startDrillInjector(sandboxOrigin: string): Promise<DrillInjector> {
  const faults = new Map<string, DrillFault>();
  const server = http.createServer((req, res) => {
    const place = decodeURIComponent((req.url ?? '').split('/')[1] ?? '');
    answer(req, res, faults.get(place) ?? 'none', sandboxOrigin).catch(() => res.destroy());
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    set: (place, fault) => void faults.set(place, fault),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(req: IncomingMessage, res: ServerResponse, fault: DrillFault, sandbox: string): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of req) parts.push(part as Buffer);
  const known = ANSWERS[fault];
  if (known) {
    const [status, type, message] = known;
    res.writeHead(status, {
      'content-type': 'application/json',
      ...(fault === 'limited' ? { 'retry-after': '30' } : {}),
    });
    res.end(JSON.stringify({ type: 'error', error: { type, message } }));
    return;
  }
  if (fault === 'reset') return void res.destroy();
  if (fault === 'silent') return;
  if (fault === 'not-the-protocol') {
    res.writeHead(200, { 'content-type': 'text/html' }).end('<html>please log in</html>');
    return;
  }
  const body = { ...JSON.parse(Buffer.concat(parts).toString('utf8')), model: SWIFT };
  const isChat = (req.url ?? '').split('?')[0]?.endsWith('/chat/completions');
  await forward(`${sandbox}${isChat ? '/v1/chat/completions' : '/v1/messages'}`, body, res, fault === 'cut');
}

function forward(url: string, body: unknown, res: ServerResponse, cut: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const outgoing = http.request(url, {
      method: 'POST',
      agent: false,
      headers: { 'content-type': 'application/json' },
    });
    outgoing.on('error', reject).on('response', (answer) => {
      res.writeHead(answer.statusCode ?? 502, { 'content-type': answer.headers['content-type'] ?? '' });
      let sent = '';
      answer.on('data', (chunk: Buffer) => {
        res.write(chunk);
        sent += chunk;
        // Once a word of the answer is out.
        if (cut && /"text_delta"|"content":"[^"]/.test(sent)) setTimeout(() => res.destroy(), 20);
      });
      answer.on('end', () => {
        res.end();
        resolve();
      });
    });
    outgoing.end(JSON.stringify(body));
  });
}
