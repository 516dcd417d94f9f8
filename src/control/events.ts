import type { Context } from 'hono';
import type { Bus } from '../core/bus.ts';
import type { GatewayEvent } from '../core/events.ts';
import type { ControlEvent } from './contract.ts';

const HEARTBEAT_MS = 15_000;
/** Events a reader may be behind; a slower one is cut off, so that it cannot fill the gateway's memory. */
const MAX_BEHIND = 1_000;

/** Live events as SSE: of one session, or of the whole gateway. Ends with the session, or when the reader goes. */
export function eventStream(c: Context, bus: Bus, session: string | undefined): Response {
  const encoder = new TextEncoder();
  let finish = () => {};
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const send = (text: string) => {
          if ((controller.desiredSize ?? 0) <= -MAX_BEHIND) return finish();
          controller.enqueue(encoder.encode(text));
        };
        const heartbeat = setInterval(() => send(': alive\n\n'), HEARTBEAT_MS);
        heartbeat.unref();
        const unsubscribe = bus.subscribe((event) => {
          if (session !== undefined && sessionOf(event) !== session) return;
          send(`event: ${event.type}\ndata: ${JSON.stringify(event satisfies ControlEvent)}\n\n`);
          if (session !== undefined && event.type === 'session.closed') finish();
        });
        let finished = false;
        finish = () => {
          if (finished) return;
          finished = true;
          clearInterval(heartbeat);
          unsubscribe();
          try {
            controller.close();
          } catch {
            // The reader has cancelled: the stream is closed already.
          }
        };
        c.req.raw.signal.addEventListener('abort', finish, { once: true });
        send(': open\n\n');
      },
      cancel: () => finish(),
    },
    { highWaterMark: 1 },
  );
  return new Response(body, {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' },
  });
}

function sessionOf(event: GatewayEvent): string | undefined {
  if (event.type === 'exchange.ended') return event.record.session;
  return 'session' in event ? event.session : undefined;
}
