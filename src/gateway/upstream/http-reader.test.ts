import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AnswerReader, FramingError } from './http-reader.ts';

interface Read {
  readonly heads: { status: number; rawHeaders: string[]; persistent: boolean }[];
  readonly body: string;
  /** Bytes behind each answer, in the push in which it ended. */
  readonly ends: number;
  readonly fault: string | undefined;
}

/** Reads the pieces as one connection; what comes behind a whole answer is not given, as no request asked for it. */
function read(pieces: readonly Buffer[], closes = true): Read {
  const heads: Read['heads'] = [];
  let body = '';
  let ends = 0;
  let fault: string | undefined;
  const reader = new AnswerReader({
    head: (head) => heads.push(head),
    body: (bytes) => {
      expect(bytes.length).toBeGreaterThan(0);
      body += bytes.toString('latin1');
    },
    end: () => {
      ends++;
    },
  });
  try {
    for (const piece of pieces) {
      if (ends > 0) break;
      // The reader moves bytes inside what it gets, so that has to be its own.
      reader.push(Buffer.from(piece));
    }
    if (closes && ends === 0) reader.close();
  } catch (error) {
    if (!(error instanceof FramingError)) throw error;
    fault = error.message;
  }
  return { heads, body, ends, fault };
}

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [...new Set(places.map((place) => (bytes.length === 0 ? 0 : place % bytes.length)))].sort(
    (a, b) => a - b,
  );
  const edges = [0, ...sorted, bytes.length];
  return edges.slice(1).map((edge, i) => bytes.subarray(edges[i] as number, edge));
}

const latin1 = (text: string) => Buffer.from(text, 'latin1');
const name = fc.stringMatching(/^x-[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,12}$/);
const value = fc.stringMatching(/^([!-~\xa1-\xff]([\t -~\xa1-\xff]{0,20}[!-~\xa1-\xff])?)?$/);
const headers = fc.array(fc.tuple(name, value), { maxLength: 6 });
const status = fc.constantFrom(200, 201, 204, 304, 400, 401, 404, 429, 500, 503, 529);
const data = fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 8 });
const framing = fc.constantFrom('chunked', 'length', 'close');

interface Message {
  readonly bytes: Buffer;
  readonly status: number;
  readonly body: string;
}

const message: fc.Arbitrary<Message> = fc
  .record({
    status,
    headers,
    data,
    framing,
    informational: fc.boolean(),
    extension: fc.constantFrom('', ';a=b', ';a="x y"'),
    trailer: fc.constantFrom('', 'x-sum: 1\r\n'),
    upper: fc.boolean(),
  })
  .map((made) => {
    const bodiless = made.status === 204 || made.status === 304;
    const parts = bodiless ? [] : made.data.map((part) => Buffer.from(part));
    const body = Buffer.concat(parts);
    const lines = made.headers.map(([key, text]) => `${key}: ${text}\r\n`).join('');
    const framed = {
      chunked: 'Transfer-Encoding: chunked\r\n',
      length: `Content-Length: ${body.length}\r\n`,
      close: '',
    }[bodiless ? 'close' : made.framing];
    const sizeOf = (part: Buffer) => (made.upper ? part.length.toString(16).toUpperCase() : part.length.toString(16));
    const payload =
      bodiless || made.framing !== 'chunked'
        ? [body]
        : [
            ...parts.flatMap((part) => [latin1(`${sizeOf(part)}${made.extension}\r\n`), part, latin1('\r\n')]),
            latin1(`0\r\n${made.trailer}\r\n`),
          ];
    const before = made.informational ? 'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n' : '';
    return {
      bytes: Buffer.concat([latin1(`${before}HTTP/1.1 ${made.status} Why not\r\n${lines}${framed}\r\n`), ...payload]),
      status: made.status,
      body: body.toString('latin1'),
    };
  });

