import type { UpstreamFault } from '../../core/failure.ts';
import type { Target } from '../../core/target.ts';
import { connectionFault } from '../faults.ts';
import { HEADER_NAME, NOT_IN_VALUE } from '../header-grammar.ts';
import type { Answer } from './answer.ts';
import { type ConnectionError, faultOf } from './connection-error.ts';
import { type Origin, originOf } from './dial.ts';
import type { ConnectionPool } from './pool.ts';

export interface UpstreamRequest {
  readonly target: Target;
  /** Origin and base path of the endpoint; differs from the target's for the built-in provider. */
  readonly baseUrl: string;
  readonly path: string;
  readonly headers: readonly string[];
  readonly body: readonly Buffer[];
}

export interface UpstreamCall {
  /** The answer's head, or the fault that happened instead. Never rejects. */
  readonly answer: Promise<Answer | UpstreamFault>;
  /** Ends the call at once, whatever its state. */
  abort(): void;
}

export function isFault(value: Answer | UpstreamFault): value is UpstreamFault {
  return 'class' in value;
}

/**
 * Sends one request. A pooled connection that the upstream closed while it was idle fails before any answer: that
 * request is sent once more on a fresh connection, since the upstream cannot have begun to answer it.
 */
export function callUpstream(pool: ConnectionPool, request: UpstreamRequest): UpstreamCall {
  let current: { destroy(): void } | undefined;
  let aborted = false;
  let settle: (value: Answer | UpstreamFault) => void = () => {};
  const answer = new Promise<Answer | UpstreamFault>((resolve) => {
    settle = resolve;
  });
  const fail = (error: ConnectionError) => settle(faultOf(error, whoOf(request)));
  try {
    const send = preparedFor(pool, request);
    const first = send(false, settle, (error, repeatable) => {
      if (!repeatable || aborted) return fail(error);
      current = send(true, settle, fail);
    });
    current ??= first;
  } catch (error) {
    fail(error as ConnectionError);
  }
  return {
    answer,
    abort() {
      aborted = true;
      // A request without a socket says nothing when it is destroyed.
      settle(connectionFault('aborted', 'the client closed the connection'));
      current?.destroy();
    },
  };
}

type Send = (
  fresh: boolean,
  onAnswer: (answer: Answer) => void,
  onError: (error: ConnectionError, repeatable: boolean) => void,
) => { destroy(): void };

/** Throws when the request cannot be sent as it is. */
function preparedFor(pool: ConnectionPool, request: UpstreamRequest): Send {
  const { origin, host, basePath } = placeOf(request.baseUrl);
  const { body, headers } = request;
  const { proxy, timeouts, http2 = true } = request.target;
  const bodyLength = lengthOf(body);
  const path = `${basePath}${request.path}`;
  const head = headOf(path, host, headers, bodyLength);
  const to = proxy ? { ...origin, key: `${origin.key} ${proxy.reveal()}`, proxy } : origin;
  const { connectMs } = timeouts;
  return (fresh, onAnswer, onError) =>
    pool.send({ origin: to, head, host, path, headers, body, bodyLength, connectMs, http2, onAnswer, onError }, fresh);
}

function lengthOf(body: readonly Buffer[]): number {
  let length = 0;
  for (const part of body) length += part.length;
  return length;
}

const NOT_IN_PATH = /[^\x21-\x7e\x80-\xff]/;
/** Set here, or never: what frames a message must not be said twice. */
const FRAMING = /^(?:host|content-length|transfer-encoding|connection|upgrade|expect|te|trailer)$/i;

/** Throws where a name or a value could end the line that it stands in; the value is not told, it may be a key. */
function headOf(path: string, host: string, headers: readonly string[], bodyLength: number): string {
  if (NOT_IN_PATH.test(path)) throw new Error('the path of the request holds a character that no path may hold');
  let head = `POST ${path} HTTP/1.1\r\nhost: ${host}\r\n`;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    if (!HEADER_NAME.test(name) || FRAMING.test(name)) throw new Error('the name of a header cannot be sent');
    if (NOT_IN_VALUE.test(value)) throw new Error(`the header ${name} holds a character that no header may hold`);
    head += `${name}: ${value}\r\n`;
  }
  return `${head}content-length: ${bodyLength}\r\n\r\n`;
}

interface Place {
  readonly origin: Origin;
  /** Host and port, as the header names them. */
  readonly host: string;
  readonly basePath: string;
}

/** Base URLs are few, and the same in every request. */
const places = new Map<string, Place>();
const MAX_PLACES = 1000;

/** Throws when the base URL is none. */
function placeOf(baseUrl: string): Place {
  let place = places.get(baseUrl);
  if (place === undefined) {
    const url = new URL(baseUrl);
    if (url.protocol !== 'https:' && url.protocol !== 'http:')
      throw new Error(`${url.protocol} is not a protocol that is spoken here`);
    place = {
      origin: { ...originOf(url), key: url.origin },
      host: url.host,
      basePath: url.pathname.replace(/\/+$/, ''),
    };
    if (places.size >= MAX_PLACES) places.clear();
    places.set(baseUrl, place);
  }
  return place;
}

const hosts = new Map<string, string>();

/** Host and port of a base URL, for messages and records. */
export function hostOf(baseUrl: string): string {
  let host = hosts.get(baseUrl);
  if (host === undefined) {
    host = URL.canParse(baseUrl) ? new URL(baseUrl).host : baseUrl;
    if (hosts.size >= MAX_PLACES) hosts.clear();
    hosts.set(baseUrl, host);
  }
  return host;
}

function whoOf({ target, baseUrl }: UpstreamRequest): string {
  return `${target.provider} (${hostOf(baseUrl)})`;
}
