import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Mount } from '../gateway/gateway-core.ts';
import type { ControlOptions } from './options.ts';

type Listener = (req: IncomingMessage, res: ServerResponse) => unknown;

/** The control API on the gateway's port. What it is made of comes with the first request: a start does not wait for it. */
export function mountControl(options: ControlOptions): Mount {
  let loading: Promise<Listener> | undefined;
  const load = () => {
    loading ??= import('./routes.ts').then(({ createListener }) => createListener(options));
    return loading;
  };
  return {
    prefix: '/control/',
    handle(req, res) {
      load().then(
        (listener) => listener(req, res),
        () => res.writeHead(500).end(),
      );
    },
  };
}