describe('an answer', () => {
  it('is read as it was made, however it is cut into pieces', () => {
    fc.assert(
      fc.property(message, fc.array(fc.nat(4000), { maxLength: 12 }), (made, places) => {
        const result = read(cut(made.bytes, places));
        expect(result).toMatchObject({ body: made.body, ends: 1, fault: undefined });
        expect(result.heads.map((head) => head.status)).toEqual([made.status]);
        expect(result).toEqual(read([...made.bytes].map((byte) => Buffer.from([byte]))));
      }),
      { numRuns: 300 },
    );
  });

  it('that is damaged is read the same however it is cut, and never makes the reader crash', () => {
    const damage = fc.array(
      fc.record({
        at: fc.nat(4000),
        drop: fc.nat(3),
        put: fc.constantFrom('', '\r', '\n', '\r\n', '\0', ' ', ':', ';', '0', 'f', 'g', '\r\n\r\n', ' folded\r\n'),
      }),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(message, damage, fc.array(fc.nat(4000), { maxLength: 8 }), (made, wounds, places) => {
        let bytes = made.bytes;
        for (const { at, drop, put } of wounds) {
          const place = at % bytes.length;
          bytes = Buffer.concat([bytes.subarray(0, place), latin1(put), bytes.subarray(place + drop)]);
        }
        const whole = read([bytes]);
        expect(read(cut(bytes, places))).toEqual(whole);
        expect(read([...bytes].map((byte) => Buffer.from([byte])))).toEqual(whole);
      }),
      { numRuns: 500 },
    );
  });

  it('that is garbage is refused or waited for, never an answer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.array(fc.nat(2000), { maxLength: 5 }), (bytes, places) => {
        const result = read(cut(Buffer.from(bytes), places));
        expect([result.ends, result.heads]).toEqual([0, []]);
      }),
    );
  });

  it('may be followed by another on the same connection, and says how much came behind it', () => {
    const ends: number[] = [];
    const bodies: string[] = [];
    const reader = new AnswerReader({
      head: () => {},
      body: (bytes) => bodies.push(bytes.toString()),
      end: (extra) => ends.push(extra),
    });
    reader.push(latin1('HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na'));
    reader.push(latin1('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n\r\nHTTP'));
    expect(bodies).toEqual(['a', 'b']);
    expect(ends).toEqual([0, 4]);
  });

  it('gives the chunks of one piece as one, and data before a broken chunk is not lost', () => {
    const bodies: string[] = [];
    const reader = new AnswerReader({ head: () => {}, body: (bytes) => bodies.push(bytes.toString()), end: () => {} });
    reader.push(latin1('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n3;x\r\ncde\r\n'));
    expect(() => reader.push(latin1('1\r\nf\r\nxyz\r\n'))).toThrow(FramingError);
    expect(bodies).toEqual(['abcde', 'f']);
    reader.push(latin1('2\r\nno\r\n'));
    expect(bodies).toHaveLength(2);
  });

  it.each([
    ['HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n', true],
    ['HTTP/1.1 200 OK\r\nConnection: Keep-Alive, Close\r\ncontent-length: 0\r\n\r\n', false],
    ['HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n', false],
    ['HTTP/1.1 200 OK\r\n\r\n', false],
    ['HTTP/1.1 204\r\n\r\n', true],
  ])('%j leaves the connection open for more: %s', (text, persistent) => {
    expect(read([latin1(text)]).heads[0]?.persistent).toBe(persistent);
  });
});

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;

