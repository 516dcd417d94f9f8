import type { IncomingBody } from '../../src/gateway/upstream/answer.ts';

/** The chunks of a body as they come. Throws where it is cut. */
export async function* chunksOf(body: IncomingBody): AsyncGenerator<Buffer, void> {
  const chunks: Buffer[] = [];
  let outcome: { readonly error?: Error } | undefined;
  let wake = () => {};
  body.read({
    data(bytes) {
      chunks.push(bytes);
      wake();
    },
    end() {
      outcome = {};
      wake();
    },
    cut(error) {
      outcome = { error };
      wake();
    },
  });
  for (;;) {
    const chunk = chunks.shift();
    if (chunk) yield chunk;
    else if (outcome?.error) throw outcome.error;
    else if (outcome) return;
    else
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  }
}
