import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPlainHead } from './plain-head.ts';

const read = (text: string) => readPlainHead(Buffer.from(text, 'latin1'));
const post = (...lines: string[]) =>
  read(`POST /v1/messages HTTP/1.1\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`);

describe('a plain head', () => {
  it('is read with names and values as they came', () => {
    const text =
      'POST /s/x/v1/messages?beta=true HTTP/1.1\r\nHost: 127.0.0.1:1\r\nX-App:  cli \t\r\ncontent-length: 12\r\n\r\nbody';
    expect(read(text)).toEqual({
      method: 'POST',
      url: '/s/x/v1/messages?beta=true',
      rawHeaders: ['Host', '127.0.0.1:1', 'X-App', 'cli', 'content-length', '12'],
      headers: Object.assign(Object.create(null), { host: '127.0.0.1:1', 'x-app': 'cli', 'content-length': '12' }),
      bodyLength: 12,
      persistent: true,
      length: text.length - 4,
    });
  });

  it('without a body is one of GET or HEAD', () => {
    for (const method of ['GET', 'HEAD']) {
      expect(read(`${method} / HTTP/1.1\r\nhost: a\r\n\r\n`)).toMatchObject({
        method,
        bodyLength: 0,
        persistent: true,
      });
    }
  });

  it('may close its connection', () => {
    expect(post('host: a', 'content-length: 0', 'Connection: Close')).toMatchObject({ persistent: false });
    expect(post('host: a', 'content-length: 0', 'connection: keep-alive')).toMatchObject({ persistent: true });
  });

  it('may repeat a header that only informs; the first counts', () => {
    const head = post('host: a', 'content-length: 0', 'x-note: one', 'X-Note: two');
    expect(head?.headers['x-note']).toBe('one');
    expect(head?.rawHeaders).toEqual(['host', 'a', 'content-length', '0', 'x-note', 'one', 'X-Note', 'two']);
  });
});

describe('left to a parser of all of HTTP is', () => {
  it.each([
    ['a head that is not whole', 'POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n'],
    ['nothing', ''],
    ['a line end before the request', '\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['bare line feeds', 'GET / HTTP/1.1\nhost: a\n\n\r\n\r\n'],
    ['a line feed inside of a head', 'GET / HTTP/1.1\r\nhost: a\nx: y\r\n\r\n'],
    ['a carriage return inside of a value', 'GET / HTTP/1.1\r\nhost: a\rb\r\n\r\n'],
    ['a NUL', 'GET / HTTP/1.1\r\nhost: a\0\r\n\r\n'],
    ['a vertical tab at the end of a value', 'GET / HTTP/1.1\r\nhost: a\x0b\r\n\r\n'],
    ['another method', 'DELETE / HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['a lower-case method', 'get / HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['another version', 'GET / HTTP/1.0\r\nhost: a\r\n\r\n'],
    ['an absolute form', 'GET http://a/ HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['a space in the path', 'GET /a b HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['bytes above ASCII in the path', 'GET /\xe4 HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['no host', 'GET / HTTP/1.1\r\nx: a\r\n\r\n'],
    ['an empty host', 'GET / HTTP/1.1\r\nhost:\r\n\r\n'],
    ['two hosts', 'GET / HTTP/1.1\r\nhost: a\r\nHost: a\r\n\r\n'],
    ['a body on GET', 'GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc'],
    ['a space before the colon', 'GET / HTTP/1.1\r\nhost : a\r\n\r\n'],
    ['a folded header', 'GET / HTTP/1.1\r\nhost: a\r\n b\r\n\r\n'],
    ['a header without a name', 'GET / HTTP/1.1\r\nhost: a\r\n: b\r\n\r\n'],
    ['a header without a colon', 'GET / HTTP/1.1\r\nhost: a\r\nb\r\n\r\n'],
    ['another protocol', '\x16\x03\x01\x02\0\r\n\r\n'],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a head without end', `GET / HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`],
    ['very many headers', `GET / HTTP/1.1\r\nhost: a\r\n${'x: y\r\n'.repeat(300)}\r\n`],
  ])('%s', (_, text) => {
    expect(read(text)).toBeUndefined();
  });

  it.each([
    ['no length', []],
    ['two lengths', ['content-length: 1', 'content-length: 1']],
    ['a list of lengths', ['content-length: 1, 1']],
    ['a signed length', ['content-length: +1']],
    ['a hexadecimal length', ['content-length: 0x1']],
    ['an empty length', ['content-length:']],
    ['a length of too many digits', ['content-length: 99999999999999999']],
    ['a transfer coding', ['transfer-encoding: chunked']],
    ['a transfer coding beside a length', ['content-length: 1', 'Transfer-Encoding: identity']],
    ['an expectation', ['content-length: 1', 'expect: 100-continue']],
    ['an upgrade', ['content-length: 0', 'upgrade: websocket']],
    ['an option of the connection', ['content-length: 0', 'connection: upgrade']],
    ['two options of the connection', ['content-length: 0', 'connection: close, x']],
    ['two origins', ['content-length: 0', 'origin: a', 'origin: b']],
  ])('%s', (_, lines) => {
    expect(post('host: a', ...lines)).toBeUndefined();
  });

  it('whatever bytes come, reading them ends', () => {
    const pieces = fc.constantFrom(
      'GET ',
      'POST ',
      '/',
      ' HTTP/1.1',
      '\r\n',
      'host: a',
      'content-length: 3',
      ': ',
      '\0',
      '\n',
      'x',
      '\r\n\r\n',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(pieces, fc.string({ maxLength: 4 })), { maxLength: 30 }), (parts) => {
        const text = parts.join('');
        const head = read(text);
        if (!head) return;
        const before = Buffer.from(text, 'latin1').toString('latin1', 0, head.length);
        expect(before.endsWith('\r\n\r\n')).toBe(true);
        expect(before.replaceAll('\r\n', '')).not.toMatch(/[\r\n\0]/);
        expect(before.match(/^host:/gim)).toHaveLength(1);
      }),
      { numRuns: 500 },
    );
  });
});
