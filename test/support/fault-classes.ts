import type { FailureClass } from '../../src/core/failure.ts';
import type { Injection } from './fault-injector.ts';

export const times = (n: number, injection: Injection): Injection[] => Array.from({ length: n }, () => injection);
export const status = (code: number, headers: Record<string, string> = {}, body?: string): Injection => ({
  kind: 'status',
  status: code,
  headers,
  ...(body === undefined ? {} : { body }),
});
export const raw = (bytes: string): Injection => ({ kind: 'raw', bytes });
export const head = (type: string, length?: number) =>
  `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\n${length === undefined ? 'connection: close' : `content-length: ${length}`}\r\n\r\n`;

/** Fault, the class that it has, how often it is tried, the status that the client gets. */
export const FAULT_CLASSES: readonly (readonly [string, Injection, FailureClass, tries: number, status: number])[] = [
  ['529', status(529), 'overloaded', 3, 529],
  ['503', status(503), 'overloaded', 3, 503],
  ['500', status(500), 'server_error', 3, 500],
  [
    '502 of a proxy, in HTML',
    status(502, { 'content-type': 'text/html' }, '<html>Bad Gateway</html>'),
    'server_error',
    3,
    502,
  ],
  ['504', status(504), 'timeout_first_byte', 1, 504],
  ['401', status(401), 'credential', 1, 401],
  ['402', status(402), 'quota', 1, 402],
  [
    '404',
    status(404, {}, '{"error":{"code":"model_not_found","message":"The model `x` does not exist"}}'),
    'model_missing',
    1,
    404,
  ],
  ['429', status(429), 'rate_limit', 3, 429],
  ['a reset before the answer', { kind: 'reset', atByte: 0 }, 'network', 3, 502],
  ['a reset within the head', { kind: 'reset', atByte: 20 }, 'network', 3, 502],
  ['a close before the answer', { kind: 'close', atByte: 0 }, 'network', 3, 502],
  ['a half-open connection before the answer', { kind: 'half-open', atByte: 0 }, 'network', 3, 502],
  ['a half-open connection within the head', { kind: 'half-open', atByte: 20 }, 'network', 3, 502],
  ['silence', { kind: 'stall', atByte: 0 }, 'timeout_first_byte', 1, 504],
  ['silence within the head', { kind: 'stall', atByte: 20 }, 'timeout_first_byte', 1, 504],
  ['silence before content', { kind: 'stall', atByte: 110 }, 'timeout_idle', 1, 504],
  ['a head that comes a byte at a time', { kind: 'drip', bytes: 1, everyMs: 60 }, 'timeout_first_byte', 1, 504],
  ['what is not HTTP', raw('SSH-2.0-OpenSSH_9.6\r\n'), 'malformed', 3, 502],
  [
    'a change of protocol',
    raw('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n'),
    'malformed',
    3,
    502,
  ],
  ['a login page', raw(`${head('text/html')}<html>please log in</html>`), 'malformed', 3, 502],
  ['an empty stream', raw(head('text/event-stream')), 'empty', 3, 502],
  ['a stream that is not the protocol', raw(`${head('text/event-stream')}data: {"hello":1}\n\n`), 'empty', 3, 502],
  [
    'garbage that claims to be compressed',
    raw(
      `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\nnothing of the kind`,
    ),
    'malformed',
    3,
    502,
  ],
];
