import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import type { WebAccess } from '../../src/gateway/fetch-guard.ts';

/** What a scripted site was asked. */
export interface SiteRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface ScriptedWeb {
  readonly port: number;
  readonly origin: string;
  readonly requests: SiteRequest[];
  /** Reaches this server under any name that ends in `.example`, and nothing else. */
  readonly access: WebAccess;
}

export type SiteHandler = (request: SiteRequest, res: ServerResponse) => void;

/** A part of the internet on a free port of this machine. Closed when the running test is over. */
export async function startWeb(handler: SiteHandler): Promise<ScriptedWeb> {
  const requests: SiteRequest[] = [];
  const server = createServer(async (req, res) => {
    res.on('error', () => {});
    let body = '';
    for await (const chunk of req) body += String(chunk);
    const url = new URL(req.url ?? '/', `http://${req.headers.host}`);
    const request = { method: req.method ?? '', url, headers: req.headers, body };
    requests.push(request);
    handler(request, res);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    requests,
    access: {
      lookup: async (name) => (name.endsWith('.example') ? ['127.0.0.1'] : ['10.0.0.1']),
      isExempt: (address) => address === '127.0.0.1',
    },
  };
}
