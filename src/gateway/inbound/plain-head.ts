import { HEADER_NAME, headerValue, NOT_IN_VALUE } from '../header-grammar.ts';

/** A request whose head leaves nothing to interpret. */
export interface PlainHead {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** Name and value alternating, as received. */
  readonly rawHeaders: string[];
  /** By lower-case name; of several of one name the first. */
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes of the body. */
  readonly bodyLength: number;
  /** The connection may carry another request after this one. */
  readonly persistent: boolean;
  /** Bytes of the head in the chunk, its empty line included. */
  readonly length: number;
}

const MAX_HEAD_BYTES = 64 << 10;
const MAX_LINES = 200;
const HEAD_END = Buffer.from('\r\n\r\n');
const REQUEST_LINE = /^(GET|HEAD|POST) (\/[\x21-\x7e]*) HTTP\/1\.1$/;
/** A second one of these would have to be chosen from. */
const SINGLE = new Set(['host', 'connection', 'content-length', 'content-type', 'origin']);
/** These ask for more than an answer. */
const ASKS_MORE = ['transfer-encoding', 'expect', 'upgrade', 'trailer'] as const;

/**
 * Reads the head at the beginning of a chunk when it is complete and plain: `GET`, `HEAD` or `POST`, an absolute path,
 * HTTP/1.1, one host, a body of a known length or none, and nothing that could be read in two ways (RFC 9112). Gives
 * `undefined` for everything else, be it rare, broken or hostile: that is for a parser of all of HTTP to judge.
 */
export function readPlainHead(chunk: Buffer): PlainHead | undefined {
  const end = chunk.indexOf(HEAD_END);
  if (end < 0 || end > MAX_HEAD_BYTES) return undefined;
  const lines = chunk.toString('latin1', 0, end).split('\r\n', MAX_LINES + 1);
  const request = REQUEST_LINE.exec(lines[0] as string);
  if (!request || lines.length > MAX_LINES) return undefined;
  const method = request[1] as string;
  const rawHeaders: string[] = [];
  const headers: Record<string, string> = Object.create(null);
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i] as string;
    const colon = line.indexOf(':');
    if (colon < 1) return undefined;
    const raw = line.slice(0, colon);
    const value = headerValue(line, colon + 1);
    if (!HEADER_NAME.test(raw) || NOT_IN_VALUE.test(value)) return undefined;
    const name = raw.toLowerCase();
    if (headers[name] === undefined) headers[name] = value;
    else if (SINGLE.has(name)) return undefined;
    rawHeaders.push(raw, value);
  }
  if (!headers.host || ASKS_MORE.some((name) => headers[name] !== undefined)) return undefined;
  const persistent = persistence(headers.connection);
  const bodyLength = lengthOf(method, headers['content-length']);
  if (persistent === undefined || bodyLength === undefined) return undefined;
  return {
    method,
    url: request[2] as string,
    rawHeaders,
    headers,
    bodyLength,
    persistent,
    length: end + HEAD_END.length,
  };
}

function persistence(connection: string | undefined): boolean | undefined {
  if (connection === undefined) return true;
  const option = connection.toLowerCase();
  return option === 'keep-alive' ? true : option === 'close' ? false : undefined;
}

function lengthOf(method: string, contentLength: string | undefined): number | undefined {
  if (contentLength === undefined) return method === 'POST' ? undefined : 0;
  if (!/^[0-9]{1,15}$/.test(contentLength)) return undefined;
  const length = Number(contentLength);
  return method === 'POST' || length === 0 ? length : undefined;
}
