import { onTestFinished } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import type { Target } from '../../src/core/target.ts';
import { type Answer, wholeBody } from '../../src/gateway/upstream/answer.ts';
import { callUpstream, isFault, type UpstreamCall } from '../../src/gateway/upstream/call.ts';
import { ConnectionPool } from '../../src/gateway/upstream/pool.ts';
import { selfSigned } from './self-signed.ts';

/** Trusted by the callers here, and by nobody else. */
export const certificate = selfSigned();

export interface CallOptions {
  readonly path?: string;
  readonly headers?: readonly string[];
  readonly body?: readonly Buffer[];
  readonly http2?: boolean;
  readonly proxy?: string;
}

let pool: ConnectionPool | undefined;

/** A request to a server of this machine with the certificate of the tests. Connections live as long as the test. */
export function call(port: number, options: CallOptions = {}): UpstreamCall {
  const { path = '/v1/messages', headers = [], body = [Buffer.from('{}')], ...more } = options;
  const target = {
    provider: 'somebody',
    timeouts: { connectMs: 2000, firstByteMs: 0, idleMs: 0 },
    ...(more.http2 === undefined ? {} : { http2: more.http2 }),
    ...(more.proxy === undefined ? {} : { proxy: new Secret(more.proxy, 'the configuration') }),
  } as unknown as Target;
  if (!pool) {
    pool = new ConnectionPool(certificate.cert);
    onTestFinished(() => {
      pool?.close();
      pool = undefined;
    });
  }
  return callUpstream(pool, { target, baseUrl: `https://127.0.0.1:${port}`, path, headers, body });
}

export async function answerOf(port: number, options?: CallOptions): Promise<Answer> {
  const answer = await call(port, options).answer;
  if (isFault(answer)) throw new Error(`${answer.class}: ${answer.message}`);
  return answer;
}

export async function textOf(port: number, options?: CallOptions): Promise<string> {
  return (await wholeBody(await answerOf(port, options), 1 << 30)).toString();
}
