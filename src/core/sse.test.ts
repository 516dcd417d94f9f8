import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SseOverflow, SseReader } from './sse.ts';

interface Seen {
  events: [string, string][];
  comments: number;
}

function read(chunks: readonly (string | Buffer)[], maxBytes?: number): Seen {
  const seen: Seen = { events: [], comments: 0 };
  const reader = new SseReader(
    {
      event: (event, data) => seen.events.push([event, data.toString('utf8')]),
      comment: () => {
        seen.comments += 1;
      },
    },
    maxBytes,
  );
  for (const chunk of chunks) reader.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
  reader.end();
  return seen;
}

function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...places, bytes.length].map((end, at) => bytes.subarray(places[at - 1] ?? 0, end));
}

describe('the event reader', () => {
  it.each([
    ['line feeds', 'event: a\ndata: 1\n\ndata: 2\n\n'],
    ['carriage returns and line feeds', 'event: a\r\ndata: 1\r\n\r\ndata: 2\r\n\r\n'],
    ['carriage returns', 'event: a\rdata: 1\r\rdata: 2\r\r'],
    ['a byte order mark', '\ufeffevent: a\ndata: 1\n\ndata: 2\n\n'],
    ['no space behind the colon', 'event:a\ndata:1\n\ndata:2\n\n'],
    [
      'comments and fields that mean nothing here',
      ': x\n\nid: 7\nevent: a\nretry: 5\n:\ndata: 1\nother\n\ndata: 2\n\n',
    ],
    ['more blank lines', '\n\nevent: a\ndata: 1\n\n\n\ndata: 2\n\n\n'],
    ['no blank line at the end', 'event: a\ndata: 1\n\ndata: 2\n'],
    ['no line end at the end', 'event: a\ndata: 1\n\ndata: 2'],
  ])('reads %s', (_name, text) => {
    expect(read([text]).events).toEqual([
      ['a', '1'],
      ['', '2'],
    ]);
  });

  it('takes a line that is called error for an event of that name', () => {
    expect(read(['data: 1\n\nerror: {"code":500}\n\ndata: 2\n\n']).events).toEqual([
      ['', '1'],
      ['error', '{"code":500}'],
      ['', '2'],
    ]);
  });

  it('joins several data lines, keeps further spaces, and takes the last event name', () => {
    expect(read(['event: x\nevent: y\ndata:  a \ndata\ndata: b\n\n']).events).toEqual([['y', ' a \n\nb']]);
  });

  it('gives nothing for an event without data, and forgets its name', () => {
    expect(read(['event: a\n\ndata: 1\n\n', 'data:\n\n']).events).toEqual([
      ['', '1'],
      ['', ''],
    ]);
  });

  it('takes fields only by their whole name', () => {
    expect(read(['database: 1\nevents: x\ndat: 2\nDATA: 3\ndata: 4\n\n']).events).toEqual([['', '4']]);
  });

  it('counts comments', () => {
    expect(read([': keep-alive\n\n:\n: OPENROUTER PROCESSING\r\n\r\n'])).toEqual({ events: [], comments: 3 });
  });

  it('refuses an event without end', () => {
    expect(() => read(['data: ', 'x'.repeat(50), 'y'.repeat(60)], 100)).toThrow(SseOverflow);
    expect(() => read(['data: 1234567890\n'.repeat(20)], 100)).toThrow(SseOverflow);
    expect(read(['data: 1234567890\n\n'.repeat(20)], 100).events).toHaveLength(20);
  });

  it('reads the same events however the bytes are cut', () => {
    const line = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 12 }).map((text) => `data: ${text.replace(/[\r\n]/g, '')}`),
      fc.constantFrom('event: é', 'event:x', 'data', 'data:', ': c', 'id: 1', '', '', 'junk', '\ufeff'),
    );
    const eol = fc.constantFrom('\n', '\r', '\r\n');
    const stream = fc.array(fc.tuple(line, eol), { maxLength: 25 }).map((lines) => Buffer.from(lines.flat().join('')));
    fc.assert(
      fc.property(stream, fc.array(fc.nat(), { maxLength: 12 }), (bytes, cuts) => {
        const whole = read([bytes]);
        expect(read(split(bytes, cuts))).toEqual(whole);
        expect(read([...bytes].map((byte) => Buffer.from([byte])))).toEqual(whole);
      }),
      { numRuns: 200 },
    );
  });

  it('reads a long line in many pieces in linear time', () => {
    const piece = Buffer.alloc(100, 0x61);
    const chunks = [Buffer.from('data: '), ...Array.from({ length: 40_000 }, () => piece), Buffer.from('\n\n')];
    const started = performance.now();
    expect(read(chunks).events[0]?.[1]).toHaveLength(4_000_000);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});
