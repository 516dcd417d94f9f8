import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import { selfSigned } from '../support/self-signed.ts';
import { tempDir } from '../support/temp-home.ts';

const CALLER = join(import.meta.dirname, '../support/upstream-caller.ts');

/** Asks the URLs one after the other in a process that trusts the certificate. */
function callTrusting(certificateFile: string, urls: readonly string[]): Promise<{ fault?: string; text: string }[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CALLER, ...urls], {
      env: { PATH: process.env.PATH, NODE_EXTRA_CA_CERTS: certificateFile },
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 10_000,
    });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code !== 0) return reject(new Error(`the caller ended with ${code}`));
      resolve(
        output
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line)),
      );
    });
  });
}

it('a trusted upstream is asked, sessions are resumed, and its name has to be that of the certificate', async () => {
  const certificate = selfSigned();
  const file = join(tempDir(), 'certificate.pem');
  writeFileSync(file, certificate.cert);
  let requests = 0;
  const server = createServer({ ...certificate, ALPNProtocols: ['http/1.1'] }, (socket) => {
    socket.on('error', () => {});
    socket.on('data', () => {
      const text = `${socket.alpnProtocol} ${socket.isSessionReused() ? 'resumed' : 'new'}`;
      // Every second answer keeps its connection.
      const option = requests++ % 2 === 0 ? 'connection: close\r\n' : '';
      socket.write(`HTTP/1.1 200 OK\r\n${option}content-length: ${text.length}\r\n\r\n${text}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const url = `https://127.0.0.1:${port}`;
  const answers = await callTrusting(file, [url, url, url, `https://localhost:${port}`]);
  expect(answers.slice(0, 3).map(({ text }) => text)).toEqual(['http/1.1 new', 'http/1.1 resumed', 'http/1.1 resumed']);
  expect(answers[3]).toMatchObject({
    fault: 'network',
    text: expect.stringContaining('its certificate is for another name'),
  });
  expect(requests).toBe(3);
});

it('a process with HTTP/2 connections that nobody uses ends by itself', async () => {
  const certificate = selfSigned();
  const file = join(tempDir(), 'certificate.pem');
  writeFileSync(file, certificate.cert);
  let sessions = 0;
  const server = createSecureServer(certificate, (req, res) => res.end(`in ${req.httpVersion}`));
  server.on('session', () => sessions++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const answers = await callTrusting(file, [url, url]);
  expect(answers.map(({ text }) => text)).toEqual(['in 2.0', 'in 2.0']);
  expect(sessions).toBe(1);
});

it('an upstream is reached through a proxy that is spoken to in TLS, inside of which the upstream has its own', async () => {
  const certificate = selfSigned();
  const file = join(tempDir(), 'certificate.pem');
  writeFileSync(file, certificate.cert);
  const upstream = createSecureServer({ ...certificate, allowHTTP1: true }, (req, res) => {
    req.resume().on('end', () => res.end(`in ${req.httpVersion}`));
  });
  const heads: string[] = [];
  const proxy = createServer(certificate, (client) => {
    client.on('error', () => {});
    client.once('data', (head: Buffer) => {
      heads.push(head.toString());
      const port = Number(/^CONNECT [^:]+:(\d+)/.exec(head.toString())?.[1]);
      const onward = connect(port, '127.0.0.1', () => {
        client.write('HTTP/1.1 200 OK\r\n\r\n');
        onward.pipe(client).pipe(onward);
      });
      onward.on('error', () => client.destroy());
      client.on('close', () => onward.destroy());
    });
  });
  for (const server of [upstream, proxy]) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
  }
  const portOf = (server: typeof proxy) => (server.address() as AddressInfo).port;
  const way = `https://127.0.0.1:${portOf(upstream as unknown as typeof proxy)} https://me:pass@127.0.0.1:${portOf(proxy)}`;
  expect((await callTrusting(file, [way, way])).map(({ text }) => text)).toEqual(['in 2.0', 'in 2.0']);
  expect(heads).toHaveLength(1);
  expect(heads[0]).toContain(Buffer.from('me:pass').toString('base64'));
});
