import type { FailureClass, UpstreamFault } from '../../core/failure.ts';
import { connectionFault } from '../faults.ts';
import { FramingError } from './http-reader.ts';

/** What a connection to an upstream can end with. `failure` where the class is not that of the network. */
export interface ConnectionError extends NodeJS.ErrnoException {
  failure?: FailureClass;
  /** What failed on the way, if it is not the upstream itself. */
  at?: string;
}

export function connectTimeout(ms: number): ConnectionError {
  return Object.assign(new Error(`no connection within ${ms} ms`), { failure: 'timeout_connect' as const });
}

export function brokenProtocol(what: string): ConnectionError {
  return Object.assign(new Error(what), { failure: 'malformed' as const });
}

export function hangUp(): ConnectionError {
  return Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
}

export function isReset(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ECONNRESET' || error.code === 'EPIPE' || error.message === 'socket hang up';
}

const NETWORK_HINTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there; is the server running?',
  ENOTFOUND: 'the name does not resolve',
  EAI_AGAIN: 'the name service did not answer; is this machine online?',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was reset',
  ETIMEDOUT: 'the connection timed out',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate chain is self-signed',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate cannot be verified',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
};

/** The fault that an error of the connection is. `who` names provider and host. */
export function faultOf(error: ConnectionError, who: string): UpstreamFault {
  const hint = NETWORK_HINTS[error.code ?? ''];
  const reason = hint ? `${error.code}: ${hint}` : error.message;
  const what = error.at === undefined ? reason : `${error.at}: ${reason}`;
  const failure = isNotHttp(error) ? 'malformed' : (error.failure ?? 'network');
  const problem = failure === 'malformed' ? 'did not answer in HTTP' : 'could not be reached';
  return connectionFault(failure, `${who} ${problem}: ${what}`);
}

/** What came is not HTTP: said by our own reader, or by the runtime's parser in its codes. */
function isNotHttp(error: ConnectionError): boolean {
  return error instanceof FramingError || (error.code ?? '').startsWith('HPE_');
}
