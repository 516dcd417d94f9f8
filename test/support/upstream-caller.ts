import type { Target } from '../../src/core/target.ts';
import { callUpstream, createPools, isFault } from '../../src/gateway/upstream.ts';

/** Asks each base URL in its arguments in turn, prints what came of it as lines of JSON, and ends by itself: what a
 * process of its own is needed for is the trust that its environment gives it. */
const pools = createPools();
for (const baseUrl of process.argv.slice(2)) {
  const target = { provider: 'somebody', timeouts: { connectMs: 5000, firstByteMs: 0, idleMs: 0 } } as Target;
  const { answer } = callUpstream(pools, {
    target,
    baseUrl,
    path: '/v1/messages',
    headers: [],
    body: [Buffer.from('{}')],
  });
  const result = await answer;
  let text = '';
  if (isFault(result)) text = result.message;
  else for await (const chunk of result) text += chunk;
  process.stdout.write(`${JSON.stringify({ fault: isFault(result) ? result.class : undefined, text })}\n`);
}
