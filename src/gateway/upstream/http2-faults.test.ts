import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { chunksOf } from '../../../test/support/body-chunks.ts';
import {
  CODE,
  endsRequest,
  FRAME,
  type Frame,
  type FrameSocket,
  keepUp,
  startFrameServer,
} from '../../../test/support/http2-frames.ts';
import { answerOf, call, certificate, textOf } from '../../../test/support/secure-caller.ts';
import { wholeBody } from './answer.ts';
import { isFault } from './call.ts';

/** A server of frames; `onRequest` gets every request when it is whole. */
async function startFrames(
  onRequest: (connection: FrameSocket, stream: number, count: number) => void,
  more: {
    onPlain?: (socket: Socket) => void;
    onFrame?: (frame: Frame, connection: FrameSocket) => void;
    settings?: readonly (readonly [number, number])[];
  } = {},
) {
  let count = 0;
  return startFrameServer({
    certificate,
    onConnection: (connection) => connection.settings(more.settings),
    onFrame: (frame, connection) => {
      if (more.onFrame) more.onFrame(frame, connection);
      else keepUp(frame, connection);
      if (endsRequest(frame)) onRequest(connection, frame.stream, ++count);
    },
    ...(more.onPlain ? { onPlain: more.onPlain } : {}),
  });
}

describe('a request that the upstream never worked on is sent again', () => {
  it('when it was refused', async () => {
    const server = await startFrames((connection, stream, count) => {
      if (count === 1) connection.reset(stream, CODE.refused);
      else connection.say(stream, `at ${count}`);
    });
    expect(await textOf(server.port)).toBe('at 2');
  });

  it('once only', async () => {
    let requests = 0;
    const server = await startFrames((connection, stream, count) => {
      requests = count;
      connection.reset(stream, CODE.refused);
    });
    expect(await call(server.port).answer).toMatchObject({ class: 'network' });
    expect(requests).toBe(2);
  });

  it('when the upstream goes away and has not looked at it; one that it has looked at is answered there', async () => {
    const server = await startFrames((connection, stream, count) => {
      if (count === 1) return;
      if (count === 2) {
        connection.goAway(1);
        setTimeout(() => connection.say(1, 'old connection'), 30);
        return;
      }
      connection.say(stream, `connection ${connection.number}`);
    });
    const first = textOf(server.port);
    await expect.poll(() => server.connections[0]?.frames.some(endsRequest)).toBe(true);
    const second = textOf(server.port);
    expect(await second).toBe('connection 2');
    expect(await first).toBe('old connection');
    expect(await textOf(server.port)).toBe('connection 2');
  });

  it('when the upstream goes away for a fault of its own', async () => {
    const server = await startFrames((connection, stream, count) => {
      if (count === 1) connection.goAway(0, CODE.internal);
      else connection.say(stream, `connection ${connection.number}`);
    });
    expect(await textOf(server.port)).toBe('connection 2');
  });

  it('when it wants HTTP/1.1, in that', async () => {
    const server = await startFrames((connection, stream) => connection.reset(stream, CODE.http11), {
      onPlain: (socket) => socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')),
    });
    expect([await textOf(server.port), await textOf(server.port)]).toEqual(['ok', 'ok']);
    expect(server.connections).toHaveLength(1);
  });

  it.each(['ended', 'reset'])('when a kept connection is %s', async (how) => {
    const server = await startFrames((connection, stream, count) => {
      if (count === 2) return how === 'ended' ? connection.socket.destroy() : server.break(connection);
      connection.say(stream, `connection ${connection.number}`);
    });
    expect(await textOf(server.port)).toBe('connection 1');
    await sleep(20);
    expect(await textOf(server.port)).toBe('connection 2');
  });
});

describe('a request that the upstream may have worked on is not sent again', () => {
  async function faultOf(
    onRequest: (connection: FrameSocket, stream: number) => void,
  ): Promise<{ fault: unknown; requests: number }> {
    let requests = 0;
    const server = await startFrames((connection, stream, count) => {
      requests = count;
      onRequest(connection, stream);
    });
    const fault = await call(server.port).answer;
    await sleep(30);
    return { fault, requests };
  }

  it.each([
    ['a fault of the upstream', (connection: FrameSocket, stream: number) => connection.reset(stream, CODE.internal)],
    ['a reset without a reason', (connection: FrameSocket, stream: number) => connection.reset(stream, CODE.none)],
    ['a cancel', (connection: FrameSocket, stream: number) => connection.reset(stream, CODE.cancel)],
    ['a reset of the connection', (connection: FrameSocket) => connection.socket.destroy()],
    ['the end of the connection', (connection: FrameSocket) => connection.socket.end()],
    [
      'a last look at it',
      (connection: FrameSocket, stream: number) => {
        connection.goAway(stream, CODE.internal);
        connection.socket.end();
      },
    ],
  ])('%s', async (_, onRequest) => {
    expect(await faultOf(onRequest)).toMatchObject({ fault: { class: 'network' }, requests: 1 });
  });
});

it('a header that could end its line is not passed on', async () => {
  const server = await startFrames((connection, stream) => {
    connection.answer(stream, { 'x-a': 'b\r\nx-evil: 1', 'x-b': 'c' }, true);
  });
  const answer = await call(server.port).answer;
  // One runtime leaves out the header, the other refuses the answer.
  if (isFault(answer)) expect(answer.class).toMatch(/malformed|network/);
  else expect(answer.rawHeaders).toEqual(['x-b', 'c']);
});

