import http from 'node:http';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../../../test/support/until.ts';
import type { Inbound, Outbound } from './inbound.ts';
import { Listener, type ListenerOptions, type ListenerTimes } from './listener.ts';

const LIMITS = { maxBytes: 1 << 20, idleMs: 5_000 };

async function echo(req: Inbound, out: Outbound): Promise<void> {
  const body = await req.body(LIMITS);
  out.head(200, ['content-type', 'text/plain', 'x-method', req.method]);
  for (let at = 0; at < body.length; at += 1000) out.write([body.subarray(at, at + 1000)]);
  out.end();
}

async function listen(handle: (req: Inbound, out: Outbound) => void, times?: ListenerTimes): Promise<number> {
  const options: ListenerOptions = {
    handle,
    isMounted: (url) => url.startsWith('/mounted/'),
    handleHttp: (req, res) => void res.end(`mounted ${req.url}`),
    onBroken: (_error, socket) =>
      void socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n'),
  };
  const listener = new Listener(options, times);
  onTestFinished(() => listener.close());
  return (await listener.listen('127.0.0.1', 0)).port;
}

/** Sends the pieces, each in a packet of its own, and gives all that came back until `last` or the end of it. */
async function talk(port: number, pieces: readonly (string | Buffer)[], last: RegExp): Promise<string> {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  let text = '';
  let over = false;
  socket.on('data', (part) => {
    text += part.toString('latin1');
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    over = true;
  });
  for (const piece of pieces) {
    socket.write(piece);
    await sleep(2);
  }
  await until('the answer', () => over || last.test(text), 5_000);
  socket.destroy();
  return text;
}

