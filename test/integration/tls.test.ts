import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
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

it('a trusted upstream is asked in HTTP/1.1, sessions are resumed, and its name has to be that of the certificate', async () => {
  const certificate = selfSigned();
  const file = join(tempDir(), 'certificate.pem');
  writeFileSync(file, certificate.cert);
  let requests = 0;
  const server = createServer({ ...certificate, ALPNProtocols: ['h2', 'http/1.1'] }, (socket) => {
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