describe('an answer that was cut never looks whole', () => {
  const cuts: readonly (readonly [string, (connection: FrameSocket, stream: number) => void])[] = [
    ['a reset with a fault', (connection, stream) => connection.reset(stream, CODE.internal)],
    ['a cancel', (connection, stream) => connection.reset(stream, CODE.cancel)],
    ['a refusal', (connection, stream) => connection.reset(stream, CODE.refused)],
    ['a reset connection', (connection) => connection.socket.destroy()],
    ['a closed connection', (connection) => connection.socket.end()],
    ['a goodbye with a fault', (connection, stream) => connection.goAway(stream, CODE.internal)],
    [
      'a goodbye and the end',
      (connection, stream) => {
        connection.goAway(stream);
        connection.socket.end();
      },
    ],
    ['a protocol error', (connection) => connection.send(FRAME.data, 0, 0, Buffer.from('on no stream'))],
    ['a length that is not reached', (connection, stream) => connection.data(stream, '', true)],
  ];

  it.each(cuts)('by %s', async (_, cut) => {
    let requests = 0;
    const server = await startFrames((connection, stream, count) => {
      requests = count;
      connection.answer(stream, { 'content-length': '1000' });
      connection.data(stream, 'some of it');
      setTimeout(() => cut(connection, stream), 20);
    });
    const answer = await answerOf(server.port);
    let got = '';
    const read = (async () => {
      for await (const chunk of chunksOf(answer)) got += chunk;
    })();
    await expect(read).rejects.toThrow();
    expect(answer.complete).toBe(false);
    expect(got).toBe('some of it');
    expect(requests).toBe(1);
  });

  it('by a reset of the whole connection', async () => {
    const server = await startFrames((connection, stream) => {
      connection.answer(stream);
      connection.data(stream, 'some of it');
      setTimeout(() => server.break(connection), 20);
    });
    const answer = await answerOf(server.port);
    await expect(wholeBody(answer, 100)).rejects.toThrow();
    expect(answer.complete).toBe(false);
  });

  it('and one that is whole is so, even when the connection ends with it', async () => {
    const server = await startFrames((connection, stream) => {
      connection.answer(stream, { 'content-length': '5' });
      connection.data(stream, 'whole', true);
      connection.goAway(stream);
      connection.socket.end();
    });
    const answer = await answerOf(server.port);
    await sleep(50);
    expect((await wholeBody(answer, 100)).toString()).toBe('whole');
    expect(answer.complete).toBe(true);
  });

  it('and one that comes before its request was read is whole', async () => {
    const server = await startFrameServer({
      certificate,
      onConnection: (connection) => connection.settings(),
      onFrame: (frame, connection) => {
        keepUp(frame, connection);
        if (frame.type !== FRAME.headers) return;
        connection.say(frame.stream, 'too large');
        connection.reset(frame.stream, CODE.none);
      },
    });
    expect(await textOf(server.port, { body: [Buffer.alloc(4 << 20)] })).toBe('too large');
    expect(await textOf(server.port)).toBe('too large');
    expect(server.connections).toHaveLength(1);
  });
});

it('an answer that ends at any byte of its connection is whole or told to be cut', async () => {
  const part = (type: number, flags: number, stream: number, payload: Buffer) => {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(stream, 5);
    return Buffer.concat([head, payload]);
  };
  const TEXT = 'event: a\ndata: {"some":"thing"}\n\nevent: b\ndata: {}\n\n';
  const bytes = Buffer.concat([
    part(FRAME.headers, 4, 1, Buffer.from([0x88])),
    part(FRAME.data, 0, 1, Buffer.from(TEXT.slice(0, 20))),
    part(FRAME.data, 0, 1, Buffer.from(TEXT.slice(20))),
    part(FRAME.data, 1, 1, Buffer.alloc(0)),
    part(FRAME.goaway, 0, 0, Buffer.alloc(8)),
  ]);
  const wholeAt = bytes.length - 17;
  let outcomes = { whole: 0, cut: 0, none: 0 };
  for (let at = 0; at <= bytes.length; at++) {
    let requests = 0;
    const server = await startFrames((connection, _stream, count) => {
      requests = count;
      // As one piece, and the end with it: nothing is lost on the way.
      connection.socket.end(bytes.subarray(0, at));
    });
    const answer = await call(server.port).answer;
    if (isFault(answer)) {
      outcomes = { ...outcomes, none: outcomes.none + 1 };
      expect(at).toBeLessThan(wholeAt);
    } else {
      let text = '';
      const whole = await (async () => {
        for await (const chunk of chunksOf(answer)) text += chunk;
        return true;
      })().catch(() => false);
      expect(TEXT.startsWith(text)).toBe(true);
      expect([at, whole, answer.complete]).toEqual([at, at >= wholeAt, at >= wholeAt]);
      if (whole) expect(text).toBe(TEXT);
      outcomes = whole ? { ...outcomes, whole: outcomes.whole + 1 } : { ...outcomes, cut: outcomes.cut + 1 };
      expect(requests).toBe(1);
    }
  }
  expect(outcomes.whole).toBe(18);
  expect(outcomes.cut).toBeGreaterThan(60);
}, 30_000);