const POST = (body: string, path = '/') =>
  `POST ${path} HTTP/1.1\r\nhost: a\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
/** The bodies of chunked answers, one after the other. */
function bodiesOf(text: string): string[] {
  return text
    .split(/HTTP\/1\.1 200 OK\r\n/)
    .slice(1)
    .map((answer) => {
      let rest = answer.slice(answer.indexOf('\r\n\r\n') + 4);
      let body = '';
      for (;;) {
        const [size = ''] = rest.split('\r\n', 1);
        const length = Number.parseInt(size, 16);
        if (!(length > 0)) return body;
        body += rest.slice(size.length + 2, size.length + 2 + length);
        rest = rest.slice(size.length + 4 + length);
      }
    });
}

describe('a plain connection', () => {
  it('gives back any body, however it was cut, and the next request on the same connection too', async () => {
    const port = await listen(echo);
    const body = fc.oneof(
      fc.string({ maxLength: 50 }).map((text) => Buffer.from(text).toString('latin1')),
      fc.nat(80_000).map((size) => 'x'.repeat(size)),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(body, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(), { maxLength: 5 }),
        async (bodies, cuts) => {
          const sent = Buffer.from(bodies.map((one) => POST(one)).join(''), 'latin1');
          // The first cut is behind the first head: one that is not whole goes to the other parser, which is tested below.
          const places = [...new Set([0, ...cuts.map((cut) => 80 + (cut % sent.length)), sent.length])]
            .filter((at) => at <= sent.length)
            .sort((a, b) => a - b);
          const pieces = places.slice(1).map((end, i) => sent.subarray(places[i], end));
          const count = new RegExp(`^(?:[\\s\\S]*?\r\n0\r\n\r\n){${bodies.length}}`);
          expect(bodiesOf(await talk(port, pieces, count))).toEqual(bodies);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('sends head and first bytes together, and says how long the connection is kept', async () => {
    const port = await listen(echo);
    const socket = net.connect({ port, host: '127.0.0.1' });
    socket.write(POST('hello'));
    const first: Buffer = await new Promise((resolve) => socket.once('data', resolve));
    socket.destroy();
    expect(first.toString()).toMatch(
      /^HTTP\/1\.1 200 OK\r\ncontent-type: text\/plain\r\nx-method: POST\r\ntransfer-encoding: chunked\r\ndate: [^\r]+ GMT\r\nconnection: keep-alive\r\nkeep-alive: timeout=65\r\n\r\n5\r\nhello\r\n/,
    );
  });

  it('goes over to the other parser with whatever came of an unusual request', async () => {
    const port = await listen(echo);
    const unusual = [
      ['GET /mounted/x HTTP/1.1\r\nhost: a\r\n\r\n', /mounted \/mounted\/x/],
      [
        'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
        /5\r\nhello\r\n0\r\n\r\n/,
      ],
      [
        'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!',
        /^HTTP\/1\.1 400|\r\nHTTP\/1\.1 400/,
      ],
      ['HELLO\r\n\r\n', /HTTP\/1\.1 400/],
    ] as const;
    for (const [request, answer] of unusual) {
      expect(await talk(port, [request], answer)).toMatch(answer);
      expect(await talk(port, [request.slice(0, 20), request.slice(20)], answer)).toMatch(answer);
      const both = await talk(port, [POST('first'), request], answer);
      expect(both).toMatch(answer);
      expect(both).toContain('5\r\nfirst\r\n');
    }
  });

  it('says CONTINUE to who waits for it', async () => {
    const port = await listen(echo);
    const head = 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n';
    expect(await talk(port, [head, 'hello'], /hello/)).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200/);
  });

  it('closes when it was asked to, and when it refused a body that still comes', async () => {
    const port = await listen((req, out) => {
      out.head(413, ['content-length', '2']);
      out.end([Buffer.from('no')]);
      req.discard();
    });
    const head = 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n';
    const refused = await talk(port, [head, 'x'.repeat(200_000), 'x'.repeat(200_000)], /never/);
    expect(refused).toMatch(/^HTTP\/1\.1 413 [\s\S]*connection: close\r\n\r\nno$/);
    const asked = await talk(port, ['GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'], /never/);
    expect(asked).toMatch(/connection: close\r\n\r\nno$/);
  });

  it('tells of a client that has gone, once, and not after the answer', async () => {
    let gone = 0;
    const outs: Outbound[] = [];
    const port = await listen((_req, out) => {
      outs.push(out);
      out.onGone = () => {
        gone++;
      };
    });
    const socket = net.connect({ port, host: '127.0.0.1' });
    socket.write(POST('x'));
    await until('the request', () => outs.length === 1);
    socket.destroy();
    await until('it is noticed', () => gone === 1);
    outs[0]?.head(200, []);
    outs[0]?.end([Buffer.from('too late')]);

    const other = net.connect({ port, host: '127.0.0.1' });
    other.write(POST('x'));
    await until('the request', () => outs.length === 2);
    outs[1]?.head(200, []);
    outs[1]?.end([Buffer.from('in time')]);
    await new Promise((resolve) => other.once('data', resolve));
    other.destroy();
    await sleep(20);
    expect(gone).toBe(1);
  });

  it('gives up on a body that does not come, and on one that is cut', async () => {
    const faults: string[] = [];
    const port = await listen((req, out) => {
      req.body({ maxBytes: 100, idleMs: 50 }).catch((error) => {
        faults.push(error.code);
        out.head(408, ['content-length', '0']);
        out.end();
      });
    });
    const head = (length: number) => `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${length}\r\n\r\n`;
    expect(await talk(port, [head(10), 'half'], /never/)).toMatch(/^HTTP\/1\.1 408/);
    const socket = net.connect({ port, host: '127.0.0.1' });
    socket.write(`${head(10)}ab`);
    await sleep(20);
    socket.destroy();
    await until('both', () => faults.length === 2);
    await talk(port, [head(1000)], /408/);
    expect(faults).toEqual(['body_timeout', 'invalid_request', 'body_too_large']);
  });

  it('does not write faster than the client reads', async () => {
    let written = 0;
    const port = await listen((_req, out) => {
      out.head(200, []);
      const piece = Buffer.alloc(64_000, 'y');
      const pump = () => {
        while (written < 20_000_000) {
          written += piece.length;
          if (!out.write([piece])) return out.onDrain(pump);
        }
        out.end();
      };
      pump();
    });
    const socket = net.connect({ port, host: '127.0.0.1' });
    socket.pause();
    socket.write(POST('x'));
    await sleep(200);
    expect(written).toBeLessThan(15_000_000);
    let received = 0;
    socket.on('data', (part) => {
      received += part.length;
    });
    socket.resume();
    await until('all of it', () => received > 20_000_000, 5_000);
    socket.destroy();
  });

  it('is closed when it says nothing for too long, whichever way it went, and not while it waits for an answer', async () => {
    const slow: Outbound[] = [];
    const port = await listen(
      (req, out) => {
        if (req.url === '/slow') slow.push(out);
        else void echo(req, out);
      },
      { headMs: 150, keepAliveMs: 150, sweepMs: 20 },
    );
    const lives = new Map<string, number>();
    const open = (name: string, ...pieces: string[]) => {
      const socket = net.connect({ port, host: '127.0.0.1' });
      onTestFinished(() => void socket.destroy());
      const begun = performance.now();
      for (const piece of pieces) socket.write(piece);
      socket.resume();
      socket.on('error', () => {});
      socket.on('close', () => lives.set(name, performance.now() - begun));
    };
    open('nothing said');
    open('half a head', 'POST / HTTP/1.1\r\nho');
    open('a request', POST('x'));
    open('a request of the other way', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n');
    open('a long answer', POST('x', '/slow'));
    await until('all but one are closed', () => lives.size === 4, 2_000);
    expect(Math.min(...lives.values())).toBeGreaterThan(100);
    await sleep(200);
    expect([...lives.keys()]).not.toContain('a long answer');
    slow[0]?.head(200, []);
    slow[0]?.end([Buffer.from('at last')]);
    await until('the last one too', () => lives.size === 5, 2_000);
  });

  it('cannot be made to send a header that ends its line', async () => {
    const port = await listen((_req, out) => {
      try {
        out.head(200, ['x-evil', 'a\r\nset-cookie: b']);
      } catch (error) {
        out.head(500, ['content-length', String((error as Error).message.length)]);
        out.end([Buffer.from((error as Error).message)]);
      }
    });
    const text = await talk(port, [POST('x')], /cannot be sent/);
    expect(text).toMatch(/^HTTP\/1\.1 500/);
    expect(text).not.toContain('set-cookie');
  });

  it('serves an agent that keeps its connections', async () => {
    const port = await listen(echo);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    const ports = new Set<number | undefined>();
    for (let i = 0; i < 20; i++) {
      const text = await new Promise<string>((resolve, reject) => {
        const request = http.request({ port, host: '127.0.0.1', agent, method: 'POST' }, (answer) => {
          ports.add(answer.socket.localPort);
          let all = '';
          answer.setEncoding('utf8').on('data', (part) => {
            all += part;
          });
          answer.on('end', () => resolve(all)).on('error', reject);
        });
        request.on('error', reject).end(`request ${i}`);
      });
      expect(text).toBe(`request ${i}`);
    }
    expect(ports.size).toBe(1);
  });
});
