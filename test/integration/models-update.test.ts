import { existsSync, readFileSync } from 'node:fs';
import http, { type RequestListener } from 'node:http';
import https from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { commandLine } from '../support/command-line.ts';
import { selfSigned } from '../support/self-signed.ts';
import { writeFiles } from '../support/temp-home.ts';

const TABLE = JSON.stringify({ deepseek: { models: { fresh: { limit: { context: 64_000 }, tool_call: true } } } });

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve())));
  return (server.address() as AddressInfo).port;
}

const serve = async (answer: RequestListener) => `http://127.0.0.1:${await listen(http.createServer(answer))}`;

describe('models update', { timeout: 60_000 }, () => {
  it('takes over a table from the web or a file, and no failure touches what is there', async () => {
    const { run, home } = commandLine();
    const kept = join(home, 'midswap', 'state', 'models.json');
    const origin = await serve((req, res) => {
      if (req.url === '/old') res.writeHead(301, { location: '/api.json' }).end();
      else if (req.url === '/api.json') res.end(TABLE);
      else res.writeHead(req.url === '/page' ? 200 : 500).end('<html>');
    });
    expect(await run(['models', 'update', `${origin}/old`])).toMatchObject({ code: 0, stderr: '' });
    expect((await run(['models', 'deepseek'])).stdout).toMatch(/^deepseek:fresh +64k /m);
    const before = readFileSync(kept, 'utf8');

    writeFiles(home, { 'list.json': '[]', 'half.json': TABLE.slice(0, 40) });
    for (const [source, code, message] of [
      [`${origin}/gone`, 69, /\/gone: status 500/],
      [`${origin}/page`, 65, /no table of models: it is not JSON/],
      ['list.json', 65, /no table of models/],
      ['half.json', 65, /not JSON/],
      ['nowhere.json', 66, /cannot read nowhere\.json/],
      ['http://', 64, /is no address/],
    ] as const) {
      const failed = await run(['models', 'update', source]);
      expect([source, failed.code, failed.stdout]).toEqual([source, code, '']);
      expect(failed.stderr).toMatch(message);
      expect(readFileSync(kept, 'utf8')).toBe(before);
    }
    expect((await run(['models', 'deepseek'])).stdout).toMatch(/^deepseek:fresh +64k /m);
  });

  it('does not leave an encrypted connection for an open one', async () => {
    const { run, home } = commandLine();
    const open = await serve((_, res) => void res.end(TABLE));
    const { key, cert } = selfSigned();
    const encrypted = https.createServer({ key, cert }, (req, res) => {
      if (req.url === '/ok') res.end(TABLE);
      else res.writeHead(302, { location: req.url === '/away' ? open : '/ok' }).end();
    });
    const origin = `https://127.0.0.1:${await listen(encrypted)}`;
    writeFiles(home, { 'ca.pem': cert });
    const env = { NODE_EXTRA_CA_CERTS: join(home, 'ca.pem') };
    expect(await run(['models', 'update', `${origin}/old`], { env })).toMatchObject({ code: 0, stderr: '' });
    const refused = await run(['models', 'update', `${origin}/away`], { env });
    expect([refused.code, refused.stderr]).toEqual([69, expect.stringContaining('would not be encrypted')]);
    const untrusted = await run(['models', 'update', `${origin}/ok`]);
    expect([untrusted.code, untrusted.stderr]).toEqual([
      69,
      expect.stringMatching(/cannot fetch .*(certificate|self.signed)/i),
    ]);
  });

  it('without a source asks one that is known, through the proxy of the environment', async () => {
    const { run, home } = commandLine();
    const asked: string[] = [];
    const proxy = http.createServer().on('connect', (req, client) => {
      asked.push(req.url ?? '');
      client.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    });
    const env = { HTTPS_PROXY: `http://127.0.0.1:${await listen(proxy)}` };
    const failed = await run(['models', 'update'], { env });
    expect(asked).toEqual(['models.dev:443']);
    expect([failed.code, failed.stderr]).toEqual([
      69,
      expect.stringMatching(/cannot fetch models\.dev\/api\.json through the proxy of HTTPS_PROXY: .*403/),
    ]);
    expect(existsSync(join(home, 'midswap', 'state', 'models.json'))).toBe(false);
  });
});