describe('what can be read in two ways or is not HTTP is refused', () => {
  it.each([
    ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['HTTP/2', 'HTTP/2 200\r\n\r\n'],
    ['no status', 'HTTP/1.1 OK\r\n\r\n'],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['a control character in the reason', 'HTTP/1.1 200 O\0K\r\n\r\n'],
    ['a length beside a transfer coding', `${OK}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\nabc`],
    ['two lengths', `${OK}content-length: 3\r\ncontent-length: 4\r\n\r\nabc`],
    ['the same length twice', `${OK}content-length: 3\r\nContent-Length: 3\r\n\r\nabc`],
    ['a list of lengths', `${OK}content-length: 3, 3\r\n\r\nabc`],
    ['a signed length', `${OK}content-length: +3\r\n\r\nabc`],
    ['a length in hexadecimal', `${OK}content-length: 0x3\r\n\r\nabc`],
    ['an empty length', `${OK}content-length:\r\n\r\nabc`],
    ['another transfer coding', `${OK}transfer-encoding: gzip, chunked\r\n\r\n`],
    ['a transfer coding twice', `${OK}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n`],
    ['a transfer coding of HTTP/1.0', 'HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'],
    ['a folded header', `${OK}x-a: 1\r\n 2\r\n\r\n`],
    ['a space before the colon', `${OK}content-length : 3\r\n\r\nabc`],
    ['a header without a colon', `${OK}nonsense\r\n\r\n`],
    ['a header without a name', `${OK}: x\r\n\r\n`],
    ['a NUL in a value', `${OK}x-a: 1\0\r\n\r\n`],
    ['a bare line feed in a value', `${OK}x-a: 1\nx-b: 2\r\n\r\n`],
    ['a bare carriage return in a value', `${OK}x-a: 1\rx\r\n\r\n`],
    ['a change of protocol', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n'],
    ['informational answers without end', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(100)],
    ['a head without end', `${OK}x-a: ${'x'.repeat(70_000)}`],
    ['a head that is too long', `${OK}x-a: ${'x'.repeat(70_000)}\r\n\r\n`],
    ['a chunk without a size', `${CHUNKED}\r\n`],
    ['a chunk size that is no number', `${CHUNKED}xyz\r\n`],
    ['a chunk size with a sign', `${CHUNKED}-1\r\n`],
    ['a chunk size with a prefix', `${CHUNKED}0x1\r\na\r\n`],
    ['a chunk size with a space', `${CHUNKED}1 \r\na\r\n`],
    ['a chunk size that overflows', `${CHUNKED}fffffffff\r\n`],
    ['a chunk size that ends in a bare line feed', `${CHUNKED}1\na\r\n`],
    ['a chunk that is longer than its size', `${CHUNKED}1\r\nab\r\n`],
    ['a chunk extension without end', `${CHUNKED}1;${'x'.repeat(9_000)}`],
    ['a line end in a chunk extension', `${CHUNKED}1;a\nb\r\na\r\n`],
    ['trailers without end', `${CHUNKED}0\r\n${'x-a: b\r\n'.repeat(3_000)}`],
    ['a NUL in a trailer', `${CHUNKED}0\r\nx: \0\r\n\r\n`],
  ])('%s', (_, text) => {
    const whole = read([latin1(text)]);
    expect(whole.fault).toBeDefined();
    expect(whole.ends).toBe(0);
    expect(read([...latin1(text)].map((byte) => Buffer.from([byte])))).toEqual(whole);
  });

  it('and an answer that is cut is no answer', () => {
    fc.assert(
      fc.property(message, fc.nat(4000), ({ bytes }, at) => {
        const place = at % bytes.length;
        const result = read([bytes.subarray(0, place)]);
        if (/\r\ncontent-length:|\r\ntransfer-encoding:/i.test(bytes.toString('latin1'))) expect(result.ends).toBe(0);
        expect(result.fault).toBeUndefined();
      }),
    );
  });
});

describe('valid answers are read as node:http reads them', () => {
  let current: Buffer = Buffer.alloc(0);
  let server: net.Server;
  beforeAll(async () => {
    server = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(current));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => void server.close());

  function readByNode(): Promise<{ status: number | undefined; rawHeaders: string[]; body: string }> {
    const { port } = server.address() as AddressInfo;
    return new Promise((resolve, reject) => {
      const request = http.request({ port, host: '127.0.0.1', method: 'POST', agent: false }, (answer) => {
        let body = '';
        answer.setEncoding('latin1');
        answer.on('data', (text: string) => {
          body += text;
        });
        answer.on('end', () => resolve({ status: answer.statusCode, rawHeaders: answer.rawHeaders, body }));
        answer.on('error', reject);
      });
      request.on('error', reject);
      request.end('{}');
    });
  }

  it('status, headers and body', async () => {
    await fc.assert(
      fc.asyncProperty(message, async (made) => {
        current = made.bytes;
        const { heads, body } = read([made.bytes]);
        expect({ status: heads[0]?.status, rawHeaders: heads[0]?.rawHeaders, body }).toEqual(await readByNode());
      }),
      { numRuns: 60 },
    );
  });
});
