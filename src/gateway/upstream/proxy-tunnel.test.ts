import net, { type AddressInfo, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Secret } from '../../core/secret.ts';
import { openTunnel } from './proxy-tunnel.ts';

interface Proxy {
  readonly port: number;
  readonly sockets: Socket[];
  /** Bytes that came, of all connections. */
  readonly received: () => Buffer;
}

/** A proxy that says these bytes, one after each piece that comes; whatever it sends behind the last is the other side's. */
async function startProxy(answers: readonly (Buffer | string | number[])[]): Promise<Proxy> {
  const sockets: Socket[] = [];
  const chunks: Buffer[] = [];
  const server = net.createServer((socket) => {
    sockets.push(socket);
    let said = 0;
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      const answer = answers[said++];
      if (answer !== undefined) socket.write(typeof answer === 'string' ? answer : Buffer.from(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, sockets, received: () => Buffer.concat(chunks) };
}

async function open(url: string, host = 'upstream.test', signal = new AbortController().signal): Promise<Socket> {
  const socket = await openTunnel(new Secret(url, 'the configuration'), { host, port: 443 }, signal);
  onTestFinished(() => void socket.destroy());
  return socket;
}

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => 'it opened',
    (error: Error & { at?: string }) => `${error.at}: ${error.message}`,
  );

describe('CONNECT', () => {
  it('names host and port, and says who asks', async () => {
    const proxy = await startProxy(['HTTP/1.1 200 Connection established\r\n\r\n']);
    await open(`http://us%40er:p%3Ass@127.0.0.1:${proxy.port}`);
    const login = Buffer.from('us@er:p:ss').toString('base64');
    expect(proxy.received().toString()).toBe(
      `CONNECT upstream.test:443 HTTP/1.1\r\nhost: upstream.test:443\r\nproxy-authorization: Basic ${login}\r\n\r\n`,
    );
  });

  it('writes an address of IPv6 in brackets', async () => {
    const proxy = await startProxy(['HTTP/1.0 200 OK\r\n\r\n']);
    await open(`http://127.0.0.1:${proxy.port}`, '2001:db8::1');
    expect(proxy.received().toString()).toContain('CONNECT [2001:db8::1]:443 HTTP/1.1\r\n');
  });

  it('leaves what comes behind the answer to who gets the connection', async () => {
    const proxy = await startProxy(['HTTP/1.1 200 OK\r\nx: y\r\n\r\nfrom the other side']);
    const socket = await open(`http://127.0.0.1:${proxy.port}`);
    const first = await new Promise((resolve) => socket.once('data', resolve).resume());
    expect(String(first)).toBe('from the other side');
  });

  it.each([
    ['a refusal', 'HTTP/1.1 407 Proxy Authentication Required\r\n\r\n', 'it refused the connection with status 407'],
    ['a redirect', 'HTTP/1.1 302 Found\r\nlocation: http://login\r\n\r\n', 'it refused the connection with status 302'],
    ['something else', 'SSH-2.0-OpenSSH\r\n\r\n', 'it did not answer in HTTP'],
    ['an endless head', `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(20_000)}`, 'its answer has no end'],
  ])('fails with %s, and closes the connection', async (_, answer, message) => {
    const proxy = await startProxy([answer]);
    const told = await failure(open(`http://me:hunter2@127.0.0.1:${proxy.port}`));
    expect(told).toBe(`its proxy 127.0.0.1:${proxy.port}: ${message}`);
    await expect.poll(() => proxy.sockets[0]?.destroyed).toBe(true);
  });
});

const OK5 = [5, 0, 0, 1, 127, 0, 0, 1, 0, 0];

describe('SOCKS5', () => {
  it('gives the name to the proxy, after user name and password', async () => {
    const proxy = await startProxy([[5, 2], [1, 0], OK5]);
    await open(`socks5://user:pass@127.0.0.1:${proxy.port}`);
    const name = Buffer.from('upstream.test');
    expect(proxy.received()).toEqual(
      Buffer.concat([
        Buffer.from([5, 2, 0, 2]),
        Buffer.from([1, 4]),
        Buffer.from('user'),
        Buffer.from([4]),
        Buffer.from('pass'),
        Buffer.from([5, 1, 0, 3, name.length]),
        name,
        Buffer.from([1, 0xbb]),
      ]),
    );
  });

  it.each([
    ['10.1.2.3', [1, 10, 1, 2, 3]],
    ['2001:db8::1', [4, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]],
    ['::ffff:10.1.2.3', [4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3]],
    ['::', [4, ...Array(16).fill(0)]],
  ])('gives the address %s as one', async (host, bytes) => {
    const proxy = await startProxy([[5, 0], OK5]);
    await open(`socks5h://127.0.0.1:${proxy.port}`, host);
    expect([...proxy.received().subarray(3)]).toEqual([5, 1, 0, ...bytes, 1, 0xbb]);
  });

  it('reads an answer of any length, in any pieces', async () => {
    const answer = Buffer.from([5, 0, 0, 3, 4, ...Buffer.from('host'), 0, 80, ...Buffer.from('hello')]);
    const server = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', async () => {
        for (const byte of Buffer.concat([Buffer.from([5, 0]), answer])) {
          await new Promise((resolve) => setTimeout(resolve, 1));
          socket.write(Buffer.from([byte]));
        }
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const socket = await open(`socks5://127.0.0.1:${(server.address() as AddressInfo).port}`);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.resume();
    await expect.poll(() => text).toBe('hello');
  });

  it.each([
    [
      'socks5://user:pass@',
      [
        [5, 2],
        [1, 1],
      ],
      'it refused its user name and password',
    ],
    ['socks5://user:pass@', [[5, 0xff]], 'it takes no password'],
    ['socks5://', [[5, 0xff]], 'it wants a user name'],
    ['socks5://', [[5, 2]], 'it wants a user name'],
    ['socks5://', [[4, 0]], 'it does not speak SOCKS5'],
    [
      'socks5://',
      [
        [5, 0],
        [5, 5, 0, 1, 0, 0, 0, 0, 0, 0],
      ],
      'it refused the connection: nothing listens there',
    ],
    [
      'socks5://',
      [
        [5, 0],
        [5, 77, 0, 1, 0, 0, 0, 0, 0, 0],
      ],
      'it refused the connection: code 77',
    ],
  ])('%s: a proxy that says %j is told', async (start, answers, message) => {
    const proxy = await startProxy(answers);
    const told = await failure(open(`${start}127.0.0.1:${proxy.port}`));
    expect(told).toBe(`its proxy 127.0.0.1:${proxy.port}: ${message}`);
    await expect.poll(() => proxy.sockets[0]?.destroyed).toBe(true);
  });
});

describe('SOCKS4', () => {
  it('gets an address, which is looked up here', async () => {
    const proxy = await startProxy([[0, 90, 0, 0, 0, 0, 0, 0]]);
    await open(`socks4://me@127.0.0.1:${proxy.port}`, 'localhost');
    expect([...proxy.received()]).toEqual([4, 1, 1, 0xbb, 127, 0, 0, 1, ...Buffer.from('me'), 0]);
  });

  it('gets the name in its newer form', async () => {
    const proxy = await startProxy([[0, 90, 0, 0, 0, 0, 0, 0]]);
    await open(`socks4a://127.0.0.1:${proxy.port}`);
    expect([...proxy.received()]).toEqual([4, 1, 1, 0xbb, 0, 0, 0, 1, 0, ...Buffer.from('upstream.test'), 0]);
  });

  it('says when it refuses, and knows nothing of IPv6', async () => {
    const proxy = await startProxy([[0, 91, 0, 0, 0, 0, 0, 0]]);
    expect(await failure(open(`socks4a://127.0.0.1:${proxy.port}`))).toContain('it refused the connection: code 91');
    expect(await failure(open(`socks4://127.0.0.1:${proxy.port}`, '2001:db8::1'))).toContain('no addresses of IPv6');
  });
});

describe('a proxy that says nothing', () => {
  it.each(['http://', 'socks5://', 'socks4a://', 'https://'])(
    '%s is left when nobody waits any more',
    async (start) => {
      const proxy = await startProxy([]);
      const leaving = new AbortController();
      const told = failure(open(`${start}127.0.0.1:${proxy.port}`, 'upstream.test', leaving.signal));
      await expect.poll(() => proxy.sockets.length).toBe(1);
      leaving.abort(new Error('nobody waits'));
      expect(await told).toContain('nobody waits');
      await expect.poll(() => proxy.sockets[0]?.destroyed).toBe(true);
    },
  );

  it('and hangs up is told', async () => {
    const server = net.createServer((socket) => socket.once('data', () => socket.end()));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    expect(await failure(open(`http://127.0.0.1:${port}`))).toContain('socket hang up');
    expect(await failure(open(`socks5://127.0.0.1:${port}`))).toContain('socket hang up');
  });
});
