import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import { ChunkedWriter } from './chunked-writer.ts';

const servers: http.Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

async function serve(answer: (writer: ChunkedWriter, res: http.ServerResponse) => void): Promise<number> {
  const server = http.createServer((_req, res) => {
    res.writeHead(200, ['content-type', 'text/event-stream']);
    answer(new ChunkedWriter(res), res);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const agent = new http.Agent({ keepAlive: true });
function get(port: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    http
      .get({ port, host: '127.0.0.1', agent }, (res) => {
        const parts: Buffer[] = [];
        res.on('data', (part) => parts.push(part)).on('end', () => resolve(Buffer.concat(parts)));
      })
      .on('error', reject);
  });
}

/** Sends bytes as they are and gives everything that comes back until the server closes or `until` is seen. */
function raw(port: number, request: string, until: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = net.connect(port, '127.0.0.1', () => socket.write(request));
    socket.on('data', (part) => {
      text += part.toString('latin1');
      if (until.test(text)) socket.destroy();
    });
    socket.on('error', reject).on('close', () => resolve(text));
  });
}

it('any chunks arrive as they were, on a connection that is used again', async () => {
  let chunks: Uint8Array[] = [];
  const port = await serve((writer) => {
    for (const chunk of chunks.slice(0, -1)) writer.write(Buffer.from(chunk));
    writer.end(chunks.length > 0 ? Buffer.from(chunks.at(-1) as Uint8Array) : undefined);
  });
  const sizes = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.nat(40_000).map((size) => new Uint8Array(size).fill(65)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(sizes, { maxLength: 6 }), async (given) => {
      chunks = given;
      expect((await get(port)).equals(Buffer.concat(given))).toBe(true);
    }),
    { numRuns: 60 },
  );
});

it('requests that were sent ahead are answered in order', async () => {
  let count = 0;
  const port = await serve((writer) => {
    const name = `answer ${count++}`;
    writer.write(Buffer.from(`${name} begins,`));
    setTimeout(() => writer.end(Buffer.from(`${name} ends.`)), 5);
  });
  const text = await raw(
    port,
    'GET /1 HTTP/1.1\r\nhost: x\r\n\r\nGET /2 HTTP/1.1\r\nhost: x\r\n\r\n',
    /answer 1 ends[\s\S]*0\r\n\r\n$/,
  );
  expect(text.match(/answer \d \w+/g)).toEqual([
    'answer 0 begins',
    'answer 0 ends',
    'answer 1 begins',
    'answer 1 ends',
  ]);
});

it('a client without chunked coding gets the plain bytes', async () => {
  const port = await serve((writer) => {
    writer.write(Buffer.from('plain '));
    writer.end(Buffer.from('bytes'));
  });
  const text = await raw(port, 'GET / HTTP/1.0\r\n\r\n', /never/);
  expect(text.split('\r\n\r\n')[1]).toBe('plain bytes');
});

it('tells when a slow reader has caught up', async () => {
  let paused = 0;
  const port = await serve((writer) => {
    let left = 2000;
    const more = () => {
      while (left-- > 0) {
        if (writer.write(Buffer.alloc(8000, 66))) continue;
        paused++;
        return writer.onDrain(more);
      }
      writer.end(undefined);
    };
    more();
  });
  expect((await get(port)).length).toBe(2000 * 8000);
  expect(paused).toBeGreaterThan(0);
});

it('a client that has gone is no error', async () => {
  let writes = 0;
  const port = await serve((writer, res) => {
    const timer = setInterval(() => {
      writes++;
      writer.write(Buffer.from('data: x\n\n'));
    }, 1);
    res.on('close', () => setTimeout(() => clearInterval(timer), 10));
  });
  await raw(port, 'GET / HTTP/1.1\r\nhost: x\r\n\r\n', /data/);
  await expect.poll(() => writes).toBeGreaterThan(2);
});
