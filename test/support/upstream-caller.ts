import { Secret } from '../../src/core/secret.ts';
import type { Target } from '../../src/core/target.ts';
import { callUpstream, isFault } from '../../src/gateway/upstream/call.ts';
import { ConnectionPool } from '../../src/gateway/upstream/pool.ts';
import { chunksOf } from './body-chunks.ts';

/** Asks each base URL in its arguments in turn (`URL` or `URL PROXY`), prints what came of it as lines of JSON, and ends
 * by itself: what a process of its own is needed for is the trust that its environment gives it. */
const pool = new ConnectionPool();
for (const argument of process.argv.slice(2)) {
  const [baseUrl = '', proxy] = argument.split(' ');
  const target = {
    provider: 'somebody',
    timeouts: { connectMs: 5000, firstByteMs: 0, idleMs: 0 },
    ...(proxy === undefined ? {} : { proxy: new Secret(proxy, 'the arguments') }),
  } as unknown as Target;
  const { answer } = callUpstream(pool, {
    target,
    baseUrl,
    path: '/v1/messages',
    headers: [],
    body: [Buffer.from('{}')],
  });
  const result = await answer;
  let text = '';
  if (isFault(result)) text = result.message;
  else for await (const chunk of chunksOf(result)) text += chunk;
  process.stdout.write(`${JSON.stringify({ fault: isFault(result) ? result.class : undefined, text })}\n`);
}
