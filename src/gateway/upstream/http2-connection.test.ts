import http2 from 'node:http2';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  endsRequest,
  FRAME,
  type Frame,
  FrameSocket,
  keepUp,
  startFrameServer,
} from '../../../test/support/http2-frames.ts';
import { type Answer, wholeBody } from './answer.ts';
import { Http2Connection } from './http2-connection.ts';

describe('a connection', () => {
  const BIND = { onSettled() {}, onUnwanted() {} };

  /** A connection that stands by itself, on which time is what the test says. */
  async function stand(onFrame: (frame: Frame, connection: FrameSocket) => void) {
    const server = await startFrameServer({ onConnection: (connection) => connection.settings(), onFrame });
    const socket = net.connect(server.port, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    let retired = 0;
    const connection = new Http2Connection(http2, socket, '127.0.0.1', { ...BIND, onRetired: () => retired++ });
    onTestFinished(() => connection.destroy());
    await expect.poll(() => connection.isSettled).toBe(true);
    const send = () =>
      new Promise<Answer | Error>((resolve) => {
        connection.send({
          origin: { key: 'k', secure: true, host: '127.0.0.1', port: server.port },
          head: '',
          host: '127.0.0.1',
          path: '/',
          headers: [],
          body: [Buffer.from('{}')],
          bodyLength: 2,
          connectMs: 0,
          http2: true,
          onAnswer: resolve,
          onError: resolve,
        });
      });
    return { connection, server, send, retired: () => retired };
  }

  const pings = ({ connections }: { connections: readonly FrameSocket[] }) =>
    connections[0]?.frames.filter(({ type, flags }) => type === FRAME.ping && flags === 0).length;

  it('that has no use for a minute is closed with a goodbye', async () => {
    const { connection, server, retired } = await stand(keepUp);
    let closed = false;
    server.connections[0]?.socket.on('close', () => {
      closed = true;
    });
    connection.check(performance.now() + 50_000);
    expect([connection.hasRoom, retired()]).toEqual([true, 0]);
    connection.check(performance.now() + 60_000);
    expect([connection.hasRoom, retired()]).toEqual([false, 1]);
    await expect.poll(() => closed).toBe(true);
    expect(server.connections[0]?.frames.some(({ type }) => type === FRAME.goaway)).toBe(true);
  });

  it('whose upstream does not close its half is gone soon after', async () => {
    const sockets: net.Socket[] = [];
    const server = net.createServer({ allowHalfOpen: true }, (socket) => {
      sockets.push(socket.on('error', () => {}));
      new FrameSocket(socket, 1, keepUp).settings();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    const socket = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    const connection = new Http2Connection(http2, socket, '127.0.0.1', { ...BIND, onRetired: () => {} });
    await expect.poll(() => connection.isSettled).toBe(true);
    connection.check(performance.now() + 60_000);
    await expect.poll(() => socket.destroyed, { timeout: 3_000 }).toBe(true);
  });

  it('is asked for a sign while an answer is awaited in silence, and lives when it gives one', async () => {
    const { connection, server, send } = await stand((frame, from) => {
      keepUp(frame, from);
      if (endsRequest(frame)) from.answer(frame.stream);
    });
    const answer = await send();
    const now = performance.now();
    connection.check(now + 20_000);
    expect(pings(server)).toBe(0);
    connection.check(now + 31_000);
    await expect.poll(() => pings(server)).toBe(1);
    await sleep(50);
    connection.check(now + 47_000);
    server.connections[0]?.data(1, 'late', true);
    expect(String(await wholeBody(answer as Answer, 100))).toBe('late');
  });

  it('that gives none is dead, and everybody on it is told', async () => {
    const { connection, send, retired } = await stand((frame, from) => {
      if (endsRequest(frame) && frame.stream === 1) from.answer(frame.stream);
    });
    const answer = await send();
    const waiting = send();
    await sleep(30);
    const now = performance.now();
    connection.check(now + 31_000);
    connection.check(now + 47_000);
    await expect(wholeBody(answer as Answer, 100)).rejects.toThrow(/no answer to a ping/);
    expect(String(await waiting)).toMatch(/no answer to a ping/);
    expect(retired()).toBe(1);
  });
});
