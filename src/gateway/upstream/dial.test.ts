import net, { type AddressInfo, type Socket } from 'node:net';
import tls from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { certificate } from '../../../test/support/secure-caller.ts';
import { type DialOptions, dial, type Origin, openSocket } from './dial.ts';

async function listen(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

function outcome(origin: Omit<Origin, 'key'>, options: Partial<DialOptions> = {}): Promise<string> {
  return new Promise((resolve) => {
    dial(
      { key: 'k', ...origin },
      {
        connectMs: 2_000,
        alpn: ['http/1.1'],
        sessions: new Map(),
        ca: certificate.cert,
        onSocket: (socket) => {
          socket.on('error', () => {}).destroy();
          resolve('open');
        },
        onError: (error) => resolve(error.code ?? error.message),
        ...options,
      },
    );
  });
}

describe('a secure connection', () => {
  const start = () => listen(tls.createServer(certificate, (socket) => void socket.on('error', () => {})));

  it('is to who has the name, wherever the address came from', async () => {
    const port = await start();
    expect(await outcome({ host: '127.0.0.1', port, secure: true })).toBe('open');
    expect(await outcome({ host: '127.0.0.1', name: 'site.example', port, secure: true })).toBe(
      'ERR_TLS_CERT_ALTNAME_INVALID',
    );
  });

  it('is to who is trusted', async () => {
    const port = await start();
    expect(await outcome({ host: '127.0.0.1', port, secure: true }, { ca: undefined })).toBe(
      'DEPTH_ZERO_SELF_SIGNED_CERT',
    );
  });
});

describe('a connection that is not wanted any more', () => {
  it('is closed, and nobody is told of it', async () => {
    const sockets: Socket[] = [];
    const port = await listen(net.createServer((socket) => void sockets.push(socket.on('error', () => {}).resume())));
    const told: string[] = [];
    const options = {
      connectMs: 2_000,
      alpn: ['http/1.1'],
      sessions: new Map(),
      onSocket: () => void told.push('open'),
      onError: () => void told.push('failed'),
    };
    const leaving = dial({ key: 'k', host: '127.0.0.1', port, secure: true }, options);
    await expect.poll(() => sockets.length).toBe(1);
    leaving.destroy();
    await expect.poll(() => sockets[0]?.destroyed).toBe(true);
    expect(told).toEqual([]);
  });

  it('rejects with why', async () => {
    const port = await listen(net.createServer((socket) => void socket.on('error', () => {})));
    const leaving = new AbortController();
    const opening = openSocket({ host: '127.0.0.1', port, secure: true }, 0, leaving.signal);
    setTimeout(() => leaving.abort(new Error('enough')), 20);
    await expect(opening).rejects.toThrow('enough');
    await expect(openSocket({ host: '127.0.0.1', port, secure: true }, 0, leaving.signal)).rejects.toThrow('enough');
  });

  it('takes too long', async () => {
    const port = await listen(net.createServer((socket) => void socket.on('error', () => {})));
    expect(await outcome({ host: '127.0.0.1', port, secure: true }, { connectMs: 50 })).toBe(
      'no connection within 50 ms',
    );
  });
});
