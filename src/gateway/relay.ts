import type { UpstreamFault } from '../core/failure.ts';
import type { StreamTranslator } from '../protocols/protocol.ts';
import { connectionFault } from './faults.ts';
import type { IncomingBody } from './upstream/answer.ts';
import type { ConnectionError } from './upstream/connection-error.ts';

/** After the upstream's own end its connection may be reused if the rest of the body comes within this time. */
const TAIL_MS = 2_000;

/** Where a stream goes: the client's `Reply`, or somebody who reads it first. */
export interface StreamSink {
  begin(headers: readonly string[]): void;
  /** Pieces that belong together. False when the next ones have to wait for `onDrain`. */
  write(pieces: readonly Buffer[], nowMs: number): boolean;
  onDrain(then: () => void): void;
  end(pieces?: readonly Buffer[]): void;
}

export interface RelayHooks {
  /** Headers of the stream, asked for once, when there is content. */
  headers(): readonly string[];
  /** A chunk arrived. */
  onChunk(nowMs: number): void;
  /** The first content goes to the client. */
  onContent(nowMs: number): void;
  /** The client cannot follow; silence of the upstream is our doing until it can. */
  onPause(paused: boolean): void;
}

/**
 * Passes one upstream stream to the client. Resolves with the fault that ended it, or `undefined` when the upstream's
 * own end was delivered. Nothing is written before there is content, so a fault before that can still move on.
 *
 * The body calls for each chunk, there is no `for await`: an async iterator costs a microtask and a promise per chunk, as
 * much as passing the chunk on (docs/adr/0002).
 */
export function relay(
  body: IncomingBody,
  translator: StreamTranslator,
  reply: StreamSink,
  hooks: RelayHooks,
): Promise<UpstreamFault | undefined> {
  return new Promise((resolve) => {
    let held: Buffer[] | undefined = [];
    let over = false;

    const finish = (fault: UpstreamFault | undefined) => {
      if (over) return;
      over = true;
      if (fault) body.destroy();
      else drainTail(body);
      resolve(fault);
    };

    const take = (output: readonly Buffer[], now: number) => {
      const { state } = translator;
      if (held) {
        if (state === 'empty' || state === 'failed') {
          held.push(...output);
          return;
        }
        if (held.length > 0) output = [...held, ...output];
        held = undefined;
        reply.begin(hooks.headers());
        hooks.onContent(now);
      }
      if (state === 'done') return reply.end(output);
      if (output.length === 0 || reply.write(output, now)) return;
      body.pause();
      hooks.onPause(true);
      reply.onDrain(() => {
        hooks.onPause(false);
        body.resume();
      });
    };

    const step = (output: readonly Buffer[], now: number) => {
      take(output, now);
      if (translator.state === 'done') finish(undefined);
      else if (translator.state === 'failed')
        finish(translator.fault ?? connectionFault('malformed', 'the upstream sent a broken stream'));
    };

    // An HTTP client hands out every chunk of the transfer coding by itself, and a burst of events has many in one
    // read of the socket. What came in one read is passed on as one: the writes are what costs.
    let arrived: Buffer[] = [];
    const pass = () => {
      if (over || arrived.length === 0) return;
      const chunk = arrived.length === 1 ? (arrived[0] as Buffer) : Buffer.concat(arrived);
      arrived = [];
      const now = performance.now();
      hooks.onChunk(now);
      step(translator.push(chunk), now);
    };
    const onData = (chunk: Buffer) => {
      if (arrived.push(chunk) === 1) queueMicrotask(pass);
    };
    const onEnd = () => {
      if (over) return;
      pass();
      if (!over) step(translator.end(), performance.now());
      if (!over) finish(connectionFault('truncated', 'the upstream ended the stream in the middle of the answer'));
    };
    // A cut is never an end, whatever was seen before it: only the translator's own "done" is.
    const onCut = (error: ConnectionError) => {
      if (over) return;
      pass();
      if (over) return;
      finish(
        error.code?.startsWith('Z_')
          ? connectionFault('malformed', `the upstream's answer cannot be decompressed: ${error.message}`)
          : connectionFault('truncated', 'the connection to the upstream was cut in the middle of the answer'),
      );
    };

    body.read({ data: onData, end: onEnd, cut: onCut });
  });
}

function drainTail(body: IncomingBody): void {
  // Mostly the tail came with the end, and there is nothing to wait for.
  if (body.complete) return;
  const timer = setTimeout(() => body.destroy(), TAIL_MS).unref();
  const stop = () => clearTimeout(timer);
  body.read({ data: () => {}, end: stop, cut: stop });
  body.resume();
}
